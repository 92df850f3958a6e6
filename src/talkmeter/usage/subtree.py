"""Subtrees: which organizations a query reads, and the revision of their usage, from one snapshot."""

from hashlib import sha256
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta
from msgspec.structs import replace
from sqlalchemy import Connection, bindparam, func, select

from talkmeter.db import tables
from talkmeter.db.statements import Compiled, integer
from talkmeter.ledger.organization_rows import Members
from talkmeter.ledger.organizations import read_organization_names
from talkmeter.ledger.parents import read_members
from talkmeter.period import Present
from talkmeter.usage.breakdown_query import BreakdownQuery
from talkmeter.usage.revision import Revision, read_revision
from talkmeter.usage.summary import SummaryQuery

_org = tables.organization.c
_call = tables.conversation.c
_REVISIONS = Compiled(
    select(_org.org_id, _org.revision, _org.last_event_at).where(_org.org_id.in_(bindparam("members", expanding=True)))
)
_NEWEST_STALE = Compiled(
    select(_call.org_id, func.max(_call.time))
    .where(
        tables.MAY_BE_STALE,
        _call.time < bindparam("before"),
        _call.org_id.in_(bindparam("members", expanding=True)),
    )
    .group_by(_call.org_id)
)
SubtreeQuery = TypeVar("SubtreeQuery", bound=SummaryQuery | BreakdownQuery)


class MemberOrganization(msgspec.Struct, frozen=True, kw_only=True):
    """An organization of a subtree."""

    organization_id: str
    name: str | None
    parent_id: Annotated[str | None, Meta(description="The organization above it; null: the root of the subtree.")]


class MemberOrganizations(msgspec.Struct, frozen=True, kw_only=True):
    """The organizations of a subtree now: the root first, then level by level."""

    organizations: list[MemberOrganization]


def read_member_organizations(connection: Connection, org_id: str) -> MemberOrganizations:
    """Return the organization and all below it. Raises Unprocessable if there are too many."""
    members = read_members(connection, org_id)
    names = read_organization_names(connection, members)
    return MemberOrganizations(
        organizations=[
            MemberOrganization(organization_id=member, name=names.get(member), parent_id=parent)
            for member, parent in members.items()
        ]
    )


def with_members(connection: Connection, query: SubtreeQuery) -> tuple[SubtreeQuery, Revision]:
    """Return a query with the members of its subtree, if it asks for one, and the revision of its organizations.

    Raises Unprocessable if the subtree has too many members.
    """
    if not query.subtree:
        return query, read_revision(connection, query.org_id, query.present)
    members = tuple(read_members(connection, query.org_id))
    revision = _read_revisions(connection, members, query.present)
    return replace(query, members=members), revision


def _read_revisions(connection: Connection, members: Members, present: Present) -> Revision:
    """Return one revision, which changes with the members and with the revision of each."""
    rows = {str(org_id): (revision, at) for org_id, revision, at in _REVISIONS.run_in(connection, (), members)}
    stale = {
        str(org_id): integer(time)
        for org_id, time in _NEWEST_STALE.run_in(connection, (present.stale_before,), members)
    }
    of_members = [(member, rows.get(member), stale.get(member)) for member in members]
    stored_at = [integer(at) for _, at in rows.values() if at is not None]
    return Revision(sha256(repr(of_members).encode()).hexdigest()[:16], max(stored_at, default=None))
