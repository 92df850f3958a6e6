"""Creates, replaces and deletes budgets, if they are as the person who changes them knows them."""

from typing import NamedTuple

from sqlalchemy import Connection

from talkmeter.budgets.budget import Budget
from talkmeter.budgets.store import StoredBudget, delete_budget, lock_budgets, require_room, store_budget
from talkmeter.budgets.values import require_measurable
from talkmeter.db.audit import Actor
from talkmeter.errors import NotFound, PreconditionFailed, PreconditionRequired, Unavailable, Unprocessable, quoted
from talkmeter.notify.recipients import request_confirmations
from talkmeter.notify.webhooks import missing_webhooks
from talkmeter.period import Present, format_instant


class Condition(NamedTuple):
    """What a request says that it changes: nothing yet (`is_new`), or a version of a budget; neither: anything."""

    is_new: bool = False
    version: str | None = None


ANY = Condition(version="*")
"""Any version, or no budget: for the command line."""


class BudgetConflict(PreconditionFailed):
    """A budget is not as the request expects; `stored` is the present one, or None if it does not exist."""

    def __init__(self, detail: str, stored: StoredBudget | None) -> None:
        """Keep the sentence and the present budget."""
        super().__init__(detail)
        self.stored = stored


def put_budget(
    connection: Connection,
    org_id: str,
    budget_id: str,
    budget: Budget,
    condition: Condition,
    actor: Actor,
    present: Present,
    domains: frozenset[str] | None,
) -> StoredBudget:
    """Create or replace a budget in a write transaction. Creating an equal one again changes nothing.

    Addresses outside `domains` are asked for a confirmation. None: this server sends no e-mails.
    Raises BudgetConflict, PreconditionRequired, or Unprocessable if a webhook is missing or the plan
    does not give the value.
    """
    budgets = lock_budgets(connection, org_id)
    stored = budgets.get(budget_id)
    if condition.is_new and stored is not None and stored.budget == budget:
        return stored
    _check(budget_id, stored, condition)
    require_room(budgets, budget_id)
    if missing := missing_webhooks(connection, org_id, budget.webhooks):
        raise Unprocessable(f"'webhooks' has {quoted(missing[0])}, but the organization has no webhook of this id.")
    require_measurable(connection, org_id, budget, present)
    if budget.emails:
        if domains is None:
            raise Unavailable("This server sends no e-mails: its operator must set TALKMETER_SMTP_URL.")
        request_confirmations(connection, org_id, budget.emails, domains, present.now)
    return store_budget(connection, org_id, budget_id, budget, actor, present.now)


def remove_budget(
    connection: Connection, org_id: str, budget_id: str, condition: Condition, actor: Actor, now: int
) -> None:
    """Delete a budget in a write transaction. Raises NotFound, BudgetConflict or PreconditionRequired."""
    stored = lock_budgets(connection, org_id).get(budget_id)
    if stored is None:
        raise unknown_budget(budget_id)
    _check(budget_id, stored, condition)
    delete_budget(connection, org_id, budget_id, actor, now)


def unknown_budget(budget_id: str) -> NotFound:
    """Return the error that a budget does not exist."""
    return NotFound(f"Budget {quoted(budget_id)} does not exist.")


def _check(budget_id: str, stored: StoredBudget | None, condition: Condition) -> None:
    if condition == ANY:
        return
    if not condition.is_new and condition.version is None:
        raise PreconditionRequired(
            "Say what you change: 'If-None-Match: *' creates a budget, and 'If-Match' with its ETag changes it."
        )
    if stored is None:
        if not condition.is_new:
            raise BudgetConflict(f"Budget {quoted(budget_id)} does not exist any more.", None)
    elif condition.is_new:
        raise BudgetConflict(f"Budget {quoted(budget_id)} exists already, {_changed(stored)}.", stored)
    elif condition.version != stored.etag:
        raise BudgetConflict(f"Budget {quoted(budget_id)} is not as you know it: it was {_changed(stored)}.", stored)


def _changed(stored: StoredBudget) -> str:
    return f"changed at {format_instant(stored.changed_at)} by {stored.changed_by}"
