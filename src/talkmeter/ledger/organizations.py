"""The directory of organizations: which ones exist, and their names.

An organization's row in the directory is committed before anything else is written for it. Each process makes sure of
that once for each organization, so a crash between the two commits heals itself.
"""

from collections.abc import Iterable
from enum import StrEnum
from threading import Lock
from typing import Final, NamedTuple

from cachetools import LRUCache
from sqlalchemy import Connection, Engine, bindparam, select, update

from talkmeter import clock
from talkmeter.db import tables
from talkmeter.db.damage import UNREADABLE_VALUES, damaged_row, skip_damaged
from talkmeter.db.engine import transaction
from talkmeter.db.statements import Compiled, OnConflict, Row, insert_rows
from talkmeter.db.watch import Watch

KNOWN_ORGANIZATIONS: Final = 100_000
_directory = tables.organization_directory.c
_LISTED = (_directory.org_id, _directory.name, _directory.closed, _directory.merged_into)
_LIST = Compiled(select(*_LISTED).order_by(_directory.org_id), checked=False)
_WITH_USAGE = Compiled(select(tables.organization.c.org_id))
_FIND = Compiled(select(*_LISTED).where(_directory.org_id == bindparam("org")), checked=False)
_RENAME = Compiled(
    update(tables.organization_directory)
    .where(_directory.org_id == bindparam("org"))
    .values(name=bindparam("new_name"))
)
_NAMES = Compiled(
    select(_directory.org_id, _directory.name).where(_directory.org_id.in_(bindparam("orgs", expanding=True))),
    checked=False,
)


class Closed(StrEnum):
    """Why an organization is closed. A closed one accepts no events, and its keys, grants and sessions have ended."""

    MERGING = "merging"
    MERGED = "merged"
    DELETING = "deleting"
    DELETED = "deleted"


class Organization(NamedTuple):
    """A row of the directory; `name` is None if the organization has no name, `closed` if it is open."""

    org_id: str
    name: str | None
    closed: Closed | None = None
    merged_into: str | None = None


class Directory:
    """Adds organizations to the directory when they are first written. Thread-safe."""

    def __init__(self) -> None:
        """Assume nothing about the directory."""
        self._known: LRUCache[str, None] = LRUCache(KNOWN_ORGANIZATIONS)
        self._lock = Lock()

    def add_missing(self, engine: Engine, org_ids: Iterable[str], watch: Watch) -> None:
        """Insert the rows of organizations that this process has not seen in the directory, and commit."""
        with self._lock:
            # Events without an organization are quarantined under the empty id.
            unknown = sorted(org_id for org_id in org_ids if org_id and org_id not in self._known)
        if not unknown:
            return
        with transaction(engine, watch) as connection:
            listed = {str(org_id) for org_id, _ in _NAMES.run_in(connection, (), unknown)}
            rows = [directory_row(org_id, None, clock.now()) for org_id in unknown if org_id not in listed]
            insert_rows(connection, tables.organization_directory, rows, OnConflict.KEEP)
        with self._lock:
            self._known.update(dict.fromkeys(unknown))


def add_organization(connection: Connection, org_id: str, name: str | None, now: int) -> None:
    """Add an organization, or rename an existing one; None keeps its name."""
    insert_rows(connection, tables.organization_directory, [directory_row(org_id, name, now)], OnConflict.KEEP)
    if name is not None:
        rename_organization(connection, org_id, name)


def rename_organization(connection: Connection, org_id: str, name: str | None) -> None:
    """Set an organization's display name; None removes it."""
    _RENAME.change(connection, (name, org_id))


def find_organization(connection: Connection, org_id: str) -> Organization | None:
    """Return an organization, open or closed."""
    rows = _FIND.run(connection, (org_id,))
    return _decode(rows[0]) if rows else None


def is_open(connection: Connection, org_id: str) -> bool:
    """Return whether an organization exists and is neither merged nor deleted."""
    found = find_organization(connection, org_id)
    return found is not None and found.closed is None


def list_organizations(connection: Connection) -> list[Organization]:
    """Return all organizations, also closed ones, in order of their ids.

    A damaged name is None; a row with a damaged id or state is logged and left out.
    """
    return skip_damaged(_LIST.run(connection, ()), _decode)


def add_unlisted_organizations(connection: Connection, now: int) -> list[str]:
    """Add the organizations that have usage and are missing in the directory; return their ids."""
    org_ids = unlisted_organizations(connection)
    rows = [directory_row(org_id, None, now) for org_id in org_ids]
    insert_rows(connection, tables.organization_directory, rows, OnConflict.KEEP)
    return org_ids


def organizations_with_usage(connection: Connection) -> list[str]:
    """Return the organizations for which something was written, in any order."""
    return [str(org_id) for (org_id,) in _WITH_USAGE.run(connection, ())]


def unlisted_organizations(connection: Connection) -> list[str]:
    """Return the organizations that have usage and are missing in the directory."""
    return sorted(
        set(organizations_with_usage(connection))
        - {organization.org_id for organization in list_organizations(connection)}
        - {""}
    )


def existing_organizations(connection: Connection, org_ids: Iterable[str]) -> set[str]:
    """Return those of the organizations that the directory contains, also closed ones."""
    return {str(org_id) for org_id, _ in _NAMES.run_in(connection, (), sorted(org_ids))}


def read_organization_names(connection: Connection, org_ids: Iterable[str]) -> dict[str, str]:
    """Return the names of organizations by id; organizations without a name are left out."""
    rows = _NAMES.run_in(connection, (), list(org_ids))
    return {str(org_id): name for org_id, name in rows if name and isinstance(name, str)}


def directory_row(org_id: str, name: str | None, now: int) -> Row:
    """Return the row of an open organization in the directory."""
    return (org_id, name, now, None, None)


def _decode(row: Row) -> Organization:
    """Return a row of the directory. Raises Damaged if its id or its state cannot be read."""
    org_id, name, closed, merged_into = row
    try:
        if not isinstance(org_id, str):
            raise TypeError("its id is not a text")
        state = None if closed is None else Closed(str(closed))
    except UNREADABLE_VALUES as error:
        raise damaged_row(tables.organization_directory, row, error) from None
    return Organization(
        org_id, name if isinstance(name, str) else None, state, None if merged_into is None else str(merged_into)
    )
