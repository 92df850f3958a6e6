"""Rows that the database returns as one JSON text: every value is preserved exactly."""

import pytest

from talkmeter.db.engine import reading
from talkmeter.period import read_window
from talkmeter.usage.breakdown import read_breakdown
from talkmeter.usage.breakdown_answers import CallRow
from talkmeter.usage.breakdown_query import BreakdownOptions, breakdown_query
from talkmeter.usage.revision import read_revision
from tests.events import conversation
from tests.store.ledger import NOW, ORG, Ledger

AGENTS = (
    '"',
    "\\",
    '\\"],[1',
    "\\u0041",
    "null",
    "0",
    "Zoë",
    "客服",
    "\U0001f4de",
    "\u2028",
    "</script>",
    "'; --",
    " ",
)
WINDOWS = {
    "whole days": ("2026-03-01", "2026-03-02"),
    "cut inside a day": ("2026-03-01T11:00:00Z", "2026-03-01T13:00:00Z"),
}


@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_breakdown_values_with_special_characters_are_preserved(ledger: Ledger, window: tuple[str, str]) -> None:
    ledger.send(*(conversation(f"call-{number}", agent_id=agent) for number, agent in enumerate(AGENTS)))

    split = BreakdownOptions("agent", "calls", limit=None, interval="day")
    with reading(ledger.engine) as connection:
        query = breakdown_query(ORG, read_window(*window, NOW.now), NOW, split)
        breakdown = read_breakdown(connection, query, read_revision(connection, ORG, NOW), key="test")

    assert {row.value: row.total_calls for row in breakdown.rows if isinstance(row, CallRow)} == dict.fromkeys(
        AGENTS, 1
    )
    assert [row.series for row in breakdown.rows] == [[1]] * len(AGENTS)


def test_sum_of_many_maximal_durations_is_exact_to_the_millisecond(ledger: Ledger) -> None:
    max_sec = 31_622_400
    ledger.send(*(conversation(f"call-{number}", duration=max_sec - 0.001) for number in range(2_000)))

    expected = 2_000 * (max_sec * 1_000 - 1)
    for window in WINDOWS.values():
        assert ledger.summary(*window).voice_duration_ms == expected
