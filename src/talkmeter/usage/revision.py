"""The revision of an organization: the version of its data, from which ETags are made."""

from typing import NamedTuple

from sqlalchemy import bindparam, func, select

from talkmeter.db import tables
from talkmeter.db.engine import Connection
from talkmeter.db.statements import Compiled, integer
from talkmeter.period import Present

_org = tables.organization.c
_call = tables.conversation.c
_newest_stale = (
    select(func.max(_call.time))
    .where(_call.org_id == bindparam("org"), tables.MAY_BE_STALE, _call.time < bindparam("before"))
    .scalar_subquery()
)
_REVISION = Compiled(
    select(_org.revision, _org.last_event_at, _newest_stale).where(_org.org_id == bindparam("org_again"))
)


class Revision(NamedTuple):
    """The version of an organization's data; `revision` is a new value after every write that can change an answer.

    `last_event_at` is in microseconds, or None before the first event. `newest_stale` is the time of the newest event
    of a stale conversation. While `revision` stays the same, passing time can only make more conversations stale, so
    `newest_stale` identifies the set of stale ones.
    """

    revision: str
    last_event_at: int | None
    newest_stale: int | None = None


def read_revision(connection: Connection, org_id: str, present: Present) -> Revision:
    """Return the organization's revision; before its first event the revision is empty."""
    rows = _REVISION.run(connection, (org_id, present.stale_before, org_id))
    if not rows:
        return Revision("", None)
    revision, *instants = rows[0]
    last_event_at, newest_stale = (None if instant is None else integer(instant) for instant in instants)
    return Revision(str(revision), last_event_at, newest_stale)
