"""When events and connectors' messages last arrived, of all organizations together, for monitoring."""

from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, ScalarSelect, func, literal_column, select

from talkmeter.db import tables
from talkmeter.db.statements import Compiled, integer
from talkmeter.ledger.connector_outcomes import REJECTED

_REJECTED: ColumnElement[str] = literal_column(f"'{REJECTED}'")
_connector = tables.connector.c
_outcome = tables.connector_outcome.c


def _last_at(condition: ColumnElement[bool]) -> ScalarSelect[int]:
    """Return the time of a connector's last message that meets the condition."""
    return (
        select(_outcome.last_at)
        .where(_outcome.connector_id == _connector.id, condition)
        .order_by(_outcome.day.desc(), _outcome.last_at.desc())
        .limit(1)
        .scalar_subquery()
    )


_NEWEST = Compiled(select(func.max(tables.organization.c.last_event_at)))
_CONNECTORS = Compiled(
    select(
        _connector.id,
        _connector.provider,
        _last_at(_outcome.outcome != _REJECTED),
        _last_at(_outcome.outcome == _REJECTED),
    ).where(_connector.disabled_at.is_(None))
)


class ConnectorActivity(NamedTuple):
    """An active connector; times are in microseconds, None if there was no such message."""

    id: str
    provider: str
    last_message_at: int | None
    last_rejected_at: int | None


class Activity(NamedTuple):
    """When the newest event was stored (microseconds; None: there are no events), and the active connectors."""

    newest_event_at: int | None
    connectors: list[ConnectorActivity]


def read_activity(connection: Connection) -> Activity:
    """Return the activity of all organizations."""
    [(newest,)] = _NEWEST.run(connection, ())
    connectors = [
        ConnectorActivity(str(id_), str(provider), *(None if at is None else integer(at) for at in times))
        for id_, provider, *times in _CONNECTORS.run(connection, ())
    ]
    return Activity(None if newest is None else integer(newest), connectors)
