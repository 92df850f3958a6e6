"""The kinds of driver errors that call for a retry, more disk space or an operator."""

from enum import Enum
from typing import Final

READ_ONLY: Final = (
    "Nothing can be stored: the database is read-only. On SQLite, check the mode and the file system of the file, its "
    "-wal and its -shm; on PostgreSQL, whether the server is a standby or default_transaction_read_only is on."
)


class ErrorKind(Enum):
    """A driver error that is caused neither by the program nor by the data."""

    BUSY = "busy"
    """A conflict with another transaction: an immediate retry may succeed."""
    LOCK_TIMEOUT = "lock timeout"
    """Another transaction held a lock for too long; an immediate retry would wait just as long."""
    DISK_FULL = "disk full"
    READ_ONLY = "read-only"
    """The database can be read, but not written."""
    UNAVAILABLE = "unavailable"
    """The database cannot be reached or used now."""
    UNREADABLE = "unreadable"
    """The file is not a database, or its first page is damaged."""
    DAMAGED = "damaged"
    """A page, an index or a value of the database is damaged."""
