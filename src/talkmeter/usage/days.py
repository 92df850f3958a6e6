"""The counters of each day of a window: whole days from daily totals, ragged ends from the records, exactly."""

from typing import Final

from sqlalchemy import Connection, Select, bindparam, func, literal_column, select, union_all

from talkmeter.counting import COUNTERS, ZERO, Counters, add, call_counts, run_counts
from talkmeter.ledger import tables
from talkmeter.ledger.statements import Compiled, integer
from talkmeter.period import Piece, Window, day_of, pieces_of

_daily = tables.usage_daily.c
_call = tables.conversation.c
_run = tables.workflow_execution.c

_TOTALS = Compiled(
    select(_daily.day, *(_daily[counter] for counter in COUNTERS))
    .where(
        _daily.org_id == bindparam("org"),
        _daily.dimension == "total",
        _daily.day >= bindparam("first"),
        _daily.day < bindparam("end"),
    )
    .order_by(_daily.day)
)


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


_MOST_PIECES: Final = 2
_SCAN = Compiled(
    union_all(
        *(
            part
            for number in range(_MOST_PIECES)
            for part in (_calls_of_piece(str(number)), _runs_of_piece(str(number)))
        )
    )
)
_NO_PIECE: Final = Piece(1, 0, 0)


def read_days(connection: Connection, org_id: str, window: Window) -> dict[int, Counters]:
    """The counters of every UTC day a window touches, zeros included, in ascending order."""
    whole, pieces = pieces_of(window)
    days = dict.fromkeys(window.days, ZERO)
    for row in _TOTALS.run_integers(connection, (org_id, whole.start, whole.stop)):
        days[row[0]] = Counters._make(row[1:])
    if pieces:
        for piece, counters in zip(pieces, _scan(connection, org_id, pieces), strict=True):
            cut = day_of(piece.start)
            days[cut] = add([days[cut], counters])
    return days


def _scan(connection: Connection, org_id: str, pieces: tuple[Piece, ...]) -> list[Counters]:
    """What the records created in each piece of a day add up to, with the piece's sign; one statement."""
    padded = (*pieces, _NO_PIECE)[:_MOST_PIECES]
    bounds = tuple(value for piece in padded for value in (org_id, piece.start, piece.end) * 2)
    groups: list[list[Counters]] = [[] for _ in pieces]
    for number, noun, modality, direction, status, records, timed, duration_ms in _SCAN.run(connection, bounds):
        sign = padded[integer(number)].sign
        amounts = (sign * integer(records), sign * integer(timed), sign * integer(duration_ms))
        counts = (
            call_counts(str(modality), str(direction), str(status), *amounts)
            if noun == "call"
            else run_counts(str(status), amounts[0])
        )
        groups[integer(number)].append(counts)
    return [add(group) for group in groups]
