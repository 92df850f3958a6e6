"""Read the exact counters of each day of a window: whole days from daily totals, partial days from the records.

Several windows are read together, so a comparison needs no more statements than a summary: one for the daily totals,
and one for the partial days and the stale conversations.
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, cast

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
from talkmeter.ledger.organization_rows import Members, Organizations, read_records_from
from talkmeter.period import MICROSECONDS_PER_DAY, Piece, Present, Window, day_of, pieces_of
from talkmeter.usage.members import (
    read_active_days,
    read_member_totals,
    read_pieces,
    read_stale_days,
)
from talkmeter.usage.retention import have_records, require_records

MAX_WINDOWS: Final = 3
MAX_PIECES: Final = 2 * MAX_WINDOWS

_daily = tables.usage_daily.c
_org = tables.organization.c
_call = tables.conversation.c
_run = tables.workflow_execution.c


DayState = Literal["future", "settling", "no_data", "final"]


class DayUsage(NamedTuple):
    """One UTC day of a window. The counters are limited to the window; the rest describes the whole day."""

    day: int
    counters: Counters
    state: DayState
    changed_at: int | None
    """When a figure of the day last changed, in microseconds; None: unknown."""


class ActiveDays(NamedTuple):
    """The first and the last day with any usage of an organization; None if it has none."""

    first: int | None
    last: int | None


class Usage(NamedTuple):
    """An organization's usage in a window, and in other windows."""

    days: list[DayUsage]
    """Every day of the window, ascending."""
    stale_calls: int
    """The stale conversations of the window."""
    others: list[dict[int, Counters]] | None
    """The counters of each day of each other window; None if one of them needs a part of a day whose records were
    deleted."""
    active: ActiveDays
    """Of a subtree, only known if one of the days has no usage."""

    @property
    def total(self) -> Counters:
        """The sum of the days."""
        return add(day.counters for day in self.days)


class _StaleCalls(NamedTuple):
    """The number of stale conversations on a day, in total and within the window."""

    in_day: int
    in_window: int


_NO_STALE_CALLS: Final = _StaleCalls(0, 0)


class _Totals(NamedTuple):
    """The daily totals of some days, and when each last changed."""

    counters: dict[int, Counters]
    changed_at: dict[int, int | None]
    active: ActiveDays


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


def _first_day_with_records() -> Select[*tuple[object, ...]]:
    empty: ColumnElement[str] = literal_column("''")
    zero: ColumnElement[int] = literal_column("0")
    return select(
        literal_column("-1"), literal_column("'records'"), empty, empty, empty, _org.records_from, zero, zero
    ).where(_org.org_id == bindparam("org"))


def _scan_of(pieces: int) -> JsonRows:
    scans = [scan for number in range(pieces) for scan in (_calls_of_piece(str(number)), _runs_of_piece(str(number)))]
    return JsonRows(*scans, _stale_calls(), _first_day_with_records())


_SCANS = {pieces: _scan_of(pieces) for pieces in range(MAX_PIECES + 1)}


def read_usage(
    connection: Connection,
    organizations: Organizations,
    window: Window,
    present: Present,
    others: Sequence[Window] = (),
) -> Usage:
    """Return the usage of a window and of up to two other windows, from the connection's snapshot.

    Raises Unprocessable if a part of a day is needed whose records were deleted.
    """
    windows = (window, *others)
    totals = _read_totals(connection, organizations, windows)
    cuts = [pieces_of(one) for one in windows]
    pieces = tuple(dict.fromkeys(piece for _, window_pieces in cuts for piece in window_pieces))
    scanned: dict[Piece, Counters] = {}
    stale: dict[int, _StaleCalls] = {}
    records_from = 0
    if pieces or any(totals.counters[day].live_calls for day in window.days if day in totals.counters):
        scanned, stale, records_from = _scan(connection, organizations, pieces, window, present)
    require_records(records_from, cuts[0][1])
    counted = []
    for one, (whole, window_pieces) in zip(windows, cuts, strict=True):
        counters = {day: totals.counters.get(day, ZERO) if day in whole else ZERO for day in one.days}
        for piece in window_pieces:
            counters[day_of(piece.start)] = add([counters[day_of(piece.start)], scanned[piece]])
        counted.append(counters)
    days = [
        DayUsage(day, counters, _state(day, totals, stale, present.today, records_from), totals.changed_at.get(day))
        for day, counters in counted[0].items()
    ]
    has_records = have_records(records_from, pieces)
    stale_calls = sum(calls.in_window for calls in stale.values())
    return Usage(days, stale_calls, counted[1:] if has_records else None, totals.active)


def _state(day: int, totals: _Totals, stale: dict[int, _StaleCalls], today: int, records_from: int) -> DayState:
    """Return how complete the figures of a whole day are (docs/reference/counting.md, "How complete a day is")."""
    if day > today:
        return "future"
    counters = totals.counters.get(day, ZERO)
    live_calls = counters.live_calls if day >= records_from else 0
    if day == today or (live_calls and live_calls > stale.get(day, _NO_STALE_CALLS).in_day):
        return "settling"
    first, last = totals.active
    if counters.calls == counters.runs == 0 and first is not None and last is not None:
        between = first < day < last
        return "no_data" if between or last < day else "final"
    return "final"


def _read_totals(connection: Connection, organizations: Organizations, windows: tuple[Window, ...]) -> _Totals:
    """Return the daily totals of all windows' days."""
    if not isinstance(organizations, str):
        return _read_totals_of_members(connection, organizations, windows)
    org_id = organizations
    bounds: Row = tuple(value for window in windows for value in (org_id, window.days.start, window.days.stop))
    # All columns are integers; checking thousands of them for a year would be slow.
    rows = cast("list[tuple[int | None, ...]]", _TOTALS[len(windows)].run(connection, (*bounds, org_id, org_id)))
    day_rows = [(day, row) for row in rows if (day := row[0]) is not None]
    counters = {day: Counters._make(row[1:-1]) for day, row in day_rows if row[1] is not None}
    changed_at = {day: row[-1] for day, row in day_rows if row[1] is not None}
    outermost = [day for day, row in day_rows if row[1] is None]
    return _Totals(counters, changed_at, ActiveDays(min(outermost, default=None), max(outermost, default=None)))


def _read_totals_of_members(connection: Connection, members: Members, windows: tuple[Window, ...]) -> _Totals:
    counters: dict[int, Counters] = {}
    changed_at: dict[int, int | None] = {}
    for window in windows:
        found = read_member_totals(connection, members, window.days)
        counters |= found.counters
        changed_at |= found.changed_at
    used = {day for day, amounts in counters.items() if amounts.calls or amounts.runs}
    all_used = used.issuperset(windows[0].days)
    return _Totals(
        counters, changed_at, ActiveDays(*((None, None) if all_used else read_active_days(connection, members)))
    )


_Scanned = tuple[dict[Piece, Counters], dict[int, _StaleCalls], int]
"""The sum of each part of a day, the stale conversations of each day, and the first day whose records are stored."""


def _scan(
    connection: Connection, organizations: Organizations, pieces: tuple[Piece, ...], window: Window, present: Present
) -> _Scanned:
    """Sum the records created in each part of a day, with the sign of the part, and count the stale conversations.

    The first day whose records are stored is 0 if none were deleted.
    """
    if not isinstance(organizations, str):
        by_piece = read_pieces(connection, organizations, pieces)
        stale_days = read_stale_days(connection, organizations, window, present.stale_before)
        return (
            {piece: add(by_member.values()) for piece, by_member in by_piece.items()},
            {day: _StaleCalls(*counts) for day, counts in stale_days.items()},
            read_records_from(connection, organizations),
        )
    org_id = organizations
    stale_parameters = (window.start, window.end, org_id, present.stale_before)
    bounds: tuple[Value, ...] = tuple(value for piece in pieces for value in (org_id, piece.start, piece.end) * 2)
    groups: dict[Piece, list[Counters]] = {piece: [] for piece in pieces}
    stale: dict[int, _StaleCalls] = {}
    records_from = 0
    for number, row_type, modality, direction, status, records, timed, duration_ms in _SCANS[len(pieces)].run(
        connection, (*bounds, *stale_parameters, org_id)
    ):
        if row_type == "records":
            records_from = integer(records)
            continue
        if row_type == "stale":
            # In these rows, the columns are the day and two counts.
            stale[integer(records)] = _StaleCalls(integer(timed), integer(duration_ms))
            continue
        piece = pieces[integer(number)]
        amounts = (piece.sign * integer(records), piece.sign * integer(timed), piece.sign * integer(duration_ms))
        counts = (
            call_counts(str(modality), str(direction), str(status), *amounts)
            if row_type == "call"
            else run_counts(str(status), amounts[0])
        )
        groups[piece].append(counts)
    return {piece: add(counts) for piece, counts in groups.items()}, stale, records_from
