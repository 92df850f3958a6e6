"""Errors for stored data that cannot be read: a damaged value in a row, or a damaged page of the database file."""

import logging
import sqlite3
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from sqlalchemy import Table
from sqlalchemy.exc import DBAPIError

from talkmeter.errors import Damaged, error_text, quoted

UNREADABLE_VALUES: Final = (ValueError, TypeError, LookupError, OverflowError)
"""What decoding a damaged value raises."""
_Value = str | int | bytes | bool | None
_Row = tuple[_Value, ...]
_MAX_KEY_COLUMNS: Final = 4
_Decoded = TypeVar("_Decoded")
_log = logging.getLogger(__name__)


def damaged_row(table: Table, row: _Row, why: Exception) -> Damaged:
    """Return the error for a row in the table's column order, named by its key."""
    key = [(column.name, row[index]) for index, column in enumerate(table.c) if column.primary_key]
    return damaged_key(table.name, key, error_text(why))


def damaged_key(table: str, key: Iterable[tuple[str, _Value]], why: str) -> Damaged:
    """Return the error for the row with a key: the names and values of its first columns."""
    named = ", ".join(f"{name} {_shown(value)}" for name, value in list(key)[:_MAX_KEY_COLUMNS])
    return Damaged(table, f"A row of the table {table} is damaged ({named or 'its key is unknown'}): {why}.")


def _shown(value: _Value) -> str:
    """Return a value of a key; of bytes, which may be the hash of a secret, only the first."""
    if isinstance(value, bytes):
        return f"{value[:4].hex()}…"
    return quoted(value) if isinstance(value, str) else str(value)


def damaged_database(error: BaseException, table: str | None = None) -> Damaged:
    """Return the error for a driver error about a damaged page or index, in a table if that is known."""
    where = f"The table {table}" if table else "The database"
    recover = ", or read the file with 'talkmeter recover'" if isinstance(origin(error), sqlite3.Error) else ""
    return Damaged(table or "the database", f"{where} is damaged: {driver_message(error)}. Restore a backup{recover}.")


def driver_message(error: BaseException) -> str:
    """Return the driver's message without the statement, its parameters and stored texts, which are customer data."""
    lines = str(origin(error)).partition(" with text ")[0].strip().splitlines()
    return lines[0].rstrip(".") if lines else type(origin(error)).__name__


def origin(error: BaseException) -> BaseException | None:
    """Return the driver's error that SQLAlchemy wrapped."""
    return error.orig if isinstance(error, DBAPIError) else error


def split_damaged(rows: Iterable[_Row], decode: Callable[[_Row], _Decoded]) -> tuple[list[_Decoded], list[Damaged]]:
    """Return the decoded rows, and an error for each damaged one."""
    decoded: list[_Decoded] = []
    damaged: list[Damaged] = []
    for row in rows:
        try:
            decoded.append(decode(row))
        except Damaged as error:
            damaged.append(error)
    return decoded, damaged


def skip_damaged(rows: Iterable[_Row], decode: Callable[[_Row], _Decoded]) -> list[_Decoded]:
    """Return the decoded rows, and log the damaged ones."""
    decoded, damaged = split_damaged(rows, decode)
    for error in damaged:
        _log.error("A damaged row was skipped: %s", error.log_detail)
    return decoded
