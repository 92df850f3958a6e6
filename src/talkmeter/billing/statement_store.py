"""Stored statements: the lines of each closed month, and of its adjustments. A statement never changes."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from sqlalchemy import Connection, bindparam, select

from talkmeter.db import billing_tables
from talkmeter.db.statements import Compiled, OnConflict, Row, insert_rows, integer, text
from talkmeter.months import format_month

_statement = billing_tables.statement.c
_line = billing_tables.statement_line.c
_STATEMENTS: Final = Compiled(
    select(*_statement)
    .where(_statement.org_id == bindparam("org"), _statement.month >= bindparam("first"))
    .where(_statement.month <= bindparam("last"))
    .order_by(_statement.month, _statement.number)
)
_LINES: Final = Compiled(
    select(*_line)
    .where(_line.org_id == bindparam("org"), _line.month >= bindparam("first"), _line.month <= bindparam("last"))
    .order_by(_line.month, _line.number, _line.position)
)


class StatementLine(NamedTuple):
    """A line of a statement: base units, and an amount in minor units; those of an adjustment are differences."""

    line: str
    position: int
    name: str
    base_quantity: int
    amount: int


class Statement(NamedTuple):
    """A statement. Number 0 closes the month, the others adjust it; `created_at` is in microseconds."""

    org_id: str
    month: int
    number: int
    plan_id: str
    version: int
    currency: str
    revision: str
    created_at: int
    lines: tuple[StatementLine, ...]

    @property
    def id(self) -> str:
        """The statement's id, such as acme/2026-10/0."""
        return f"{self.org_id}/{format_month(self.month)}/{self.number}"

    @property
    def total(self) -> int:
        """The sum of the lines, in minor units."""
        return sum(line.amount for line in self.lines)


def read_statements(connection: Connection, org_id: str, first: int, last: int) -> list[Statement]:
    """Return the statements of an organization from one month to another, both included, in order."""
    rows = _STATEMENTS.run(connection, (org_id, first, last))
    if not rows:
        return []
    lines: dict[tuple[int, int], list[StatementLine]] = {}
    for _, month, number, line, position, name, base_quantity, amount in _LINES.run(connection, (org_id, first, last)):
        lines.setdefault((integer(month), integer(number)), []).append(
            StatementLine(text(line), integer(position), text(name), integer(base_quantity), integer(amount))
        )
    return [_statement_of(row, lines) for row in rows]


def insert_statements(connection: Connection, statements: Iterable[Statement]) -> None:
    """Store statements and their lines, in order of the organizations, whose rows must be locked."""
    heads: list[Row] = []
    lines: list[Row] = []
    for statement in statements:
        heads.append(statement[:-1])
        lines += sorted((*statement[:3], *line) for line in statement.lines)
    insert_rows(connection, billing_tables.statement, heads, OnConflict.KEEP)
    insert_rows(connection, billing_tables.statement_line, lines, OnConflict.KEEP)


def _statement_of(row: Row, lines: dict[tuple[int, int], list[StatementLine]]) -> Statement:
    org_id, month, number, plan_id, version, currency, revision, created_at = row
    key = integer(month), integer(number)
    return Statement(
        text(org_id),
        *key,
        text(plan_id),
        integer(version),
        text(currency),
        text(revision),
        integer(created_at),
        tuple(lines.get(key, ())),
    )
