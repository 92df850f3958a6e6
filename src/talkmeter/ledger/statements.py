"""Hot statements: built once by SQLAlchemy, run with positional tuples, many rows in one VALUES.

One statement takes up to 1 000 rows, sorted by key: on Citus unsorted ones deadlock and single rows are slow.
"""

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from functools import cache
from itertools import chain
from typing import Final, NamedTuple

from sqlalchemy import CompoundSelect, Connection, Delete, Dialect, Select, Table, Update
from sqlalchemy.dialects.postgresql import Insert, insert

from talkmeter.counting import COUNTERS
from talkmeter.ledger import tables

ROWS_PER_STATEMENT: Final = 1_000
Value = str | int | bytes | bool | None
Row = tuple[Value, ...]
_VALUES: Final = re.compile(r"^(.* VALUES )(\(.*?\))( ON CONFLICT .*)?$", re.DOTALL)
_EXPANDING: Final = re.compile(r"\(__\[POSTCOMPILE_\w+\]\)")


class OnConflict(Enum):
    """What an insert does where the key is there already."""

    KEEP = "keep"
    REPLACE = "replace"
    ADD = "add"
    SEEN_AGAIN = "seen again"


class _ManyRows(NamedTuple):
    head: str
    row: str
    tail: str


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row], on_conflict: OnConflict) -> int:
    """Insert rows (in the table's column order, sorted by key, no key twice); how many were written."""
    template = _many_rows(connection.dialect, table, on_conflict)
    written = 0
    for part in chunks(rows):
        statement = template.head + ", ".join([template.row] * len(part)) + template.tail
        written += connection.exec_driver_sql(statement, tuple(chain.from_iterable(part))).rowcount
    return written


def chunks(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Rows in parts that fit one statement."""
    for begin in range(0, len(rows), ROWS_PER_STATEMENT):
        yield rows[begin : begin + ROWS_PER_STATEMENT]


class Compiled:
    """A statement that SQLAlchemy compiles once for each engine and that runs with a positional tuple.

    An expanding parameter (`IN`) must be the last one; it takes the rest of the tuple.
    """

    def __init__(
        self, statement: Select[*tuple[object, ...]] | CompoundSelect[*tuple[object, ...]] | Update | Delete
    ) -> None:
        """Keep the statement; it is compiled when it first runs."""
        self.statement = statement
        self._text: dict[str, str] = {}

    def run(self, connection: Connection, parameters: Row, expanded: int = 0) -> list[tuple[Value, ...]]:
        """Every row of a query; `expanded` says how many of the parameters belong to the IN list."""
        return [tuple(row) for row in connection.exec_driver_sql(self.text(connection.dialect, expanded), parameters)]

    def change(self, connection: Connection, parameters: Row) -> int:
        """Run an UPDATE or DELETE; how many rows it touched."""
        return connection.exec_driver_sql(self.text(connection.dialect), parameters).rowcount

    def text(self, dialect: Dialect, expanded: int = 0) -> str:
        """The SQL text for an engine."""
        text = self._text.get(dialect.name)
        if text is None:
            text = self._text[dialect.name] = str(self.statement.compile(dialect=dialect))
        return _EXPANDING.sub("(" + ", ".join([_placeholder(dialect)] * expanded) + ")", text) if expanded else text


def integer(value: Value) -> int:
    """A column that can only hold an integer, as one (None, of a sum over nothing, is 0)."""
    return int(value or 0)


def _placeholder(dialect: Dialect) -> str:
    return "?" if dialect.paramstyle == "qmark" else "%s"


@cache
def _many_rows(dialect: Dialect, table: Table, on_conflict: OnConflict) -> _ManyRows:
    text = str(_insert(table, on_conflict).compile(dialect=dialect, column_keys=table.columns.keys()))
    head, row, tail = _VALUES.findall(text)[0]
    return _ManyRows(head, row, tail)


def _insert(table: Table, on_conflict: OnConflict) -> Insert:
    statement = insert(table)
    key = list(table.primary_key.columns)
    rest = [column for column in table.columns if not column.primary_key]
    match on_conflict:
        case OnConflict.KEEP:
            return statement.on_conflict_do_nothing(index_elements=key)
        case OnConflict.REPLACE:
            return statement.on_conflict_do_update(
                index_elements=key, set_={c.name: statement.excluded[c.name] for c in rest}
            )
        case OnConflict.ADD:
            sums = {name: table.c[name] + statement.excluded[name] for name in COUNTERS}
            return statement.on_conflict_do_update(index_elements=key, set_=sums)
        case OnConflict.SEEN_AGAIN:
            seen: dict[str, object] = {name: statement.excluded[name] for name in ("reason", "detail", "last_seen_at")}
            seen["times_seen"] = tables.quarantine.c.times_seen + statement.excluded.times_seen
            return statement.on_conflict_do_update(index_elements=key, set_=seen)
