"""What a database's own errors mean for whoever waits: come again, make room, or see to it."""

from enum import Enum


class ErrorKind(Enum):
    """A fault that is not one of the program or of the data."""

    BUSY = "busy"
    """The same transaction may succeed when it is run again."""
    HELD = "held"
    """Somebody else has held for long what the transaction needs: another try would wait as long again."""
    FULL = "full"
    """There is no room left."""
    AWAY = "away"
    """The database cannot be used now."""
    UNREADABLE = "unreadable"
    """It is no database, or a damaged one."""
