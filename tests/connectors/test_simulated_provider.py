"""Ten thousand made-up calls, told as stacks tell: late, twice, in any order, unheard; the totals are the calls'."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests import local_http
from tests.connectors.deliveries import Delivery, deliver, deliveries
from tests.connectors.made_up_calls import DAYS, Call, Run, made_up_calls, made_up_runs
from tests.connectors.metering_server import MeteringServer, metering_server
from tests.connectors.signing import SIGNERS

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
    """What must be counted, from the calls alone."""

    def number(*which: bool) -> int:
        return sum(which)

    def milliseconds(modality: str) -> int:
        return sum(call.duration_ms or 0 for call in calls if call.modality == modality)

    return {
        "total_calls": len(calls),
        "voice_calls": number(*(call.modality == "voice" for call in calls)),
        "chat_calls": number(*(call.modality == "chat" for call in calls)),
        "inbound_calls": number(*(call.inbound for call in calls)),
        "outbound_calls": number(*(not call.inbound for call in calls)),
        "timed_calls": number(*(call.duration_ms is not None for call in calls)),
        "live_calls": 0,
        "voice_duration_ms": milliseconds("voice"),
        "chat_duration_ms": milliseconds("chat"),
        "workflow_runs_total": len(runs),
        "workflow_runs_success": number(*(run.succeeded for run in runs)),
        "workflow_runs_failed": number(*(not run.succeeded for run in runs)),
    }


def counted_by_day(calls: list[Call]) -> dict[str, tuple[int, int, int]]:
    """Calls, milliseconds of voice and milliseconds of chat of each day."""
    days: Counter[tuple[str, int]] = Counter()
    for call in calls:
        days[call.day, 0] += 1
        days[call.day, 1 if call.modality == "voice" else 2] += call.duration_ms or 0
    return {day: (days[day, 0], days[day, 1], days[day, 2]) for day, _ in days}


def summary_of(meter: MeteringServer, key: str) -> tuple[dict[str, Any], bytes]:
    """The summary, and it as it was sent."""
    headers = {"Authorization": f"Bearer {key}"}
    answer = local_http.get(f"{meter.server.url}/admin/usage/summary", params=WINDOW, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json(), answer.content + answer.headers["ETag"].encode()


def assert_answered(meter: MeteringServer, attempts: list[Delivery]) -> None:
    """Make the attempts; whoever waits for an answer gets the one that the stack wants to hear."""
    answered = deliver(meter.server.url, attempts, CONNECTIONS)
    assert {*answered} == {"200", "204"}, answered
    assert sum(answered.values()) == sum(not attempt.is_lost for attempt in attempts)


def test_ten_thousand_calls_told_as_their_stacks_tell_of_them_are_counted_once_each(meter: MeteringServer) -> None:
    chance = random.Random(SEED)
    calls, runs = made_up_calls(CALLS, chance), [*made_up_runs(RUNS, chance)]
    hooks = {name: meter.connect(name, stack.secret, org_id=ORGANIZATION) for name, stack in SIGNERS.items()}
    key = meter.server.key(ORGANIZATION)
    messages = [message for told in (calls, runs) for one in told for message in one.messages]
    attempts = deliveries(messages, hooks, chance, int(time.time()))

    assert sum(len({sent.stack for sent in call.messages}) > 1 for call in calls) > CALLS // 10, (
        "calls that two tell of"
    )

    assert_answered(meter, attempts)

    answer, as_sent = summary_of(meter, key)
    wanted = counted(calls, runs)
    assert {name: answer[name] for name in wanted} == wanted
    days = {day["day"]: (day["calls"], day["voice_duration_ms"], day["chat_duration_ms"]) for day in answer["daily"]}
    assert len(days) == DAYS
    assert days == counted_by_day(calls)
    assert meter.quarantined(ORGANIZATION) == []

    assert_answered(meter, [one._replace(is_lost=False) for one in chance.sample(attempts, REPLAYED)])
    assert summary_of(meter, key)[1] == as_sent
    assert "verified" in meter.server.cli("verify", "--org", ORGANIZATION)
