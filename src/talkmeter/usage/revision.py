"""What an answer depends on: the organization's revision and the clock, read first in the snapshot of the answer."""

from typing import NamedTuple

from sqlalchemy import bindparam, func, select

from talkmeter.db import tables
from talkmeter.db.autocommit import AutocommitConnections
from talkmeter.db.engine import Connection
from talkmeter.db.statements import Compiled, Row, integer
from talkmeter.period import Present

_org = tables.organization.c
_call = tables.conversation.c
_newest_silent = (
    select(func.max(_call.time))
    .where(_call.org_id == bindparam("org"), tables.MAY_BE_STALE, _call.time < bindparam("before"))
    .scalar_subquery()
)
_REVISION = Compiled(
    select(_org.revision, _org.last_event_at, _newest_silent).where(_org.org_id == bindparam("org_again"))
)


class Revision(NamedTuple):
    """Changes with every write that can change an answer; `last_event_at` in microseconds, None: never heard of.

    As long as the revision stays, time can only add to the conversations that have gone silent, so the newest event
    of any of them tells which they are.
    """

    revision: str
    last_event_at: int | None
    newest_silent: int | None = None


def read_revision(connection: Connection, org_id: str, present: Present) -> Revision:
    """The organization's revision; an organization nobody sent for has the empty one."""
    return _revision(_REVISION.run(connection, _parameters(org_id, present)))


def peek_revision(peeks: AutocommitConnections, org_id: str, present: Present) -> Revision:
    """As `read_revision`, outside of a transaction: whoever reads more after it may find another one."""
    return _revision(peeks.rows(_REVISION, _parameters(org_id, present)))


def _parameters(org_id: str, present: Present) -> Row:
    return org_id, present.stale_before, org_id


def _revision(rows: list[Row]) -> Revision:
    if not rows:
        return Revision("", None)
    revision, *instants = rows[0]
    last_event_at, newest_silent = (None if instant is None else integer(instant) for instant in instants)
    return Revision(str(revision), last_event_at, newest_silent)
