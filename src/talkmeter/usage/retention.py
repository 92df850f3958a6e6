"""Which days still have records: figures of older days come from daily totals only (TALKMETER_RETENTION_DAYS)."""

from collections.abc import Callable, Iterable

from talkmeter.db.engine import Connection
from talkmeter.errors import Unprocessable
from talkmeter.ledger.organization_rows import Organizations, read_records_from
from talkmeter.period import Piece, Window, day_of, format_day, pieces_of
from talkmeter.usage.compare import Windows


def deleted_before(connection: Connection, org_id: str, window: Window) -> str | None:
    """Return the first day whose records are stored if the window begins before it, else None."""
    records_from = read_records_from(connection, org_id)
    return format_day(records_from) if day_of(window.start) < records_from else None


def have_records(records_from: int, pieces: Iterable[Piece]) -> bool:
    """Return whether the records of parts of days are stored."""
    return all(day_of(piece.start) >= records_from for piece in pieces)


def require_records(records_from: int, pieces: Iterable[Piece]) -> None:
    """Raise Unprocessable if a part of a day must be read from records that were deleted."""
    days = [day_of(piece.start) for piece in pieces]
    if days and min(days) < records_from:
        raise Unprocessable(
            f"Records before {format_day(records_from)} were deleted, so figures of earlier days exist for whole UTC "
            f"days only, and {format_day(min(days))} is not whole."
        )


def parts_of_days(window: Window) -> tuple[Piece, ...]:
    """Return the parts of a window that are read from records if whole days come from the daily totals."""
    return pieces_of(window)[1]


def whole_window(window: Window) -> tuple[Piece, ...]:
    """Return the parts of a window that are read from records if all of it is."""
    return (Piece(1, window.start, window.end),)


def with_records(
    connection: Connection,
    organizations: Organizations,
    window: Window,
    windows: Windows | None,
    pieces: Callable[[Window], tuple[Piece, ...]],
) -> Windows | None:
    """Return the windows to compare, or None if they need records that were deleted; `pieces` returns what is read.

    Raises Unprocessable if the window itself needs records that were deleted.
    """
    of_window = pieces(window)
    compared = () if windows is None else (*pieces(windows.now), *pieces(windows.then))
    if not of_window and not compared:
        return windows
    records_from = read_records_from(connection, organizations)
    require_records(records_from, of_window)
    return windows if have_records(records_from, compared) else None
