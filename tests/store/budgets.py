"""Budgets of the tests, in a real ledger: created as over HTTP, evaluated as by a server."""

from talkmeter.budgets.budget import read_budget
from talkmeter.budgets.change import ANY, put_budget, remove_budget
from talkmeter.budgets.evaluate import find_crossings, store_crossings
from talkmeter.budgets.store import Crossing, StoredBudget, read_budgets, read_crossings
from talkmeter.budgets.values import Reading, read_values
from talkmeter.db.audit import Actor
from talkmeter.db.engine import reading, writing
from talkmeter.period import Present, present
from tests.store.billing import NOW
from tests.store.ledger import ORG, Ledger

OPERATOR = Actor("operator", "tests")
STALE_HOURS = 24


def at(now: int) -> Present:
    """Return the time of a query, from microseconds."""
    return present(now, STALE_HOURS)


def set_budget(ledger: Ledger, budget_id: str = "b", *, org_id: str = ORG, now: int = NOW, **fields: object) -> None:
    """Create or replace a budget, by default of 10 calls in a month."""
    content = {"name": "Budget", "metric": "total_calls", "period": "month", "limit": "10", **fields}
    with writing(ledger.engine) as connection:
        put_budget(connection, org_id, budget_id, read_budget(budget_id, content), ANY, OPERATOR, at(now), None)


def delete_budget(ledger: Ledger, budget_id: str = "b", *, org_id: str = ORG) -> None:
    with writing(ledger.engine) as connection:
        remove_budget(connection, org_id, budget_id, ANY, OPERATOR, NOW)


def budgets(ledger: Ledger, org_id: str = ORG) -> dict[str, StoredBudget]:
    """Return the stored budgets."""
    with reading(ledger.engine) as connection:
        return read_budgets(connection, org_id)


def reading_of(ledger: Ledger, period: range, budget_id: str = "b", *, now: int = NOW) -> Reading | None:
    """Return the reading of a budget in a period of days."""
    with reading(ledger.engine) as connection:
        budget = read_budgets(connection, ORG)[budget_id].budget
        [found] = read_values(connection, ORG, budget, [period], at(now), {})
    return found


def evaluate(ledger: Ledger, *, org_id: str = ORG, now: int = NOW) -> int:
    """Evaluate the budgets of an organization; return the number of new crossings."""
    with reading(ledger.engine) as connection:
        found = find_crossings(connection, org_id, at(now)).crossings
    with writing(ledger.engine) as connection:
        return len(store_crossings(connection, org_id, found))


def crossings(ledger: Ledger, org_id: str = ORG) -> list[Crossing]:
    """Return all crossings in order of budget, period and threshold."""
    with reading(ledger.engine) as connection:
        return read_crossings(connection, org_id, 0)
