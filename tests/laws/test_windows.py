"""Windows add up: to one another, to their days, by voice and chat, by inbound and outbound."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.laws.histories import histories, laws, windows
from tests.laws.ledgers import Ledgers
from tests.laws.model import DAY, Item, Json, instant
from tests.laws.strategies import moments

pytestmark = pytest.mark.timeout(600)

ADDITIVE = (
    "total_calls",
    "voice_calls",
    "chat_calls",
    "inbound_calls",
    "outbound_calls",
    "workflow_runs_total",
    "workflow_runs_success",
    "workflow_runs_failed",
    "voice_duration_ms",
    "chat_duration_ms",
)
OF_DAY = {
    "calls": "total_calls",
    "workflow_runs": "workflow_runs_total",
    "voice_duration_ms": "voice_duration_ms",
    "chat_duration_ms": "chat_duration_ms",
}


def sums(*summaries: Json) -> dict[str, int]:
    return {field: sum(summary[field] for summary in summaries) for field in ADDITIVE}


@laws
@given(histories, st.lists(moments, min_size=3, max_size=3, unique=True).map(sorted))
def test_two_windows_that_meet_add_up_to_the_one_that_spans_them(
    ledgers: Ledgers, history: list[Item], bounds: list[int]
) -> None:
    a, b, c = bounds
    with ledgers.empty() as ledger:
        ledger.tell(history)
        assert sums(ledger.summary(a, b), ledger.summary(b, c)) == sums(ledger.summary(a, c))


@laws
@given(histories, windows)
def test_the_days_of_a_window_are_clipped_to_it_and_add_up_to_it(
    ledgers: Ledgers, history: list[Item], window: tuple[int, int]
) -> None:
    start, end = window
    with ledgers.empty() as ledger:
        ledger.tell(history)
        whole = ledger.summary(start, end)
        clipped = [
            ledger.summary(max(start, day * DAY), min(end, (day + 1) * DAY))
            for day in range(start // DAY, (end - 1) // DAY + 1)
        ]
    assert [point["day"] for point in whole["daily"]] == [day["from"][:10] for day in clipped]
    for point, day in zip(whole["daily"], clipped, strict=True):
        assert {of_day: point[of_day] for of_day in OF_DAY} == {of_day: day[field] for of_day, field in OF_DAY.items()}
        assert [point] == day["daily"]
    for of_day, field in OF_DAY.items():
        assert sum(point[of_day] for point in whole["daily"]) == whole[field]


@laws
@given(histories, windows)
def test_voice_and_chat_as_inbound_and_outbound_are_all_calls(
    ledgers: Ledgers, history: list[Item], window: tuple[int, int]
) -> None:
    with ledgers.empty() as ledger:
        ledger.tell(history)
        summary = ledger.summary(*window)
    assert (instant(summary["from"]), instant(summary["to"])) == window
    assert summary["voice_calls"] + summary["chat_calls"] == summary["total_calls"]
    assert summary["inbound_calls"] + summary["outbound_calls"] == summary["total_calls"]
    assert summary["workflow_runs_success"] + summary["workflow_runs_failed"] <= summary["workflow_runs_total"]
