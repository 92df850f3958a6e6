"""Queries whose rows the database returns as one JSON text.

SQLite's driver releases the GIL for every row and waits to get it back if other threads are busy. One text avoids that,
and it is also faster to decode than hundreds of rows.
"""

from typing import Any, Final, cast

import msgspec
from sqlalchemy import Connection, Select, select, union_all
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from talkmeter.db.statements import Compiled, Row

JSON_SUBQUERY: Final = "json_rows"
"""The alias of the subquery whose rows become one JSON text."""
_decode_rows: Final = msgspec.json.Decoder(list[tuple[str | int | None, ...]]).decode


class JsonRows(Compiled):
    """A UNION ALL of queries with integer and text columns; it runs like `Compiled`. Row order is not preserved."""

    def __init__(self, *queries: Select[*tuple[object, ...]]) -> None:
        """Build the statement; it is compiled when it first runs."""
        super().__init__(select(_JsonArray(*union_all(*map(_label_columns, queries)).subquery(JSON_SUBQUERY).c)))

    def _fetch(self, connection: Connection, parameters: Row, expanded: int) -> list[Row]:
        [(text,)] = super()._fetch(connection, parameters, expanded)
        return [] if text is None else cast("list[Row]", _decode_rows(str(text)))


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
