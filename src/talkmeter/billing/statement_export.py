"""Statements as rows of a file: one row for each line, for CSV and JSON lines."""

from collections.abc import Iterable, Iterator
from typing import Final

from sqlalchemy import Engine

from talkmeter.billing.money import amount_text, format_decimal
from talkmeter.billing.plan import Charge
from talkmeter.billing.plans import Plans, read_plans
from talkmeter.billing.statement_store import Statement, StatementLine, read_statements
from talkmeter.db.engine import reading
from talkmeter.months import format_month, month_days
from talkmeter.usage.formats import Cells, Column

COLUMNS: Final = (
    Column("organization_id", "text"),
    Column("month", "text"),
    Column("statement", "integer"),
    Column("created_at", "instant"),
    Column("plan", "text"),
    Column("version", "integer"),
    Column("line", "text"),
    Column("name", "text"),
    Column("meter", "text"),
    Column("quantity", "decimal"),
    Column("unit", "text"),
    Column("base_quantity", "integer"),
    Column("amount", "decimal"),
    Column("currency", "text"),
)
"""The quantity is in units of the charge, and null for the fee and the minimum."""


def month_statements(engine: Engine, org_ids: Iterable[str], month: int) -> Iterator[Statement]:
    """Yield the statements of a month, one organization after the other."""
    for org_id in org_ids:
        with reading(engine) as connection:
            found = read_statements(connection, org_id, month, month)
        yield from found


def statement_rows(engine: Engine, org_ids: Iterable[str], month: int) -> Iterator[Cells]:
    """Yield the lines of a month's statements."""
    with reading(engine) as connection:
        plans = read_plans(connection)
    for statement in month_statements(engine, org_ids, month):
        for line in statement.lines:
            yield _row(plans, statement, line)


def charge_of(plans: Plans, statement: Statement, line: StatementLine) -> Charge | None:
    """Return the charge of a line; None for the fee and the minimum."""
    version = plans.numbered(statement.plan_id, statement.version)
    charges = () if version is None else version.content.charges
    return next((charge for charge in charges if charge.id == line.line), None)


def quantity_text(charge: Charge, base_quantity: int, month: int) -> str:
    """Return a quantity in units of the charge; that of an adjustment can be negative."""
    units = format_decimal(abs(base_quantity) * charge.units_per_base(len(month_days(month))))
    return f"-{units}" if base_quantity < 0 and units != "0" else units


def _row(plans: Plans, statement: Statement, line: StatementLine) -> Cells:
    charge = charge_of(plans, statement, line)
    return (
        statement.org_id,
        format_month(statement.month),
        statement.number,
        statement.created_at,
        statement.plan_id,
        statement.version,
        line.line,
        line.name,
        None if charge is None else charge.meter,
        None if charge is None else quantity_text(charge, line.base_quantity, statement.month),
        None if charge is None else charge.priced.unit,
        line.base_quantity,
        amount_text(line.amount, statement.currency),
        statement.currency,
    )
