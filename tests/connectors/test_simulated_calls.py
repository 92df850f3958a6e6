"""Ten thousand simulated calls with late, repeated, unordered and lost webhooks: the totals are those of the calls."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests import local_http
from tests.connectors.deliveries import WebhookDelivery, deliver, deliveries
from tests.connectors.metering_server import MeteringServer, metering_server
from tests.connectors.signing import SIGNERS
from tests.connectors.simulated_calls import DAYS, Call, Run, simulated_calls, simulated_runs

CALLS: Final = 10_000
RUNS: Final = 300
CONNECTIONS: Final = 64
REPLAYED: Final = 1_500
SEED: Final = 20_260_301
ORGANIZATION: Final = "simulated"
WINDOW: Final = {"from": "2026-03-01", "to": "2026-04-15"}


@pytest.fixture(scope="module")
def meter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeteringServer]:
    with metering_server(tmp_path_factory.mktemp("simulated")) as running:
        yield running


def counted(calls: list[Call], runs: list[Run]) -> dict[str, int]:
    """Return the expected figures, computed from the calls."""

    def milliseconds(modality: str) -> int:
        return sum(call.duration_ms or 0 for call in calls if call.modality == modality)

    return {
        "total_calls": len(calls),
        "voice_calls": sum(call.modality == "voice" for call in calls),
        "chat_calls": sum(call.modality == "chat" for call in calls),
        "inbound_calls": sum(call.inbound for call in calls),
        "outbound_calls": sum(not call.inbound for call in calls),
        "timed_calls": sum(call.duration_ms is not None for call in calls),
        "live_calls": 0,
        "voice_duration_ms": milliseconds("voice"),
        "chat_duration_ms": milliseconds("chat"),
        "workflow_runs_total": len(runs),
        "workflow_runs_success": sum(run.succeeded for run in runs),
        "workflow_runs_failed": sum(not run.succeeded for run in runs),
    }


def counted_by_day(calls: list[Call]) -> dict[str, tuple[int, int, int]]:
    """Return calls, milliseconds of voice and milliseconds of chat of each day."""
    days: Counter[tuple[str, int]] = Counter()
    for call in calls:
        days[call.day, 0] += 1
        days[call.day, 1 if call.modality == "voice" else 2] += call.duration_ms or 0
    return {day: (days[day, 0], days[day, 1], days[day, 2]) for day, _ in days}


def summary_of(meter: MeteringServer, key: str) -> tuple[dict[str, Any], bytes]:
    """Return the summary, and its body with its ETag."""
    headers = {"Authorization": f"Bearer {key}"}
    response = local_http.get(f"{meter.server.url}/admin/usage/summary", params=WINDOW, headers=headers)
    assert response.status_code == 200, response.text
    return response.json(), response.content + response.headers["ETag"].encode()


def assert_answered(meter: MeteringServer, attempts: list[WebhookDelivery]) -> None:
    """Make all attempts, and check that each one that waits for a response gets a success."""
    statuses = deliver(meter.server.url, attempts, CONNECTIONS)
    assert {*statuses} == {"200", "204"}, statuses
    assert sum(statuses.values()) == sum(not attempt.is_lost for attempt in attempts)


def test_each_of_10000_simulated_calls_is_counted_once(meter: MeteringServer) -> None:
    rng = random.Random(SEED)
    calls, runs = simulated_calls(CALLS, rng), [*simulated_runs(RUNS, rng)]
    hooks = {name: meter.connect(name, signer.secret, org_id=ORGANIZATION) for name, signer in SIGNERS.items()}
    key = meter.server.key(ORGANIZATION)
    messages = [message for call in calls for message in call.messages]
    messages += [message for run in runs for message in run.messages]
    attempts = deliveries(messages, hooks, rng, int(time.time()))

    assert sum(len({sent.provider for sent in call.messages}) > 1 for call in calls) > CALLS // 10, (
        "calls that two providers report"
    )

    assert_answered(meter, attempts)

    summary, sent_bytes = summary_of(meter, key)
    expected = counted(calls, runs)
    assert {name: summary[name] for name in expected} == expected
    days = {day["day"]: (day["calls"], day["voice_duration_ms"], day["chat_duration_ms"]) for day in summary["daily"]}
    assert len(days) == DAYS
    assert days == counted_by_day(calls)
    assert meter.quarantined(ORGANIZATION) == []

    assert_answered(meter, [attempt._replace(is_lost=False) for attempt in rng.sample(attempts, REPLAYED)])
    assert summary_of(meter, key)[1] == sent_bytes
    assert "verified" in meter.server.cli("verify", "--org", ORGANIZATION)
