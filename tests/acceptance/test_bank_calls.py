"""Two weeks of real calls, ingested by the map that is shipped, give the figures that the table itself gives."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.acceptance.bank import FEBRUARY, MARCH, Answer, Bank, needs_the_table, random_windows
from tests.acceptance.bank_figures import DAY, inside, midnights, summary_of, written

WINDOWS = random_windows(1402, 200)

pytestmark = needs_the_table


def assert_says_what_the_table_says(bank: Bank, said: Answer, start: datetime, end: datetime) -> None:
    last_event_at = said.pop("last_event_at")
    assert datetime.fromisoformat(last_event_at).tzinfo == UTC
    changed = [point.pop("changed_at") for point in said["daily"]]
    assert said == summary_of(bank.calls, start, end)
    busy = [bool(inside(bank.calls, midnight, midnight + DAY)) for midnight in midnights(start, end)]
    assert [instant is not None for instant in changed] == busy
    assert all(instant <= last_event_at for instant in changed if instant)


def sums(receipts: list[dict[str, Any]]) -> dict[str, int]:
    bins = ("accepted", "duplicate", "conflicting", "stale")
    counted = {name: sum(receipt[name] for receipt in receipts) for name in bins}
    return {**counted, "quarantined": sum(len(receipt["quarantined"]) for receipt in receipts)}


def test_the_table_is_read_as_its_readme_says(bank: Bank) -> None:
    assert Counter(call.outcome for call in bank.calls) == {"AGENT": 14_405, "HANG": 2_908, "PHANTOM": 143}
    assert len({call.line for call in bank.calls}) == 27
    assert len({call.server for call in bank.calls}) == 25
    assert sum(call.outcome == "AGENT" and call.served_sec == 0 for call in bank.calls) == 41
    assert sum(call.outcome != "AGENT" and call.served_sec > 0 for call in bank.calls) == 193


def test_by_the_map_every_call_is_accepted(bank: Bank) -> None:
    assert bank.first == (
        "17,456 rows: 17,456 accepted, 0 duplicate, 0 conflicting, 0 stale, 0 quarantined, 0 rejected."
    )


def test_ingested_again_every_call_is_a_duplicate(bank: Bank) -> None:
    assert bank.again == (
        "17,456 rows: 0 accepted, 17,456 duplicate, 0 conflicting, 0 stale, 0 quarantined, 0 rejected."
    )


def test_sent_over_http_in_another_order_and_compressed_every_call_is_a_duplicate(bank: Bank) -> None:
    assert sums(bank.receipts) == {
        "accepted": 0,
        "duplicate": len(bank.calls),
        "conflicting": 0,
        "stale": 0,
        "quarantined": 0,
    }


def test_the_second_and_the_third_time_change_no_figure(bank: Bank) -> None:
    assert bank.summary("1999-02-01", "1999-03-01") == bank.after_first


def test_february_says_what_the_table_says(bank: Bank) -> None:
    assert_says_what_the_table_says(bank, bank.summary("1999-02-01", "1999-03-01"), FEBRUARY, MARCH)


def test_each_day_of_february_says_what_the_table_says(bank: Bank) -> None:
    for number in range(28):
        start, end = FEBRUARY + timedelta(days=number), FEBRUARY + timedelta(days=number + 1)
        said = bank.summary(start.date().isoformat(), end.date().isoformat())
        assert_says_what_the_table_says(bank, said, start, end)


def test_two_hundred_windows_to_the_second_say_what_the_table_says(bank: Bank) -> None:
    for start, end in WINDOWS:
        assert_says_what_the_table_says(bank, bank.summary(written(start), written(end)), start, end)


def test_the_windows_lie_inside_a_day_over_several_days_and_beside_the_calls(bank: Bank) -> None:
    days = [len(midnights(start, end)) for start, end in WINDOWS]
    first, last = min(call.entered for call in bank.calls), max(call.entered for call in bank.calls)
    assert len(WINDOWS) == 200
    assert days.count(1) >= len(WINDOWS) / 4
    assert sum(2 <= day <= 7 for day in days) >= len(WINDOWS) / 4
    assert max(days) > 25
    assert any(end <= first or last < start for start, end in WINDOWS)
    assert any(start < first < end or start <= last < end for start, end in WINDOWS)
