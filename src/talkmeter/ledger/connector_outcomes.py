"""Counts of what became of each connector's messages, per day; they are shown as the connector's health."""

from typing import Final, Literal, NamedTuple

from sqlalchemy import Connection, bindparam, select

from talkmeter.db import tables
from talkmeter.db.statements import Compiled, OnConflict, insert_rows, integer
from talkmeter.ledger.batch import Bin

MessageOutcome = Bin | Literal["ignored", "rejected"]
"""What became of a connector's message: a bin of the ledger, of a type that is not metered, or not proved."""
IGNORED: Final = "ignored"
REJECTED: Final = "rejected"
_outcome = tables.connector_outcome.c
_OUTCOMES = Compiled(
    select(_outcome.day, _outcome.outcome, _outcome.detail, _outcome.messages, _outcome.last_at)
    .where(_outcome.connector_id == bindparam("id"), _outcome.day >= bindparam("first"))
    .order_by(_outcome.day, _outcome.outcome, _outcome.detail)
)


class DailyOutcome(NamedTuple):
    """How many messages of a day (since 1970) came to one outcome, and when the last did, in microseconds.

    `detail` is the type of ignored messages, and empty of all others.
    """

    day: int
    outcome: str
    detail: str
    messages: int
    last_at: int


def add_daily_outcomes(connection: Connection, tallies: list[tuple[str, DailyOutcome]]) -> None:
    """Add to what became of connectors' messages."""
    rows = sorted((id_, *tally) for id_, tally in tallies)
    insert_rows(connection, tables.connector_outcome, rows, OnConflict.TALLY)


def read_daily_outcomes(connection: Connection, id_: str, first: int) -> list[DailyOutcome]:
    """What became of a connector's messages since a day, in order."""
    return [
        DailyOutcome(integer(day), str(outcome), str(detail), integer(messages), integer(last_at))
        for day, outcome, detail, messages, last_at in _OUTCOMES.run(connection, (id_, first))
    ]
