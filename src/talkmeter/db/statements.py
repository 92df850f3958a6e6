"""Hot statements: built once by SQLAlchemy, run with positional tuples, many rows in one VALUES.

One statement takes up to 1 000 rows, sorted by key: on Citus unsorted ones deadlock and single rows are slow. Rows and
lists come in few sizes, so that a connection mostly finds the statement prepared: of a thousand rows that takes it
milliseconds.
"""

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from functools import cache
from itertools import chain, count
from typing import Final, NamedTuple, cast

from sqlalchemy import Connection, CursorResult, Delete, Dialect, Select, Table, Update
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.engine.interfaces import BindTyping

from talkmeter.counting import COUNTERS
from talkmeter.db import tables

ROWS_PER_STATEMENT: Final = 1_000
_MANY: Final = 128
Value = str | int | bytes | bool | None
Row = tuple[Value, ...]
_PLACE: Final = "?"
_PLACES: Final = re.compile(r"\?")
_VALUES: Final = re.compile(r"^(.* VALUES )\(.*?\)( ON CONFLICT .*)?$", re.DOTALL)
_EXPANDING: Final = re.compile(r"\(__\[POSTCOMPILE_\w+\]\)")


class OnConflict(Enum):
    """What an insert does where the key is there already."""

    KEEP = "keep"
    REPLACE = "replace"
    ADD = "add"
    SEEN_AGAIN = "seen again"
    TALLY = "tally"


class _ManyRows(NamedTuple):
    """The text of an INSERT around its rows; a row is as many parameters as the table has columns."""

    head: str
    tail: str


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row], on_conflict: OnConflict) -> int:
    """Insert rows (in the table's column order, sorted by key, no key twice); how many were written."""
    written = begin = 0
    while begin < len(rows):
        size = _rows_at_once(len(rows) - begin)
        statement = _insert_text(connection.dialect, table, on_conflict, size)
        parameters = tuple(chain.from_iterable(rows[begin : begin + size]))
        written += connection.exec_driver_sql(statement, parameters).rowcount
        begin += size
    return written


def _rows_at_once(left: int) -> int:
    """Of so many rows, how many the next statement takes: 1 000, a multiple of 128, or the last few."""
    if left >= ROWS_PER_STATEMENT:
        return ROWS_PER_STATEMENT
    return left // _MANY * _MANY or left


class _Text(NamedTuple):
    """A compiled statement; `constants` are the places of values that stand in the statement itself."""

    sql: str
    constants: tuple[tuple[int, Value], ...]

    def with_constants(self, parameters: Row) -> Row:
        """All that the driver must be given, in order."""
        if not self.constants:
            return parameters
        values = list(parameters)
        for place, value in self.constants:
            values.insert(place, value)
        return tuple(values)


class Compiled:
    """A statement that SQLAlchemy compiles once for each engine and that runs with a positional tuple.

    The tuple fills the named parameters in the order they stand in the SQL. An expanding parameter (`IN`) must be the
    last one; it takes the rest of the tuple.
    """

    def __init__(self, statement: Select[*tuple[object, ...]] | Update | Delete) -> None:
        """Keep the statement; it is compiled when it first runs."""
        self.statement = statement
        self._texts: dict[tuple[str, int], _Text] = {}

    def run(self, connection: Connection, parameters: Row) -> list[Row]:
        """Every row of a query without an expanding parameter."""
        return self._rows(connection, parameters, 0)

    def run_among(self, connection: Connection, parameters: Row, values: Sequence[Value]) -> Iterator[Row]:
        """Every row of a query whose last parameter is an expanding one, for any number of values."""
        for begin in range(0, len(values), ROWS_PER_STATEMENT):
            part = values[begin : begin + ROWS_PER_STATEMENT]
            # A value twice finds nothing twice.
            padding = [part[-1]] * ((1 << (len(part) - 1).bit_length()) - len(part))
            among = (*part, *padding)
            yield from self._rows(connection, (*parameters, *among), len(among))

    def as_sent(self, dialect: Dialect, parameters: Row) -> tuple[str, Row]:
        """The text and all values as an engine's driver takes them, of a statement without an expanding parameter."""
        text = self._text(dialect, 0)
        return text.sql, text.with_constants(parameters)

    def change(self, connection: Connection, parameters: Row) -> int:
        """Run an UPDATE or DELETE; how many rows it touched."""
        return self._execute(connection, parameters, 0).rowcount

    def text(self, dialect: Dialect, expanded: int = 0) -> str:
        """The SQL text for an engine."""
        return self._text(dialect, expanded).sql

    def _rows(self, connection: Connection, parameters: Row, expanded: int) -> list[Row]:
        """Every row; `expanded` says how many of the parameters belong to the IN list."""
        result = self._execute(connection, parameters, expanded)
        # The driver's own tuples: SQLAlchemy's rows cost more than reading them, and nothing here needs their names.
        rows = cast("list[Row]", result.cursor.fetchall())
        result.close()
        return rows

    def _execute(self, connection: Connection, parameters: Row, expanded: int) -> CursorResult[*tuple[Value, ...]]:
        text = self._text(connection.dialect, expanded)
        return connection.exec_driver_sql(text.sql, text.with_constants(parameters))

    def _text(self, dialect: Dialect, expanded: int) -> _Text:
        text = self._texts.get((dialect.name, expanded))
        if text is None:
            compiled = self.statement.compile(dialect=_of_places(dialect))
            names = getattr(compiled, "positiontup", None) or ()
            constants = [(place, compiled.params[name]) for place, name in enumerate(names)]
            known = tuple((place, value) for place, value in constants if value is not None)
            sql = str(compiled)
            if expanded:
                sql = _EXPANDING.sub("(" + ", ".join([_PLACE] * expanded) + ")", sql)
            text = self._texts[dialect.name, expanded] = _Text(_with_parameters(dialect, sql), known)
        return text


def after_prefix(prefix: str) -> str:
    """The least text that comes after all that begin with a prefix; keys are in order of their bytes."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def integer(value: Value) -> int:
    """A column that can only hold an integer, as one (None, of a sum over nothing, is 0)."""
    return int(value or 0)


def _with_parameters(dialect: Dialect, sql: str) -> str:
    """A text whose parameters are written `?`, as the driver wants them.

    PostgreSQL's own are numbered; the driver sends such a text as it is, and need not look for thousands of places.
    """
    if dialect.name != "postgresql":
        return sql
    number = count(1)
    return _PLACES.sub(lambda _: f"${next(number)}", sql)


@cache
def _of_places(dialect: Dialect) -> Dialect:
    """A dialect that writes each parameter as `?`, without its type: it takes that from where it stands.

    Casts would be most of the text of many rows, and Citus finds the organization by a plain `org_id = parameter`.
    """
    plain = type(dialect)(paramstyle="qmark")  # type: ignore[call-arg]  # every dialect of SQLAlchemy takes it
    plain.bind_typing = BindTyping.NONE
    return plain


def _insert_text(dialect: Dialect, table: Table, on_conflict: OnConflict, rows: int) -> str:
    head, tail = _many_rows(dialect, table, on_conflict)
    return head + ", ".join(_row_texts(dialect.name, len(table.columns))[:rows]) + tail


@cache
def _row_texts(dialect: str, width: int) -> list[str]:
    """The parameters of each row of a statement; batches come in every size, and these are the same for all."""
    if dialect != "postgresql":
        return ["(" + ", ".join([_PLACE] * width) + ")"] * ROWS_PER_STATEMENT
    places = (range(row * width + 1, (row + 1) * width + 1) for row in range(ROWS_PER_STATEMENT))
    return ["(" + ", ".join(f"${place}" for place in row) + ")" for row in places]


@cache
def _many_rows(dialect: Dialect, table: Table, on_conflict: OnConflict) -> _ManyRows:
    insert_one = _insert(table, on_conflict)
    text = str(insert_one.compile(dialect=_of_places(dialect), column_keys=table.columns.keys()))
    return _ManyRows(*_VALUES.findall(text)[0])


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
            sums: dict[str, object] = {name: table.c[name] + statement.excluded[name] for name in COUNTERS}
            sums["changed_at"] = statement.excluded["changed_at"]
            return statement.on_conflict_do_update(index_elements=key, set_=sums)
        case OnConflict.TALLY:
            messages = tables.connector_outcome.c.messages + statement.excluded.messages
            return statement.on_conflict_do_update(
                index_elements=key, set_={"messages": messages, "last_at": statement.excluded.last_at}
            )
        case OnConflict.SEEN_AGAIN:
            seen: dict[str, object] = {name: statement.excluded[name] for name in ("reason", "detail", "last_seen_at")}
            seen["times_seen"] = tables.quarantine.c.times_seen + statement.excluded.times_seen
            return statement.on_conflict_do_update(index_elements=key, set_=seen)
