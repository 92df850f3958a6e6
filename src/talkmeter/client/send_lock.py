"""Whose turn it is to send: of the clients that share a spool, in one process or several, one at a time.

The turn is the write lock of an empty SQLite file beside the spool. The system frees it when its holder dies, also at
kill -9, so nobody has to find out who is alive; and SQLite keeps it apart between threads and across forks.
"""

import sqlite3
from pathlib import Path
from typing import Final

from talkmeter.client.errors import SpoolUnusable

SUFFIX: Final = ".turn"


class Turn:
    """The right to send what is in a spool."""

    def __init__(self, spool: Path) -> None:
        self._path = spool.with_name(spool.name + SUFFIX)
        try:
            self._file = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise SpoolUnusable(f"{self._path} cannot be opened: {error}.") from None

    def take(self) -> bool:
        """Have the turn; False where another client has it."""
        if self._file.in_transaction:
            return True
        try:
            self._file.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                return False
            raise SpoolUnusable(f"{self._path} cannot be locked: {error}.") from None
        return True

    def leave(self) -> None:
        """Let others have it."""
        if self._file.in_transaction:
            self._file.execute("ROLLBACK")

    def close(self) -> None:
        """Leave it for good."""
        self._file.close()
