"""Which records match a filter: those of a window with some values and properties, and what they come to.

A page is found without reading what lies between it and the first: within a day the index goes on from where the page
before ended, and days on which the filter's first value has no record are left out by the daily totals. On the other
days, records that only another part of the filter refuses are looked at.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    and_,
    bindparam,
    func,
    literal_column,
    not_,
    select,
    tuple_,
)

from talkmeter.counting import COUNTERS, ZERO, Counters, Dimension, add, call_counts, run_counts
from talkmeter.db import tables
from talkmeter.db.statements import Compiled, Row, Value, integer
from talkmeter.ledger.rows import StoredState, decode_stored
from talkmeter.period import MICROSECONDS_PER_DAY, Present, Window
from talkmeter.records import (
    LIVE_RUN_STATUSES,
    LIVE_STATUSES,
    UNCOUNTED_STATUS,
    Conversation,
    Kind,
    State,
    WorkflowExecution,
)
from talkmeter.usage.cursor import Position
from talkmeter.usage.dimensions import SPLITS

READ_AT_ONCE: Final = 1_000


class Filter(NamedTuple):
    """Which records: of one kind, with these values (the empty string: without one), and these properties."""

    kind: Kind
    values: tuple[tuple[Dimension, str], ...] = ()
    has_duration: bool | None = None
    live: bool | None = None
    stale: bool | None = None

    @property
    def is_split(self) -> bool:
        """Whether a daily total counts exactly these records."""
        return len(self.values) <= 1 and self.has_duration is self.live is self.stale is None


class _Span(NamedTuple):
    """A part of the window that may hold matching records."""

    start: int
    end: int


def iterate_records(
    connection: Connection,
    org_id: str,
    window: Window,
    wanted: Filter,
    present: Present,
    *,
    after: Position | None = None,
    days: dict[int, Counters] | None = None,
    most: int = READ_AT_ONCE,
) -> Iterator[StoredState]:
    """Every record of the window that the filter keeps, newest first, from a place on; read `most` at a time."""
    days = matching_days(connection, org_id, window, wanted) if days is None else days
    statement = page_of(wanted)
    for span in _spans(window, days, wanted):
        begin = (span.end, "") if after is None or after.created_at >= span.end else (after.created_at, after.id)
        if begin[0] < span.start:
            continue
        while True:
            bounds = (min(span.end, begin[0] + 1), *begin)
            parameters = (org_id, span.start, *bounds, *_filter_values(wanted, present), most)
            rows = statement.run(connection, parameters)
            stored = [decode_stored(wanted.kind, row) for row in rows]
            yield from stored
            if len(stored) < most:
                break
            begin = (created_at(stored[-1].state), stored[-1].state.id)


def created_at(state: State) -> int:
    """When a conversation or run was created, in microseconds. TypeError of anything else."""
    if isinstance(state.record, Conversation | WorkflowExecution):
        return state.record.created_at
    message = f"{state.kind} {state.id!r} is created in no window"
    raise TypeError(message)


_daily = tables.usage_daily.c
_DAYS = Compiled(
    select(_daily.day, *(_daily[counter] for counter in COUNTERS)).where(
        _daily.org_id == bindparam("org"),
        _daily.dimension == bindparam("named"),
        _daily.day >= bindparam("first"),
        _daily.day < bindparam("end"),
        _daily.value == bindparam("one"),
    )
)


def matching_days(connection: Connection, org_id: str, window: Window, wanted: Filter) -> dict[int, Counters]:
    """The daily totals of the filter's first value, or of all: where they are zero no record can match."""
    dimension, value = wanted.values[0] if wanted.values else ("total", "")
    days = window.days
    rows = _DAYS.run(connection, (org_id, dimension, days.start, days.stop, value))
    return {integer(day): Counters(*map(integer, counters)) for day, *counters in rows}


def _may_match(counters: Counters, wanted: Filter) -> bool:
    if wanted.kind is Kind.WORKFLOW_EXECUTION:
        return counters.live_runs > 0 if wanted.live else counters.runs > 0
    if wanted.live or wanted.stale:
        return counters.live_calls > 0
    return counters.timed_calls > 0 if wanted.has_duration else counters.calls > 0


def _spans(window: Window, days: dict[int, Counters], wanted: Filter) -> Iterator[_Span]:
    """The parts of the window whose days may hold a match, the newest first; days that follow each other are one."""
    matching = sorted((day for day, counters in days.items() if _may_match(counters, wanted)), reverse=True)
    run: list[int] = []
    for day in [*matching, None]:
        if run and (day is None or day != run[-1] - 1):
            start, end = run[-1] * MICROSECONDS_PER_DAY, (run[0] + 1) * MICROSECONDS_PER_DAY
            yield _Span(max(start, window.start), min(end, window.end))
            run = []
        if day is not None:
            run.append(day)


class _Shape(NamedTuple):
    """What of a filter changes the statement and not only its parameters."""

    without: tuple[Dimension, ...]
    having: tuple[Dimension, ...]
    has_duration: bool | None
    live: bool | None
    stale: bool | None


def _shape(wanted: Filter) -> _Shape:
    without = tuple(dimension for dimension, value in wanted.values if not value)
    having = tuple(dimension for dimension, value in wanted.values if value)
    return _Shape(without, having, wanted.has_duration, wanted.live, wanted.stale)


def _filter_values(wanted: Filter, present: Present) -> Row:
    """The parameters of a filter's conditions, in the order of `_where`."""
    values: list[Value] = [value for _, value in wanted.values if value]
    return (*values, *([] if wanted.stale is None else [present.stale_before]))


def _where(kind: Kind, shape: _Shape) -> list[ColumnElement[bool]]:
    """The conditions of a filter; what the parameters are comes from `_filter_values`."""
    record = tables.RECORD_TABLES[kind].c
    conditions: list[ColumnElement[bool]] = [SPLITS[one].column.is_(None) for one in shape.without]
    conditions += [SPLITS[one].column == bindparam(f"the_{one}") for one in shape.having]
    if kind is Kind.CONVERSATION:
        conditions.append(record.status != literal_column(f"'{UNCOUNTED_STATUS}'"))
        if shape.has_duration is not None:
            timed = record.duration_ms.is_not(None)
            conditions.append(timed if shape.has_duration else not_(timed))
        if shape.stale is not None:
            silent = and_(tables.MAY_BE_STALE, record.time < bindparam("before"))
            conditions.append(silent if shape.stale else not_(silent))
    if shape.live is not None:
        statuses = LIVE_STATUSES if kind is Kind.CONVERSATION else LIVE_RUN_STATUSES
        live = record.status.in_([literal_column(f"'{status}'") for status in sorted(statuses)])
        conditions.append(live if shape.live else not_(live))
    return conditions


def page_of(wanted: Filter) -> Compiled:
    """The statement of a page: records of a part of the window after a place, newest first."""
    return _page(wanted.kind, _shape(wanted))


@lru_cache(maxsize=256)
def _page(kind: Kind, shape: _Shape) -> Compiled:
    table = tables.RECORD_TABLES[kind]
    return Compiled(
        select(*table.c)
        .where(
            table.c.org_id == bindparam("org"),
            table.c.created_at >= bindparam("start"),
            table.c.created_at < bindparam("end"),
            tuple_(table.c.created_at, table.c.id) < tuple_(bindparam("at"), bindparam("after")),
            *_where(kind, shape),
        )
        .order_by(table.c.created_at.desc(), table.c.id.desc())
        .limit(bindparam("most", type_=BigInteger))
    )


def sum_of(wanted: Filter) -> Compiled:
    """The statement of what all records of a part of the window come to, by what counting tells apart."""
    return _sum(wanted.kind, _shape(wanted))


@lru_cache(maxsize=256)
def _sum(kind: Kind, shape: _Shape) -> Compiled:
    record = tables.RECORD_TABLES[kind].c
    alike = (record.modality, record.direction, record.status) if kind is Kind.CONVERSATION else (record.status,)
    durations = (func.count(record.duration_ms), func.sum(record.duration_ms)) if kind is Kind.CONVERSATION else ()
    return Compiled(
        select(*alike, func.count(), *durations)
        .where(
            record.org_id == bindparam("org"),
            record.created_at >= bindparam("start"),
            record.created_at < bindparam("end"),
            *_where(kind, shape),
        )
        .group_by(*alike)
    )


def sum_records(
    connection: Connection,
    org_id: str,
    window: Window,
    wanted: Filter,
    present: Present,
    days: dict[int, Counters],
) -> Counters:
    """What the matching records come to: from daily totals where these count the same ones, else from one scan.

    `days` are the daily totals of `matching_days`.
    """
    whole_days = window.start % MICROSECONDS_PER_DAY == window.end % MICROSECONDS_PER_DAY == 0
    if whole_days and wanted.is_split:
        return add(days.values())
    spans = list(_spans(window, days, wanted))
    return add(_scan(connection, org_id, spans, wanted, present)) if spans else ZERO


def _scan(
    connection: Connection, org_id: str, spans: list[_Span], wanted: Filter, present: Present
) -> Iterator[Counters]:
    bounds = (org_id, spans[-1].start, spans[0].end)
    rows = sum_of(wanted).run(connection, (*bounds, *_filter_values(wanted, present)))
    for row in rows:
        if wanted.kind is Kind.CONVERSATION:
            modality, direction, status, *amounts = row
            yield call_counts(str(modality), str(direction), str(status), *map(integer, amounts))
        else:
            yield run_counts(str(row[0]), integer(row[1]))
