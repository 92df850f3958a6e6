"""What an answer depends on: the organization's revision, read first in the snapshot of the answer."""

from typing import NamedTuple

from sqlalchemy import Connection, bindparam, select

from talkmeter.ledger import tables
from talkmeter.ledger.statements import Compiled, integer

_org = tables.organization.c
_REVISION = Compiled(select(_org.revision, _org.last_event_at).where(_org.org_id == bindparam("org")))


class Revision(NamedTuple):
    """Changes with every write that can change an answer; `last_event_at` in microseconds, None: never heard of."""

    revision: str
    last_event_at: int | None


def read_revision(connection: Connection, org_id: str) -> Revision:
    """The organization's revision; an organization nobody sent for has the empty one."""
    rows = _REVISION.run(connection, (org_id,))
    if not rows:
        return Revision("", None)
    revision, last_event_at = rows[0]
    return Revision(str(revision), None if last_event_at is None else integer(last_event_at))
