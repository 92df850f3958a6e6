"""Ends transactions that take too long, or whose answer is not needed any more.

On SQLite, a running statement is interrupted. On PostgreSQL, the socket of the connection is shut down. This also ends
the wait for a frozen server. A server that runs a statement notices it soon (`client_connection_check_interval`).
"""

import os
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING, Final, cast

from sqlalchemy import Connection

from talkmeter import clock
from talkmeter.errors import TimedOut

if TYPE_CHECKING:
    import psycopg

_CHECK_EVERY_SEC: Final = 0.1


class Watch:
    """The time limit of one transaction. Any thread may `interrupt` the transaction earlier, even before its start."""

    def __init__(self, timeout_sec: float, sentence: str) -> None:
        """Keep the limit, which counts from the start of the transaction, and the sentence of the error."""
        self.deadline = 0.0
        self._timeout_sec = timeout_sec
        self._sentence = sentence
        self.interrupted = False
        self._stop: Callable[[], None] | None = None
        self._lock = threading.Lock()

    def over(self, connection: Connection) -> AbstractContextManager[None]:
        """Limit a block that uses the connection. It raises TimedOut if it was ended."""
        return self.over_driver(connection.connection.driver_connection)

    @contextmanager
    def over_driver(self, connection: object) -> Iterator[None]:
        """Limit the block, which uses a driver's connection. Raises TimedOut if it was ended."""
        with _stop_function(connection) as stop:
            with self._lock:
                if self.interrupted:
                    raise TimedOut(self._sentence)
                self._stop = stop
                self.deadline = clock.monotonic() + self._timeout_sec
            _watchdog.add(self)
            try:
                yield
            except Exception as error:
                if self.interrupted:
                    raise TimedOut(self._sentence) from error
                raise
            finally:
                _watchdog.remove(self)
                with self._lock:
                    self._stop = None

    def require_running(self) -> None:
        """Raise TimedOut if the transaction was ended: for loops that take longer than their statements."""
        if self.interrupted:
            raise TimedOut(self._sentence)

    def interrupt(self) -> None:
        """End the transaction if it runs, and prevent its start otherwise."""
        with self._lock:
            self.interrupted = True
            # Between two statements, SQLite ignores an interrupt; the watchdog repeats it until the block ends.
            self.deadline = 0.0
            if self._stop is not None:
                self._stop()


@contextmanager
def _stop_function(driver: object) -> Iterator[Callable[[], None]]:
    """Yield a function that ends what a driver's connection does, for any thread."""
    if isinstance(driver, sqlite3.Connection):
        yield driver.interrupt
        return
    # A duplicate stays valid if the driver closes its own descriptor meanwhile.
    with socket.socket(fileno=os.dup(cast("psycopg.Connection[object]", driver).fileno())) as duplicate:

        def shut_down() -> None:
            with suppress(OSError):
                duplicate.shutdown(socket.SHUT_RDWR)

        yield shut_down


class _Watchdog:
    """A thread that interrupts transactions at their deadlines; it starts with the first one."""

    def __init__(self) -> None:
        self._watches: set[Watch] = set()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def add(self, watch: Watch) -> None:
        """Watch a transaction."""
        self._watches.add(watch)
        # A worker process is a fork; the thread of its parent does not run in it.
        if self._thread is None or not self._thread.is_alive():
            with self._lock:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(target=self._run, name="talkmeter-watchdog", daemon=True)
                    self._thread.start()

    def remove(self, watch: Watch) -> None:
        """Do not watch a transaction any more."""
        self._watches.discard(watch)

    def _run(self) -> None:
        never = threading.Event()
        while not never.wait(_CHECK_EVERY_SEC):
            now = clock.monotonic()
            for watch in tuple(self._watches):
                if now >= watch.deadline:
                    watch.interrupt()


_watchdog: Final = _Watchdog()
