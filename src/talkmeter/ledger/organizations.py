"""The directory of organizations: who exists. It is read where no organization is named."""

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
    """An organization of the directory; `name` is None where nobody gave one."""

    org_id: str
    name: str | None


def add_organization(connection: Connection, org_id: str, name: str | None, now: int) -> None:
    """Add an organization, or give the one that exists another name (None: leave its name as it is)."""
    lock_organization(connection, org_id, now)
    on_conflict = OnConflict.KEEP if name is None else OnConflict.REPLACE
    insert_rows(connection, tables.organization_directory, [(org_id, name, now)], on_conflict)


def list_organizations(connection: Connection) -> list[Organization]:
    """All organizations, in order of their ids."""
    return [
        Organization(str(org_id), None if name is None else str(name)) for org_id, name in _LIST.run(connection, ())
    ]


def organization_exists(connection: Connection, org_id: str) -> bool:
    """Whether the directory knows an organization."""
    return bool(_FIND.run(connection, (org_id,)))


def names_of(connection: Connection, org_ids: Iterable[str]) -> dict[str, str]:
    """The names of organizations, as far as they have one."""
    rows = _NAMES.run_in(connection, (), list(org_ids))
    return {str(org_id): str(name) for org_id, name in rows if name}
