"""Closes organizations, because they are merged into another one or deleted, and opens them again.

A merge or a deletion begins with a transaction that closes the organization: from then on, it accepts no events. Many
short transactions follow, and a last one marks the end. After an interruption, the next run continues.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import BigInteger, Connection, Table, bindparam, delete, func, select, tuple_, update

from talkmeter.db import tables
from talkmeter.db.audit import Action, Actor, record_audit
from talkmeter.db.statements import Compiled, integer
from talkmeter.errors import OperationFailed
from talkmeter.ledger.organization_rows import LockedOrganization, lock_organization, renew_revision
from talkmeter.ledger.organizations import Closed, find_organization, rename_organization
from talkmeter.ledger.parents import delete_claim

ROWS_PER_STEP: Final = 1_000
USAGE_TABLES: Final[Sequence[Table]] = tuple(table for table in tables.DISTRIBUTED if table is not tables.organization)
_directory = tables.organization_directory.c
_org = tables.organization.c
_CLOSE = Compiled(
    update(tables.organization).where(_org.org_id == bindparam("org")).values(closed=bindparam("is_closed"))
)
_MARK = Compiled(
    update(tables.organization_directory)
    .where(_directory.org_id == bindparam("org"))
    .values(closed=bindparam("state"), merged_into=bindparam("target"))
)
_BEING_MERGED_INTO = Compiled(
    select(_directory.org_id).where(
        _directory.merged_into == bindparam("target"), _directory.closed == bindparam("state")
    )
)
_MOVE_ALIASES = Compiled(
    update(tables.organization_directory)
    .where(_directory.merged_into == bindparam("target"))
    .values(closed=bindparam("state"), merged_into=bindparam("new_target"))
)


_COUNT: Final = {
    table.name: Compiled(select(func.count()).select_from(table).where(table.c.org_id == bindparam("org")))
    for table in USAGE_TABLES
}


_NEXT_KEYS: Final = {
    table.name: Compiled(
        select(*table.primary_key.columns)
        .where(table.c.org_id == bindparam("org"))
        .order_by(*table.primary_key.columns)
        .limit(bindparam("rows", type_=BigInteger))
    )
    for table in USAGE_TABLES
}
_DELETE_UP_TO: Final = {
    table.name: Compiled(
        delete(table).where(
            table.c.org_id == bindparam("org"),
            tuple_(*table.primary_key.columns)
            <= tuple_(*(bindparam(f"last_{column.name}") for column in table.primary_key.columns)),
        )
    )
    for table in USAGE_TABLES
}


def lock_in_order(connection: Connection, org_ids: Iterable[str]) -> dict[str, LockedOrganization]:
    """Lock organizations one after the other, in the order of their ids: Citus locks one at a time."""
    return {org_id: lock_organization(connection, org_id) for org_id in sorted(org_ids)}


def begin_merge(connection: Connection, source: str, target: str, actor: Actor, now: int) -> bool:
    """Close the source; return False if an earlier run has done it. Raises OperationFailed if it cannot be merged."""
    lock_in_order(connection, (source, target))
    check_merge(connection, source, target)
    found = find_organization(connection, source)
    if found is not None and found.closed is Closed.MERGING:
        return False
    _close(connection, source, Closed.MERGING, target)
    record_audit(connection, actor, Action.ORGANIZATION_MERGE, source, now, org_id=source, detail=f"into {target}")
    record_audit(connection, actor, Action.ORGANIZATION_MERGE, source, now, org_id=target, detail=f"from {source}")
    return True


def check_merge(connection: Connection, source: str, target: str) -> None:
    """Raise OperationFailed unless the source can be merged into the target."""
    if source == target:
        raise OperationFailed("An organization cannot be merged into itself.")
    for org_id in (source, target):
        _require_known(connection, org_id)
    found, other = find_organization(connection, source), find_organization(connection, target)
    if other is not None and other.closed is not None:
        raise OperationFailed(f"Organization '{target}' is closed ({other.closed}).")
    if found is None or found.closed is None:
        _require_no_merge_into(connection, source)
    elif (found.closed, found.merged_into) != (Closed.MERGING, target):
        raise OperationFailed(f"Organization '{source}' is closed ({_state(found.closed, found.merged_into)}).")


def finish_merge(connection: Connection, source: str, target: str, actor: Actor, now: int) -> None:
    """Mark the end of a merge. The source stays closed; its late events can be replayed into the target."""
    locked = lock_in_order(connection, (source, target))
    newest = [row.last_event_at for row in locked.values() if row.last_event_at is not None]
    renew_revision(connection, target, max(newest, default=None))
    renew_revision(connection, source, None)
    _MOVE_ALIASES.change(connection, (Closed.MERGED.value, target, source))
    _MARK.change(connection, (Closed.MERGED.value, target, source))
    for org_id in (source, target):
        record_audit(connection, actor, Action.ORGANIZATION_MERGED, source, now, org_id=org_id, detail=f"into {target}")


def begin_delete(connection: Connection, org_id: str, actor: Actor, now: int) -> bool:
    """Close the organization; return False if an earlier run has done it. Raises OperationFailed if it must stay."""
    lock_organization(connection, org_id)
    check_delete(connection, org_id)
    found = find_organization(connection, org_id)
    if found is not None and found.closed is Closed.DELETING:
        return False
    _close(connection, org_id, Closed.DELETING, None)
    record_audit(connection, actor, Action.ORGANIZATION_DELETE, org_id, now, org_id=org_id)
    return True


def check_delete(connection: Connection, org_id: str) -> None:
    """Raise OperationFailed unless the organization can be deleted. What arrived after its end can be deleted again."""
    _require_known(connection, org_id)
    _require_no_merge_into(connection, org_id)
    found = find_organization(connection, org_id)
    if found is not None and found.closed is Closed.MERGING:
        raise OperationFailed(
            f"Organization '{org_id}' is being merged into '{found.merged_into}'; finish that first, with "
            f"'talkmeter orgs merge {org_id} --into {found.merged_into} --yes'."
        )


def finish_delete(connection: Connection, org_id: str, actor: Actor, now: int) -> None:
    """Mark the end of a deletion. Only the id stays, so that a late event does not create the organization again."""
    lock_organization(connection, org_id)
    renew_revision(connection, org_id, None)
    rename_organization(connection, org_id, None)
    _MOVE_ALIASES.change(connection, (Closed.DELETED.value, None, org_id))
    _MARK.change(connection, (Closed.DELETED.value, None, org_id))
    record_audit(connection, actor, Action.ORGANIZATION_DELETED, org_id, now, org_id=org_id)


def reopen(connection: Connection, org_id: str) -> bool:
    """Open a merged or deleted organization again; return whether it was closed.

    Raises OperationFailed if its merge or deletion is not finished.
    """
    found = find_organization(connection, org_id)
    if found is None or found.closed is None:
        return False
    lock_organization(connection, org_id)
    # A deletion may have begun since.
    found = find_organization(connection, org_id)
    if found is None or found.closed is None:
        return False
    if found.closed in (Closed.MERGING, Closed.DELETING):
        state = _state(found.closed, found.merged_into)
        raise OperationFailed(f"Organization '{org_id}' is closed ({state}); finish that first.")
    _CLOSE.change(connection, (None, org_id))
    _MARK.change(connection, (None, None, org_id))
    return True


def count_usage_rows(connection: Connection, org_id: str) -> dict[str, int]:
    """Return the number of an organization's rows in each usage table that has some."""
    counts = {name: integer(query.run(connection, (org_id,))[0][0]) for name, query in _COUNT.items()}
    return {name: number for name, number in counts.items() if number}


def delete_some_rows(connection: Connection, table: Table, org_id: str) -> int:
    """Delete the next rows of an organization in order of their key, at most 1 000; return their number."""
    keys = _NEXT_KEYS[table.name].run(connection, (org_id, ROWS_PER_STEP))
    if keys:
        _DELETE_UP_TO[table.name].change(connection, (org_id, *keys[-1]))
    return len(keys)


def _close(connection: Connection, org_id: str, state: Closed, target: str | None) -> None:
    _CLOSE.change(connection, (True, org_id))
    delete_claim(connection, org_id)
    _MARK.change(connection, (state.value, target, org_id))


def _require_known(connection: Connection, org_id: str) -> None:
    if find_organization(connection, org_id) is None:
        raise OperationFailed(f"Organization '{org_id}' does not exist; 'talkmeter orgs list' lists all.")


def _require_no_merge_into(connection: Connection, org_id: str) -> None:
    sources = _BEING_MERGED_INTO.run(connection, (org_id, Closed.MERGING.value))
    for source in (str(row[0]) for row in sources):
        raise OperationFailed(
            f"Organization '{source}' is being merged into '{org_id}'; finish that first, with "
            f"'talkmeter orgs merge {source} --into {org_id} --yes'."
        )


def _state(closed: Closed, target: str | None) -> str:
    return closed.value if target is None else f"{closed.value} into '{target}'"
