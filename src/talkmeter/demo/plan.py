"""The plan of the company of the demo, from the month of its first usage on."""

from typing import Final

from talkmeter.billing.apply import apply_changes, assign, plan_changes
from talkmeter.billing.plan import Charge, PlanContent, Tier
from talkmeter.billing.plans import Assignment, read_plans
from talkmeter.db.audit import Actor
from talkmeter.db.engine import Connection
from talkmeter.demo.usage import ORGANIZATION_ID
from talkmeter.months import format_month, month_of
from talkmeter.period import day_of

PLAN_ID: Final = "growth"
_CHARGES: Final = (
    Charge(id="voice", name="Voice minutes", meter="voice_minutes", per_call="60/60", included="2000", price="0.09"),
    Charge(
        id="chats",
        name="Chat sessions",
        meter="chat_sessions",
        tiers=(Tier("0.05", "500"), Tier("0.04", "2000"), Tier("0.02")),
    ),
    Charge(id="runs", name="Workflow runs", meter="workflow_runs", package="1000", price="4.00"),
    Charge(id="numbers", name="Shared phone numbers", meter="shared_phone_numbers", price="1.15"),
)


def plan_from(month: int) -> PlanContent:
    """Return the plan, effective from a month on."""
    return PlanContent(name="Growth", currency="USD", effective=format_month(month), fee="49.00", charges=_CHARGES)


def ensure_plan(connection: Connection, first_day: int, now: int) -> None:
    """Give the company its plan, from the month of its first day on; nothing changes at later starts."""
    plans = read_plans(connection)
    if PLAN_ID in plans.versions:
        return
    month = month_of(first_day)
    content = plan_from(month)
    actor = Actor("operator", "demo")
    changes = plan_changes(plans, {PLAN_ID: content}, None, day_of(now))
    apply_changes(connection, changes, actor, now, restate=True)
    assign(connection, ORGANIZATION_ID, Assignment(month, PLAN_ID), actor, now, restate=True)
