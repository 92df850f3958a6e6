"""Closes months and adjusts closed ones. A statement never changes; an adjustment is a further statement.

The organization's row is locked before its usage is read, so no event of the month is written meanwhile. A second close
changes nothing, so a run that was interrupted can be repeated.
"""

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from sqlalchemy import Connection, Engine

from talkmeter.billing.month_cost import MonthCost, month_cost
from talkmeter.billing.month_plans import versions_of_months
from talkmeter.billing.plan import FEE, FEE_NAME, MINIMUM, MINIMUM_NAME, PlanContent
from talkmeter.billing.plans import Plans, PlanVersion, read_plans
from talkmeter.billing.quantities import read_quantities
from talkmeter.billing.statement_store import Statement, StatementLine, insert_statements, read_statements
from talkmeter.db.audit import Action, Actor, record_audits
from talkmeter.db.engine import has_one_writer, is_distributed, reading, writing
from talkmeter.errors import OperationFailed
from talkmeter.ledger.organization_rows import lock_organizations, renew_revisions
from talkmeter.months import format_month, month_days, month_of
from talkmeter.period import day_of

ORGANIZATIONS_ON_SQLITE: Final = 100
ORGANIZATIONS_ON_POSTGRESQL: Final = 20
"""How many organizations share a transaction; more would be locked for too long. On Citus, each has its own."""


def require_over(month: int, now: int) -> None:
    """Raise OperationFailed if a month is not over."""
    if month >= month_of(day_of(now)):
        raise OperationFailed(f"{format_month(month)} is not over (UTC): only a month that is over can be closed.")


def close_month(engine: Engine, org_ids: Iterable[str], month: int, actor: Actor, now: int) -> Generator[Statement]:
    """Write statement 0 of each organization that has a plan and no statement of the month; yield those written.

    Raises OperationFailed if the month is not over.
    """
    require_over(month, now)
    yield from _write(engine, org_ids, month, actor, now, adjust=False)


def adjust_month(engine: Engine, org_ids: Iterable[str], month: int, actor: Actor, now: int) -> Generator[Statement]:
    """Write an adjustment for each closed organization whose amounts have changed since; yield those written."""
    yield from _write(engine, org_ids, month, actor, now, adjust=True)


def _write(
    engine: Engine, org_ids: Iterable[str], month: int, actor: Actor, now: int, *, adjust: bool
) -> Generator[Statement]:
    with reading(engine) as connection:
        plans = read_plans(connection)
    for part in _parts(org_ids, _organizations_per_transaction(engine)):
        with writing(engine) as connection:
            locked = lock_organizations(connection, part)
            found = [
                _statement(connection, plans, org_id, month, locked[org_id].revision, now, adjust=adjust)
                for org_id in part
            ]
            statements = [statement for statement in found if statement is not None]
            insert_statements(connection, statements)
            renew_revisions(connection, [(one.org_id, locked[one.org_id].last_event_at) for one in statements])
            action = Action.STATEMENT_ADJUST if adjust else Action.STATEMENT_CLOSE
            record_audits(connection, actor, action, format_month(month), now, map(_described, statements))
        # Only what is committed is reported.
        yield from statements


def _described(statement: Statement) -> tuple[str, str]:
    """Return the organization and the detail of a statement's audit entry."""
    return statement.org_id, f"statement {statement.number}, plan {statement.plan_id}, version {statement.version}"


def _organizations_per_transaction(engine: Engine) -> int:
    if has_one_writer(engine):
        return ORGANIZATIONS_ON_SQLITE
    return 1 if is_distributed(engine) else ORGANIZATIONS_ON_POSTGRESQL


def _statement(
    connection: Connection, plans: Plans, org_id: str, month: int, revision: str, now: int, *, adjust: bool
) -> Statement | None:
    """Return the statement to write for a locked organization, or None."""
    earlier = read_statements(connection, org_id, month, month)
    if bool(earlier) is not adjust:
        return None
    version = versions_of_months(connection, org_id, plans, [month], earlier)[month]
    if version is None:
        return None
    lines = present_lines(connection, org_id, version, month)
    if adjust:
        lines = differences(lines, earlier)
        if not any(line.amount for line in lines):
            return None
    head = (org_id, month, len(earlier), version.plan_id, version.version, version.content.currency, revision, now)
    return Statement(*head, tuple(lines))


def present_lines(connection: Connection, org_id: str, version: PlanVersion, month: int) -> list[StatementLine]:
    """Return the lines of a whole month at present usage: all charges, and the fee and the minimum if there are any."""
    days = month_days(month)
    quantities = read_quantities(connection, org_id, version.content.charges, days)
    cost = month_cost(version.content, month, quantities, days.stop)
    return list(_lines(version.content, cost))


def _lines(plan: PlanContent, cost: MonthCost) -> Iterator[StatementLine]:
    end = len(month_days(cost.month))
    if fee := cost.amount(FEE, 0, end):
        yield StatementLine(FEE, 0, FEE_NAME, 1, fee)
    for position, charge in enumerate(plan.charges, start=1):
        yield StatementLine(
            charge.id, position, charge.name, cost.quantities[charge.id][end], cost.amount(charge.id, 0, end)
        )
    if minimum := cost.amount(MINIMUM, 0, end):
        yield StatementLine(MINIMUM, len(plan.charges) + 1, MINIMUM_NAME, 1, minimum)


def differences(lines: Sequence[StatementLine], earlier: Iterable[Statement]) -> list[StatementLine]:
    """Return present lines minus the sums of earlier statements, without lines whose quantity and amount are equal."""
    amounts: Counter[str] = Counter()
    quantities: Counter[str] = Counter()
    known: dict[str, StatementLine] = {}
    for line in (line for statement in earlier for line in statement.lines):
        amounts[line.line] += line.amount
        quantities[line.line] += line.base_quantity
        known[line.line] = line
    present = {line.line: line for line in lines}
    changed = []
    # A minimum that was charged and no longer is has no present line.
    for line in {**known, **present}.values():
        now = present.get(line.line)
        quantity = (0 if now is None else now.base_quantity) - quantities[line.line]
        amount = (0 if now is None else now.amount) - amounts[line.line]
        if quantity or amount:
            changed.append(line._replace(base_quantity=quantity, amount=amount))
    return sorted(changed, key=lambda line: line.position)


def _parts(org_ids: Iterable[str], size: int) -> Iterator[list[str]]:
    """Yield the organizations in order, `size` at a time."""
    remaining = iter(sorted(org_ids))
    while part := list(islice(remaining, size)):
        yield part
