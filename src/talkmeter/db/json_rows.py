"""Queries of many rows that the database hands over as one, in JSON.

SQLite's driver lets go of Python's interpreter for each row, and beside busy threads waits each time to have it back;
one text is also read faster than hundreds of rows.
"""

from typing import Any, Final, cast

import msgspec
from sqlalchemy import Connection, Select, select, union_all
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from talkmeter.db.statements import Compiled, Row

PACKED: Final = "packed"
"""The name of the query whose rows are handed over as one."""
_decode_rows: Final = msgspec.json.Decoder(list[tuple[str | int | None, ...]]).decode


class JsonRows(Compiled):
    """Queries of integers and texts, one after the other, run as `Compiled` is; the order of their rows is not kept."""

    def __init__(self, *queries: Select[*tuple[object, ...]]) -> None:
        """Keep the statement; it is compiled when it first runs."""
        super().__init__(select(_InOne(*union_all(*map(_named, queries)).subquery(PACKED).c)))

    def _rows(self, connection: Connection, parameters: Row, expanded: int) -> list[Row]:
        [(text,)] = super()._rows(connection, parameters, expanded)
        return [] if text is None else cast("list[Row]", _decode_rows(str(text)))


class _InOne(FunctionElement[str]):
    """All rows as the text of one array of arrays."""

    inherit_cache: bool | None = True


@compiles(_InOne, "sqlite")
def _in_one_of_sqlite(rows: _InOne, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_group_array(json_array({compiler.process(rows.clauses, **options)}))"


@compiles(_InOne, "postgresql")
def _in_one_of_postgresql(rows: _InOne, compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST(json_agg(json_build_array({compiler.process(rows.clauses, **options)})) AS TEXT)"


def _named(query: Select[*tuple[object, ...]]) -> Select[*tuple[object, ...]]:
    """The query with a name for each column, as one around it needs it."""
    columns = (column.label(f"c{place}") for place, column in enumerate(query.selected_columns))
    return query.with_only_columns(*columns, maintain_column_froms=True)
