"""Verifies stored statements: each has its numbers in order, every line a statement, and every push a line."""

from collections.abc import Iterable, Iterator
from typing import Final

from sqlalchemy import Connection, bindparam, select

from talkmeter.db import billing_tables
from talkmeter.db.statements import Compiled, Row, integer, text
from talkmeter.months import format_month

_statement = billing_tables.statement.c
_line = billing_tables.statement_line.c
_push = billing_tables.statement_push.c
_STATEMENTS: Final = Compiled(
    select(_statement.month, _statement.number)
    .where(_statement.org_id == bindparam("org"))
    .order_by(_statement.month, _statement.number)
)
_LINES: Final = Compiled(
    select(_line.month, _line.number, _line.line)
    .where(_line.org_id == bindparam("org"))
    .order_by(_line.month, _line.number, _line.line)
)
_PUSHES: Final = Compiled(
    select(_push.month, _push.number, _push.line)
    .where(_push.org_id == bindparam("org"))
    .order_by(_push.month, _push.number, _push.line)
)


def statement_problems(connection: Connection, org_id: str) -> Iterator[str]:
    """Yield a sentence for each row of an organization's statements that contradicts the others. None is repairable."""
    statements = {(integer(month), integer(number)) for month, number in _STATEMENTS.run(connection, (org_id,))}
    for month, number in sorted(statements):
        if number and (month, number - 1) not in statements:
            yield f"statement {number} of {format_month(month)} exists, but statement {number - 1} is missing."
    lines = _lines(_LINES.run(connection, (org_id,)))
    for month, number, line in lines:
        if (month, number) not in statements:
            yield f"line '{line}' belongs to statement {number} of {format_month(month)}, which is missing."
    for month, number, line in _lines(_PUSHES.run(connection, (org_id,))):
        if (month, number, line) not in lines:
            of = f"statement {number} of {format_month(month)}"
            yield f"line '{line}' of {of} was pushed to Stripe, but it is missing."


def _lines(rows: Iterable[Row]) -> dict[tuple[int, int, str], None]:
    """Return the month, statement and line of rows, in order."""
    return dict.fromkeys((integer(month), integer(number), text(line)) for month, number, line in rows)
