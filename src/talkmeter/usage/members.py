"""Read the usage of several organizations: the members of a subtree, in sum or one by one.

A subtree has at most `MAX_MEMBERS` organizations, so that they fit the `IN` list of one statement. On Citus each worker
sums its own organizations.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, bindparam, case, func, literal_column, select

from talkmeter.counting import COUNTERS, TOTAL, Counters, add, call_counts, run_counts
from talkmeter.db import tables
from talkmeter.db.statements import Compiled, Row, Value, integer
from talkmeter.ledger.organization_rows import Members, read_records_from
from talkmeter.period import MICROSECONDS_PER_DAY, Piece, Window, day_of, pieces_of
from talkmeter.records import Kind
from talkmeter.usage.by_value import ByValue, counters_of, read_counters
from talkmeter.usage.retention import require_records

_daily = tables.usage_daily.c
_call = tables.conversation.c
_run = tables.workflow_execution.c


def _within(org_id: ColumnElement[str]) -> ColumnElement[bool]:
    return org_id.in_(bindparam("members", expanding=True))


def _days(*columns: ColumnElement[object]) -> Select[*tuple[object, ...]]:
    """Select from the daily totals of some days."""
    return select(*columns).where(
        _daily.dimension == TOTAL,
        _daily.day >= bindparam("first"),
        _daily.day < bindparam("end"),
        _within(_daily.org_id),
    )


_TOTALS = Compiled(
    _days(_daily.day, *(func.sum(_daily[counter]) for counter in COUNTERS), func.max(_daily.changed_at)).group_by(
        _daily.day
    )
)
_ACTIVE = Compiled(
    select(func.min(_daily.day), func.max(_daily.day)).where(
        _daily.dimension == TOTAL, (_daily.calls > 0) | (_daily.runs > 0), _within(_daily.org_id)
    )
)
_SUMS = {
    kind: Compiled(
        _days(_daily.org_id, *(func.sum(_daily[counter]) for counter in counters_of(kind))).group_by(_daily.org_id)
    )
    for kind in (Kind.CONVERSATION, Kind.WORKFLOW_EXECUTION)
}
_DAYS = {
    counter: Compiled(_days(_daily.org_id, _daily.day, _daily[counter]))
    for counter in ("calls", "voice_ms", "chat_ms", "runs")
}
_CALL_KEY: Final = (_call.org_id, _call.modality, _call.direction, _call.status)
_CALLS = Compiled(
    select(*_CALL_KEY, func.count(), func.count(_call.duration_ms), func.sum(_call.duration_ms))
    .where(_call.created_at >= bindparam("start"), _call.created_at < bindparam("end"), _within(_call.org_id))
    .group_by(*_CALL_KEY)
)
_RUNS = Compiled(
    select(_run.org_id, _run.status, func.count())
    .where(_run.created_at >= bindparam("start"), _run.created_at < bindparam("end"), _within(_run.org_id))
    .group_by(_run.org_id, _run.status)
)
_STALE_DAY: Final = _call.created_at // literal_column(str(MICROSECONDS_PER_DAY), BigInteger)
_INSIDE: Final = (_call.created_at >= bindparam("start")) & (_call.created_at < bindparam("end"))
_STALE = Compiled(
    select(_STALE_DAY, func.count(), func.sum(case((_INSIDE, literal_column("1")), else_=literal_column("0"))))
    .where(tables.MAY_BE_STALE, _call.time < bindparam("before"), _within(_call.org_id))
    .group_by(_STALE_DAY)
)


class MemberTotals(NamedTuple):
    """The sums of the members' daily totals, and when each day last changed."""

    counters: dict[int, Counters]
    changed_at: dict[int, int | None]


def read_member_totals(connection: Connection, members: Members, days: range) -> MemberTotals:
    """Return the sums of the daily totals of some days."""
    rows = list(_TOTALS.run_in(connection, (days.start, days.stop), members))
    counters = {integer(day): Counters._make(map(integer, amounts)) for day, *amounts, _ in rows}
    return MemberTotals(counters, {integer(row[0]): None if row[-1] is None else integer(row[-1]) for row in rows})


def read_active_days(connection: Connection, members: Members) -> tuple[int | None, int | None]:
    """Return the first and the last day with usage of any member."""
    [(first, last)] = _ACTIVE.run_in(connection, (), members)
    return None if first is None else integer(first), None if last is None else integer(last)


def read_stale_days(
    connection: Connection, members: Members, window: Window, stale_before: int
) -> dict[int, tuple[int, int]]:
    """Return the number of stale conversations of each day, in total and within the window."""
    rows = _STALE.run_in(connection, (*window, stale_before), members)
    return {integer(day): (integer(in_day), integer(in_window)) for day, in_day, in_window in rows}


def read_pieces(
    connection: Connection, members: Members, pieces: Iterable[Piece], kinds: Iterable[Kind] = tuple(_SUMS)
) -> dict[Piece, ByValue]:
    """Sum the records created in parts of days by member, with the sign of the part."""
    return {piece: _read_piece(connection, members, piece, kinds) for piece in pieces}


def _read_piece(connection: Connection, members: Members, piece: Piece, kinds: Iterable[Kind]) -> ByValue:
    bounds: Row = (piece.start, piece.end)
    groups: defaultdict[str, list[Counters]] = defaultdict(list)
    if Kind.CONVERSATION in kinds:
        for org_id, modality, direction, status, *amounts in _CALLS.run_in(connection, bounds, members):
            signed = _signed(piece, amounts)
            groups[str(org_id)].append(call_counts(str(modality), str(direction), str(status), *signed))
    if Kind.WORKFLOW_EXECUTION in kinds:
        for org_id, status, runs in _RUNS.run_in(connection, bounds, members):
            groups[str(org_id)].append(run_counts(str(status), *_signed(piece, [runs])))
    return {org_id: add(counts) for org_id, counts in groups.items()}


def _signed(piece: Piece, amounts: Iterable[Value]) -> Iterator[int]:
    return (piece.sign * integer(amount) for amount in amounts)


def read_member_values(connection: Connection, members: Members, window: Window, kind: Kind) -> ByValue:
    """Return the counters of one kind of record of every member with usage in the window."""
    whole, pieces = pieces_of(window)
    rows = _SUMS[kind].run_in(connection, (whole.start, whole.stop), members)
    values = {str(org_id): read_counters(kind, amounts) for org_id, *amounts in rows}
    for by_member in _stored_pieces(connection, members, pieces, kind).values():
        for org_id, counters in by_member.items():
            values[org_id] = add([values[org_id], counters]) if org_id in values else counters
    return {org_id: counters for org_id, counters in values.items() if any(counters)}


def read_days_of_members(
    connection: Connection, members: Members, window: Window, counter: str
) -> dict[str, dict[int, int]]:
    """Return one counter (`calls`, `voice_ms`, `chat_ms` or `runs`) of each member for each day with usage."""
    whole, pieces = pieces_of(window)
    days: dict[str, dict[int, int]] = {org_id: {} for org_id in members}
    for org_id, day, amount in _DAYS[counter].run_in(connection, (whole.start, whole.stop), members):
        days[str(org_id)][integer(day)] = integer(amount)
    kind = Kind.WORKFLOW_EXECUTION if counter == "runs" else Kind.CONVERSATION
    for piece, by_member in _stored_pieces(connection, members, pieces, kind).items():
        day = day_of(piece.start)
        for org_id, counters in by_member.items():
            days[org_id][day] = days[org_id].get(day, 0) + getattr(counters, counter)
    return days


def _stored_pieces(
    connection: Connection, members: Members, pieces: tuple[Piece, ...], kind: Kind
) -> dict[Piece, ByValue]:
    """Read parts of days. Raises Unprocessable if their records were deleted."""
    if pieces:
        require_records(read_records_from(connection, members), pieces)
    return read_pieces(connection, members, pieces, [kind])
