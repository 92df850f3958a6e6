"""The send lock: of all clients that share a spool, in one process or several, only one sends at a time.

It is a lock of the operating system on an empty file beside the spool. It ends with its holder, also by kill -9, and
needs no space on the disk.
"""

import fcntl
import os
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Final

from talkmeter_client.errors import SpoolUnusable, quoted

SUFFIX: Final = ".turn"


class SendLock:
    """The send lock of one spool."""

    def __init__(self, spool: Path) -> None:
        self._path = spool.with_name(spool.name + SUFFIX)
        try:
            self._file = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SpoolUnusable(f"{quoted(str(self._path))} cannot be opened: {error.strerror}.") from None
        _open_locks.add(self)

    def acquire(self) -> bool:
        """Try to take the lock; return False if another client has it."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise SpoolUnusable(f"{quoted(str(self._path))} cannot be locked: {error.strerror}.") from None
        return True

    def release(self) -> None:
        """Release the lock if this client has it."""
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Release the lock and close its file."""
        if self in _open_locks:
            _open_locks.discard(self)
            os.close(self._file)


_open_locks: Final[weakref.WeakSet[SendLock]] = weakref.WeakSet()


def _close_after_fork() -> None:
    """Close the files that a child has inherited: while they are open, the lock outlives the parent."""
    for lock in list(_open_locks):
        with suppress(OSError):
            lock.close()


os.register_at_fork(after_in_child=_close_after_fork)
