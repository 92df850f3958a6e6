"""States as rows of the record tables, and back; the nouns' fields stand in the order of the columns in `tables.py`."""

from typing import Final, NamedTuple

import msgspec
from msgspec.structs import astuple

from talkmeter.db.statements import Row, integer
from talkmeter.records import (
    INVENTORY_KINDS,
    RECORD_TYPES,
    Conversation,
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


_TAIL: Final = len(_Tail.__struct_fields__)
_STORED_AT: Final = _TAIL - 1
_CREATED_AT: Final = Conversation.__struct_fields__.index("created_at")
_WIDTH: Final = {kind: len(type_.__struct_fields__) for kind, type_ in RECORD_TYPES.items()}


def row_of(state: State, stored_at: int) -> Row:
    """The row of a winning state in its record's table."""
    key = (state.org_id, state.kind.value, state.id) if state.kind in INVENTORY_KINDS else (state.org_id, state.id)
    columns: Row = (None,) * _WIDTH[state.kind] if state.record is None else astuple(state.record)
    links: Row = ()
    if state.kind is Kind.CONVERSATION:
        columns, links = _with_links(columns, state.linked_to)
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


def _with_links(columns: Row, linked_to: str | None) -> tuple[Row, Row]:
    """A conversation's columns, and those that say what it is linked to; its creation stands in one of both."""
    if linked_to is None:
        return columns, (None, None)
    created_at = columns[_CREATED_AT]
    return (*columns[:_CREATED_AT], None, *columns[_CREATED_AT + 1 :]), (linked_to, created_at)


class StoredState(NamedTuple):
    """A state, and when it was stored, in microseconds."""

    state: State
    stored_at: int


def stored_state_of(kind: Kind, row: Row) -> StoredState:
    """The winning state that a row of the kind's table holds, and when it was stored."""
    return StoredState(state_of(kind, row), integer(row[_begin(kind) + _WIDTH[kind] + _STORED_AT]))


def stored_state_of_history(row: Row) -> StoredState:
    """The received state that a row of `record_state` holds, and when it was stored."""
    return StoredState(state_of_history(row), integer(row[-1]))


def state_of(kind: Kind, row: Row) -> State:
    """The winning state that a row of the kind's table holds."""
    begin = _begin(kind)
    end = begin + _WIDTH[kind]
    tail = msgspec.convert(row[end : end + _TAIL], _Tail, strict=False)
    record: Record | None = None
    columns = row[begin:end]
    linked_to = linked_to_of(kind, row)
    if linked_to is not None:
        columns = (*columns[:_CREATED_AT], row[-1], *columns[_CREATED_AT + 1 :])
    if not tail.deleted:
        record = msgspec.convert(columns, RECORD_TYPES[kind], strict=False)
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
        linked_to=linked_to,
    )


def linked_to_of(kind: Kind, row: Row) -> str | None:
    """The conversation that is counted in place of the one a row holds."""
    return None if kind is not Kind.CONVERSATION or row[-2] is None else str(row[-2])


def _begin(kind: Kind) -> int:
    """Where the columns of the noun begin, after the key."""
    return 3 if kind in INVENTORY_KINDS else 2


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
