"""Which days still have records: figures of older days come from daily totals only (TALKMETER_RETENTION_DAYS)."""

from collections.abc import Iterable

from talkmeter.db.engine import Connection
from talkmeter.errors import Unprocessable
from talkmeter.ledger.write import read_records_from
from talkmeter.period import Piece, Window, day_of, format_day, pieces_of


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


def can_compare(connection: Connection, org_id: str, windows: Iterable[Window]) -> bool:
    """Return whether the figures of all windows can be computed."""
    pieces = [piece for window in windows for piece in pieces_of(window)[1]]
    return not pieces or have_records(read_records_from(connection, org_id), pieces)
