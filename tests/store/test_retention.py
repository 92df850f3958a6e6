"""Retention: old records, their history and quarantine are deleted; daily totals stay, and nothing counts twice."""

import pytest

from talkmeter import clock
from talkmeter.db.audit import Actor
from talkmeter.db.engine import reading, writing
from talkmeter.errors import NotFound, Unprocessable
from talkmeter.ledger.closing import begin_merge
from talkmeter.ledger.history import make_pruner
from talkmeter.ledger.merge import merge_usage
from talkmeter.ledger.retention import RECORDS_PER_STEP, expire, retention_sweep
from talkmeter.period import day_of, read_day, read_window
from talkmeter.records import Kind, RecordKey
from talkmeter.usage.breakdown import read_breakdown
from talkmeter.usage.breakdown_query import BreakdownOptions, breakdown_query
from talkmeter.usage.compare import Mode
from talkmeter.usage.filtered import ValueFilter
from talkmeter.usage.filters import Filter
from talkmeter.usage.history import read_history
from talkmeter.usage.intervals import Interval
from talkmeter.usage.records import CallRecords, read_records
from talkmeter.usage.series import CallSeries, Series, read_series, series_query
from tests.events import conversation, event, run
from tests.store.call_reports import AGENT, LEG, LINE, report, send_reports
from tests.store.ledger import NOW, ORG, Ledger

LIMIT = read_day("day", "2026-03-10")
OLD = conversation("old", agent_id="ann", agent_number="+15550100")
NEW = conversation("new", created_at="2026-03-10T00:00:00Z", agent_id="ann")
EVENTS = [
    OLD,
    conversation("old", status="ringing", duration=None, agent_number="+15550100") | {"time": "2026-03-01T11:59:30Z"},
    run("old-run"),
    NEW,
    event("agent.updated", {"id": "ann", "name": "Ann"}),
]


def sweep(ledger: Ledger, day: int = LIMIT) -> None:
    for _ in expire(ledger.engine, day):
        pass


def ids(ledger: Ledger) -> list[str]:
    """Return the records that have data."""
    with reading(ledger.engine) as connection:
        page = read_records(
            connection, ORG, read_window("2026-03-01", "2026-04-01", 0), Filter(Kind.CONVERSATION),
            ledger.revision(), NOW, key="tests",
        )  # fmt: skip
    return [record.id for record in page.records]


@pytest.fixture
def swept(ledger: Ledger) -> Ledger:
    """A ledger after a sweep."""
    ledger.send(*EVENTS)
    sweep(ledger)
    return ledger


def test_old_records_and_their_history_are_deleted_and_totals_stay(ledger: Ledger) -> None:
    ledger.send(*EVENTS)
    before = ledger.summary()

    sweep(ledger)

    after = ledger.summary()
    assert (after.total_calls, after.voice_duration_ms, after.workflow_runs_total) == (2, 120_000, 1)
    assert [day.calls for day in after.daily] == [day.calls for day in before.daily]
    assert ids(ledger) == ["new"]
    assert ledger.rows("SELECT id FROM record_state ORDER BY id") == [("ann",), ("new",)]
    columns = "channel, direction, status, created_at, duration_ms, agent_id, agent_number, source, event_id"
    assert ledger.rows(f"SELECT {columns} FROM conversation WHERE id = 'old'") == [(None,) * 7 + ("", "")]
    assert ledger.verify() == []
    assert ledger.verify(repair=True) == []
    assert ledger.summary().total_calls == 2


def test_breakdown_of_old_days_comes_from_the_totals(swept: Ledger) -> None:
    query = breakdown_query(ORG, read_window("2026-03-01", "2026-04-01", 0), NOW, BreakdownOptions("agent", "calls"))
    with reading(swept.engine) as connection:
        [row] = read_breakdown(connection, query, swept.revision(), key="tests").rows

    assert row.value == "ann"
    assert swept.summary("2026-03-01", "2026-03-02").total_calls == 1


@pytest.mark.parametrize("late", [OLD, conversation("old", created_at="2026-03-11T00:00:00Z", duration=5)])
def test_late_event_of_a_deleted_record_never_counts_again(swept: Ledger, late: dict[str, object]) -> None:
    receipt = swept.send({**late, "id": "again", "time": "2026-05-01T00:00:00Z"})

    assert receipt.stale == 1
    assert (swept.summary().total_calls, swept.summary().voice_duration_ms) == (2, 120_000)
    assert swept.rows("SELECT * FROM record_state WHERE id = 'old'") == []


def test_late_deletion_of_a_deleted_record_changes_nothing(swept: Ledger) -> None:
    receipt = swept.send(event("conversation.deleted", {"id": "old"}, time="2026-05-01T00:00:00Z"))

    assert (receipt.stale, swept.summary().total_calls) == (1, 2)


def test_first_event_of_a_record_counts_on_an_old_day_and_expires_later(swept: Ledger) -> None:
    assert swept.send(conversation("late")).accepted == 1
    assert swept.summary("2026-03-01", "2026-03-02").total_calls == 2
    assert ids(swept) == ["new", "late"]

    sweep(swept)

    assert ids(swept) == ["new"]
    assert swept.summary("2026-03-01", "2026-03-02").total_calls == 2
    assert swept.verify() == []


def test_records_say_from_which_day_they_are_stored(swept: Ledger) -> None:
    with reading(swept.engine) as connection:
        pages = [
            read_records(
                connection, ORG, read_window(*window, 0), Filter(Kind.CONVERSATION), swept.revision(), NOW, key="k"
            )
            for window in (("2026-03-01", "2026-04-01"), ("2026-03-10", "2026-04-01"))
        ]
        with pytest.raises(NotFound, match="was deleted after TALKMETER_RETENTION_DAYS; it still counts"):
            read_history(connection, ORG, RecordKey(Kind.CONVERSATION, "old"), None)

    assert [page.records_from for page in pages] == ["2026-03-10", None]
    assert isinstance(pages[0], CallRecords)
    assert pages[0].totals is not None
    assert pages[0].totals.total_calls == 2


def test_part_of_a_day_without_records_is_refused_and_whole_days_are_not(swept: Ledger) -> None:
    sentence = "Records before 2026-03-10 were deleted, .* whole UTC days only, and 2026-03-01 is not whole"
    with pytest.raises(Unprocessable, match=sentence):
        swept.summary("2026-03-01T12:30:00Z", "2026-03-20")
    query = breakdown_query(
        ORG, read_window("2026-03-01T01:00:00Z", "2026-04-01", 0), NOW, BreakdownOptions("agent", "calls")
    )
    with reading(swept.engine) as connection, pytest.raises(Unprocessable, match=sentence):
        read_breakdown(connection, query, swept.revision(), key="tests")

    assert swept.summary("2026-03-10T00:00:00Z", "2026-03-20T12:00:00Z").total_calls == 1


def test_live_call_of_an_old_day_does_not_keep_it_open(ledger: Ledger) -> None:
    ledger.send(conversation("live", status="in_progress", duration=None))

    sweep(ledger)

    [day] = ledger.summary("2026-03-01", "2026-03-02").daily
    assert (day.calls, day.state) == (1, "final")


def test_call_expires_with_all_its_conversations(ledger: Ledger) -> None:
    send_reports(ledger, AGENT, LINE)
    sweep(ledger)
    assert ids(ledger) == []

    send_reports(ledger, LEG, report("vapi:7", "twilio:CA1"))

    assert ledger.summary().total_calls == 1
    assert dict(ledger.rows("SELECT id, linked_to FROM conversation"))["vapi:7"] is not None
    assert ledger.verify() == []


def test_call_stays_until_its_newest_conversation_is_old(ledger: Ledger) -> None:
    send_reports(ledger, AGENT, LINE)
    ledger.send(conversation("twilio:CA1", created_at="2026-03-12T00:00:00Z") | {"time": "2026-04-01T00:00:00Z"})

    sweep(ledger)
    assert ids(ledger) == ["vapi:1"]

    sweep(ledger, LIMIT + 5)
    assert ids(ledger) == []
    assert ledger.summary().total_calls == 1


def test_history_of_a_voided_record_is_deleted_and_it_stays_void(ledger: Ledger) -> None:
    ledger.send(*EVENTS, event("conversation.deleted", {"id": "old"}, time="2026-03-02T00:00:00Z"))
    assert ledger.summary().total_calls == 1

    sweep(ledger)

    assert ledger.rows("SELECT count(*) FROM record_state WHERE id = 'old'") == [(1,)]
    assert ledger.send(OLD | {"id": "again"}).stale == 1
    assert (ledger.summary().total_calls, ledger.verify()) == (1, [])


def test_old_quarantine_is_deleted(ledger: Ledger) -> None:
    ledger.send(conversation(status="exploded"), conversation(organization_id="other"))
    ledger.damage("UPDATE quarantine SET last_seen_at = 1 WHERE detail LIKE '%organization_id%'")

    sweep(ledger)

    assert ledger.rows("SELECT count(*) FROM quarantine") == [(1,)]


def test_more_records_than_one_step_expire_in_several_transactions(ledger: Ledger) -> None:
    ledger.send(*(conversation(f"call-{number:04}") for number in range(RECORDS_PER_STEP + 10)))

    steps = list(expire(ledger.engine, LIMIT))

    assert len(steps) >= 3
    assert (ids(ledger), ledger.summary().total_calls) == ([], RECORDS_PER_STEP + 10)


def test_sweep_without_old_usage_writes_nothing(ledger: Ledger) -> None:
    ledger.send(NEW)
    before = ledger.revision()

    sweep(ledger)

    assert ledger.revision() == before
    assert ledger.rows("SELECT records_from FROM organization WHERE org_id = 'acme'") == [(None,)]


def test_pruner_deletes_records_older_than_the_setting(ledger: Ledger) -> None:
    ledger.send(OLD)
    age = day_of(clock.now()) - day_of(1_772_366_340_000_000)
    kept = make_pruner(ledger.engine, None, retention_sweep(ledger.engine, age))
    expired = make_pruner(ledger.engine, None, retention_sweep(ledger.engine, age - 1))
    assert kept is not None
    assert expired is not None

    while kept():
        pass
    assert ids(ledger) == ["old"]
    while expired():
        pass
    assert ids(ledger) == []
    assert make_pruner(ledger.engine, None, retention_sweep(ledger.engine, None)) is None


def test_merge_adds_the_totals_of_days_without_records(swept: Ledger) -> None:
    swept.send(conversation("other"), org_id="other")
    with writing(swept.engine) as connection:
        begin_merge(connection, ORG, "other", Actor("operator", "root"), clock.now())
    for _ in merge_usage(swept.engine, ORG, "other", 1):
        assert swept.summary().total_calls + swept.summary(org_id="other").total_calls == 3
        assert swept.verify("other") == []

    assert swept.summary(org_id="other").voice_duration_ms == 180_000
    assert swept.send(OLD | {"id": "again"}, org_id="other").stale == 1
    assert swept.rows("SELECT records_from FROM organization WHERE org_id = 'other'") == [(LIMIT,)]


def test_repair_changes_no_total_of_a_day_without_records(swept: Ledger) -> None:
    swept.send(conversation("late", duration=10))
    swept.damage("UPDATE conversation SET status = 'ringing', hash = :hash WHERE id = 'late'", hash=b"wrong")

    swept.verify(repair=True)

    assert swept.summary("2026-03-01", "2026-03-02").total_calls == 2


BY_ANN = ValueFilter("agent", "ann")


def series(
    ledger: Ledger,
    from_: str,
    to: str,
    interval: Interval,
    mode: Mode = "none",
    filter_: ValueFilter | None = None,
) -> Series:
    query = series_query(ORG, read_window(from_, to, 0), NOW, interval, mode, filter_)
    with reading(ledger.engine) as connection:
        return read_series(connection, query)


def test_series_of_whole_days_comes_from_the_totals(swept: Ledger) -> None:
    answer = series(swept, "2026-03-01", "2026-04-01", "day", filter_=BY_ANN)

    assert isinstance(answer, CallSeries)
    assert answer.total_calls == 2
    assert len(series(swept, "2026-03-10", "2026-03-11", "hour").points) == 24


def test_series_of_old_hours_and_parts_of_days_is_refused(swept: Ledger) -> None:
    deleted = pytest.raises(Unprocessable, match="Records before 2026-03-10 were deleted")
    with deleted:
        series(swept, "2026-03-01", "2026-03-02", "hour")
    with deleted:
        series(swept, "2026-03-01T06:00", "2026-03-20", "day", filter_=BY_ANN)
    with deleted:
        series(swept, "2026-03-01T06:00", "2026-03-20", "week")


def test_series_is_not_compared_with_hours_whose_records_were_deleted(swept: Ledger) -> None:
    answer = series(swept, "2026-03-10", "2026-03-11", "hour", "previous")

    assert answer.comparison is None
    assert answer.then is None
