"""Two weeks of real calls, ingested with the shipped map: every figure equals the one computed from the table."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from tests.acceptance.bank import FEBRUARY, MARCH, Bank, Json, random_windows
from tests.acceptance.bank_figures import DAY, inside, midnights, summary_of, written

WINDOWS = random_windows(1402, 200)


def assert_matches_table(bank: Bank, summary: Json, start: datetime, end: datetime) -> None:
    last_event_at = summary.pop("last_event_at")
    assert datetime.fromisoformat(last_event_at).tzinfo == UTC
    changed = [point.pop("changed_at") for point in summary["daily"]]
    assert summary == summary_of(bank.calls, start, end)
    busy = [bool(inside(bank.calls, midnight, midnight + DAY)) for midnight in midnights(start, end)]
    assert [instant is not None for instant in changed] == busy
    assert all(instant <= last_event_at for instant in changed if instant)


def sums(receipts: list[Json]) -> dict[str, int]:
    names = ("accepted", "duplicate", "conflicting", "stale")
    counted = {name: sum(receipt[name] for receipt in receipts) for name in names}
    return {**counted, "quarantined": sum(len(receipt["quarantined"]) for receipt in receipts)}


def test_table_has_the_counts_that_its_readme_lists(bank: Bank) -> None:
    assert Counter(call.outcome for call in bank.calls) == {"AGENT": 14_405, "HANG": 2_908, "PHANTOM": 143}
    assert len({call.line for call in bank.calls}) == 27
    assert len({call.server for call in bank.calls}) == 25
    assert sum(call.outcome == "AGENT" and call.served_sec == 0 for call in bank.calls) == 41
    assert sum(call.outcome != "AGENT" and call.served_sec > 0 for call in bank.calls) == 193


def test_every_call_is_accepted_with_the_map(bank: Bank) -> None:
    assert bank.first_output == (
        "17,456 rows: 17,456 accepted, 0 duplicate, 0 conflicting, 0 stale, 0 quarantined, 0 rejected.\n"
        "17,456 rows: 17,456 calls."
    )


def test_ingesting_the_table_again_yields_only_duplicates(bank: Bank) -> None:
    assert bank.second_output == (
        "17,456 rows: 0 accepted, 17,456 duplicate, 0 conflicting, 0 stale, 0 quarantined, 0 rejected.\n"
        "17,456 rows: 17,456 calls."
    )


def test_sending_the_calls_shuffled_and_gzipped_yields_only_duplicates(bank: Bank) -> None:
    assert sums(bank.receipts) == {
        "accepted": 0,
        "duplicate": len(bank.calls),
        "conflicting": 0,
        "stale": 0,
        "quarantined": 0,
    }


def test_receiving_the_calls_again_changes_no_figure(bank: Bank) -> None:
    assert bank.summary("1999-02-01", "1999-03-01") == bank.summary_after_first


def test_summary_of_february_matches_the_table(bank: Bank) -> None:
    assert_matches_table(bank, bank.summary("1999-02-01", "1999-03-01"), FEBRUARY, MARCH)


def test_summary_of_each_day_matches_the_table(bank: Bank) -> None:
    for number in range(28):
        start, end = FEBRUARY + timedelta(days=number), FEBRUARY + timedelta(days=number + 1)
        summary = bank.summary(start.date().isoformat(), end.date().isoformat())
        assert_matches_table(bank, summary, start, end)


def test_summaries_of_200_random_windows_match_the_table(bank: Bank) -> None:
    for start, end in WINDOWS:
        assert_matches_table(bank, bank.summary(written(start), written(end)), start, end)


def test_random_windows_cover_single_days_several_days_and_no_calls(bank: Bank) -> None:
    days = [len(midnights(start, end)) for start, end in WINDOWS]
    first, last = min(call.entered for call in bank.calls), max(call.entered for call in bank.calls)
    assert len(WINDOWS) == 200
    assert days.count(1) >= len(WINDOWS) / 4
    assert sum(2 <= day <= 7 for day in days) >= len(WINDOWS) / 4
    assert max(days) > 25
    assert any(end <= first or last < start for start, end in WINDOWS)
    assert any(start < first < end or start <= last < end for start, end in WINDOWS)
