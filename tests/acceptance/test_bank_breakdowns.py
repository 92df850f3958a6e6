"""Breakdowns, record lists and exports of the bank's calls match the table, call by call.

A call whose server is NO_SERVER has no agent: its value is null.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from itertools import cycle

import pytest

from tests.acceptance.bank import FEBRUARY, MARCH, Bank, Json, random_windows
from tests.acceptance.bank_figures import (
    DAY,
    NO_SERVER,
    STATUS,
    BankCall,
    BreakdownCase,
    Figures,
    breakdown_of,
    figures_of,
    inside,
    midnights,
    written,
)

WINDOWS = random_windows(2802, 40)
WINDOW = ("1999-02-01", "1999-03-01")
SPLITS = (
    BreakdownCase("agent"),
    BreakdownCase("number", order="voice"),
    BreakdownCase("agent", order="voice", limit=5, daily=True),
    BreakdownCase("number", limit=1, compared=True),
    BreakdownCase("agent", limit=12, daily=True, compared=True),
)
EXACT = ("total_calls", "voice_calls", "chat_calls", "inbound_calls", "outbound_calls", "timed_calls", "live_calls")
EXACT_AND_MS = (*EXACT, "voice_duration_ms", "chat_duration_ms")
Line = tuple[object, ...]


def assert_breakdown_matches_table(bank: Bank, start: datetime, end: datetime, split: BreakdownCase) -> None:
    answer = bank.breakdown(written(start), written(end), split)
    assert (answer.pop("next_cursor") is None) == (answer["others"]["values"] == 0)
    assert answer == breakdown_of(bank.calls, start, end, split)


def lines_of(calls: Iterable[BankCall]) -> Counter[Line]:
    """Count the calls of the table by the fields that a record shows."""
    return Counter(
        (
            written(call.entered),
            call.served_sec * 1000,
            STATUS[call.outcome],
            None if call.server == NO_SERVER else call.server,
            call.line,
        )
        for call in calls
    )


def lines_of_records(records: Iterable[Json]) -> Counter[Line]:
    return Counter(
        (record["created_at"], record["duration_ms"], record["status"], record["agent_id"], record["agent_number"])
        for record in records
    )


def sums_of(contributions: Iterable[dict[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for contribution in contributions:
        total.update(contribution)
    return total


def exact(figures: Figures) -> dict[str, object]:
    """Return the additive figures that are not zero."""
    return {name: figures[name] for name in EXACT_AND_MS if figures[name]}


@pytest.mark.parametrize("by", ["agent", "number"])
def test_breakdown_of_february_matches_the_table(bank: Bank, by: str) -> None:
    for order in ("calls", "voice"):
        assert_breakdown_matches_table(bank, FEBRUARY, MARCH, BreakdownCase(by, order=order, daily=True))
    values = [row["value"] for row in bank.breakdown(*WINDOW, BreakdownCase(by))["rows"]]
    assert len(values) == {"agent": 25, "number": 27}[by]
    assert values.count(None) == {"agent": 1, "number": 0}[by]


def test_calls_without_an_agent_share_one_row(bank: Bank) -> None:
    rows = bank.breakdown(*WINDOW, BreakdownCase("agent"))["rows"]
    [no_agent] = [row for row in rows if row["value"] is None]
    assert no_agent["total_calls"] == 3_326
    assert NO_SERVER not in {row["value"] for row in rows}


@pytest.mark.parametrize("by", ["agent", "number"])
def test_breakdown_of_each_day_matches_the_table(bank: Bank, by: str) -> None:
    for midnight in midnights(FEBRUARY, MARCH):
        assert_breakdown_matches_table(bank, midnight, midnight + DAY, BreakdownCase(by, limit=10))


def test_breakdowns_of_40_random_windows_match_the_table(bank: Bank) -> None:
    for (start, end), split in zip(WINDOWS, cycle(SPLITS)):
        assert_breakdown_matches_table(bank, start, end, split)


def test_random_windows_with_calls_use_every_split(bank: Bank) -> None:
    uses = Counter(split for (start, end), split in zip(WINDOWS, cycle(SPLITS)) if inside(bank.calls, start, end))
    assert all(uses[split] >= 4 for split in SPLITS)


def test_comparison_with_an_empty_january_has_no_percentage(bank: Bank) -> None:
    breakdown = bank.breakdown(*WINDOW, BreakdownCase("agent", limit=3, compared=True))
    assert breakdown["comparison"]["then"] == {"from": "1999-01-01T00:00:00Z", "to": "1999-02-01T00:00:00Z"}
    for part in (*breakdown["rows"], breakdown["others"]):
        for name, delta in part["comparison"].items():
            assert delta == {"now": part[name], "then": 0, "change": part[name], "change_percent": None}


@pytest.mark.parametrize("limit", [137, 1_000])
def test_pages_list_every_call_once_and_newest_first(bank: Bank, limit: int) -> None:
    pages = list(bank.pages(*WINDOW, limit))
    records = [record for page in pages for record in page["records"]]
    assert len(pages) == -(-len(bank.calls) // limit)
    assert len({record["id"] for record in records}) == len(bank.calls)
    assert lines_of_records(records) == lines_of(bank.calls)
    assert [record["created_at"] for record in records] == sorted(
        (record["created_at"] for record in records), reverse=True
    )
    assert pages[0]["totals"] == figures_of(bank.calls)
    assert all(page["totals"] is None for page in pages[1:])
    assert not any(page["changed"] for page in pages)
    assert sums_of(record["adds"] for record in records) == exact(figures_of(bank.calls))


def test_records_of_each_agent_add_up_to_its_row_in_the_breakdown(bank: Bank) -> None:
    rows = bank.breakdown(*WINDOW, BreakdownCase("agent"))["rows"]
    assert len(rows) == 25
    for row in rows:
        calls = [call for call in bank.calls if call.value("agent") == row["value"]]
        pages = list(bank.pages(*WINDOW, 1_000, agent=row["value"] or ""))
        records = [record for page in pages for record in page["records"]]
        assert lines_of_records(records) == lines_of(calls)
        assert pages[0]["totals"] == {name: row[name] for name in pages[0]["totals"]}
        assert sums_of(record["adds"] for record in records) == exact(row)


def test_records_of_random_windows_match_the_table(bank: Bank) -> None:
    outcomes = dict(zip(range(len(WINDOWS)), cycle(STATUS.items())))
    for number, (start, end) in enumerate(WINDOWS):
        outcome, status = outcomes[number]
        calls = [call for call in inside(bank.calls, start, end) if call.outcome == outcome]
        pages = list(bank.pages(written(start), written(end), 1_000, status=status))
        assert lines_of_records(record for page in pages for record in page["records"]) == lines_of(calls)
        assert pages[0]["totals"] == figures_of(calls)


def test_exported_records_match_the_table_and_add_up_to_the_summary(bank: Bank) -> None:
    rows = bank.exported(*WINDOW)
    exported = Counter(
        (
            row["created_at"],
            int(row["duration_ms"]),
            row["status"],
            row["agent_id"] or None,
            row["agent_number"],
        )
        for row in rows
    )
    assert exported == lines_of(bank.calls)
    summary = bank.summary(*WINDOW)
    assert {name: sum(int(row[name]) for row in rows) for name in EXACT_AND_MS} == {
        name: summary[name] for name in EXACT_AND_MS
    }


@pytest.mark.parametrize("agent", ["MICHAL", "PINHAS", ""])
def test_exported_records_of_one_agent_add_up_to_its_row(bank: Bank, agent: str) -> None:
    exported = bank.exported(*WINDOW, agent=agent)
    [row] = [row for row in bank.breakdown(*WINDOW, BreakdownCase("agent"))["rows"] if row["value"] == (agent or None)]
    assert {name: sum(int(record[name]) for record in exported) for name in EXACT_AND_MS} == {
        name: row[name] for name in EXACT_AND_MS
    }


@pytest.mark.parametrize("by", ["agent", "number"])
def test_exported_breakdown_has_every_row_of_the_breakdown(bank: Bank, by: str) -> None:
    rows = bank.breakdown(*WINDOW, BreakdownCase(by))["rows"]
    exported = bank.exported(*WINDOW, of="breakdown", by=by)
    assert [(line[by] or None, *(int(line[name]) for name in EXACT_AND_MS)) for line in exported] == [
        (row["value"], *(row[name] for name in EXACT_AND_MS)) for row in rows
    ]
