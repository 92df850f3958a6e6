"""Connector health on every database: silence, limits, and which organization's connectors are shown."""

from collections.abc import Callable
from typing import Final, get_args

import pytest

from talkmeter.accounts.connectors import add_connector, disable_connector
from talkmeter.api.connector_health import MAX_TYPE_LENGTH, MAX_TYPES, OTHER_TYPES, OutcomeBuffer
from talkmeter.db.engine import Connection, reading, writing
from talkmeter.ledger.connector_outcomes import DailyOutcome, MessageOutcome, add_daily_outcomes, read_daily_outcomes
from talkmeter.period import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR, day_of, read_instant
from talkmeter.usage.activity import ConnectorActivity, read_activity
from talkmeter.usage.connectors import (
    ConnectorHealth,
    Connectors,
    OutcomeCounts,
    OutcomesOfDay,
    read_connectors,
)
from tests.event_loop import run_coroutine
from tests.events import conversation
from tests.store.ledger import Ledger

LAST_MESSAGE: Final = read_instant("2026-03-08T05:30:00Z")
LAST_DAY: Final = day_of(LAST_MESSAGE)
OUTCOMES: Final = [name for part in get_args(MessageOutcome) for name in (get_args(part) or [part])]


def connect(ledger: Ledger, org_id: str = "acme", created_at: int = 0) -> str:
    with writing(ledger.engine) as connection:
        return add_connector(connection, org_id, "twilio", b"locked", created_at)


def add_messages(ledger: Ledger, id_: str, *days: int, outcome: MessageOutcome = "accepted", messages: int = 1) -> None:
    """Add messages of a connector on some days, at the time of day of `LAST_MESSAGE`."""
    time = LAST_MESSAGE % MICROSECONDS_PER_DAY
    tallies = [(id_, DailyOutcome(day, outcome, "", messages, day * MICROSECONDS_PER_DAY + time)) for day in days]
    with writing(ledger.engine) as connection:
        add_daily_outcomes(connection, tallies)


def read_health(ledger: Ledger, hours: int = 0, org_id: str = "acme") -> Connectors:
    """Return an organization's connectors some hours after `LAST_MESSAGE`."""
    with reading(ledger.engine) as connection:
        return read_connectors(connection, org_id, LAST_MESSAGE + hours * MICROSECONDS_PER_HOUR)


def health(ledger: Ledger, hours: int = 0) -> ConnectorHealth:
    [connector] = read_health(ledger, hours).connectors
    return connector


def test_activity_has_the_last_messages_of_active_connectors_and_the_newest_event(ledger: Ledger) -> None:
    busy, unused, disabled = (connect(ledger, org_id) for org_id in ("acme", "globex", "acme"))
    add_messages(ledger, busy, LAST_DAY - 40, LAST_DAY - 1, LAST_DAY)
    add_messages(ledger, busy, LAST_DAY - 3, outcome="rejected")
    add_messages(ledger, disabled, LAST_DAY)
    with writing(ledger.engine) as connection:
        assert disable_connector(connection, disabled, LAST_MESSAGE)
    with reading(ledger.engine) as connection:
        before = read_activity(connection)
    ledger.send(conversation())

    with reading(ledger.engine) as connection:
        newest = read_activity(connection).newest_event_at

    assert before.newest_event_at is None
    assert sorted(before.connectors) == sorted(
        [
            ConnectorActivity(busy, "twilio", LAST_MESSAGE, LAST_MESSAGE - 3 * MICROSECONDS_PER_DAY),
            ConnectorActivity(unused, "twilio", None, None),
        ]
    )
    assert newest == ledger.rows("SELECT max(last_event_at) FROM organization")[0][0]


SEVEN_DAYS: Final = tuple(range(LAST_DAY - 6, LAST_DAY + 1))


@pytest.mark.parametrize(("hours", "silent"), [(0, None), (23, None), (24, 24), (31, 31), (24 * 400, 24 * 400)])
def test_connector_with_daily_messages_is_silent_after_24_hours_without_one(
    ledger: Ledger, hours: int, silent: int | None
) -> None:
    add_messages(ledger, connect(ledger), *SEVEN_DAYS)

    assert health(ledger, hours).silent_hours == silent
    assert health(ledger, hours).last_event_at == "2026-03-08T05:30:00Z"


@pytest.mark.parametrize("missing", SEVEN_DAYS[:-1], ids=range(6))
def test_connector_without_messages_every_day_is_never_silent(ledger: Ledger, missing: int) -> None:
    id_ = connect(ledger)
    add_messages(ledger, id_, LAST_DAY - 8, LAST_DAY - 7, *(day for day in SEVEN_DAYS if day != missing))
    add_messages(ledger, id_, missing, outcome="rejected")

    assert health(ledger, 48).silent_hours is None


def test_rejected_messages_do_not_end_silence(ledger: Ledger) -> None:
    id_ = connect(ledger)
    add_messages(ledger, id_, *SEVEN_DAYS)
    add_messages(ledger, id_, LAST_DAY + 1, LAST_DAY + 2, outcome="rejected", messages=3)

    found = health(ledger, 48)
    assert (found.silent_hours, found.last_rejected_at) == (48, "2026-03-10T05:30:00Z")
    assert (found.outcomes.accepted, found.outcomes.rejected) == (5, 6)


@pytest.mark.parametrize("outcome", [name for name in OUTCOMES if name != "rejected"])
def test_message_with_any_other_outcome_ends_silence(ledger: Ledger, outcome: MessageOutcome) -> None:
    id_ = connect(ledger)
    add_messages(ledger, id_, *SEVEN_DAYS)
    add_messages(ledger, id_, LAST_DAY + 1, outcome=outcome)

    found = health(ledger, 25)
    assert (found.silent_hours, found.last_event_at) == (None, "2026-03-09T05:30:00Z")


def test_disabled_connector_is_not_silent_and_is_listed_last(ledger: Ledger) -> None:
    first, second, third = (connect(ledger, created_at=created_at) for created_at in range(3))
    add_messages(ledger, first, *SEVEN_DAYS)
    with writing(ledger.engine) as connection:
        disable_connector(connection, first, LAST_MESSAGE)

    found = read_health(ledger, 48)
    assert [connector.id for connector in found.connectors] == [second, third, first]
    disabled = found.connectors[-1]
    assert (disabled.disabled_at, disabled.silent_hours) == ("2026-03-08T05:30:00Z", None)
    assert disabled.last_event_at == "2026-03-08T05:30:00Z"
    assert (found.as_of, found.organization_id) == ("2026-03-10T05:30:00Z", "acme")


def test_outcomes_of_seven_days_add_up(ledger: Ledger) -> None:
    id_ = connect(ledger)
    for number, outcome in enumerate(OUTCOMES, start=1):
        add_messages(ledger, id_, *range(LAST_DAY - 9, LAST_DAY + 2), outcome=outcome, messages=number)

    found = health(ledger)
    assert [day.date for day in found.days] == [f"2026-03-0{day}" for day in range(2, 9)]
    names = OutcomeCounts.__struct_fields__
    assert [getattr(day, name) for day in found.days for name in names] == [1, 2, 3, 4, 5, 6, 7] * 7
    assert [getattr(found.outcomes, name) for name in names] == [7, 14, 21, 28, 35, 42, 49]


def test_there_is_a_count_for_every_outcome() -> None:
    assert list(OutcomeCounts.__struct_fields__) == OUTCOMES
    assert list(OutcomesOfDay.__struct_fields__) == ["date", *OUTCOMES]


def test_new_connector_has_seven_empty_days(ledger: Ledger) -> None:
    connect(ledger)

    found = health(ledger)
    assert (found.last_event_at, found.last_rejected_at, found.silent_hours) == (None, None, None)
    assert (found.open_conversations, found.ignored_types, len(found.days)) == (0, [], 7)


def test_organization_sees_only_its_own_connectors(ledger: Ledger) -> None:
    mine, other = connect(ledger), connect(ledger, "other")
    add_messages(ledger, other, *SEVEN_DAYS)

    assert [connector.id for connector in read_health(ledger).connectors] == [mine]
    assert health(ledger).outcomes.accepted == 0
    assert read_health(ledger, org_id="nobody").connectors == []


def test_open_conversations_are_live_ones_whose_winning_state_is_the_connectors(ledger: Ledger) -> None:
    mine, second = connect(ledger), connect(ledger)
    live = {"created_at": "2026-03-08T05:00:00Z", "duration": None}
    events = [
        (mine, conversation("ringing", status="ringing", **live)),
        (mine, conversation("talking", status="in_progress", **live)),
        (mine, conversation("over", status="completed")),
        (mine, conversation("resting", status="in_progress", channel="email", **live)),
        (second, conversation("second", status="triggered", **live)),
        (f"{mine}0", conversation("of a longer id", status="ringing", **live)),
    ]
    ledger.send(*({**event, "source": f"/connectors/{id_}"} for id_, event in events))
    ledger.send(conversation("by itself", status="ringing", **live))

    open_ = {connector.id: connector.open_conversations for connector in read_health(ledger).connectors}
    assert open_ == {mine: 2, second: 1}


def write_ignored(ledger: Ledger, id_: str, *types: str, outcomes: OutcomeBuffer) -> list[DailyOutcome]:
    """Add ignored messages, write the buffer, and return the connector's stored outcomes."""
    for type_ in types:
        outcomes.add_ignored(id_, type_)
    with writing(ledger.engine) as connection:
        outcomes.write(connection)
    with reading(ledger.engine) as connection:
        return read_daily_outcomes(connection, id_, 0)


def test_message_type_is_stored_short_and_printable(ledger: Ledger) -> None:
    kept = write_ignored(ledger, connect(ledger), "\x1b[31mred\n" * 20, "", outcomes=OutcomeBuffer())

    first, second = sorted(tally.detail for tally in kept)
    assert first == ("?[31mred?" * 20)[:MAX_TYPE_LENGTH]
    assert second == OTHER_TYPES


def test_number_of_message_types_per_connector_is_limited(ledger: Ledger) -> None:
    first, second, outcomes = connect(ledger), connect(ledger), OutcomeBuffer()
    types = [f"type-{number:02}" for number in range(MAX_TYPES + 5)]
    write_ignored(ledger, first, *types, outcomes=outcomes)
    kept = write_ignored(ledger, first, types[0], types[-1], outcomes=outcomes)

    expected = dict.fromkeys(types[:MAX_TYPES], 1) | {types[0]: 2, OTHER_TYPES: 6}
    assert {tally.detail: tally.messages for tally in kept} == expected
    assert [tally.detail for tally in write_ignored(ledger, second, types[-1], outcomes=outcomes)] == [types[-1]]


def test_outcomes_of_a_failed_write_are_written_the_next_time(ledger: Ledger) -> None:
    id_, outcomes = connect(ledger), OutcomeBuffer()

    async def fail(_change: Callable[[Connection], None]) -> None:
        outcomes.add(id_, "accepted", 2)
        raise OSError("the disk is full")

    async def succeed(change: Callable[[Connection], None]) -> None:
        with writing(ledger.engine) as connection:
            change(connection)

    outcomes.add(id_, "accepted", 5)
    outcomes.add_ignored(id_, "recording")
    with pytest.raises(OSError, match="the disk is full"):
        run_coroutine(outcomes.flush(fail))
    for _ in range(2):
        run_coroutine(outcomes.flush(succeed))
    with reading(ledger.engine) as connection:
        kept = {tally.detail: tally.messages for tally in read_daily_outcomes(connection, id_, 0)}
    assert kept == {"": 7, "recording": 1}
