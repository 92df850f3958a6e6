"""Read the counters of each value of a dimension: whole days from daily totals, partial days from the records."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, literal_column, select

from talkmeter.counting import COUNTERS, Counters, Dimension, add, call_counts, run_counts
from talkmeter.db import tables
from talkmeter.db.json_rows import JsonRows
from talkmeter.db.statements import Row, Value, integer
from talkmeter.ledger.organization_rows import read_records_from
from talkmeter.period import Piece, Window, day_of, pieces_of
from talkmeter.records import Kind
from talkmeter.usage.dimensions import SPLITS
from talkmeter.usage.retention import require_records

CALL_COUNTERS: Final = COUNTERS[: COUNTERS.index("runs")]
RUN_COUNTERS: Final = COUNTERS[COUNTERS.index("runs") :]
_MAX_PIECES: Final = 2
_EMPTY_PIECE: Final = Piece(1, 0, 0)
_NO_TEXT: Final[ColumnElement[Any]] = literal_column("''")
_ZERO: Final[ColumnElement[Any]] = literal_column("0")
_daily = tables.usage_daily.c

ByValue = dict[str, Counters]
"""Counters by value; the empty string stands for records without a value."""


def counters_of(kind: Kind) -> tuple[str, ...]:
    """Return the names of the counters of a record kind."""
    return CALL_COUNTERS if kind is Kind.CONVERSATION else RUN_COUNTERS


def read_counters(kind: Kind, amounts: Iterable[Value]) -> Counters:
    """Return counters from a row with the counters of one record kind; the others are zero."""
    return Counters(**dict(zip(counters_of(kind), map(integer, amounts), strict=True)))


def _sums_by_value(kind: Kind) -> JsonRows:
    return JsonRows(
        select(_daily.value, *(func.sum(_daily[counter]) for counter in counters_of(kind)))
        .where(
            _daily.org_id == bindparam("org"),
            _daily.dimension == bindparam("dimension"),
            _daily.day >= bindparam("first"),
            _daily.day < bindparam("end"),
        )
        .group_by(_daily.value)
    )


_SUMS = {kind: _sums_by_value(kind) for kind in (Kind.CONVERSATION, Kind.WORKFLOW_EXECUTION)}


_DAYS = {
    counter: JsonRows(
        select(_daily.value, _daily.day, _daily[counter]).where(
            _daily.org_id == bindparam("org"),
            _daily.dimension == bindparam("dimension"),
            _daily.day >= bindparam("first"),
            _daily.day < bindparam("end"),
            _daily.value.in_(bindparam("values", expanding=True)),
        )
    )
    for counter in ("calls", "voice_ms", "chat_ms", "runs")
}


def _piece(number: str, dimension: Dimension) -> Select[*tuple[object, ...]]:
    """Sum the records created in a part of a day, by value."""
    kind, column, _ = SPLITS[dimension]
    record = tables.RECORD_TABLES[kind].c
    group: list[ColumnElement[Any]] = [record.status]
    selected: list[ColumnElement[Any]] = [_NO_TEXT, _NO_TEXT, record.status, func.count(), _ZERO, _ZERO]
    if kind is Kind.CONVERSATION:
        group = [record.modality, record.direction, record.status]
        selected = [*group, func.count(), func.count(record.duration_ms), func.sum(record.duration_ms)]
    return (
        select(literal_column(number), column.label("value"), *selected)
        .where(record.org_id == bindparam("org"), record.created_at >= bindparam("start"))
        .where(record.created_at < bindparam("end"))
        .group_by(*dict.fromkeys((column, *group)))
    )


_SCANS = {
    dimension: JsonRows(*(_piece(str(number), dimension) for number in range(_MAX_PIECES))) for dimension in SPLITS
}


def read_values(connection: Connection, org_id: str, window: Window, dimension: Dimension) -> ByValue:
    """Return the counters of every value with usage in the window."""
    kind = SPLITS[dimension].kind
    whole, pieces = pieces_of(window)
    rows = _SUMS[kind].run(connection, (org_id, dimension, whole.start, whole.stop))
    values = {str(value): read_counters(kind, amounts) for value, *amounts in rows}
    for _, by_value in _scan(connection, org_id, dimension, pieces):
        for value, counters in by_value.items():
            values[value] = add([values[value], counters]) if value in values else counters
    return {value: counters for value, counters in values.items() if any(counters)}


def read_days_of_values(
    connection: Connection, org_id: str, window: Window, dimension: Dimension, counter: str, values: Iterable[str]
) -> dict[str, dict[int, int]]:
    """Return one counter (`calls`, `voice_ms`, `chat_ms` or `runs`) of some values for each day with usage."""
    whole, pieces = pieces_of(window)
    sorted_values = sorted(values)
    days: dict[str, dict[int, int]] = {value: {} for value in sorted_values}
    bounds: Row = (org_id, dimension, whole.start, whole.stop)
    for value, day, amount in _DAYS[counter].run_in(connection, bounds, sorted_values):
        days[str(value)][integer(day)] = integer(amount)
    index = COUNTERS.index(counter)
    for piece, by_value in _scan(connection, org_id, dimension, pieces):
        day = day_of(piece.start)
        for value in by_value.keys() & days.keys():
            days[value][day] = days[value].get(day, 0) + by_value[value][index]
    return days


def _scan(
    connection: Connection, org_id: str, dimension: Dimension, pieces: tuple[Piece, ...]
) -> list[tuple[Piece, ByValue]]:
    """Sum the records created in each part of a day by value, with the sign of the part; this is one statement."""
    if not pieces:
        return []
    require_records(read_records_from(connection, org_id), pieces)
    padded = (*pieces, _EMPTY_PIECE)[:_MAX_PIECES]
    bounds: Row = tuple(value for piece in padded for value in (org_id, piece.start, piece.end))
    groups: list[defaultdict[str, list[Counters]]] = [defaultdict(list) for _ in padded]
    for number, value, modality, direction, status, *sums in _SCANS[dimension].run(connection, bounds):
        sign = padded[integer(number)].sign
        records, timed, duration_ms = (sign * integer(amount) for amount in sums)
        counts = (
            call_counts(str(modality), str(direction), str(status), records, timed, duration_ms)
            if SPLITS[dimension].kind is Kind.CONVERSATION
            else run_counts(str(status), records)
        )
        groups[integer(number)]["" if value is None else str(value)].append(counts)
    return [
        (piece, {value: add(counts) for value, counts in group.items()})
        for piece, group in zip(padded, groups, strict=True)
    ]
