"""Stored budgets and crossings."""

import secrets
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, delete, select

from talkmeter.budgets.budget import Budget, check_budget
from talkmeter.db import budget_tables
from talkmeter.db.audit import Action, Actor, record_audit
from talkmeter.db.damage import damaged_row
from talkmeter.db.statements import Compiled, OnConflict, Row, insert_rows, integer, text
from talkmeter.errors import Unprocessable
from talkmeter.ledger.organization_rows import lock_organization, renew_revision

MAX_BUDGETS: Final = 100
_budget = budget_tables.budget.c
_crossing = budget_tables.budget_crossing.c
_BUDGETS: Final = Compiled(select(*_budget).where(_budget.org_id == bindparam("org")).order_by(_budget.id))
_LOCK: Final = Compiled(
    select(_budget.id, _budget.etag).where(_budget.org_id == bindparam("org")).order_by(_budget.id).with_for_update()
)
_DELETE: Final = Compiled(
    delete(budget_tables.budget).where(_budget.org_id == bindparam("org"), _budget.id == bindparam("budget"))
)
_DELETE_CROSSINGS: Final = Compiled(
    delete(budget_tables.budget_crossing).where(
        _crossing.org_id == bindparam("org"), _crossing.budget_id == bindparam("budget")
    )
)
_CROSSINGS: Final = Compiled(
    select(*_crossing)
    .where(_crossing.org_id == bindparam("org"), _crossing.period_start >= bindparam("first"))
    .order_by(_crossing.budget_id, _crossing.period_start, _crossing.threshold)
)


class StoredBudget(NamedTuple):
    """A budget with its version, when it was changed (microseconds), and by whom."""

    id: str
    budget: Budget
    etag: str
    changed_at: int
    changed_by: str


class Crossing(NamedTuple):
    """A threshold that a budget's value has reached in a period [start, end) of days since 1970."""

    budget_id: str
    period_start: int
    period_end: int
    threshold: int
    message_id: str
    at: int
    value: str
    limit: str

    @property
    def key(self) -> tuple[str, int, int]:
        """What at most one crossing exists of."""
        return self.budget_id, self.period_start, self.threshold


def read_budgets(connection: Connection, org_id: str) -> dict[str, StoredBudget]:
    """Return the budgets of an organization by id, in order."""
    return {stored.id: stored for row in _BUDGETS.run(connection, (org_id,)) for stored in (decode_budget(row),)}


def lock_versions(connection: Connection, org_id: str) -> dict[str, str]:
    """Lock the budgets of an organization until the transaction ends, and return the ETag of each."""
    return {text(id_): text(etag) for id_, etag in _LOCK.run(connection, (org_id,))}


def decode_budget(row: Row) -> StoredBudget:
    """Return the budget in a row. Raises Damaged if it is not one."""
    _, id_, definition, etag, changed_at, changed_by = row
    try:
        budget = _decode(text(definition))
    except (msgspec.MsgspecError, Unprocessable) as error:
        raise damaged_row(budget_tables.budget, row, error) from error
    return StoredBudget(text(id_), budget, text(etag), integer(changed_at), text(changed_by))


def read_crossings(connection: Connection, org_id: str, first_day: int) -> list[Crossing]:
    """Return the crossings of periods that start on a day or later."""
    return [
        Crossing(
            budget_id=text(budget),
            period_start=integer(start),
            period_end=integer(end),
            threshold=integer(threshold),
            message_id=text(message),
            at=integer(at),
            value=text(value),
            limit=text(limit),
        )
        for _, budget, start, end, threshold, message, at, value, limit in _CROSSINGS.run(
            connection, (org_id, first_day)
        )
    ]


def insert_crossing(connection: Connection, org_id: str, crossing: Crossing) -> bool:
    """Store a crossing; return False if it is stored already."""
    return insert_rows(connection, budget_tables.budget_crossing, [(org_id, *crossing)], OnConflict.KEEP) == 1


def store_budget(
    connection: Connection, org_id: str, budget_id: str, budget: Budget, actor: Actor, now: int
) -> StoredBudget:
    """Create or replace a budget; `lock_budgets` must have locked the organization."""
    stored = StoredBudget(budget_id, budget, secrets.token_hex(8), now, f"{actor.kind} {actor.id}")
    row = (org_id, budget_id, msgspec.json.encode(budget).decode(), stored.etag, now, stored.changed_by)
    insert_rows(connection, budget_tables.budget, [row], OnConflict.REPLACE)
    record_audit(connection, actor, Action.BUDGET_SET, budget_id, now, org_id=org_id, detail=budget.name)
    return stored


def delete_budget(connection: Connection, org_id: str, budget_id: str, actor: Actor, now: int) -> None:
    """Delete a budget and its crossings; `lock_budgets` must have locked the organization."""
    _DELETE.change(connection, (org_id, budget_id))
    _DELETE_CROSSINGS.change(connection, (org_id, budget_id))
    record_audit(connection, actor, Action.BUDGET_DELETE, budget_id, now, org_id=org_id)


def lock_budgets(connection: Connection, org_id: str) -> dict[str, StoredBudget]:
    """Lock an organization, so that changes of its budgets follow each other, and return them.

    It gets a new revision, by which a server notices that budgets have changed.
    """
    renew_revision(connection, org_id, lock_organization(connection, org_id).last_event_at)
    return read_budgets(connection, org_id)


def require_room(budgets: Iterable[str], budget_id: str) -> None:
    """Raise Unprocessable if an organization has its maximum of budgets and this one is not among them."""
    ids = set(budgets)
    if budget_id not in ids and len(ids) >= MAX_BUDGETS:
        raise Unprocessable(f"An organization has at most {MAX_BUDGETS} budgets; delete one first.")


@lru_cache(4_096)
def _decode(definition: str) -> Budget:
    budget = msgspec.json.decode(definition, type=Budget)
    check_budget(budget)
    return budget
