"""The rows of organizations: their locks, their revisions, and what a writer must know before it writes."""

import secrets
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, select, update

from talkmeter.db import tables
from talkmeter.db.statements import Compiled, OnConflict, Row, insert_rows, integer

Members = tuple[str, ...]
Organizations = str | Members
"""One organization, or the members of a subtree."""
_org = tables.organization.c
_LOCKED = (_org.org_id, _org.revision, _org.last_event_at, _org.closed, _org.records_from, _org.has_erased)
_LOCK = Compiled(select(*_LOCKED).where(_org.org_id == bindparam("org")).with_for_update())
_LOCK_SEVERAL = Compiled(
    select(*_LOCKED).where(_org.org_id.in_(bindparam("orgs", expanding=True))).order_by(_org.org_id).with_for_update()
)
_RECORDS_FROM = Compiled(select(_org.records_from).where(_org.org_id == bindparam("org")))
_MEMBERS_RECORDS_FROM = Compiled(
    select(func.max(_org.records_from)).where(_org.org_id.in_(bindparam("members", expanding=True)))
)
_SET_RECORDS_FROM = Compiled(
    update(tables.organization).values(records_from=bindparam("day")).where(_org.org_id == bindparam("org"))
)


def new_revision() -> str:
    """Return a new random revision; an organization gets one whenever its answers may change."""
    return secrets.token_hex(8)


class LockedOrganization(NamedTuple):
    """What the row of a locked organization says; `last_event_at` is in microseconds."""

    revision: str
    last_event_at: int | None
    closed: bool
    """Whether it accepts no events: it is or was merged or deleted."""
    records_from: int
    """The first day (since 1970) whose records are stored; 0: none were deleted because of their age."""
    has_erased: bool
    """Whether identifying data of some records was erased."""


def organization_row(org_id: str, last_event_at: int | None) -> Row:
    """Return the row of an open organization, with a new revision."""
    return (org_id, new_revision(), last_event_at, None, None, None)


def lock_organizations(connection: Connection, org_ids: Sequence[str]) -> dict[str, LockedOrganization]:
    """Lock the rows of organizations in the order of their ids, inserting those that are absent."""
    locked = _lock(connection, sorted(org_ids))
    if missing := sorted(set(org_ids) - locked.keys()):
        rows = [organization_row(org_id, None) for org_id in missing]
        insert_rows(connection, tables.organization, rows, OnConflict.KEEP)
        locked |= _lock(connection, missing)
    return locked


def _lock(connection: Connection, org_ids: Sequence[str]) -> dict[str, LockedOrganization]:
    # Citus takes FOR UPDATE only for one organization.
    rows = _LOCK.run(connection, (org_ids[0],)) if len(org_ids) == 1 else _LOCK_SEVERAL.run_in(connection, (), org_ids)
    return {
        str(org_id): LockedOrganization(
            str(revision),
            None if last_event_at is None else integer(last_event_at),
            bool(closed),
            integer(records_from),
            bool(has_erased),
        )
        for org_id, revision, last_event_at, closed, records_from, has_erased in rows
    }


def lock_organization(connection: Connection, org_id: str) -> LockedOrganization:
    """Lock one organization's row, inserting it if absent."""
    return lock_organizations(connection, [org_id])[org_id]


def renew_revision(connection: Connection, org_id: str, last_event_at: int | None) -> None:
    """Give an organization a new revision, which invalidates cached answers."""
    renew_revisions(connection, [(org_id, last_event_at)])


def renew_revisions(connection: Connection, organizations: Iterable[tuple[str, int | None]]) -> None:
    """Give locked organizations new revisions; each has its `last_event_at`, in order of their ids."""
    rows = [organization_row(org_id, last_event_at) for org_id, last_event_at in organizations]
    insert_rows(connection, tables.organization, rows, OnConflict.REVISE)


def read_records_from(connection: Connection, organizations: Organizations) -> int:
    """Return the first day (since 1970) whose records are stored, of all members.

    It is 0 if no records were deleted because of their age.
    """
    if isinstance(organizations, str):
        rows = _RECORDS_FROM.run(connection, (organizations,))
    else:
        rows = list(_MEMBERS_RECORDS_FROM.run_in(connection, (), organizations))
    return integer(rows[0][0]) if rows else 0


def set_records_from(connection: Connection, org_id: str, day: int) -> None:
    """Store the first day whose records are stored, in a transaction that has locked the organization."""
    _SET_RECORDS_FROM.change(connection, (day, org_id))
