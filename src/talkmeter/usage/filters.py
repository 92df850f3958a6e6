"""Read and sum the records of a window that match a filter.

Paging is keyset pagination: a page starts at the index position where the previous page ended. Days on which the
daily totals have no record of the filter's first value are skipped. On the other days, records that only the rest
of the filter excludes are still read.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    func,
    literal_column,
    not_,
    select,
    tuple_,
)

from talkmeter.counting import COUNTERS, TOTAL, ZERO, Counters, Dimension, add, call_counts, run_counts
from talkmeter.db import tables
from talkmeter.db.json_rows import JsonRows
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

READ_BLOCK: Final = 1_000


class Filter(NamedTuple):
    """Records of one kind with the given values and properties; an empty value selects records without one."""

    kind: Kind
    values: tuple[tuple[Dimension, str], ...] = ()
    has_duration: bool | None = None
    live: bool | None = None
    stale: bool | None = None

    @property
    def equals_daily_total(self) -> bool:
        """Whether a daily total counts exactly these records."""
        return len(self.values) <= 1 and self.has_duration is self.live is self.stale is None


class _Span(NamedTuple):
    """A part of the window that may contain matching records."""

    start: int
    end: int


def iterate_records(
    connection: Connection,
    org_id: str,
    window: Window,
    filter_: Filter,
    present: Present,
    *,
    after: Position | None = None,
    days: dict[int, Counters] | None = None,
    block: int = READ_BLOCK,
) -> Iterator[StoredState]:
    """Yield the matching records of the window after a position, newest first; `block` records are read at a time."""
    days = matching_days(connection, org_id, window, filter_) if days is None else days
    statement = page_statement(filter_)
    for span in _spans(window, days, filter_):
        position = (span.end, "") if after is None or after.sort_key >= span.end else (after.sort_key, after.id)
        if position[0] < span.start:
            continue
        while True:
            bounds = (min(span.end, position[0] + 1), *position)
            parameters = (org_id, span.start, *bounds, *_filter_parameters(filter_, present), block)
            rows = statement.run(connection, parameters)
            stored = [decode_stored(filter_.kind, row) for row in rows]
            yield from stored
            if len(stored) < block:
                break
            position = (created_at(stored[-1].state), stored[-1].state.id)


def created_at(state: State) -> int:
    """Return when a conversation or run was created, in microseconds. Raises TypeError for other records."""
    if isinstance(state.record, Conversation | WorkflowExecution):
        return state.record.created_at
    message = f"{state.kind} {state.id!r} has no created_at"
    raise TypeError(message)


_daily = tables.usage_daily.c
_DAYS = JsonRows(
    select(_daily.day, *(_daily[counter] for counter in COUNTERS)).where(
        _daily.org_id == bindparam("org"),
        _daily.dimension == bindparam("dimension"),
        _daily.day >= bindparam("first"),
        _daily.day < bindparam("end"),
        _daily.value == bindparam("value"),
    )
)


def matching_days(connection: Connection, org_id: str, window: Window, filter_: Filter) -> dict[int, Counters]:
    """Return the daily totals of the filter's first value, or of all records; no record matches on other days."""
    dimension, value = filter_.values[0] if filter_.values else (TOTAL, "")
    days = window.days
    # All columns are integers; checking thousands of them for a year would be slow.
    rows = cast("list[tuple[int, ...]]", _DAYS.run(connection, (org_id, dimension, days.start, days.stop, value)))
    return {row[0]: Counters._make(row[1:]) for row in rows}


def _may_match(counters: Counters, filter_: Filter) -> bool:
    if filter_.kind is Kind.WORKFLOW_EXECUTION:
        return counters.live_runs > 0 if filter_.live else counters.runs > 0
    if filter_.live or filter_.stale:
        return counters.live_calls > 0
    return counters.timed_calls > 0 if filter_.has_duration else counters.calls > 0


def _spans(window: Window, days: dict[int, Counters], filter_: Filter) -> Iterator[_Span]:
    """Yield the parts of the window that may contain matches, newest first; adjacent days are one part."""
    matching = sorted((day for day, counters in days.items() if _may_match(counters, filter_)), reverse=True)
    adjacent: list[int] = []
    for day in [*matching, None]:
        if adjacent and (day is None or day != adjacent[-1] - 1):
            start, end = adjacent[-1] * MICROSECONDS_PER_DAY, (adjacent[0] + 1) * MICROSECONDS_PER_DAY
            yield _Span(max(start, window.start), min(end, window.end))
            adjacent = []
        if day is not None:
            adjacent.append(day)


class _FilterShape(NamedTuple):
    """The parts of a filter that change the statement, not only its parameters."""

    null_dimensions: tuple[Dimension, ...]
    value_dimensions: tuple[Dimension, ...]
    has_duration: bool | None
    live: bool | None
    stale: bool | None


def _shape(filter_: Filter) -> _FilterShape:
    null_dimensions = tuple(dimension for dimension, value in filter_.values if not value)
    value_dimensions = tuple(dimension for dimension, value in filter_.values if value)
    return _FilterShape(null_dimensions, value_dimensions, filter_.has_duration, filter_.live, filter_.stale)


def _filter_parameters(filter_: Filter, present: Present) -> Row:
    """Return the parameters of a filter's conditions, in the order of `_where`."""
    values: list[Value] = [value for _, value in filter_.values if value]
    return (*values, *([] if filter_.stale is None else [present.stale_before]))


def _where(kind: Kind, shape: _FilterShape) -> list[ColumnElement[bool]]:
    """Return the conditions of a filter; `_filter_parameters` returns their parameters."""
    record = tables.RECORD_TABLES[kind].c
    conditions: list[ColumnElement[bool]] = [SPLITS[name].column.is_(None) for name in shape.null_dimensions]
    conditions += [SPLITS[name].column == bindparam(f"filter_{name}") for name in shape.value_dimensions]
    if kind is Kind.CONVERSATION:
        conditions.append(record.status != literal_column(f"'{UNCOUNTED_STATUS}'"))
        if shape.has_duration is not None:
            timed = record.duration_ms.is_not(None)
            conditions.append(timed if shape.has_duration else not_(timed))
        if shape.stale is not None:
            stale = and_(tables.MAY_BE_STALE, record.time < bindparam("before"))
            conditions.append(stale if shape.stale else not_(stale))
    if shape.live is not None:
        statuses = LIVE_STATUSES if kind is Kind.CONVERSATION else LIVE_RUN_STATUSES
        live = record.status.in_([literal_column(f"'{status}'") for status in sorted(statuses)])
        conditions.append(live if shape.live else not_(live))
    return conditions


def page_statement(filter_: Filter) -> Compiled:
    """Return the statement of a page: the records of a part of the window after a position, newest first."""
    return _page(filter_.kind, _shape(filter_))


@lru_cache(maxsize=256)
def _page(kind: Kind, shape: _FilterShape) -> Compiled:
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
        .limit(bindparam("limit", type_=BigInteger)),
        checked=False,
    )


def sum_statement(filter_: Filter) -> Compiled:
    """Return the statement that sums the records of a part of the window, by the fields that counting depends on."""
    return _sum(filter_.kind, _shape(filter_))


@lru_cache(maxsize=256)
def _sum(kind: Kind, shape: _FilterShape) -> Compiled:
    return Compiled(_sums(kind, shape))


class Group(NamedTuple):
    """How to group records: by a unit of `created_at` in microseconds, by the values of a dimension, or by both."""

    unit: int | None = None
    dimension: Dimension | None = None


def group_statement(filter_: Filter, group: Group) -> Compiled:
    """Return the statement that sums the records of a part of the window by group."""
    return _sum_groups(filter_.kind, _shape(filter_), group)


@lru_cache(maxsize=256)
def _sum_groups(kind: Kind, shape: _FilterShape, group: Group) -> JsonRows:
    created = tables.RECORD_TABLES[kind].c.created_at
    unit = None if group.unit is None else created // literal_column(str(group.unit), BigInteger)
    value = None if group.dimension is None else SPLITS[group.dimension].column
    by = [column for column in (unit, value) if column is not None]
    keys = (literal_column("0") if unit is None else unit, literal_column("''") if value is None else value)
    sums = _sums(kind, shape, *by)
    return JsonRows(sums.with_only_columns(*keys, *sums.selected_columns, maintain_column_froms=True))


def _sums(kind: Kind, shape: _FilterShape, *by: ColumnElement[Any]) -> Select[*tuple[object, ...]]:
    record = tables.RECORD_TABLES[kind].c
    fields = (record.modality, record.direction, record.status) if kind is Kind.CONVERSATION else (record.status,)
    durations = (func.count(record.duration_ms), func.sum(record.duration_ms)) if kind is Kind.CONVERSATION else ()
    return (
        select(*fields, func.count(), *durations)
        .where(
            record.org_id == bindparam("org"),
            record.created_at >= bindparam("start"),
            record.created_at < bindparam("end"),
            *_where(kind, shape),
        )
        # A run's status is also a dimension.
        .group_by(*dict.fromkeys((*by, *fields)))
    )


def sum_records(
    connection: Connection,
    org_id: str,
    window: Window,
    filter_: Filter,
    present: Present,
    days: dict[int, Counters],
) -> Counters:
    """Return the counters of the matching records: from the daily totals if they suffice, else from a scan.

    `days` are the daily totals that `matching_days` returned.
    """
    whole_days = window.start % MICROSECONDS_PER_DAY == window.end % MICROSECONDS_PER_DAY == 0
    if whole_days and filter_.equals_daily_total:
        return add(days.values())
    spans = list(_spans(window, days, filter_))
    return sum_span(connection, org_id, Window(spans[-1].start, spans[0].end), filter_, present) if spans else ZERO


def sum_groups(
    connection: Connection, org_id: str, window: Window, filter_: Filter, present: Present, group: Group
) -> dict[tuple[int, str], Counters]:
    """Return the counters of the matching records by (unit number, value), from a scan of the window's records.

    An empty value stands for records without one. What the group does not name is 0 or empty.
    """
    rows = group_statement(filter_, group).run(connection, (org_id, *window, *_filter_parameters(filter_, present)))
    groups: defaultdict[tuple[int, str], list[Counters]] = defaultdict(list)
    for unit, value, *sums in rows:
        groups[integer(unit), "" if value is None else str(value)].append(_counts(filter_.kind, sums))
    return {key: add(counts) for key, counts in groups.items()}


def sum_span(connection: Connection, org_id: str, span: Window, filter_: Filter, present: Present) -> Counters:
    """Return the counters of the matching records of a window, from a scan of its records."""
    rows = sum_statement(filter_).run(connection, (org_id, *span, *_filter_parameters(filter_, present)))
    return add(_counts(filter_.kind, row) for row in rows)


def _counts(kind: Kind, row: Sequence[Value]) -> Counters:
    """Return the counters of a group of equal records."""
    if kind is Kind.CONVERSATION:
        modality, direction, status, *amounts = row
        return call_counts(str(modality), str(direction), str(status), *map(integer, amounts))
    return run_counts(str(row[0]), integer(row[1]))
