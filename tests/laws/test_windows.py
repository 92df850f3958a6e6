"""Adjacent windows, days, voice and chat, and inbound and outbound calls add up to the window."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.laws.histories import histories, laws, windows
from tests.laws.ledgers import Ledgers
from tests.laws.model import DAY, HistoryItem, Json, parse_instant
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
DAY_FIELDS = {
    "calls": "total_calls",
    "workflow_runs": "workflow_runs_total",
    "voice_duration_ms": "voice_duration_ms",
    "chat_duration_ms": "chat_duration_ms",
}


def sums(*summaries: Json) -> dict[str, int]:
    return {field: sum(summary[field] for summary in summaries) for field in ADDITIVE}


@laws
@given(histories, st.lists(moments, min_size=3, max_size=3, unique=True).map(sorted))
def test_two_adjacent_windows_add_up_to_the_window_that_spans_them(
    ledgers: Ledgers, history: list[HistoryItem], bounds: list[int]
) -> None:
    a, b, c = bounds
    with ledgers.empty() as ledger:
        ledger.ingest(history)
        assert sums(ledger.summary(a, b), ledger.summary(b, c)) == sums(ledger.summary(a, c))


@laws
@given(histories, windows)
def test_days_are_clipped_to_the_window_and_add_up_to_it(
    ledgers: Ledgers, history: list[HistoryItem], window: tuple[int, int]
) -> None:
    start, end = window
    with ledgers.empty() as ledger:
        ledger.ingest(history)
        window_summary = ledger.summary(start, end)
        day_summaries = [
            ledger.summary(max(start, day * DAY), min(end, (day + 1) * DAY))
            for day in range(start // DAY, (end - 1) // DAY + 1)
        ]
    assert [point["day"] for point in window_summary["daily"]] == [day["from"][:10] for day in day_summaries]
    for point, day in zip(window_summary["daily"], day_summaries, strict=True):
        assert {name: point[name] for name in DAY_FIELDS} == {name: day[field] for name, field in DAY_FIELDS.items()}
        assert [point] == day["daily"]
    for name, field in DAY_FIELDS.items():
        assert sum(point[name] for point in window_summary["daily"]) == window_summary[field]


@laws
@given(histories, windows)
def test_voice_and_chat_add_up_to_all_calls_as_do_inbound_and_outbound(
    ledgers: Ledgers, history: list[HistoryItem], window: tuple[int, int]
) -> None:
    with ledgers.empty() as ledger:
        ledger.ingest(history)
        summary = ledger.summary(*window)
    assert (parse_instant(summary["from"]), parse_instant(summary["to"])) == window
    assert summary["voice_calls"] + summary["chat_calls"] == summary["total_calls"]
    assert summary["inbound_calls"] + summary["outbound_calls"] == summary["total_calls"]
    assert summary["workflow_runs_success"] + summary["workflow_runs_failed"] <= summary["workflow_runs_total"]
