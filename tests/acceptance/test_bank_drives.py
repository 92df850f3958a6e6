"""Who served the bank's calls, by which line they came, and the calls themselves: what the table says, call by call.

A call that nobody served has no agent: its value is null.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from itertools import cycle

import pytest

from tests.acceptance.bank import FEBRUARY, MARCH, Answer, Bank, needs_the_table, random_windows
from tests.acceptance.bank_figures import (
    DAY,
    NOBODY,
    STATUS,
    BankCall,
    Figures,
    Split,
    breakdown_of,
    figures_of,
    inside,
    midnights,
    written,
)

WINDOWS = random_windows(2802, 40)
WHOLE = ("1999-02-01", "1999-03-01")
SPLITS = (
    Split("agent"),
    Split("number", order="voice"),
    Split("agent", order="voice", limit=5, daily=True),
    Split("number", limit=1, compared=True),
    Split("agent", limit=12, daily=True, compared=True),
)
EXACT = ("total_calls", "voice_calls", "chat_calls", "inbound_calls", "outbound_calls", "timed_calls", "live_calls")
EXACT_AND_MS = (*EXACT, "voice_duration_ms", "chat_duration_ms")
Line = tuple[object, ...]

pytestmark = needs_the_table


def assert_breaks_down_as_the_table(bank: Bank, start: datetime, end: datetime, split: Split) -> None:
    said = bank.breakdown(written(start), written(end), split)
    assert said == breakdown_of(bank.calls, start, end, split)


def lines_of(calls: Iterable[BankCall]) -> Counter[Line]:
    """Calls of the table in what a record tells of them."""
    return Counter(
        (
            written(call.entered),
            call.served_sec * 1000,
            STATUS[call.outcome],
            None if call.server == NOBODY else call.server,
            call.line,
        )
        for call in calls
    )


def lines_of_records(records: Iterable[Answer]) -> Counter[Line]:
    return Counter(
        (one["created_at"], one["duration_ms"], one["status"], one["agent_id"], one["agent_number"]) for one in records
    )


def sums_of(adds: Iterable[dict[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for one in adds:
        total.update(one)
    return total


def exact(figures: Figures) -> dict[str, object]:
    """The figures that add up and are not zero."""
    return {name: figures[name] for name in EXACT_AND_MS if figures[name]}


@pytest.mark.parametrize("by", ["agent", "number"])
def test_february_by_agent_and_by_number_is_what_the_table_says(bank: Bank, by: str) -> None:
    for order in ("calls", "voice"):
        assert_breaks_down_as_the_table(bank, FEBRUARY, MARCH, Split(by, order=order, daily=True))
    values = [row["value"] for row in bank.breakdown(*WHOLE, Split(by))["rows"]]
    assert len(values) == {"agent": 25, "number": 27}[by]
    assert values.count(None) == {"agent": 1, "number": 0}[by]


def test_calls_that_nobody_served_are_the_row_without_a_value(bank: Bank) -> None:
    rows = bank.breakdown(*WHOLE, Split("agent"))["rows"]
    [nobody] = [row for row in rows if row["value"] is None]
    assert nobody["total_calls"] == 3_326
    assert NOBODY not in {row["value"] for row in rows}


@pytest.mark.parametrize("by", ["agent", "number"])
def test_each_day_of_february_by_agent_and_by_number_is_what_the_table_says(bank: Bank, by: str) -> None:
    for midnight in midnights(FEBRUARY, MARCH):
        assert_breaks_down_as_the_table(bank, midnight, midnight + DAY, Split(by, limit=10))


def test_forty_windows_to_the_second_break_down_as_the_table_says(bank: Bank) -> None:
    for (start, end), split in zip(WINDOWS, cycle(SPLITS)):
        assert_breaks_down_as_the_table(bank, start, end, split)


def test_the_windows_are_cut_in_days_with_calls_and_split_in_every_way(bank: Bank) -> None:
    asked = Counter(split for (start, end), split in zip(WINDOWS, cycle(SPLITS)) if inside(bank.calls, start, end))
    assert all(asked[split] >= 4 for split in SPLITS)


def test_february_compared_with_a_january_without_calls_has_no_percentage(bank: Bank) -> None:
    said = bank.breakdown(*WHOLE, Split("agent", limit=3, compared=True))
    assert said["comparison"]["then"] == {"from": "1999-01-01T00:00:00Z", "to": "1999-02-01T00:00:00Z"}
    for part in (*said["rows"], said["others"]):
        for name, delta in part["comparison"].items():
            assert delta == {"now": part[name], "then": 0, "change": part[name], "change_percent": None}


@pytest.mark.parametrize("limit", [137, 1_000])
def test_the_pages_of_february_are_every_call_of_the_table_once_and_newest_first(bank: Bank, limit: int) -> None:
    pages = list(bank.pages(*WHOLE, limit))
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


def test_the_records_of_every_agent_and_of_nobody_are_its_calls_and_add_up_to_its_row(bank: Bank) -> None:
    rows = bank.breakdown(*WHOLE, Split("agent"))["rows"]
    assert len(rows) == 25
    for row in rows:
        calls = [call for call in bank.calls if call.value("agent") == row["value"]]
        pages = list(bank.pages(*WHOLE, 1_000, agent=row["value"] or ""))
        records = [record for page in pages for record in page["records"]]
        assert lines_of_records(records) == lines_of(calls)
        assert pages[0]["totals"] == {name: row[name] for name in pages[0]["totals"]}
        assert sums_of(record["adds"] for record in records) == exact(row)


def test_the_records_of_a_ragged_window_are_those_that_the_table_has_there(bank: Bank) -> None:
    outcomes = dict(zip(range(len(WINDOWS)), cycle(STATUS.items())))
    for number, (start, end) in enumerate(WINDOWS):
        outcome, status = outcomes[number]
        calls = [call for call in inside(bank.calls, start, end) if call.outcome == outcome]
        pages = list(bank.pages(written(start), written(end), 1_000, status=status))
        assert lines_of_records(record for page in pages for record in page["records"]) == lines_of(calls)
        assert pages[0]["totals"] == figures_of(calls)


def test_the_exported_records_of_february_are_the_table_and_add_up_to_the_summary(bank: Bank) -> None:
    rows = bank.exported(*WHOLE)
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
    summary = bank.summary(*WHOLE)
    assert {name: sum(int(row[name]) for row in rows) for name in EXACT_AND_MS} == {
        name: summary[name] for name in EXACT_AND_MS
    }


@pytest.mark.parametrize("agent", ["MICHAL", "PINHAS", ""])
def test_the_exported_records_of_one_agent_add_up_to_its_row(bank: Bank, agent: str) -> None:
    exported = bank.exported(*WHOLE, agent=agent)
    [row] = [row for row in bank.breakdown(*WHOLE, Split("agent"))["rows"] if row["value"] == (agent or None)]
    assert {name: sum(int(one[name]) for one in exported) for name in EXACT_AND_MS} == {
        name: row[name] for name in EXACT_AND_MS
    }


@pytest.mark.parametrize("by", ["agent", "number"])
def test_the_exported_breakdown_is_every_row_of_the_breakdown(bank: Bank, by: str) -> None:
    rows = bank.breakdown(*WHOLE, Split(by))["rows"]
    exported = bank.exported(*WHOLE, of="breakdown", by=by)
    assert [(one[by] or None, *(int(one[name]) for name in EXACT_AND_MS)) for one in exported] == [
        (row["value"], *(row[name] for name in EXACT_AND_MS)) for row in rows
    ]
