"""Converts states to table rows and back. A struct's fields are in the order of its table's columns in `tables.py`."""

from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec.structs import astuple

from talkmeter.db import tables
from talkmeter.db.damage import UNREADABLE_VALUES, damaged_row
from talkmeter.db.statements import Row, integer, text
from talkmeter.period import EARLIEST_INSTANT, LATEST_INSTANT
from talkmeter.records import (
    INVENTORY_KINDS,
    RECORD_TYPES,
    Conversation,
    Kind,
    Record,
    State,
    WorkflowExecution,
    data_hash,
    decode_normalized,
    hash_of_data,
    normalized_data,
)

Instant = Annotated[int, msgspec.Meta(ge=EARLIEST_INSTANT, lt=LATEST_INSTANT)]
StateTime = Annotated[int, msgspec.Meta(ge=EARLIEST_INSTANT, le=LATEST_INSTANT)]
"""The time of a winning state; that of a record deleted because of its age is later than every instant."""


class _StateColumns(msgspec.Struct, frozen=True, array_like=True):
    """The columns that every record table has after the record's fields."""

    deleted: bool
    time: StateTime
    sequence: int
    source: str
    event_id: str
    hash: bytes
    stored_at: Instant


_STATE_COLUMNS: Final = len(_StateColumns.__struct_fields__)
_STORED_AT: Final = _STATE_COLUMNS - 1
_CREATED_AT: Final = Conversation.__struct_fields__.index("created_at")
_AGENT: Final = Conversation.__struct_fields__.index("agent_id")
_FIELD_COUNT: Final = {kind: len(type_.__struct_fields__) for kind, type_ in RECORD_TYPES.items()}


def record_row(state: State, stored_at: int) -> Row:
    """Return the row of a winning state in its record's table."""
    key = (state.org_id, state.kind.value, state.id) if state.kind in INVENTORY_KINDS else (state.org_id, state.id)
    stored = state.stored
    columns: Row = (None,) * _FIELD_COUNT[state.kind] if stored is None else astuple(stored)
    links: Row = ()
    if state.kind is Kind.CONVERSATION:
        columns, links = _link_columns(columns, state)
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
        *links,
    )


def _link_columns(columns: Row, state: State) -> tuple[Row, Row]:
    """Return (columns, link columns) of a conversation.

    A linked one has its creation time in the link columns only. A counted one with the agent of a linked one has it in
    both, so that the agent is not taken for its own.
    """
    created_at = columns[_CREATED_AT]
    if state.linked_to is None:
        return columns, (None, None if state.call_agent is None else created_at)
    return (*columns[:_CREATED_AT], None, *columns[_CREATED_AT + 1 :]), (state.linked_to, created_at)


class StoredState(NamedTuple):
    """A state and the instant it was stored, in microseconds."""

    state: State
    stored_at: int


def decode_stored(kind: Kind, row: Row) -> StoredState:
    """Return the winning state in a row of the kind's table, and when it was stored.

    Raises Damaged also if the columns do not match their hash.
    """
    state = decode_state(kind, row)
    if data_hash(state.record) != state.hash:
        raise damaged_row(tables.RECORD_TABLES[kind], row, ValueError("its columns do not match their hash"))
    return StoredState(state, integer(row[_key_width(kind) + _FIELD_COUNT[kind] + _STORED_AT]))


def decode_stored_history(row: Row) -> StoredState:
    """Return the received state in a row of `record_state`, and when it was stored."""
    return StoredState(decode_history(row), integer(row[-1]))


def decode_state(kind: Kind, row: Row) -> State:
    """Return the winning state in a row of the kind's table. Raises Damaged if it cannot be decoded."""
    try:
        return _decode_state(kind, row)
    except UNREADABLE_VALUES as error:
        raise damaged_row(tables.RECORD_TABLES[kind], row, error) from error


def _decode_state(kind: Kind, row: Row) -> State:
    begin = _key_width(kind)
    end = begin + _FIELD_COUNT[kind]
    stored = msgspec.convert(row[end : end + _STATE_COLUMNS], _StateColumns, strict=False)
    record: Record | None = None
    columns = row[begin:end]
    linked_to = decode_link(kind, row)
    call_agent: str | None = None
    if linked_to is not None:
        columns = (*columns[:_CREATED_AT], row[-1], *columns[_CREATED_AT + 1 :])
    elif kind is Kind.CONVERSATION and row[-1] is not None:
        call_agent = None if columns[_AGENT] is None else text(columns[_AGENT])
        columns = (*columns[:_AGENT], None, *columns[_AGENT + 1 :])
    if not stored.deleted:
        record = msgspec.convert(columns, RECORD_TYPES[kind], strict=False)
        _require_instant(record)
    return State(
        org_id=text(row[0]),
        kind=kind,
        id=text(row[begin - 1]),
        record=record,
        time=stored.time,
        sequence=stored.sequence,
        source=stored.source,
        event_id=stored.event_id,
        hash=stored.hash,
        linked_to=linked_to,
        call_agent=call_agent,
    )


def decode_link(kind: Kind, row: Row) -> str | None:
    """Return the conversation that is counted instead of the row's, or None."""
    return None if kind is not Kind.CONVERSATION or row[-2] is None else text(row[-2])


def _require_instant(record: Record | None) -> None:
    if not isinstance(record, Conversation | WorkflowExecution):
        return
    if not EARLIEST_INSTANT <= record.created_at < LATEST_INSTANT:
        message = f"created_at is {record.created_at}"
        raise ValueError(message)


def _key_width(kind: Kind) -> int:
    """Return the number of key columns, which come before the record's fields."""
    return 3 if kind in INVENTORY_KINDS else 2


class _HistoryRow(msgspec.Struct, frozen=True, array_like=True):
    """The columns of `record_state`."""

    org_id: str
    kind: Kind
    id: str
    time: Instant
    hash: bytes
    source: str
    event_id: str
    sequence: int
    data: bytes
    stored_at: Instant


def history_key(state: State) -> Row:
    """Return the key of a received state in `record_state`."""
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


def history_row(state: State, stored_at: int) -> Row:
    """Return the row of a received state in `record_state`."""
    return (*history_key(state), normalized_data(state.record), stored_at)


def decode_history(row: Row) -> State:
    """Return the received state in a row of `record_state`. Raises Damaged if it cannot be decoded."""
    try:
        return _decode_history(row)
    except UNREADABLE_VALUES as error:
        raise damaged_row(tables.record_state, row, error) from error


def _decode_history(row: Row) -> State:
    stored = msgspec.convert(row, _HistoryRow)
    if hash_of_data(stored.data) != stored.hash:
        message = "its data does not match its hash"
        raise ValueError(message)
    record = decode_normalized(stored.kind, stored.data)
    _require_instant(record)
    return State(
        org_id=stored.org_id,
        kind=stored.kind,
        id=stored.id,
        record=record,
        time=stored.time,
        sequence=stored.sequence,
        source=stored.source,
        event_id=stored.event_id,
        hash=stored.hash,
    )
