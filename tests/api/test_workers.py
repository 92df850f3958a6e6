"""Several workers of one server count correctly on each database, and their metrics are aggregated."""

import random
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from talkmeter.db.migrate import migrate
from tests import local_http
from tests.events import Json, conversation, run
from tests.postgres import engine_for, new_database
from tests.servers import Server, running_server

SENDERS = 8
CALLS = 150
ORG = "acme"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("workers")
    if request.param == "sqlite":
        with running_server(folder, workers="4") as running:
            yield running
        return
    with new_database(request.getfixturevalue("postgres")) as url:
        with engine_for(url) as engine:
            migrate(engine)
        with running_server(folder, workers="4", database_url=url) as running:
            yield running


def make_events() -> list[Json]:
    """Return calls that rang and ended, and a run; one call in ten ends as `token_created` and is not counted."""
    calls = [
        {**conversation(f"call-{number}", status=status, duration=duration), "id": f"{number}-{status}", "time": time}
        for number in range(CALLS)
        for status, duration, time in (
            ("ringing", None, "2026-03-01T12:00:00Z"),
            ("completed" if number % 10 else "token_created", number, "2026-03-01T12:01:00Z"),
        )
    ]
    return [*calls, {**run(), "id": "run"}]


def send_events(url: str, key: str, seed: int) -> int:
    """Send all events in random order, some repeated, to any worker, and return how many were accepted."""
    chance = random.Random(seed)
    events = [*make_events(), *chance.sample(make_events(), 50)]
    chance.shuffle(events)
    accepted = 0
    for start in range(0, len(events), 20):
        headers = {"Authorization": f"Bearer {key}", "X-Anyreach-Org": ORG}
        answer = local_http.post(f"{url}/metering/events", json=events[start : start + 20], headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text
        accepted += answer.json()["accepted"]
    return accepted


def test_four_workers_count_every_event_once_and_metrics_cover_all_workers(server: Server) -> None:
    sender = server.sender_key()
    with ThreadPoolExecutor(SENDERS) as pool:
        accepted = sum(pool.map(lambda seed: send_events(server.url, sender, seed), range(SENDERS)))

    reader = server.cli("keys", "add", "--org", ORG, "--role", "admin")
    answers = [
        local_http.get(
            f"{server.url}/admin/usage/summary",
            params={"from": "2026-03-01", "to": "2026-03-02"},
            headers={"Authorization": f"Bearer {reader}"},
        )
        for _ in range(8)
    ]
    counted = [number for number in range(CALLS) if number % 10]
    assert {answer.json()["voice_duration_ms"] for answer in answers} == {1_000 * sum(counted)}
    assert {answer.json()["total_calls"] for answer in answers} == {len(counted)}
    assert {answer.json()["workflow_runs_total"] for answer in answers} == {1}
    assert "verified" in server.cli("verify", "--org", ORG)
    totals = {
        match[1]
        for _ in range(8)
        for match in re.finditer(
            r'talkmeter_events_total\{outcome="accepted"\} (\S+)', local_http.get(f"{server.url}/metrics").text
        )
    }
    assert totals == {f"{float(accepted)}"}
