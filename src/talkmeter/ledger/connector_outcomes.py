"""Daily counts of the outcomes of each connector's messages, shown as the connector's health."""

from typing import Final, Literal, NamedTuple

from sqlalchemy import Connection, bindparam, select

from talkmeter.db import tables
from talkmeter.db.statements import Compiled, OnConflict, insert_rows, integer
from talkmeter.ledger.batch import EventResult

MessageOutcome = EventResult | Literal["ignored", "rejected"]
"""The outcome of a connector's message: the event's result, ignored (its type is not metered) or rejected (not
verified).
"""
IGNORED: Final = "ignored"
REJECTED: Final = "rejected"
_outcome = tables.connector_outcome.c
_OUTCOMES = Compiled(
    select(_outcome.day, _outcome.outcome, _outcome.detail, _outcome.messages, _outcome.last_at)
    .where(_outcome.connector_id == bindparam("id"), _outcome.day >= bindparam("first"))
    .order_by(_outcome.day, _outcome.outcome, _outcome.detail)
)


class DailyOutcome(NamedTuple):
    """The number of messages with one outcome on a day (since 1970); `last_at` is the last one's time (microseconds).

    `detail` is the type of ignored messages. For messages that were read, it names what they do not say, separated by
    ", ": their default values may be wrong. Otherwise it is empty.
    """

    day: int
    outcome: str
    detail: str
    messages: int
    last_at: int


def add_daily_outcomes(connection: Connection, tallies: list[tuple[str, DailyOutcome]]) -> None:
    """Add counts of outcomes, by connector id."""
    rows = sorted((id_, *tally) for id_, tally in tallies)
    insert_rows(connection, tables.connector_outcome, rows, OnConflict.TALLY)


def read_daily_outcomes(connection: Connection, id_: str, first: int) -> list[DailyOutcome]:
    """Return the outcomes of a connector's messages since the day `first`, in order."""
    return [
        DailyOutcome(integer(day), str(outcome), str(detail), integer(messages), integer(last_at))
        for day, outcome, detail, messages, last_at in _OUTCOMES.run(connection, (id_, first))
    ]
