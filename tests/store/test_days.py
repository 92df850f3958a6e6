"""The completeness of days: state, time of the last change, stale calls, and the number of statements for a summary."""

import pytest

from talkmeter.db.engine import reading
from talkmeter.period import Present, present, read_instant, read_window
from talkmeter.records import Kind
from talkmeter.usage.compare import Mode
from talkmeter.usage.filters import Filter
from talkmeter.usage.records import read_records
from talkmeter.usage.revision import read_revision
from talkmeter.usage.summary import read_summary, summary_query
from tests.events import Json, conversation, event, run
from tests.store.ledger import NOW, ORG, Ledger


def call(id_: str, day: int, **fields: object) -> Json:
    """Return a call on a day of March 2026; its event's time is noon on the 1st."""
    return conversation(id_, created_at=f"2026-03-{day:02}T09:00:00Z", **fields)


def with_time(event: Json, time: str) -> Json:
    return {**event, "time": time}


def at(text: str) -> Present:
    return present(read_instant(text), 24)


def states(ledger: Ledger, now: Present = NOW) -> dict[int, str]:
    """Return the states of March, by day of the month."""
    return {int(day.day[8:]): day.state for day in ledger.summary(now=now).daily}


def changed(ledger: Ledger) -> dict[int, str | None]:
    return {int(day.day[8:]): day.changed_at for day in ledger.summary().daily}


def live_call(**fields: object) -> Json:
    return call("live", 3, status="in_progress", duration=None, **fields)


def test_states_of_the_days_in_the_middle_of_a_month(ledger: Ledger) -> None:
    ledger.send(call("one", 5), call("two", 8), call("three", 12))
    by_day = states(ledger)

    assert {day for day, state in by_day.items() if state == "future"} == set(range(16, 32))
    assert {day for day, state in by_day.items() if state == "settling"} == {15}
    assert {day for day, state in by_day.items() if state == "no_data"} == {6, 7, 9, 10, 11, 13, 14}
    assert {day for day, state in by_day.items() if state == "final"} == {1, 2, 3, 4, 5, 8, 12}


def test_organization_without_events_has_no_day_without_data(ledger: Ledger) -> None:
    assert set(states(ledger).values()) == {"final", "settling", "future"}


def test_day_whose_calls_were_all_deleted_has_no_data(ledger: Ledger) -> None:
    ledger.send(call("one", 5), call("two", 6), call("three", 7))
    ledger.send(event("conversation.deleted", {"id": "two"}))

    assert [states(ledger)[day] for day in (5, 6, 7)] == ["final", "no_data", "final"]


def test_day_with_only_a_run_has_data(ledger: Ledger) -> None:
    ledger.send(run(created_at="2026-03-05T00:00:00Z"), call("one", 7))

    assert [states(ledger)[day] for day in (5, 6, 7)] == ["final", "no_data", "final"]


def test_day_is_settling_until_its_live_calls_are_stale(ledger: Ledger) -> None:
    ledger.send(with_time(live_call(), "2026-03-03T09:00:00Z"))

    assert states(ledger, at("2026-03-04T09:00:00Z"))[3] == "settling"
    assert states(ledger, at("2026-03-04T09:00:00.000001Z"))[3] == "final"
    ledger.send(with_time(live_call(), "2026-03-04T10:00:00Z"))
    assert states(ledger, at("2026-03-05T10:00:00Z"))[3] == "settling"


def test_day_with_a_stale_and_a_live_call_is_settling(ledger: Ledger) -> None:
    ledger.send(with_time(live_call(), "2026-03-03T09:00:00Z"))
    ledger.send(with_time(call("other", 3, status="ringing", duration=None), "2026-03-14T13:00:00Z"))
    summary = ledger.summary()

    assert (summary.live_calls, summary.stale_calls, states(ledger)[3]) == (2, 1, "settling")


def test_email_conversation_is_never_stale(ledger: Ledger) -> None:
    ledger.send(with_time(live_call(channel="email"), "2026-03-03T09:00:00Z"))
    summary = ledger.summary()

    assert (summary.live_calls, summary.stale_calls, states(ledger)[3]) == (1, 0, "settling")


def test_stale_call_is_counted_in_its_window_only(ledger: Ledger) -> None:
    ledger.send(with_time(live_call(), "2026-03-03T09:00:00Z"))
    inside = ledger.summary("2026-03-03T09:00:00Z", "2026-03-03T09:00:01Z")
    outside = ledger.summary("2026-03-03T09:00:01Z", "2026-03-04")

    assert (inside.total_calls, inside.stale_calls, inside.daily[0].state) == (1, 1, "final")
    assert (outside.total_calls, outside.stale_calls, outside.daily[0].state) == (0, 0, "final")


def test_revision_changes_when_a_live_call_becomes_stale(ledger: Ledger) -> None:
    ledger.send(with_time(live_call(), "2026-03-03T09:00:00Z"))
    ledger.send(with_time(call("ended", 3), "2026-03-03T09:00:00Z"))

    def revision(now: str) -> object:
        with reading(ledger.engine) as connection:
            return read_revision(connection, ORG, at(now))

    assert revision("2026-03-03T12:00:00Z") == revision("2026-03-04T09:00:00Z")
    assert revision("2026-03-04T09:00:00Z") != revision("2026-03-04T09:01:00Z") == revision("2026-03-20T00:00:00Z")


def test_changed_at_is_updated_even_if_the_day_total_is_equal(ledger: Ledger) -> None:
    ledger.send(call("one", 5, agent_id="ann"), call("two", 6))
    first = changed(ledger)
    ledger.send(with_time(call("one", 5, agent_id="bob"), "2026-03-01T13:00:00Z"))
    second = changed(ledger)

    assert first[5] == first[6] is not None
    assert second[5] is not None
    assert first[5] is not None
    assert second[5] > first[5]
    assert second[6] == first[6]
    assert second[7] is None


def test_moving_a_call_to_another_day_changes_both_days(ledger: Ledger) -> None:
    ledger.send(call("one", 5))
    ledger.send(with_time(call("one", 6), "2026-03-01T13:00:00Z"))
    days = changed(ledger)

    assert days[5] == days[6] == ledger.summary().last_event_at


@pytest.mark.parametrize(
    "uncounted",
    [
        call("two", 5, status="token_created"),
        call("one", 5),
        with_time(call("one", 5, status="ringing"), "2026-03-01T11:00:00Z"),
    ],
    ids=["a call without participants", "a duplicate", "a stale event"],
)
def test_event_that_changes_no_figure_does_not_change_the_day(ledger: Ledger, uncounted: Json) -> None:
    ledger.send(with_time(call("one", 5), "2026-03-01T12:00:00Z"))
    before = changed(ledger)
    ledger.send(uncounted)

    assert changed(ledger) == before


def test_repair_changes_only_the_repaired_days(ledger: Ledger) -> None:
    ledger.send(call("one", 5), call("two", 6))
    before = changed(ledger)
    ledger.damage("UPDATE usage_daily SET calls = 9 WHERE dimension = 'channel' AND day = 20517")
    assert len(ledger.verify(repair=True)) == 1
    after = changed(ledger)

    assert after[5] != before[5]
    assert after[6] == before[6]


@pytest.mark.parametrize("mode", ["none", "previous", "year"])
@pytest.mark.parametrize("from_", ["2026-03-01", "2026-03-01T01:00:00Z", "2026-03-01T13:00:00Z"])
def test_summary_takes_at_most_four_statements(ledger: Ledger, from_: str, mode: Mode) -> None:
    ledger.send(with_time(live_call(), "2026-03-03T09:00:00Z"), call("one", 5), run())
    window = read_window(from_, "2026-03-31T18:30:00Z", 0)
    with reading(ledger.engine) as connection, ledger.executed() as sent:
        read_summary(connection, summary_query(ORG, window, NOW, mode), read_revision(connection, ORG, NOW))

    assert len([sql for sql in sent if not sql.startswith("BEGIN")]) <= 4


def test_all_pages_of_a_list_use_the_same_time_limit_for_stale_calls(ledger: Ledger) -> None:
    """Otherwise a call that becomes stale between two pages would be in neither list."""
    ledger.send(
        *(
            with_time(call(f"call-{day}", day, status="ringing", duration=None), f"2026-03-{day:02}T09:00:00Z")
            for day in (3, 4, 5, 6)
        )
    )
    found: list[str] = []
    cursor: str | None = None
    for now in (at("2026-03-05T10:00:00Z"), at("2026-03-06T10:00:00Z"), at("2026-03-20T00:00:00Z")):
        with reading(ledger.engine) as connection:
            page = read_records(
                connection,
                ORG,
                read_window("2026-03-01", "2026-04-01", 0),
                Filter(Kind.CONVERSATION, stale=False),
                read_revision(connection, ORG, now),
                now,
                key="test",
                limit=1,
                cursor=cursor,
            )
        found += [record.id for record in page.records]
        cursor = page.next_cursor
        if cursor is None:
            break

    assert found == ["call-6", "call-5"]
