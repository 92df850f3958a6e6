"""Changes of plans: what applying a file of plans changes, and assigning plans to organizations.

A version or an assignment that starts before the current month changes costs of past months, so it needs `restate`.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from talkmeter.billing.plan import PlanContent, Tier
from talkmeter.billing.plans import (
    Assignment,
    Plans,
    PlanVersion,
    add_version,
    assigned_in,
    read_assignments,
    read_plans,
    set_assignment,
    set_default,
)
from talkmeter.db.audit import Action, Actor, record_audit
from talkmeter.errors import Unprocessable, quoted
from talkmeter.ledger.organization_rows import lock_organization, renew_revision
from talkmeter.months import format_month, month_of, parse_month
from talkmeter.period import day_of


class PlanChange(NamedTuple):
    """A new version of a plan; `before` is the version it takes the place of, or None for a new plan."""

    plan_id: str
    number: int
    before: PlanVersion | None
    content: PlanContent

    def lines(self) -> list[str]:
        """Return what changes, one line for each field, as people read it."""
        old = {} if self.before is None else dict(_flat(self.before.content))
        new = dict(_flat(self.content))
        changed = []
        for name in dict.fromkeys((*old, *new)):
            if name not in new:
                changed.append(f"- {name} = {old[name]}")
            elif name not in old:
                changed.append(f"+ {name} = {new[name]}")
            elif old[name] != new[name]:
                changed.append(f"~ {name} = {old[name]} -> {new[name]}")
        return changed


class Changes(NamedTuple):
    """What applying plans changes: new versions, and a new default plan from a month on, if any."""

    versions: list[PlanChange]
    default: Assignment | None

    def __bool__(self) -> bool:
        return bool(self.versions) or self.default is not None


def plan_changes(plans: Plans, contents: Mapping[str, PlanContent], default: str | None, today: int) -> Changes:
    """Return what applying plans changes; equal content changes nothing. `default` is None if it stays, "" for none.

    Raises Unprocessable if a plan would get another currency, or the default plan does not exist.
    """
    changes = []
    for plan_id, content in contents.items():
        versions = plans.versions.get(plan_id, [])
        if versions and versions[0].content.currency != content.currency:
            raise Unprocessable(
                f"Plan '{plan_id}' has the currency {versions[0].content.currency}, which cannot change to "
                f"{content.currency}. Add another plan."
            )
        same_month = [version for version in versions if version.content.effective == content.effective]
        if not same_month or same_month[-1].content != content:
            before = plans.version_in(plan_id, parse_month(content.effective))
            changes.append(PlanChange(plan_id, len(versions) + 1, before, content))
    return Changes(changes, _default_change(plans, contents, default, month_of(today)))


def _default_change(
    plans: Plans, contents: Mapping[str, PlanContent], default: str | None, month: int
) -> Assignment | None:
    if default is None or (default or None) == plans.default_in(month):
        return None
    if default and default not in contents and default not in plans.versions:
        raise Unprocessable(
            f"The default plan {quoted(default)} does not exist. {_existing({*plans.versions, *contents})}"
        )
    return Assignment(month, default or None)


def check_start(changes: Changes, now: int, *, restate: bool) -> None:
    """Raise Unprocessable if a version starts in the past without `restate`."""
    for plan_id, number, _, content in changes.versions:
        _require_not_past(f"Version {number} of plan '{plan_id}'", parse_month(content.effective), now, restate=restate)


def apply_changes(connection: Connection, changes: Changes, actor: Actor, now: int, *, restate: bool = False) -> None:
    """Store new versions and a new default plan. Raises Unprocessable if one starts in the past without `restate`."""
    check_start(changes, now, restate=restate)
    for plan_id, number, before, content in changes.versions:
        add_version(connection, plan_id, number, content, now)
        replaced = "new plan" if before is None else f"after version {before.version}"
        detail = f"version {number}, effective {content.effective}, {replaced}{', restated' if restate else ''}"
        record_audit(connection, actor, Action.PLAN_APPLY, plan_id, now, detail=detail)
    if changes.default is not None:
        before_id = read_plans(connection).default_in(changes.default.month)
        set_default(connection, *changes.default)
        detail = f"from {format_month(changes.default.month)}, before: {before_id or 'none'}"
        record_audit(connection, actor, Action.PLAN_DEFAULT, changes.default.plan_id or "none", now, detail=detail)


def assign(
    connection: Connection, org_id: str, assignment: Assignment, actor: Actor, now: int, *, restate: bool = False
) -> None:
    """Give an organization a plan from a month on.

    Raises Unprocessable if the plan does not exist, or the month is past without `restate`.
    """
    plans = read_plans(connection)
    if assignment.plan_id is not None and assignment.plan_id not in plans.versions:
        raise Unprocessable(f"Plan {quoted(assignment.plan_id)} does not exist. {_existing(plans.versions)}")
    _require_not_past("An assignment", assignment.month, now, restate=restate)
    last_event_at = lock_organization(connection, org_id).last_event_at
    _, before = assigned_in(read_assignments(connection, org_id), assignment.month)
    set_assignment(connection, org_id, assignment)
    renew_revision(connection, org_id, last_event_at)
    detail = f"from {format_month(assignment.month)}, before: {before or 'none'}{', restated' if restate else ''}"
    record_audit(connection, actor, Action.PLAN_ASSIGN, assignment.plan_id or "none", now, org_id=org_id, detail=detail)


def _require_not_past(what: str, month: int, now: int, *, restate: bool) -> None:
    current = month_of(day_of(now))
    if month < current and not restate:
        raise Unprocessable(
            f"{what} would start in {format_month(month)}, which changes the costs of past months. Start it in "
            f"{format_month(current)} or later, or use restate to change them; closed months keep their plan."
        )


def _existing(plan_ids: Iterable[str]) -> str:
    names = ", ".join(sorted(plan_ids))
    return f"Plans: {names}." if names else "There is no plan yet; 'talkmeter plans apply FILE' adds some."


def _flat(content: PlanContent) -> Iterator[tuple[str, str]]:
    """Yield each field of a plan with its place."""
    for name, value in msgspec.to_builtins(content).items():
        if name != "charges":
            yield name, str(value)
    for charge in content.charges:
        for name, value in msgspec.to_builtins(charge).items():
            if name == "tiers":
                yield f"charges.{charge.id}.tiers", ", ".join(map(_tier_text, charge.tiers))
            elif name == "where":
                yield f"charges.{charge.id}.where", ", ".join(f"{key} = {one!r}" for key, one in value.items())
            elif name != "id":
                yield f"charges.{charge.id}.{name}", str(value)


def _tier_text(tier: Tier) -> str:
    return f"{tier.price} up to {tier.up_to}" if tier.up_to else f"{tier.price} beyond"
