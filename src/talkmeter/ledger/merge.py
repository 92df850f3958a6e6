"""Moves an organization's usage into another one, in bounded transactions.

A step moves some records with their history and their calls, and subtracts and adds their counts in the same
transaction: every record is counted in exactly one of the two organizations. If both have a record of the same id, the
state with the highest rank wins, as if all events had been sent to the target.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace
from sqlalchemy import BigInteger, Connection, Engine, Table, bindparam, delete, select, tuple_

from talkmeter import clock
from talkmeter.counting import COUNTERS, fold
from talkmeter.db import billing_tables, budget_tables, notify_tables, tables
from talkmeter.db.engine import writing
from talkmeter.db.statements import Compiled, OnConflict, Row, insert_rows, integer
from talkmeter.ledger.batch import SIDES
from talkmeter.ledger.call_links import (
    CallIds,
    add_call_ids,
    ids_with_calls,
    keep_link,
    read_calls,
    relink,
    reported_after,
)
from talkmeter.ledger.closing import ROWS_PER_STEP, check_merge, delete_some_rows, lock_in_order
from talkmeter.ledger.erased import erase_record
from talkmeter.ledger.inventory_days import move_days, move_snapshot_days
from talkmeter.ledger.month_totals import add_totals, subtract_from_months
from talkmeter.ledger.organization_rows import renew_revision, set_records_from
from talkmeter.ledger.rows import StoredState, decode_stored, record_row
from talkmeter.ledger.states import (
    delete_rows_of,
    history_rows,
    key_columns,
    key_values,
    read_winning_states,
    winning_rows,
)
from talkmeter.ledger.write import total_rows
from talkmeter.records import INVENTORY_KINDS, Kind, RecordKey, State, rank

RECORDS_PER_STEP: Final = 500
_quarantine = tables.quarantine.c
_daily = tables.usage_daily.c
_snapshot = tables.inventory_snapshot.c
_SNAPSHOTS = Compiled(select(_snapshot.kind, _snapshot.floor).where(_snapshot.org_id == bindparam("org")))
_QUARANTINED = Compiled(
    select(*_quarantine)
    .where(_quarantine.org_id == bindparam("org"))
    .order_by(_quarantine.hash)
    .limit(bindparam("limit"))
)
_DROP_QUARANTINED = Compiled(
    delete(tables.quarantine).where(_quarantine.org_id == bindparam("org"), _quarantine.hash <= bindparam("last"))
)
_DROP_SNAPSHOTS = Compiled(delete(tables.inventory_snapshot).where(_snapshot.org_id == bindparam("org")))
_link = tables.conversation_link.c
_LINKS = Compiled(
    select(_link.id, _link.call, _link.side).where(
        _link.org_id == bindparam("org"), _link.id.in_(bindparam("ids", expanding=True))
    )
)
_DROP_LINKS = Compiled(
    delete(tables.conversation_link).where(
        _link.org_id == bindparam("org"), _link.id.in_(bindparam("ids", expanding=True))
    )
)


_NEXT = {
    table.name: Compiled(
        select(table.c.id).where(*key_columns(table)).order_by(table.c.id).limit(bindparam("records", type_=BigInteger))
    )
    for table in tables.RECORD_TABLES.values()
}
_OLD_TOTALS = Compiled(
    select(*_daily)
    .where(_daily.org_id == bindparam("org"), _daily.day < bindparam("before"))
    .order_by(*tables.usage_daily.primary_key.columns)
    .limit(bindparam("rows", type_=BigInteger))
)
_DROP_OLD_TOTALS = Compiled(
    delete(tables.usage_daily).where(
        _daily.org_id == bindparam("org"),
        _daily.day < bindparam("before"),
        tuple_(*tables.usage_daily.primary_key.columns)
        <= tuple_(*(bindparam(f"last_{column.name}") for column in tables.usage_daily.primary_key.columns)),
    )
)
_erased = tables.erased_record.c
_ERASED = Compiled(
    select(_erased.kind, _erased.id)
    .where(_erased.org_id == bindparam("org"))
    .order_by(_erased.kind, _erased.id)
    .limit(bindparam("records", type_=BigInteger))
)
ERASED_PER_STEP: Final = ROWS_PER_STEP
_REST: Final = (
    tables.usage_daily,
    tables.usage_monthly,
    tables.organization_setting,
    billing_tables.plan_assignment,
    budget_tables.budget,
    budget_tables.budget_crossing,
    notify_tables.webhook,
    notify_tables.email_address,
    notify_tables.delivery,
    notify_tables.delivery_attempt,
)
"""What the target does not take: totals of zero; settings, plans, budgets and their receivers, because its own apply.

Statements stay with the source: they say what it was billed.
"""


def merge_usage(engine: Engine, source: str, target: str, records: int = RECORDS_PER_STEP) -> Iterator[int]:
    """Move everything, and yield the number of moved or deleted rows after each transaction. It can be repeated.

    A transaction moves about `records` records.
    """
    while moved := _move_erased(engine, source, target):
        yield moved
    for kind in Kind:
        while moved := _step(engine, source, target, kind, records):
            yield moved
    while moved := _move_call_ids(engine, source, target):
        yield moved
    yield _move_snapshots(engine, source, target)
    while moved := _move_quarantine(engine, source, target):
        yield moved
    while moved := _move_old_totals(engine, source, target):
        yield moved
    for table in _REST:
        while moved := _delete(engine, source, target, table):
            yield moved


def _step(engine: Engine, source: str, target: str, kind: Kind, records: int) -> int:
    """Move the next records of a kind; return the number of rows."""
    with writing(engine) as connection:
        newest = _lock(connection, source, target)
        keys = _next_records(connection, source, kind, records)
        if not keys:
            return 0
        moved = {
            RecordKey(kind, stored.state.id): stored
            for _, row in winning_rows(connection, source, keys)
            for stored in (decode_stored(kind, row),)
        }
        before = read_winning_states(connection, target, keys)
        winners = dict(before)
        for key, stored in moved.items():
            state = replace(stored.state, org_id=target, linked_to=None, call_agent=None)
            if key not in before or rank(state) > rank(before[key]):
                winners[key] = keep_link(state, before.get(key))
        rows = _move_history(connection, source, target, kind, [key.id for key in keys])
        if kind in INVENTORY_KINDS:
            move_days(connection, source, target, (stored.state for stored in moved.values()), before)
        if kind is Kind.CONVERSATION:
            ids = [key.id for key in keys]
            rows += _move_calls(connection, source, target, ids)
            relink(connection, target, ids_with_calls(connection, target, ids), before, winners)
        _store(connection, target, before, winners, moved)
        _subtract(connection, source, kind, moved)
        renew_revision(connection, source, None)
        renew_revision(connection, target, newest)
    return rows + len(moved)


def _lock(connection: Connection, source: str, target: str) -> int | None:
    """Lock both organizations; return when the newest event of either was stored."""
    locked = lock_in_order(connection, (source, target))
    check_merge(connection, source, target)
    return max((row.last_event_at for row in locked.values() if row.last_event_at is not None), default=None)


def _next_records(connection: Connection, source: str, kind: Kind, records: int) -> list[RecordKey]:
    """Return the next records of a kind, with all conversations of their calls: a call is counted once."""
    table = tables.RECORD_TABLES[kind]
    rows = _NEXT[table.name].run(connection, (*key_values(table, source, kind), records))
    ids = {str(id_) for (id_,) in rows}
    if kind is Kind.CONVERSATION and (linked := ids_with_calls(connection, source, ids)):
        ids.update(member.id for call in read_calls(connection, source, linked) for member in call)
    return [RecordKey(kind, id_) for id_ in sorted(ids)]


def _move_history(connection: Connection, source: str, target: str, kind: Kind, ids: list[str]) -> int:
    keys = [RecordKey(kind, id_) for id_ in ids]
    rows = sorted((target, *row[1:]) for row in history_rows(connection, source, keys))
    insert_rows(connection, tables.record_state, rows, OnConflict.KEEP)
    delete_rows_of(connection, tables.record_state, source, kind, ids)
    return len(rows)


def _move_calls(connection: Connection, source: str, target: str, ids: Sequence[str]) -> int:
    """Move the call ids of conversations."""
    calls: dict[str, CallIds] = {}
    for row in _LINKS.run_in(connection, (source,), ids):
        id_, call, side = map(str, row)
        known = calls.get(id_, CallIds(SIDES[side], ()))
        calls[id_] = CallIds(known.side, (*known.linked_ids, call))
    if not calls:
        return 0
    add_call_ids(connection, target, calls)
    return _DROP_LINKS.change_in(connection, (source,), ids)


def _store(
    connection: Connection,
    target: str,
    before: dict[RecordKey, State],
    winners: dict[RecordKey, State],
    moved: dict[RecordKey, StoredState],
) -> None:
    """Write the target's changed records and the change of its daily totals."""
    now = clock.now()
    changed = {key: state for key, state in winners.items() if before.get(key) is not state}
    by_table: dict[Table, list[Row]] = {}
    for key, state in changed.items():
        stored_at = moved[key].stored_at if key in moved else now
        by_table.setdefault(tables.RECORD_TABLES[key.kind], []).append(record_row(state, stored_at))
    for table, rows in by_table.items():
        insert_rows(connection, table, sorted(rows, key=lambda row: row[:3]), OnConflict.REPLACE)
    differences = fold(
        (before[key].counted if key in before else None, state.counted) for key, state in changed.items()
    )
    add_totals(connection, total_rows(target, differences, now))


def _subtract(connection: Connection, source: str, kind: Kind, moved: dict[RecordKey, StoredState]) -> None:
    """Delete the source's records and subtract them from its daily totals."""
    differences = fold((stored.state.counted, None) for stored in moved.values())
    add_totals(connection, total_rows(source, differences, clock.now()))
    delete_rows_of(connection, tables.RECORD_TABLES[kind], source, kind, [key.id for key in moved])


def _move_erased(engine: Engine, source: str, target: str) -> int:
    """Erase in the target what was erased in the source."""
    with writing(engine) as connection:
        newest = _lock(connection, source, target)
        rows = _ERASED.run(connection, (source, ERASED_PER_STEP))
        for kind, id_ in rows:
            erase_record(connection, target, RecordKey(Kind(str(kind)), str(id_)))
        if rows:
            delete_some_rows(connection, tables.erased_record, source)
            renew_revision(connection, target, newest)
    return len(rows)


def _move_call_ids(engine: Engine, source: str, target: str) -> int:
    """Move the call ids of conversations that do not exist, because a part of their data never arrived."""
    with writing(engine) as connection:
        newest = _lock(connection, source, target)
        ids = reported_after(connection, source, "", RECORDS_PER_STEP)
        if not ids:
            return 0
        before: dict[RecordKey, State] = {}
        winners: dict[RecordKey, State] = {}
        rows = _move_calls(connection, source, target, ids)
        relink(connection, target, ids, before, winners)
        _store(connection, target, before, winners, {})
        renew_revision(connection, target, newest)
    return rows


def _move_snapshots(engine: Engine, source: str, target: str) -> int:
    """Give the target the later watermark of each kind, as if it had received the snapshots of both."""
    with writing(engine) as connection:
        newest = _lock(connection, source, target)
        theirs = {str(kind): integer(floor) for kind, floor in _SNAPSHOTS.run(connection, (source,))}
        ours = {str(kind): integer(floor) for kind, floor in _SNAPSHOTS.run(connection, (target,))}
        rows = sorted((target, kind, floor) for kind, floor in theirs.items() if floor > ours.get(kind, -1))
        insert_rows(connection, tables.inventory_snapshot, rows, OnConflict.REPLACE)
        _DROP_SNAPSHOTS.change(connection, (source,))
        move_snapshot_days(connection, source, target)
        renew_revision(connection, target, newest)
    return len(theirs)


def _move_quarantine(engine: Engine, source: str, target: str) -> int:
    with writing(engine) as connection:
        _lock(connection, source, target)
        rows = _QUARANTINED.run(connection, (source, RECORDS_PER_STEP))
        if not rows:
            return 0
        kept_fields = list(_quarantine.keys()).index("kept_fields")
        moved = [
            (target, *row[1:kept_fields], rename_in_event(row[kept_fields], source, target), *row[kept_fields + 1 :])
            for row in rows
        ]
        insert_rows(connection, tables.quarantine, sorted(moved, key=lambda row: row[:2]), OnConflict.SEEN_AGAIN)
        _DROP_QUARANTINED.change(connection, (source, rows[-1][1]))
    return len(rows)


def _move_old_totals(engine: Engine, source: str, target: str) -> int:
    """Add the totals of days whose records were deleted because of their age; all other totals have moved already."""
    with writing(engine) as connection:
        newest = _lock(connection, source, target)
        locked = lock_in_order(connection, (source, target))
        records_from = locked[source].records_from
        rows = _OLD_TOTALS.run(connection, (source, records_from, ROWS_PER_STEP))
        if not rows:
            return 0
        set_records_from(connection, target, max(records_from, locked[target].records_from))
        added = [(target, *row[1:]) for row in rows if any(row[4 : 4 + len(COUNTERS)])]
        add_totals(connection, added)
        subtract_from_months(connection, rows)
        _DROP_OLD_TOTALS.change(connection, (source, records_from, *rows[-1][:4]))
        renew_revision(connection, target, newest)
    return len(rows)


def rename_in_event(kept_fields: object, source: str, target: str) -> bytes:
    """Return the kept fields of a quarantined event with the target as its organization, if it names the source."""
    assert isinstance(kept_fields, bytes)  # noqa: S101  the column's type
    event = msgspec.json.decode(kept_fields)
    if isinstance(event, dict) and isinstance(data := event.get("data"), dict):
        if data.get("organization_id") != source:
            return kept_fields
        return msgspec.json.encode({**event, "data": {**data, "organization_id": target}})
    return kept_fields


def _delete(engine: Engine, source: str, target: str, table: Table) -> int:
    with writing(engine) as connection:
        _lock(connection, source, target)
        return delete_some_rows(connection, table, source)
