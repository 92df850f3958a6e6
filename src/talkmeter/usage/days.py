"""Read the exact counters of each day of a window: whole days from daily totals, partial days from the records.

Several windows are read together, so a comparison needs no more statements than a summary: one for the daily totals,
and one for the partial days and the stale conversations.
"""

from typing import Final, NamedTuple, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    bindparam,
    case,
    func,
    literal_column,
    null,
    select,
)

from talkmeter.counting import COUNTERS, TOTAL, ZERO, Counters, add, call_counts, run_counts
from talkmeter.db import tables
from talkmeter.db.json_rows import JsonRows
from talkmeter.db.statements import Row, Value, integer
from talkmeter.period import MICROSECONDS_PER_DAY, Piece, Window, day_of, pieces_of

MAX_WINDOWS: Final = 3
MAX_PIECES: Final = 2 * MAX_WINDOWS
_NOTHING_STALE: Final = -1

_daily = tables.usage_daily.c
_call = tables.conversation.c
_run = tables.workflow_execution.c


class StaleCalls(NamedTuple):
    """The number of stale conversations on a day, in total and within the window."""

    in_day: int
    in_window: int


class Usage(NamedTuple):
    """An organization's usage in one or more windows, and details on the days of the first window."""

    days: list[dict[int, Counters]]
    """For each window, the counters of every UTC day in it, limited to the window, with zeros, ascending."""
    whole_days: dict[int, Counters]
    """The daily totals of the first window's days, not limited to the window."""
    changed_at: dict[int, int | None]
    """When a figure of each of those days last changed; None: unknown."""
    stale: dict[int, StaleCalls]
    first: int | None
    """The first and the last day with any usage, in all of the organization's data."""
    last: int | None


def _totals_of_days() -> Select[*tuple[object, ...]]:
    return select(_daily.day, *(_daily[counter] for counter in COUNTERS), _daily.changed_at).where(
        _daily.org_id == bindparam("org"),
        _daily.dimension == TOTAL,
        _daily.day >= bindparam("first"),
        _daily.day < bindparam("end"),
    )


def _outermost_day(extreme: ColumnElement[int]) -> Select[*tuple[object, ...]]:
    """Select the first or last day with usage, in a row whose counters are null."""
    return select(extreme, *(null() for _ in COUNTERS), null()).where(
        _daily.org_id == bindparam("org"),
        _daily.dimension == TOTAL,
        (_daily.calls > 0) | (_daily.runs > 0),
    )


_TOTALS = {
    ranges: JsonRows(
        *(_totals_of_days() for _ in range(ranges)),
        _outermost_day(func.min(_daily.day)),
        _outermost_day(func.max(_daily.day)),
    )
    for ranges in range(1, MAX_WINDOWS + 1)
}


def _calls_of_piece(number: str) -> Select[*tuple[object, ...]]:
    return (
        select(
            literal_column(number),
            literal_column("'call'"),
            _call.modality,
            _call.direction,
            _call.status,
            func.count(),
            func.count(_call.duration_ms),
            func.sum(_call.duration_ms),
        )
        .where(_call.org_id == bindparam("org"), _call.created_at >= bindparam("start"))
        .where(_call.created_at < bindparam("end"))
        .group_by(_call.modality, _call.direction, _call.status)
    )


def _runs_of_piece(number: str) -> Select[*tuple[object, ...]]:
    return (
        select(
            literal_column(number),
            literal_column("'run'"),
            literal_column("''"),
            literal_column("''"),
            _run.status,
            func.count(),
            literal_column("0"),
            literal_column("0"),
        )
        .where(_run.org_id == bindparam("org"), _run.created_at >= bindparam("start"))
        .where(_run.created_at < bindparam("end"))
        .group_by(_run.status)
    )


def _stale_calls() -> Select[*tuple[object, ...]]:
    """Count the stale conversations of each day, and those of them in the window.

    There are few, and an index on their newest event finds them, so days outside the window are not excluded.
    """
    day = _call.created_at // literal_column(str(MICROSECONDS_PER_DAY), BigInteger)
    inside = (_call.created_at >= bindparam("start")) & (_call.created_at < bindparam("end"))
    return (
        select(
            literal_column("-1"),
            literal_column("'stale'"),
            literal_column("''"),
            literal_column("''"),
            literal_column("''"),
            day,
            func.count(),
            func.sum(case((inside, literal_column("1")), else_=literal_column("0"))),
        )
        .where(_call.org_id == bindparam("org"), tables.MAY_BE_STALE, _call.time < bindparam("before"))
        .group_by(day)
    )


def _scan_of(pieces: int) -> JsonRows:
    scans = [scan for number in range(pieces) for scan in (_calls_of_piece(str(number)), _runs_of_piece(str(number)))]
    return JsonRows(*scans, _stale_calls())


_SCANS = {pieces: _scan_of(pieces) for pieces in range(MAX_PIECES + 1)}


def read_usage(connection: Connection, org_id: str, *windows: Window, stale_before: int = _NOTHING_STALE) -> Usage:
    """Return the counters of one to three windows, and details on the days of the first.

    `stale_before`: live conversations whose newest event is older than this instant are stale.
    """
    totals, changed_at, first, last = _read_totals(connection, org_id, windows)
    cuts = [pieces_of(window) for window in windows]
    pieces = tuple(dict.fromkeys(piece for _, window_pieces in cuts for piece in window_pieces))
    whole_days = {day: totals[day] for day in windows[0].days if day in totals}
    has_live_calls = any(counters.live_calls for counters in whole_days.values())
    scanned: dict[Piece, Counters] = {}
    stale: dict[int, StaleCalls] = {}
    if pieces or has_live_calls:
        stale_parameters = (windows[0].start, windows[0].end, org_id, stale_before)
        scanned, stale = _scan(connection, org_id, pieces, stale_parameters)
    days = []
    for window, (whole, window_pieces) in zip(windows, cuts, strict=True):
        counters = {day: totals.get(day, ZERO) if day in whole else ZERO for day in window.days}
        for piece in window_pieces:
            counters[day_of(piece.start)] = add([counters[day_of(piece.start)], scanned[piece]])
        days.append(counters)
    return Usage(days, whole_days, changed_at, stale, first, last)


def _read_totals(
    connection: Connection, org_id: str, windows: tuple[Window, ...]
) -> tuple[dict[int, Counters], dict[int, int | None], int | None, int | None]:
    """Return the daily totals of all windows' days, when each last changed, and the first and last day with usage."""
    bounds: Row = tuple(value for window in windows for value in (org_id, window.days.start, window.days.stop))
    # All columns are integers; checking thousands of them for a year would be slow.
    rows = cast("list[tuple[int | None, ...]]", _TOTALS[len(windows)].run(connection, (*bounds, org_id, org_id)))
    day_rows = [(day, row) for row in rows if (day := row[0]) is not None]
    totals = {day: Counters._make(row[1:-1]) for day, row in day_rows if row[1] is not None}
    changed_at = {day: row[-1] for day, row in day_rows if row[1] is not None}
    outermost = [day for day, row in day_rows if row[1] is None]
    return totals, changed_at, min(outermost, default=None), max(outermost, default=None)


def _scan(
    connection: Connection, org_id: str, pieces: tuple[Piece, ...], stale_parameters: Row
) -> tuple[dict[Piece, Counters], dict[int, StaleCalls]]:
    """Sum the records created in each part of a day, with the sign of the part, and count the stale conversations."""
    bounds: tuple[Value, ...] = tuple(value for piece in pieces for value in (org_id, piece.start, piece.end) * 2)
    groups: dict[Piece, list[Counters]] = {piece: [] for piece in pieces}
    stale: dict[int, StaleCalls] = {}
    for number, row_type, modality, direction, status, records, timed, duration_ms in _SCANS[len(pieces)].run(
        connection, (*bounds, *stale_parameters)
    ):
        if row_type == "stale":
            # In these rows, the columns are the day and two counts.
            stale[integer(records)] = StaleCalls(integer(timed), integer(duration_ms))
            continue
        piece = pieces[integer(number)]
        amounts = (piece.sign * integer(records), piece.sign * integer(timed), piece.sign * integer(duration_ms))
        counts = (
            call_counts(str(modality), str(direction), str(status), *amounts)
            if row_type == "call"
            else run_counts(str(status), amounts[0])
        )
        groups[piece].append(counts)
    return {piece: add(counts) for piece, counts in groups.items()}, stale
