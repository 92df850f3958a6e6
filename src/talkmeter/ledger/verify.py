"""Proves the ledger: every daily total from the records it sums, every winner from its history; and repairs it.

Each day and each step is read in a short snapshot of its own, so that verifying a large ledger holds up nobody.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, Engine, bindparam, delete, func, select

from talkmeter import clock
from talkmeter.counting import COUNTERS, DAILY_DIMENSIONS, ZERO, Counters, DayKey, fold
from talkmeter.db import tables
from talkmeter.db.engine import reading, writing
from talkmeter.db.statements import Compiled, OnConflict, Row, insert_rows, integer
from talkmeter.ledger.call_links import linked_after, wrong_links
from talkmeter.ledger.history import RECORDS_PER_STEP, greatest_states, records_with_history
from talkmeter.ledger.rows import linked_to_of, row_of, state_of
from talkmeter.ledger.states import winning_rows
from talkmeter.ledger.write import lock_organization, renew_revision, total_rows
from talkmeter.period import MICROSECONDS_PER_DAY, day_of, format_day
from talkmeter.records import (
    Conversation,
    Kind,
    Record,
    RecordKey,
    State,
    WorkflowExecution,
    data_hash,
    rank,
)

_daily = tables.usage_daily.c
_COUNTED: Final = (Kind.CONVERSATION, Kind.WORKFLOW_EXECUTION)
_NEXT_RECORD = {
    kind: Compiled(
        select(func.min(table.c.created_at)).where(
            table.c.org_id == bindparam("org"), table.c.created_at >= bindparam("start")
        )
    )
    for kind in _COUNTED
    for table in (tables.RECORD_TABLES[kind],)
}
_NEXT_TOTAL = Compiled(
    select(func.min(_daily.day)).where(
        _daily.org_id == bindparam("org"), _daily.dimension == bindparam("named"), _daily.day >= bindparam("first")
    )
)
_RECORDS_OF_DAY = {
    kind: Compiled(
        select(*table.c).where(
            table.c.org_id == bindparam("org"),
            table.c.created_at >= bindparam("start"),
            table.c.created_at < bindparam("end"),
        )
    )
    for kind in _COUNTED
    for table in (tables.RECORD_TABLES[kind],)
}
_TOTALS_OF_DAY = Compiled(
    select(_daily.dimension, _daily.day, _daily.value, *(_daily[counter] for counter in COUNTERS)).where(
        _daily.org_id == bindparam("org"), _daily.dimension == bindparam("named"), _daily.day == bindparam("one")
    )
)
_DELETE_DAY = Compiled(
    delete(tables.usage_daily).where(
        _daily.org_id == bindparam("org"), _daily.dimension == bindparam("named"), _daily.day == bindparam("one")
    )
)


class Difference(NamedTuple):
    """One thing that is not as the records or their history say, as a sentence; and whether a repair mends it."""

    org_id: str
    sentence: str
    mendable: bool = True


def verify_organization(engine: Engine, org_id: str, *, repair: bool) -> Iterator[Difference]:
    """Every difference in one organization's ledger; with `repair` the mendable ones are mended once they are told."""
    for keys in _record_steps(engine, org_id):
        yield from _verify_winners(engine, org_id, keys, repair=repair)
    for ids in _link_steps(engine, org_id):
        yield from _verify_links(engine, org_id, ids, repair=repair)
    day = _next_day(engine, org_id, 0)
    while day is not None:
        yield from _verify_day(engine, org_id, day, repair=repair)
        day = _next_day(engine, org_id, day + 1)


def _record_steps(engine: Engine, org_id: str) -> Iterator[list[RecordKey]]:
    after: RecordKey | None = None
    while True:
        with reading(engine) as connection:
            keys = records_with_history(connection, org_id, after)
        if not keys:
            return
        yield keys
        after = keys[-1]


def _verify_winners(engine: Engine, org_id: str, keys: list[RecordKey], *, repair: bool) -> Iterator[Difference]:
    """The stored winner is the greatest state ever received, of those that history keeps, to the letter."""
    with reading(engine) as connection:
        wrong = _wrong_winners(connection, org_id, keys)
    for key in wrong:
        yield Difference(org_id, f"{key.kind} {key.id!r}: it is not the greatest state its history holds.")
    if wrong and repair:
        with writing(engine) as connection:
            last_event_at = lock_organization(connection, org_id, clock.now())
            days: set[int] = set()
            for key, state in _wrong_winners(connection, org_id, keys).items():
                linked_to = None
                for kind, row in winning_rows(connection, org_id, [key]):
                    days.update(_days_of(_readable_record(kind, row)))
                    linked_to = linked_to_of(kind, row)
                days.update(_days_of(state.record))
                rows = [row_of(replace(state, linked_to=linked_to), clock.now())]
                insert_rows(connection, tables.RECORD_TABLES[key.kind], rows, OnConflict.REPLACE)
            for day in days:
                _rewrite_day(connection, org_id, day)
            renew_revision(connection, org_id, last_event_at)


def _link_steps(engine: Engine, org_id: str) -> Iterator[list[str]]:
    after = ""
    while True:
        with reading(engine) as connection:
            ids = linked_after(connection, org_id, after, RECORDS_PER_STEP)
        if not ids:
            return
        yield ids
        after = ids[-1]


def _verify_links(engine: Engine, org_id: str, ids: list[str], *, repair: bool) -> Iterator[Difference]:
    """Of the conversations of one call one is counted, and the others are linked to it."""
    with reading(engine) as connection:
        wrong = {id_: both for id_, both in wrong_links(connection, org_id, ids).items() if id_ in ids}
    for id_, (stands, should) in sorted(wrong.items()):
        yield Difference(org_id, f"conversation {id_!r}: it is {_place(stands)}, and should be {_place(should)}.")
    if wrong and repair:
        _repair_links(engine, org_id, ids)


def link_anew(engine: Engine, org_id: str) -> int:
    """Link every conversation of an organization as it should be; how many changed."""
    return sum(_repair_links(engine, org_id, ids) for ids in _link_steps(engine, org_id))


def _place(state: State) -> str:
    return f"linked to {state.linked_to!r}" if state.linked_to else "counted"


def _repair_links(engine: Engine, org_id: str, ids: list[str]) -> int:
    with writing(engine) as connection:
        last_event_at = lock_organization(connection, org_id, clock.now())
        states = [should for _, should in wrong_links(connection, org_id, ids).values()]
        if not states:
            return 0
        rows = sorted((row_of(state, clock.now()) for state in states), key=lambda row: row[:2])
        insert_rows(connection, tables.conversation, rows, OnConflict.REPLACE)
        for day in {day for state in states for day in _days_of(state.record)}:
            _rewrite_day(connection, org_id, day)
        renew_revision(connection, org_id, last_event_at)
    return len(states)


def _wrong_winners(connection: Connection, org_id: str, keys: list[RecordKey]) -> dict[RecordKey, State]:
    """Of records whose stored winner is damaged or not the greatest state of their history, that greatest state."""
    winners = _sound_winners(connection, org_id, keys)
    greatest = greatest_states(connection, org_id, keys)
    return {key: state for key, state in greatest.items() if key not in winners or rank(state) > rank(winners[key])}


def _sound_winners(connection: Connection, org_id: str, keys: Iterable[RecordKey]) -> dict[RecordKey, State]:
    """The stored winners that can be read and are what was received."""
    states = (_read_soundly(kind, row) for kind, row in winning_rows(connection, org_id, keys))
    return {RecordKey(state.kind, state.id): state for state in states if state is not None}


def _read_soundly(kind: Kind, row: Row) -> State | None:
    """A row as a state; None where it cannot be read or its columns are not what its hash was made of."""
    try:
        state = state_of(kind, row)
    except msgspec.ValidationError:
        return None
    return state if data_hash(state.record) == state.hash else None


def _next_day(engine: Engine, org_id: str, first: int) -> int | None:
    """The next day that has records or daily totals."""
    with reading(engine) as connection:
        start = first * MICROSECONDS_PER_DAY
        records = (query.run(connection, (org_id, start))[0][0] for query in _NEXT_RECORD.values())
        totals = (_NEXT_TOTAL.run(connection, (org_id, named, first))[0][0] for named in DAILY_DIMENSIONS)
        days = [day_of(integer(instant)) for instant in records if instant is not None]
        days += [integer(day) for day in totals if day is not None]
    return min(days, default=None)


def _verify_day(engine: Engine, org_id: str, day: int, *, repair: bool) -> Iterator[Difference]:
    with reading(engine) as connection:
        rows = list(_rows_of_day(connection, org_id, day))
        stored = dict(_stored_totals(connection, org_id, day))
    for lost in _damaged_for_good(engine, org_id, rows):
        sentence = f"{lost.kind} {lost.id!r}: its columns are not what was received, and no history can tell."
        yield Difference(org_id, sentence, mendable=False)
    counted = _count(rows)
    differences = [key for key in counted.keys() | stored.keys() if counted.get(key, ZERO) != stored.get(key, ZERO)]
    for key in sorted(differences):
        yield Difference(org_id, _describe(key, stored.get(key, ZERO), counted.get(key, ZERO)))
    if differences and repair:
        with writing(engine) as connection:
            last_event_at = lock_organization(connection, org_id, clock.now())
            _rewrite_day(connection, org_id, day)
            renew_revision(connection, org_id, last_event_at)


def _damaged_for_good(engine: Engine, org_id: str, rows: Iterable[tuple[Kind, Row]]) -> list[RecordKey]:
    """The damaged records that have no history; of the others `_verify_winners` has told."""
    damaged = [RecordKey(kind, str(row[1])) for kind, row in rows if _read_soundly(kind, row) is None]
    if not damaged:
        return []
    with reading(engine) as connection:
        known = greatest_states(connection, org_id, damaged)
    return [key for key in damaged if key not in known]


def _rows_of_day(connection: Connection, org_id: str, day: int) -> Iterator[tuple[Kind, Row]]:
    bounds = (org_id, day * MICROSECONDS_PER_DAY, (day + 1) * MICROSECONDS_PER_DAY)
    for kind, query in _RECORDS_OF_DAY.items():
        for row in query.run(connection, bounds):
            yield kind, row


def _stored_totals(connection: Connection, org_id: str, day: int) -> Iterator[tuple[DayKey, Counters]]:
    for named in DAILY_DIMENSIONS:
        for dimension, day_, value, *counters in _TOTALS_OF_DAY.run(connection, (org_id, named, day)):
            key = DayKey(str(dimension), integer(day_), str(value))
            yield key, Counters(*map(integer, counters))


def _count(rows: Iterable[tuple[Kind, Row]]) -> dict[DayKey, Counters]:
    """What the records of a day add up to; one that cannot be read adds nothing."""
    return fold((None, record) for kind, row in rows if (record := _readable_record(kind, row)) is not None)


def _readable_record(kind: Kind, row: Row) -> Record | None:
    try:
        return state_of(kind, row).record
    except msgspec.ValidationError:
        return None


def _rewrite_day(connection: Connection, org_id: str, day: int) -> None:
    """Make a day's totals anew from its records, inside a transaction that holds the organization."""
    for named in DAILY_DIMENSIONS:
        _DELETE_DAY.change(connection, (org_id, named, day))
    totals = _count(_rows_of_day(connection, org_id, day))
    rows = total_rows(org_id, {DayKey("total", day, ""): ZERO, **totals}, clock.now())
    insert_rows(connection, tables.usage_daily, rows, OnConflict.REPLACE)


def _days_of(record: Record | None) -> Iterator[int]:
    if isinstance(record, Conversation | WorkflowExecution):
        yield day_of(record.created_at)


def _describe(key: DayKey, stored: Counters, counted: Counters) -> str:
    where = f"{format_day(key.day)} {key.dimension}" + (f" {key.value!r}" if key.value else "")
    parts = [
        f"{name} is {was}, the records say {should}"
        for name, was, should in zip(COUNTERS, stored, counted, strict=True)
        if was != should
    ]
    return f"{where}: {'; '.join(parts)}."
