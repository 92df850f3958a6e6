"""A connection that one thread keeps for its write transactions, each with a deadline.

PostgreSQL ends a slow statement by itself, but nothing ends a COMMIT that waits for a frozen server. So the socket of a
transaction that exceeds its deadline is shut down, and the waiting thread gets a connection error.
"""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, TypeVar, cast

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from talkmeter import clock
from talkmeter.errors import CommitTimeout

if TYPE_CHECKING:
    import psycopg

Result = TypeVar("Result")
_CHECK_EVERY_SEC: Final = 0.25
_IDLE_SEC: Final = 1
"""A connection idle for longer is checked before it is used."""


class WriteConnection:
    """A connection for write transactions of one thread; it is opened on first use and again after an error."""

    def __init__(self, engine: Engine, watchdog: "Watchdog") -> None:
        """Open nothing yet."""
        self._engine = engine
        self._watchdog = watchdog
        self._connection: Connection | None = None
        self._used_at = 0.0

    def run(self, write: Callable[[Connection], Result]) -> Result:
        """Run `write` in a transaction, commit, and return its result.

        Raises CommitTimeout if the deadline passes: the transaction may have been committed or not. Driver errors are
        raised as they are.
        """
        self._close_if_dead()
        watch = _Watch()
        try:
            return self._run(write, watch)
        except DBAPIError as error:
            if watch.expired:
                raise CommitTimeout(
                    f"The database did not commit within {self._watchdog.timeout_sec:g} seconds; retry shortly."
                ) from error
            raise

    def close(self) -> None:
        """Return the connection to the engine's pool."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _close_if_dead(self) -> None:
        """Close a connection that the server ended while it was idle; the next transaction opens another one."""
        connection = self._connection
        if connection is None or connection.dialect.name == "sqlite":
            return
        if clock.monotonic() - self._used_at < _IDLE_SEC:
            return
        try:
            with self._watchdog.watching(_Watch(), connection), connection.begin():
                connection.exec_driver_sql("SELECT 1")
        except DBAPIError:
            self.close()

    def _run(self, write: Callable[[Connection], Result], watch: "_Watch") -> Result:
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(talkmeter_writes=True)
        try:
            with self._watchdog.watching(watch, self._connection), self._connection.begin():
                result = write(self._connection)
        except BaseException:
            self.close()
            raise
        self._used_at = clock.monotonic()
        return result


class _Watch:
    """One transaction under watch."""

    def __init__(self) -> None:
        self.expired = False


class Watchdog:
    """A thread that shuts down the socket of each transaction that takes longer than `timeout_sec`."""

    def __init__(self, timeout_sec: float) -> None:
        """Start the thread with the first transaction on PostgreSQL; SQLite waits for nothing but the disk."""
        self.timeout_sec = timeout_sec
        self._deadlines: dict[_Watch, tuple[float, socket.socket]] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False

    @contextmanager
    def watching(self, watch: _Watch, connection: Connection) -> Iterator[None]:
        """Limit the duration of the block."""
        if connection.dialect.name != "postgresql":
            yield
            return
        # A duplicate stays valid if the driver closes its own descriptor meanwhile.
        driver = cast("psycopg.Connection[object]", connection.connection.driver_connection)
        with socket.socket(fileno=os.dup(driver.fileno())) as duplicate:
            self._add(watch, duplicate)
            try:
                yield
            finally:
                with self._changed:
                    del self._deadlines[watch]

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _add(self, watch: _Watch, duplicate: socket.socket) -> None:
        with self._changed:
            self._deadlines[watch] = clock.monotonic() + self.timeout_sec, duplicate
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="talkmeter-watchdog", daemon=True)
                self._thread.start()
            elif len(self._deadlines) == 1:
                self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while not self._closing:
                now = clock.monotonic()
                for watch, (deadline, duplicate) in self._deadlines.items():
                    if now >= deadline and not watch.expired:
                        watch.expired = True
                        with suppress(OSError):
                            duplicate.shutdown(socket.SHUT_RDWR)
                self._changed.wait(_CHECK_EVERY_SEC if self._deadlines else None)
