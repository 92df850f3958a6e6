"""Each recipe with its real package: every ending is counted once, with the right status and duration."""

from typing import Any
from urllib.parse import quote

import pytest

from talkmeter_client import Client
from tests import local_http
from tests_integration.recipes import RECIPES, Driver, Made, Recipe

LIVE = {"in_progress", "running"}
TOLERANCE_SEC = 0.05
all_recipes = pytest.mark.parametrize("recipe", RECIPES, ids=str)


def get(driver: Driver, path: str) -> Any:
    """Return an answer of the server for the driver's organization."""
    response = local_http.get(f"{driver.url}{path}", headers={"Authorization": f"Bearer {driver.key}"})
    return response.raise_for_status().json()


def send_what_is_left(driver: Driver) -> None:
    """Do what the next process does that opens the spool."""
    with Client(driver.url, driver.key, spool=driver.folder / "calls.spool") as client:
        assert client.flush(30)


def assert_counted(driver: Driver, recipe: Recipe, made: list[Made]) -> None:
    """Check that the server counts exactly these calls or runs, each as it was: two states, or one if it is live."""
    figures = get(driver, "/admin/usage/summary")
    assert len(made) == figures["total_calls" if recipe.kind == "conversation" else "workflow_runs_total"]
    for each in made:
        states = get(driver, f"/admin/usage/records/{recipe.kind}/{quote(each.id, safe='')}")["states"]
        record = states[0]["record"]
        assert (each.id, record["status"]) == (each.id, each.status)
        assert (each.id, len(states)) == (each.id, 1 if each.status in LIVE else 2)
        if each.seconds is not None:
            assert record["duration_ms"] / 1_000 == pytest.approx(each.seconds, abs=TOLERANCE_SEC), each.id


@all_recipes
def test_each_ending_is_counted_once_with_its_status_and_duration(recipe: Recipe, driver: Driver) -> None:
    made = driver.run(recipe, *recipe.endings)

    assert len(made) == len(recipe.endings) - recipe.unmetered
    assert_counted(driver, recipe, made)


@all_recipes
def test_killed_process_leaves_its_call_in_progress_and_loses_nothing(recipe: Recipe, driver: Driver) -> None:
    ended, live = driver.run_and_kill(recipe)
    send_what_is_left(driver)

    assert ended.status in {"completed", "success"}
    assert live.status in LIVE
    assert_counted(driver, recipe, [ended, live])
