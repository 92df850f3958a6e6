"""The send lock: of all clients that share a spool, in one process or several, only one sends at a time.

It is the write lock of an empty SQLite file beside the spool. The operating system releases it when its holder dies,
also by kill -9, and SQLite makes it exclusive between threads and forks too.
"""

import sqlite3
from pathlib import Path
from typing import Final

from talkmeter.client.errors import SpoolUnusable

SUFFIX: Final = ".turn"


class SendLock:
    """The send lock of one spool."""

    def __init__(self, spool: Path) -> None:
        self._path = spool.with_name(spool.name + SUFFIX)
        try:
            self._file = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise SpoolUnusable(f"{self._path} cannot be opened: {error}.") from None

    def acquire(self) -> bool:
        """Try to take the lock; return False if another client has it."""
        if self._file.in_transaction:
            return True
        try:
            self._file.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                return False
            raise SpoolUnusable(f"{self._path} cannot be locked: {error}.") from None
        return True

    def release(self) -> None:
        """Release the lock if this client has it."""
        if self._file.in_transaction:
            self._file.execute("ROLLBACK")

    def close(self) -> None:
        """Release the lock and close its file."""
        self._file.close()
