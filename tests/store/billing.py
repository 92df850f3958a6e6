"""Plans and organizations of the tests of billing, in a real ledger."""

from talkmeter.billing.apply import apply_changes, assign, plan_changes
from talkmeter.billing.costs import Costs, read_costs
from talkmeter.billing.plans import Assignment, read_plans
from talkmeter.billing.priced_months import CostsQuery
from talkmeter.billing.read_plan import read_plan
from talkmeter.db.audit import Actor
from talkmeter.db.engine import reading, writing
from talkmeter.months import parse_month
from talkmeter.period import day_of, present, read_day, read_instant
from tests.events import Json
from tests.store.ledger import ORG, Ledger

OPERATOR = Actor("operator", "tests")
NOW = read_instant("2026-11-10T12:00:00Z")
VOICE: Json = {"id": "voice", "name": "Voice", "meter": "voice_minutes", "price": "0.10"}


def plan(*charges: Json, **fields: object) -> Json:
    """Return a plan in US dollars from October 2026 on; `fields` replace fields."""
    return {"name": "Plan", "currency": "USD", "effective": "2026-10", "charges": list(charges), **fields}


def apply_plan(ledger: Ledger, content: Json, *, plan_id: str = "smb", now: int = NOW) -> None:
    """Store a version of a plan, also for past months."""
    with writing(ledger.engine) as connection:
        contents = {plan_id: read_plan(content)}
        changes = plan_changes(read_plans(connection), contents, None, day_of(now))
        apply_changes(connection, changes, OPERATOR, now, restate=True)


def assign_plan(ledger: Ledger, plan_id: str | None = "smb", *, from_: str = "2026-10", org_id: str = ORG) -> None:
    """Give an organization a plan, also for past months."""
    with writing(ledger.engine) as connection:
        assign(connection, org_id, Assignment(parse_month(from_), plan_id), OPERATOR, NOW, restate=True)


def costs(ledger: Ledger, from_: str = "2026-10-01", to: str = "2026-11-01", org_id: str = ORG) -> Costs:
    """Return the costs of a window, October 2026 by default."""
    query = CostsQuery(org_id, read_day("from", from_), read_day("to", to), present(NOW, 24))
    with reading(ledger.engine) as connection:
        return read_costs(connection, query)
