"""Metering never ends a call: with an unusable spool, a full disk or no server, a run ends as without Talkmeter."""

from dataclasses import replace
from pathlib import Path

from tests.faults.small_disks import small_disk
from tests.servers import free_port
from tests_integration.recipes import Driver, Recipe
from tests_integration.test_recipes import all_recipes, assert_counted, send_what_is_left

MIB = 1 << 20


@all_recipes
def test_run_ends_as_usual_if_its_spool_is_unusable(recipe: Recipe, driver: Driver) -> None:
    (driver.folder / "calls.spool").mkdir()
    made = driver.run(recipe, *recipe.few_endings)

    assert len(made) == 2
    assert_counted(driver, recipe, [])


@all_recipes
def test_run_ends_as_usual_if_its_disk_is_full(recipe: Recipe, driver: Driver, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", mebibytes=16) as disk:
        disk.fill(spare=4 * MIB)  # less than what a client leaves free
        made = replace(driver, folder=disk.folder, enter=disk.enter).run(recipe, *recipe.few_endings)

    assert len(made) == 2
    assert_counted(driver, recipe, [])


@all_recipes
def test_run_ends_as_usual_without_a_server_and_is_counted_later(recipe: Recipe, driver: Driver) -> None:
    made = replace(driver, url=f"http://127.0.0.1:{free_port()}").run(recipe, *recipe.few_endings)
    send_what_is_left(driver)

    assert len(made) == 2
    assert_counted(driver, recipe, made)
