"""Several workers of one server, on each database: they count like one, and tell of all of them together."""

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


def told() -> list[Json]:
    """Calls that rang and ended, one in ten voided by nobody joining, and a run."""
    calls = [
        {**conversation(f"call-{number}", status=status, duration=duration), "id": f"{number}-{status}", "time": time}
        for number in range(CALLS)
        for status, duration, time in (
            ("ringing", None, "2026-03-01T12:00:00Z"),
            ("completed" if number % 10 else "token_created", number, "2026-03-01T12:01:00Z"),
        )
    ]
    return [*calls, {**run(), "id": "run"}]


def accepted_by(url: str, key: str, seed: int) -> int:
    """Send everything, shuffled and some of it twice, on connections that may reach any worker; how many won."""
    chance = random.Random(seed)
    events = [*told(), *chance.sample(told(), 50)]
    chance.shuffle(events)
    accepted = 0
    for begin in range(0, len(events), 20):
        headers = {"Authorization": f"Bearer {key}", "X-Anyreach-Org": ORG}
        answer = local_http.post(f"{url}/metering/events", json=events[begin : begin + 20], headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text
        accepted += answer.json()["accepted"]
    return accepted


def test_senders_at_once_on_four_workers_lose_and_double_nothing_and_metrics_tell_of_all(server: Server) -> None:
    sender = server.sender_key()
    with ThreadPoolExecutor(SENDERS) as pool:
        accepted = sum(pool.map(lambda seed: accepted_by(server.url, sender, seed), range(SENDERS)))

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
    said = {
        match[1]
        for _ in range(8)
        for match in re.finditer(
            r'talkmeter_events_total\{outcome="accepted"\} (\S+)', local_http.get(f"{server.url}/metrics").text
        )
    }
    assert said == {f"{float(accepted)}"}
