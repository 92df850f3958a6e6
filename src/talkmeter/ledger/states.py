"""Reads states from the tables: records' winning states, and all their received states."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from sqlalchemy import ColumnElement, Connection, Table, bindparam, delete, select

from talkmeter.db import tables
from talkmeter.db.statements import Compiled, Row
from talkmeter.errors import Damaged
from talkmeter.ledger.rows import decode_state, decode_stored
from talkmeter.records import INVENTORY_KINDS, Kind, RecordKey, State


def _winners_query(kind: Kind) -> Compiled:
    table = tables.RECORD_TABLES[kind]
    query = select(*table.c).where(table.c.org_id == bindparam("org"))
    if kind in INVENTORY_KINDS:
        query = query.where(table.c.kind == bindparam("kind"))
    return Compiled(query.where(table.c.id.in_(bindparam("ids", expanding=True))), checked=False)


_WINNERS = {kind: _winners_query(kind) for kind in Kind}


def read_winning_states(connection: Connection, org_id: str, keys: Iterable[RecordKey]) -> dict[RecordKey, State]:
    """Return the winning states of existing records; unknown keys are left out."""
    states = (decode_state(kind, row) for kind, row in winning_rows(connection, org_id, keys))
    return {RecordKey(state.kind, state.id): state for state in states}


def read_intact_winners(connection: Connection, org_id: str, keys: Iterable[RecordKey]) -> dict[RecordKey, State]:
    """Return the winning states that can be decoded and match their hash; damaged and unknown ones are left out."""
    winners: dict[RecordKey, State] = {}
    for kind, row in winning_rows(connection, org_id, keys):
        with suppress(Damaged):
            state = decode_stored(kind, row).state
            winners[RecordKey(kind, state.id)] = state
    return winners


def winning_rows(connection: Connection, org_id: str, keys: Iterable[RecordKey]) -> Iterator[tuple[Kind, Row]]:
    """Yield the undecoded rows of existing records."""
    by_kind: dict[Kind, set[str]] = {}
    for key in keys:
        by_kind.setdefault(key.kind, set()).add(key.id)
    for kind, ids in by_kind.items():
        head: Row = (org_id, kind.value) if kind in INVENTORY_KINDS else (org_id,)
        for row in _WINNERS[kind].run_in(connection, head, sorted(ids)):
            yield kind, row


def _has_kind(table: Table) -> bool:
    return table in (tables.inventory_item, tables.record_state)


def key_columns(table: Table) -> list[ColumnElement[bool]]:
    """Return the conditions for one organization, and for one kind if the table has several."""
    of_kind = [table.c.kind == bindparam("kind")] if _has_kind(table) else []
    return [table.c.org_id == bindparam("org"), *of_kind]


def key_values(table: Table, org_id: str, kind: Kind) -> Row:
    """Return the parameters of `key_columns`."""
    return (org_id, kind.value) if _has_kind(table) else (org_id,)


_DELETE = {
    table.name: Compiled(delete(table).where(*key_columns(table), table.c.id.in_(bindparam("ids", expanding=True))))
    for table in (*tables.RECORD_TABLES.values(), tables.record_state)
}


def delete_rows_of(connection: Connection, table: Table, org_id: str, kind: Kind, ids: Sequence[str]) -> None:
    """Delete records of one kind, or their history."""
    _DELETE[table.name].change_in(connection, key_values(table, org_id, kind), ids)


_state = tables.record_state.c
_HISTORY = Compiled(
    select(*_state).where(
        _state.org_id == bindparam("org"),
        _state.kind == bindparam("kind"),
        _state.id.in_(bindparam("ids", expanding=True)),
    ),
    checked=False,
)


def history_rows(connection: Connection, org_id: str, keys: Iterable[RecordKey]) -> Iterator[Row]:
    """Yield the undecoded history rows of records."""
    by_kind: dict[Kind, list[str]] = {}
    for key in keys:
        by_kind.setdefault(key.kind, []).append(key.id)
    for kind, ids in by_kind.items():
        yield from _HISTORY.run_in(connection, (org_id, kind.value), ids)
