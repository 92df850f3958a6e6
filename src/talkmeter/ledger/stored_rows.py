"""Checks stored rows one by one, so that a damaged one is named and the others are read."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import BindParameter, Column, Engine, LargeBinary, Table, Text, bindparam, select, tuple_

from talkmeter.db import inventory_tables, tables
from talkmeter.db.damage import UNREADABLE_VALUES, damaged_row
from talkmeter.db.engine import reading
from talkmeter.db.statements import Compiled, Row, Value, may_hold, text
from talkmeter.errors import Damaged
from talkmeter.ledger.batch import SIDES
from talkmeter.ledger.history import RECORDS_PER_STEP
from talkmeter.ledger.inventory_days import decode_day
from talkmeter.ledger.quarantine import decode_quarantined
from talkmeter.ledger.rows import decode_history, decode_stored
from talkmeter.records import INVENTORY_KINDS, Kind

Decode = Callable[[Row], object]
"""Decodes a row; raises Damaged if that is impossible."""


def rows_after(table: Table, org: "BindParameter[str] | None" = None) -> Compiled:
    """Return the statement of the next rows after a key, in its order; `org` is the key's first column, if given."""
    key = list(table.primary_key.columns)[0 if org is None else 1 :]
    query = select(*table.c)
    if org is not None:
        query = query.where(table.c.org_id == org)
    after = tuple_(*(bindparam(f"after_{column.name}") for column in key))
    query = query.where(tuple_(*key) > after).order_by(*key).limit(bindparam("limit"))
    return Compiled(query, checked=False)


def kind_of_row(table: Table, row: Row) -> Kind:
    """Return the kind of a row in the table of a record. Raises ValueError if there is no such kind."""
    if table is tables.inventory_item:
        kind = Kind(text(row[1]))
        if kind not in INVENTORY_KINDS:
            message = f"{kind} is not a kind of inventory item"
            raise ValueError(message)
        return kind
    return Kind.CONVERSATION if table is tables.conversation else Kind.WORKFLOW_EXECUTION


def _decode_record(table: Table, row: Row) -> object:
    try:
        kind = kind_of_row(table, row)
    except UNREADABLE_VALUES as error:
        raise damaged_row(table, row, error) from error
    return decode_stored(kind, row)


def _decode_link(row: Row) -> object:
    if row[3] not in SIDES:
        raise damaged_row(tables.conversation_link, row, ValueError(f"{row[3]!r} is not a side"))
    return row


_DECODERS: Final[Mapping[str, Decode]] = {
    tables.record_state.name: decode_history,
    tables.conversation_link.name: _decode_link,
    tables.quarantine.name: decode_quarantined,
    inventory_tables.inventory_day.name: decode_day,
}


def check_row(table: Table, row: Row, decoders: Mapping[str, Decode]) -> None:
    """Raise Damaged if a row cannot be what Talkmeter wrote; `decoders` are those of further tables, by name."""
    for column, value in zip(table.c, row, strict=True):
        if not may_hold(column, value):
            raise damaged_row(table, row, TypeError(f"{column.name} is stored as {type(value).__name__}"))
    if table in tables.RECORD_TABLES.values():
        _decode_record(table, row)
    elif decode := _DECODERS.get(table.name) or decoders.get(table.name):
        decode(row)


def damaged_rows(engine: Engine, decoders: Mapping[str, Decode]) -> Iterator[Damaged]:
    """Yield an error for each damaged row of the tables that belong to no record, and for each unreadable table."""
    verified = {*tables.RECORD_TABLES.values(), tables.record_state, tables.usage_daily, tables.usage_monthly}
    for table in tables.metadata.sorted_tables:
        if table in verified:
            continue
        try:
            yield from _damaged_rows_of(engine, table, decoders)
        except Damaged as error:
            yield error


def _damaged_rows_of(engine: Engine, table: Table, decoders: Mapping[str, Decode]) -> Iterator[Damaged]:
    query = rows_after(table)
    positions = [index for index, column in enumerate(table.c) if column.primary_key]
    after: Row = tuple(_before_all(column) for column in table.primary_key.columns)
    while True:
        with reading(engine) as connection:
            rows = query.run(connection, (*after, RECORDS_PER_STEP))
        for row in rows:
            try:
                check_row(table, row, decoders)
            except Damaged as error:
                yield error
        if len(rows) < RECORDS_PER_STEP:
            return
        after = tuple(rows[-1][position] for position in positions)


def _before_all(column: Column[Any]) -> Value:
    """Return a value that sorts before every value of a key's column."""
    if isinstance(column.type, Text):
        return ""
    return b"" if isinstance(column.type, LargeBinary) else -1
