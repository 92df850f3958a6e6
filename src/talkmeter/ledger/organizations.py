"""The directory of organizations, for queries that are not about a single organization."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, select

from talkmeter.db import tables
from talkmeter.db.statements import Compiled, OnConflict, insert_rows
from talkmeter.ledger.write import lock_organization

_directory = tables.organization_directory.c
_LIST = Compiled(select(_directory.org_id, _directory.name).order_by(_directory.org_id))
_FIND = Compiled(select(_directory.org_id).where(_directory.org_id == bindparam("org")))
_NAMES = Compiled(
    select(_directory.org_id, _directory.name).where(_directory.org_id.in_(bindparam("orgs", expanding=True)))
)


class Organization(NamedTuple):
    """A row of the directory; `name` is None if the organization has no name."""

    org_id: str
    name: str | None


def add_organization(connection: Connection, org_id: str, name: str | None, now: int) -> None:
    """Add an organization, or rename an existing one; None keeps its name."""
    lock_organization(connection, org_id, now)
    on_conflict = OnConflict.KEEP if name is None else OnConflict.REPLACE
    insert_rows(connection, tables.organization_directory, [(org_id, name, now)], on_conflict)


def list_organizations(connection: Connection) -> list[Organization]:
    """Return all organizations, in order of their ids."""
    return [
        Organization(str(org_id), None if name is None else str(name)) for org_id, name in _LIST.run(connection, ())
    ]


def organization_exists(connection: Connection, org_id: str) -> bool:
    """Return whether the directory contains an organization."""
    return bool(_FIND.run(connection, (org_id,)))


def read_organization_names(connection: Connection, org_ids: Iterable[str]) -> dict[str, str]:
    """Return the names of organizations by id; organizations without a name are left out."""
    rows = _NAMES.run_in(connection, (), list(org_ids))
    return {str(org_id): str(name) for org_id, name in rows if name}
