"""What an answer depends on: the organization's revision and the clock, read first in the snapshot of the answer."""

from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, select

from talkmeter.ledger import tables
from talkmeter.ledger.statements import Compiled, integer
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
    rows = _REVISION.run(connection, (org_id, present.stale_before, org_id))
    if not rows:
        return Revision("", None)
    revision, *instants = rows[0]
    last_event_at, newest_silent = (None if instant is None else integer(instant) for instant in instants)
    return Revision(str(revision), last_event_at, newest_silent)
