"""Erases the identifying data of one record, and keeps its counts.

The record is marked, and each later event of it loses the same fields before it is ranked: an event that is sent again
is a duplicate, as before.
"""

from collections.abc import Set as AbstractSet
from typing import Final

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, bindparam, delete, select, update

from talkmeter.counting import COUNTERS, fold
from talkmeter.db import tables
from talkmeter.db.statements import Compiled, OnConflict, Row, Value, insert_rows
from talkmeter.ledger.batch import BatchEvent, CallReport, OrgBatch, PartialUpdate, Rejection
from talkmeter.ledger.rows import decode_stored, decode_stored_history, history_row, record_row
from talkmeter.ledger.states import delete_rows_of, history_rows, winning_rows
from talkmeter.records import Conversation, InventoryItem, Kind, ParentClaim, Record, RecordKey, State, data_hash

_KEPT_FIELDS: Final = ("id", "organization_id")
"""An invalid event may have the text in any other field."""
_DETAIL: Final = "Identifying data was erased."
_erased = tables.erased_record.c
_org = tables.organization.c
_daily = tables.usage_daily.c
_quarantine = tables.quarantine.c
_MARKED = Compiled(
    select(_erased.kind, _erased.id).where(
        _erased.org_id == bindparam("org"), _erased.id.in_(bindparam("ids", expanding=True))
    )
)
_SET_FLAG = Compiled(
    update(tables.organization).values(has_erased=bindparam("flag")).where(_org.org_id == bindparam("org"))
)
_DROP_EMPTY_TOTAL = Compiled(
    delete(tables.usage_daily).where(
        *(column == bindparam(f"the_{column.name}") for column in tables.usage_daily.primary_key.columns),
        *(_daily[counter] == 0 for counter in COUNTERS),
    )
)
_ALL_QUARANTINED = Compiled(select(*_quarantine).where(_quarantine.org_id == bindparam("org")))


def erase_record(connection: Connection, org_id: str, key: RecordKey) -> bool:
    """Erase a record's identifying data everywhere, in a transaction that has locked its organization.

    Returns whether the record exists. It is marked in both cases, because its events may arrive later.
    """
    insert_rows(connection, tables.erased_record, [(org_id, key.kind.value, key.id)], OnConflict.KEEP)
    _SET_FLAG.change(connection, (True, org_id))
    _erase_history(connection, org_id, key)
    _erase_quarantine(connection, org_id, key)
    winners = [decode_stored(kind, row) for kind, row in winning_rows(connection, org_id, [key])]
    for stored in winners:
        erased = erase_state(stored.state)
        if erased is not stored.state:
            rows = [record_row(erased, stored.stored_at)]
            insert_rows(connection, tables.RECORD_TABLES[key.kind], rows, OnConflict.REPLACE)
            _correct_totals(connection, org_id, (stored.state.counted, erased.counted))
    return bool(winners)


def erase_events(connection: Connection, batch: OrgBatch) -> OrgBatch:
    """Return a batch without the identifying data of marked records."""
    ids = sorted({id_ for _, event in batch.events if (id_ := _id_of(event)) is not None})
    marked = {RecordKey(Kind(str(kind)), str(id_)) for kind, id_ in _MARKED.run_in(connection, (batch.org_id,), ids)}
    if not marked:
        return batch
    return batch._replace(events=[(index, _erase_event(event, marked)) for index, event in batch.events])


def erase_state(state: State) -> State:
    """Return a state without identifying data; the same one if it has none."""
    record = _without_identity(state.record)
    return state if record == state.record else replace(state, record=record, hash=data_hash(record))


def _without_identity(record: Record | None) -> Record | None:
    match record:
        case Conversation():
            return replace(record, agent_number=None)
        case InventoryItem():
            return replace(record, name=None)
        case _:
            return record


def _erase_history(connection: Connection, org_id: str, key: RecordKey) -> None:
    stored = [decode_stored_history(row) for row in history_rows(connection, org_id, [key])]
    erased = {history_row(erase_state(one.state), one.stored_at)[:8]: one for one in stored}
    rows: list[Row] = [history_row(erase_state(one.state), one.stored_at) for one in erased.values()]
    delete_rows_of(connection, tables.record_state, org_id, key.kind, [key.id])
    insert_rows(connection, tables.record_state, sorted(rows), OnConflict.KEEP)


def _correct_totals(connection: Connection, org_id: str, change: tuple[Record | None, Record | None]) -> None:
    totals = fold([change])
    rows: list[Row] = sorted((org_id, *key, *total.counters, None, *total.billed) for key, total in totals.items())
    insert_rows(connection, tables.usage_daily, rows, OnConflict.ADD)
    for total in totals:
        _DROP_EMPTY_TOTAL.change(connection, (org_id, *total))


def _erase_quarantine(connection: Connection, org_id: str, key: RecordKey) -> None:
    names = list(_quarantine.keys())
    kept, detail, complete = (names.index(name) for name in ("kept_fields", "detail", "complete"))
    rows: list[Row] = []
    for row in _ALL_QUARANTINED.run(connection, (org_id,)):
        fields = row[kept]
        if isinstance(fields, bytes) and _id_in(fields) == key.id:
            changed: list[Value] = list(row)
            changed[kept], changed[detail], changed[complete] = _erase_fields(fields), _DETAIL, False
            rows.append(tuple(changed))
    insert_rows(connection, tables.quarantine, sorted(rows, key=lambda row: row[:2]), OnConflict.REPLACE)


def _id_in(kept_fields: bytes) -> str | None:
    """Return the id of the record that a quarantined event names, or None."""
    event = msgspec.json.decode(kept_fields)
    data = event.get("data") if isinstance(event, dict) else None
    id_ = data.get("id") if isinstance(data, dict) else None
    return id_ if isinstance(id_, str) else None


def _erase_fields(kept_fields: bytes) -> bytes:
    event = msgspec.json.decode(kept_fields)
    data = {name: value for name, value in event["data"].items() if name in _KEPT_FIELDS}
    return msgspec.json.encode({**event, "data": data})


def _id_of(event: BatchEvent) -> str | None:
    if isinstance(event, Rejection):
        return _id_in(event.kept_fields)
    if isinstance(event, ParentClaim):
        return None
    return event.update.id if isinstance(event, CallReport) else event.id


def _erase_event(event: BatchEvent, marked: AbstractSet[RecordKey]) -> BatchEvent:
    if isinstance(event, CallReport):
        return event._replace(update=_erase_update(event.update, marked))
    if isinstance(event, ParentClaim):
        return event
    if not isinstance(event, Rejection):
        return _erase_update(event, marked)
    if _id_in(event.kept_fields) not in {key.id for key in marked}:
        return event
    return replace(event, detail=_DETAIL, kept_fields=_erase_fields(event.kept_fields), complete=False)


def _erase_update(update: State | PartialUpdate, marked: AbstractSet[RecordKey]) -> State | PartialUpdate:
    kind = update.kind if isinstance(update, State) else Kind.CONVERSATION
    if RecordKey(kind, update.id) not in marked:
        return update
    if isinstance(update, State):
        return erase_state(update)

    def merge(stored: Conversation | None) -> Conversation | None:
        merged = update.merge(stored)
        return None if merged is None else replace(merged, agent_number=None)

    return update._replace(merge=merge)
