"""States as rows of the record tables, and back; the nouns' fields stand in the order of the columns in `tables.py`."""

from typing import Final, NamedTuple

import msgspec
from msgspec.structs import astuple

from talkmeter.ledger.statements import Row, integer
from talkmeter.records import (
    INVENTORY_KINDS,
    RECORD_TYPES,
    Kind,
    Record,
    State,
    normalised_data,
    read_normalised,
)


class _Tail(msgspec.Struct, frozen=True, array_like=True):
    """The columns every record table ends with."""

    deleted: bool
    time: int
    sequence: int
    source: str
    event_id: str
    hash: bytes
    stored_at: int


_WIDTH: Final = {kind: len(type_.__struct_fields__) for kind, type_ in RECORD_TYPES.items()}


def row_of(state: State, stored_at: int) -> Row:
    """The row of a winning state in its record's table."""
    key = (state.org_id, state.kind.value, state.id) if state.kind in INVENTORY_KINDS else (state.org_id, state.id)
    columns: Row = (None,) * _WIDTH[state.kind] if state.record is None else astuple(state.record)
    return (
        *key,
        *columns,
        state.record is None,
        state.time,
        state.sequence,
        state.source,
        state.event_id,
        state.hash,
        stored_at,
    )


class StoredState(NamedTuple):
    """A state, and when it was stored, in microseconds."""

    state: State
    stored_at: int


def stored_state_of(kind: Kind, row: Row) -> StoredState:
    """The winning state that a row of the kind's table holds, and when it was stored."""
    return StoredState(state_of(kind, row), integer(row[-1]))


def stored_state_of_history(row: Row) -> StoredState:
    """The received state that a row of `record_state` holds, and when it was stored."""
    return StoredState(state_of_history(row), integer(row[-1]))


def state_of(kind: Kind, row: Row) -> State:
    """The winning state that a row of the kind's table holds."""
    begin = 3 if kind in INVENTORY_KINDS else 2
    end = begin + _WIDTH[kind]
    tail = msgspec.convert(row[end:], _Tail, strict=False)
    record: Record | None = None
    if not tail.deleted:
        record = msgspec.convert(row[begin:end], RECORD_TYPES[kind], strict=False)
    return State(
        org_id=str(row[0]),
        kind=kind,
        id=str(row[begin - 1]),
        record=record,
        time=tail.time,
        sequence=tail.sequence,
        source=tail.source,
        event_id=tail.event_id,
        hash=tail.hash,
    )


class _HistoryRow(msgspec.Struct, frozen=True, array_like=True):
    """The columns of `record_state`."""

    org_id: str
    kind: Kind
    id: str
    time: int
    hash: bytes
    source: str
    event_id: str
    sequence: int
    data: bytes
    stored_at: int


def history_key_of(state: State) -> Row:
    """The key of a received state in `record_state`."""
    return (
        state.org_id,
        state.kind.value,
        state.id,
        state.time,
        state.hash,
        state.source,
        state.event_id,
        state.sequence,
    )


def history_row_of(state: State, stored_at: int) -> Row:
    """The row of a received state in `record_state`."""
    return (*history_key_of(state), normalised_data(state.record), stored_at)


def state_of_history(row: Row) -> State:
    """The received state that a row of `record_state` holds."""
    kept = msgspec.convert(row, _HistoryRow)
    return State(
        org_id=kept.org_id,
        kind=kept.kind,
        id=kept.id,
        record=read_normalised(kept.kind, kept.data),
        time=kept.time,
        sequence=kept.sequence,
        source=kept.source,
        event_id=kept.event_id,
        hash=kept.hash,
    )
