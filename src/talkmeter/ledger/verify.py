"""Verifies and repairs the ledger: daily totals against records, winning states against history, and links of calls.

Each day and each step is read in its own short snapshot, so that verifying a large ledger blocks no other work.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from msgspec.structs import replace
from sqlalchemy import Connection, Engine, Table, bindparam, func, select

from talkmeter import clock
from talkmeter.counting import DAILY_COUNTERS, DAILY_DIMENSIONS, TOTAL, ZERO_TOTAL, DailyTotal, DayKey, fold
from talkmeter.db import tables
from talkmeter.db.damage import UNREADABLE_VALUES, damaged_row, skip_damaged
from talkmeter.db.engine import reading, writing
from talkmeter.db.statements import Compiled, OnConflict, Row, insert_rows, integer, text
from talkmeter.errors import Damaged
from talkmeter.ledger.billed_durations import billed_durations_filled
from talkmeter.ledger.call_links import find_wrong_links, reported_after
from talkmeter.ledger.day_totals import COUNTED_KINDS, count_day, readable_record, rewrite_day, stored_totals
from talkmeter.ledger.history import RECORDS_PER_STEP, START, read_highest_states, records_with_history
from talkmeter.ledger.inventory_days import InventoryDays, changed_days, inventory_since, write_days
from talkmeter.ledger.month_totals import add_totals, find_wrong_months, rewrite_month
from talkmeter.ledger.organization_rows import lock_organization, read_records_from, renew_revision
from talkmeter.ledger.rows import (
    StoredState,
    decode_history,
    decode_stored,
    decode_stored_history,
    history_key,
    history_row,
    record_row,
)
from talkmeter.ledger.states import history_rows, read_intact_winners, winning_rows
from talkmeter.ledger.stored_rows import kind_of_row, rows_after
from talkmeter.ledger.write import total_rows
from talkmeter.months import format_month, month_of
from talkmeter.period import MICROSECONDS_PER_DAY, day_of, format_day
from talkmeter.records import (
    Conversation,
    Kind,
    Record,
    RecordKey,
    State,
    WorkflowExecution,
    rank,
)

_daily = tables.usage_daily.c
_NEXT_RECORD = {
    kind: Compiled(
        select(func.min(table.c.created_at)).where(
            table.c.org_id == bindparam("org"), table.c.created_at >= bindparam("start")
        )
    )
    for kind in COUNTED_KINDS
    for table in (tables.RECORD_TABLES[kind],)
}
_NEXT_TOTAL = Compiled(
    select(func.min(_daily.day)).where(
        _daily.org_id == bindparam("org"),
        _daily.dimension == bindparam("in_dim"),
        _daily.day >= bindparam("first"),
    )
)
_ROWS_AFTER = {table: rows_after(table, bindparam("org")) for table in dict.fromkeys(tables.RECORD_TABLES.values())}


class Discrepancy(NamedTuple):
    """A mismatch between stored data and the records or history it derives from, as a sentence."""

    org_id: str
    sentence: str
    repairable: bool = True


def verify_organization(engine: Engine, org_id: str, *, repair: bool) -> Iterator[Discrepancy]:
    """Yield every discrepancy in one organization's ledger; `repair` fixes the repairable ones after yielding them.

    If a part of the database cannot be read, the others are verified.
    """
    damages: set[str] = set()
    for verify in (_verify_all_winners, _verify_rows, _verify_all_links, _verify_totals, _verify_inventory_days):
        try:
            yield from verify(engine, org_id, repair=repair)
        except Damaged as error:
            # Several steps read the same table.
            if error.detail not in damages:
                damages.add(error.detail)
                yield Discrepancy(org_id, f"{error.detail} What follows there was not verified.", repairable=False)


def _verify_all_winners(engine: Engine, org_id: str, *, repair: bool) -> Iterator[Discrepancy]:
    after = START
    while True:
        with reading(engine) as connection:
            step = records_with_history(connection, org_id, after)
        if step is None:
            return
        for error in step.damaged:
            yield Discrepancy(org_id, error.detail, repairable=False)
        yield from _verify_history(engine, org_id, step.keys, repair=repair)
        yield from _verify_winners(engine, org_id, step.keys, repair=repair)
        after = step.last


def _verify_history(engine: Engine, org_id: str, keys: list[RecordKey], *, repair: bool) -> Iterator[Discrepancy]:
    """Check that each received state can be read. The winning one can be restored from the record."""
    with reading(engine) as connection:
        winners = {history_key(state): state for state in read_intact_winners(connection, org_id, keys).values()}
        found = [(row[:8], error) for row in history_rows(connection, org_id, keys) if (error := _damage_of(row))]
    for key, error in found:
        yield Discrepancy(org_id, error.detail, repairable=key in winners)
    restored = [history_row(winners[key], clock.now()) for key, _ in found if key in winners]
    if restored and repair:
        with writing(engine) as connection:
            last_event_at = lock_organization(connection, org_id).last_event_at
            insert_rows(connection, tables.record_state, sorted(restored), OnConflict.REPLACE)
            renew_revision(connection, org_id, last_event_at)


def _damage_of(row: Row) -> Damaged | None:
    try:
        decode_history(row)
    except Damaged as error:
        return error
    return None


def _verify_winners(engine: Engine, org_id: str, keys: list[RecordKey], *, repair: bool) -> Iterator[Discrepancy]:
    """Check that each stored winner is, byte for byte, the highest-ranked state in its history."""
    with reading(engine) as connection:
        wrong = _wrong_winners(connection, org_id, keys)
    for key in wrong:
        sentence = f"{key.kind} {key.id!r}: the stored state is not the highest-ranked state in its history."
        yield Discrepancy(org_id, sentence)
    if wrong and repair:
        with writing(engine) as connection:
            locked = lock_organization(connection, org_id)
            changes: list[tuple[Record | None, Record | None]] = []
            for key, state in _wrong_winners(connection, org_id, keys).items():
                linked_to, stored = None, None
                for kind, row in winning_rows(connection, org_id, [key]):
                    stored = readable_record(kind, row)
                    linked_to = _readable_link(kind, row)
                changes.append((stored, state.record))
                rows = [record_row(replace(state, linked_to=linked_to), clock.now())]
                insert_rows(connection, tables.RECORD_TABLES[key.kind], rows, OnConflict.REPLACE)
            _recount(connection, org_id, locked.records_from, changes)
            renew_revision(connection, org_id, locked.last_event_at)


def _verify_rows(engine: Engine, org_id: str, *, repair: bool) -> Iterator[Discrepancy]:
    """Check that each record can be read, or that `_verify_winners` has restored it from its history."""
    del repair
    for table, query in _ROWS_AFTER.items():
        after = ("",) * (len(table.primary_key.columns) - 1)
        while True:
            with reading(engine) as connection:
                rows = query.run(connection, (org_id, *after, RECORDS_PER_STEP))
                yield from _unrepairable_rows(connection, org_id, table, rows)
            if len(rows) < RECORDS_PER_STEP:
                break
            after = rows[-1][1 : len(table.primary_key.columns)]  # type: ignore[assignment]  # like a key


def _unrepairable_rows(connection: Connection, org_id: str, table: Table, rows: list[Row]) -> Iterator[Discrepancy]:
    damaged: list[RecordKey] = []
    for row in rows:
        try:
            kind = kind_of_row(table, row)
            key = RecordKey(kind, text(row[len(table.primary_key.columns) - 1]))
        except UNREADABLE_VALUES as error:
            yield Discrepancy(org_id, damaged_row(table, row, error).detail, repairable=False)
            continue
        if _decode_intact(kind, row) is None:
            damaged.append(key)
    highest = read_highest_states(connection, org_id, damaged).highest if damaged else {}
    for key in damaged:
        if key not in highest:
            sentence = f"{key.kind} {key.id!r}: its columns do not match its hash, and no history can restore it."
            yield Discrepancy(org_id, sentence, repairable=False)


def _verify_all_links(engine: Engine, org_id: str, *, repair: bool) -> Iterator[Discrepancy]:
    for ids in _link_steps(engine, org_id):
        yield from _verify_links(engine, org_id, ids, repair=repair)


def _verify_totals(engine: Engine, org_id: str, *, repair: bool) -> Iterator[Discrepancy]:
    """Check the daily totals against the records, and the monthly totals against the daily ones."""
    with reading(engine) as connection:
        first_day = read_records_from(connection, org_id)
    wrong_months: set[int] = set()
    day = _next_day(engine, org_id, first_day)
    while day is not None:
        if (yield from _verify_day(engine, org_id, day, repair=repair)) and not repair:
            wrong_months.add(month_of(day))
        day = _next_day(engine, org_id, day + 1)
    yield from _verify_months(engine, org_id, wrong_months, repair=repair)


def _verify_months(engine: Engine, org_id: str, wrong_days_in: set[int], *, repair: bool) -> Iterator[Discrepancy]:
    """Check that each monthly total is the sum of its days, except in months where a day was found to be wrong."""
    with reading(engine) as connection:
        wrong = [one for one in find_wrong_months(connection, org_id) if one.month not in wrong_days_in]
    for month, stored, summed in wrong:
        if summed is None:
            sentence = f"{format_month(month)}: a daily total is damaged, so the monthly total cannot be verified."
        elif stored is None:
            sentence = f"{format_month(month)}: the monthly total is damaged."
        else:
            sentence = f"{format_month(month)}: {_differences(stored, summed, 'the days')}."
        yield Discrepancy(org_id, sentence, repairable=summed is not None)
    if wrong and repair:
        with writing(engine) as connection:
            last_event_at = lock_organization(connection, org_id).last_event_at
            for month, _, _ in wrong:
                rewrite_month(connection, org_id, month)
            renew_revision(connection, org_id, last_event_at)


def _verify_inventory_days(engine: Engine, org_id: str, *, repair: bool) -> Iterator[Discrepancy]:
    """Check that the inventory days contain every state that is still stored."""
    after: Row = START
    while True:
        with reading(engine) as connection:
            rows = _ROWS_AFTER[tables.inventory_item].run(connection, (org_id, *after, RECORDS_PER_STEP))
            missing = _missing_days(connection, org_id, rows)
        for _, kind, id_, day, *_ in missing.days:
            sentence = f"{text(kind)} {id_!r}: its inventory day {format_day(integer(day))} lacks a received state."
            yield Discrepancy(org_id, sentence)
        if missing.days and repair:
            with writing(engine) as connection:
                last_event_at = lock_organization(connection, org_id).last_event_at
                write_days(connection, [_missing_days(connection, org_id, rows)])
                renew_revision(connection, org_id, last_event_at)
        if len(rows) < RECORDS_PER_STEP:
            return
        after = rows[-1][1:3]


def _missing_days(connection: Connection, org_id: str, items: list[Row]) -> InventoryDays:
    """Return the days that change if the stored states of items are merged into them."""
    winners: list[StoredState] = []
    for row in items:
        with suppress(Damaged, *UNREADABLE_VALUES):
            winners.append(decode_stored(kind_of_row(tables.inventory_item, row), row))
    keys = [RecordKey(stored.state.kind, stored.state.id) for stored in winners]
    received = skip_damaged(history_rows(connection, org_id, keys), decode_stored_history)
    since = inventory_since(connection) or 0
    states = [stored.state for stored in (*winners, *received) if stored.stored_at >= since]
    return changed_days(connection, org_id, states, {}, ())


def _link_steps(engine: Engine, org_id: str) -> Iterator[list[str]]:
    after = ""
    while True:
        with reading(engine) as connection:
            ids = reported_after(connection, org_id, after, RECORDS_PER_STEP)
        if not ids:
            return
        yield ids
        after = ids[-1]


def _verify_links(engine: Engine, org_id: str, ids: list[str], *, repair: bool) -> Iterator[Discrepancy]:
    """Check that one conversation of each call is counted, with the call's agent, and the others are linked to it."""
    with reading(engine) as connection:
        wrong = {id_: states for id_, states in find_wrong_links(connection, org_id, ids).items() if id_ in ids}
    for id_, (stored, correct) in sorted(wrong.items()):
        sentence = f"conversation {id_!r}: it is {_link_status(stored)}, but should be {_link_status(correct)}."
        yield Discrepancy(org_id, sentence)
    if wrong and repair:
        _repair_links(engine, org_id, ids)


def relink_all(engine: Engine, org_id: str) -> int:
    """Correct the links of all conversations of an organization; return how many changed."""
    return sum(_repair_links(engine, org_id, ids) for ids in _link_steps(engine, org_id))


def _link_status(state: State) -> str:
    if state.linked_to:
        return f"linked to {state.linked_to!r}"
    return f"counted with the agent {state.call_agent!r} of its call" if state.call_agent else "counted"


def _repair_links(engine: Engine, org_id: str, ids: list[str]) -> int:
    with writing(engine) as connection:
        locked = lock_organization(connection, org_id)
        wrong = list(find_wrong_links(connection, org_id, ids).values())
        if not wrong:
            return 0
        rows = sorted((record_row(correct, clock.now()) for _, correct in wrong), key=lambda row: row[:2])
        insert_rows(connection, tables.conversation, rows, OnConflict.REPLACE)
        _recount(
            connection, org_id, locked.records_from, [(stored.counted, correct.counted) for stored, correct in wrong]
        )
        renew_revision(connection, org_id, locked.last_event_at)
    return len(wrong)


def _wrong_winners(connection: Connection, org_id: str, keys: list[RecordKey]) -> dict[RecordKey, State]:
    """Return the correct state of each record whose stored winner is damaged or not the highest in its history."""
    winners = read_intact_winners(connection, org_id, keys)
    highest = read_highest_states(connection, org_id, keys).highest
    return {key: state for key, state in highest.items() if key not in winners or rank(state) > rank(winners[key])}


def _decode_intact(kind: Kind, row: Row) -> State | None:
    """Return a row's state, or None if it cannot be decoded or its columns do not match its hash."""
    try:
        return decode_stored(kind, row).state
    except Damaged:
        return None


def _next_day(engine: Engine, org_id: str, first: int) -> int | None:
    """Return the first day from `first` on that has records or daily totals."""
    with reading(engine) as connection:
        start = first * MICROSECONDS_PER_DAY
        records = (query.run(connection, (org_id, start))[0][0] for query in _NEXT_RECORD.values())
        totals = (_NEXT_TOTAL.run(connection, (org_id, dimension, first))[0][0] for dimension in DAILY_DIMENSIONS)
        days = [day_of(integer(instant)) for instant in records if instant is not None]
        days += [integer(day) for day in totals if day is not None]
    return min(days, default=None)


def _verify_day(engine: Engine, org_id: str, day: int, *, repair: bool) -> Generator[Discrepancy, None, bool]:
    """Yield what is wrong with a day's totals; return whether its `total` is wrong, which months add up."""
    with reading(engine) as connection:
        counted = count_day(connection, org_id, day)
        filled = billed_durations_filled(connection)
        stored = stored_totals(connection, org_id, day, None if filled else counted)
    wrong = [
        total
        for total in counted.keys() | stored.keys()
        if counted.get(total, ZERO_TOTAL) != stored.get(total, ZERO_TOTAL)
    ]
    for total in sorted(wrong):
        yield Discrepancy(org_id, _describe(total, stored.get(total, ZERO_TOTAL), counted.get(total, ZERO_TOTAL)))
    if wrong and repair:
        with writing(engine) as connection:
            last_event_at = lock_organization(connection, org_id).last_event_at
            rewrite_day(connection, org_id, day)
            renew_revision(connection, org_id, last_event_at)
    return any(total.dimension == TOTAL for total in wrong)


def _readable_link(kind: Kind, row: Row) -> str | None:
    linked_to = row[-2] if kind is Kind.CONVERSATION else None
    return linked_to if isinstance(linked_to, str) else None


def _recount(
    connection: Connection, org_id: str, first_day: int, changes: Sequence[tuple[Record | None, Record | None]]
) -> None:
    """Correct the daily totals after (old, new) records changed.

    Days are recomputed from their records. Days before `first_day` have lost theirs, so the difference is added.
    """
    for day in {day for pair in changes for record in pair for day in _days_of(record)}:
        if day >= first_day:
            rewrite_day(connection, org_id, day)
    old = {key: total for key, total in fold(changes).items() if key.day < first_day}
    add_totals(connection, total_rows(org_id, old, clock.now()))


def _days_of(record: Record | None) -> Iterator[int]:
    if isinstance(record, Conversation | WorkflowExecution):
        yield day_of(record.created_at)


def _describe(key: DayKey, stored: DailyTotal | None, counted: DailyTotal) -> str:
    where = f"{format_day(key.day)} {key.dimension}" + (f" {key.value!r}" if key.value else "")
    if stored is None:
        return f"{where}: the daily total is damaged."
    return f"{where}: {_differences(stored.amounts, counted.amounts, 'the records')}."


def _differences(stored: Sequence[int], correct: Sequence[int], source: str) -> str:
    return "; ".join(
        f"{name} is {actual}, {source} say {expected}"
        for name, actual, expected in zip(DAILY_COUNTERS, stored, correct, strict=False)
        if actual != expected
    )
