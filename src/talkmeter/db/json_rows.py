"""Queries whose rows the database returns as one JSON text.

SQLite's driver releases the GIL for every row and waits to get it back if other threads are busy. One text avoids that,
and it is also faster to decode than hundreds of rows.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, cast

import msgspec
from sqlalchemy import ColumnElement, Connection, Integer, Select, Text, select, union_all
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType

from talkmeter.db.damage import damaged_key
from talkmeter.db.statements import Compiled, Row, table_names
from talkmeter.errors import error_text

JSON_SUBQUERY: Final = "json_rows"
"""The alias of the subquery whose rows become one JSON text."""


class JsonRows(Compiled):
    """A UNION ALL of queries with integer and text columns; it runs like `Compiled`. Row order is not preserved."""

    def __init__(self, *queries: Select[*tuple[object, ...]]) -> None:
        """Build the statement; it is compiled when it first runs."""
        super().__init__(select(_JsonArray(*union_all(*map(_label_columns, queries)).subquery(JSON_SUBQUERY).c)))
        self._decode_rows = _row_decoder(queries)
        self._tables = ", ".join(dict.fromkeys(map(table_names, queries)))

    @property
    def tables(self) -> str:
        """The names of the queries' tables."""
        return self._tables

    def _fetch(self, connection: Connection, parameters: Row, expanded: int) -> list[Row]:
        [(text,)] = super()._fetch(connection, parameters, expanded)
        try:
            return [] if text is None else cast("list[Row]", self._decode_rows(str(text)))
        except msgspec.DecodeError as error:
            org = (("org_id", parameters[0]),) if isinstance(parameters[0], str) else ()
            raise damaged_key(self._tables, org, error_text(error)) from error


def _row_decoder(queries: Sequence[Select[*tuple[object, ...]]]) -> Callable[[str], object]:
    """Return a decoder of rows with the types of the queries' columns."""
    of_queries = zip(*(query.selected_columns for query in queries), strict=True)
    types = tuple(_json_type(columns) for columns in of_queries)
    return msgspec.json.Decoder(list[tuple[types]]).decode  # type: ignore[valid-type]  # one type per column


def _json_type(columns: Iterable[ColumnElement[Any]]) -> object:
    """Return the type of a column; constants have none, and then it is that of the other queries' columns."""
    kinds = [type(column.type) for column in columns]
    if all(issubclass(kind, Text) for kind in kinds):
        return str | None
    numbers = [issubclass(kind, Integer) for kind in kinds if kind is not NullType]
    return int | None if numbers and all(numbers) else str | int | None


class _JsonArray(FunctionElement[str]):
    """An aggregate that returns all rows as one JSON array of arrays."""

    inherit_cache: bool | None = True


@compiles(_JsonArray, "sqlite")
def _json_array_sqlite(rows: _JsonArray, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_group_array(json_array({compiler.process(rows.clauses, **options)}))"


@compiles(_JsonArray, "postgresql")
def _json_array_postgresql(rows: _JsonArray, compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST(json_agg(json_build_array({compiler.process(rows.clauses, **options)})) AS TEXT)"


def _label_columns(query: Select[*tuple[object, ...]]) -> Select[*tuple[object, ...]]:
    """Label each column of a query, which a subquery requires."""
    columns = (column.label(f"c{index}") for index, column in enumerate(query.selected_columns))
    return query.with_only_columns(*columns, maintain_column_froms=True)
