"""Checks every few seconds, in its own thread and over its own connection, whether the database can be written."""

import threading
from typing import Final, NamedTuple

import structlog
from sqlalchemy import bindparam, update
from sqlalchemy.exc import DBAPIError

from talkmeter import clock
from talkmeter.db import tables
from talkmeter.db.engine import is_transient, open_engine, transaction, translate_errors
from talkmeter.db.statements import Compiled
from talkmeter.db.watch import Watch
from talkmeter.errors import DiskFull, TalkmeterError, Unavailable

CHECK_EVERY_SEC: Final = 3
CHECK_TIMEOUT_SEC: Final = 8
"""Longer than SQLite waits for another writer. A check succeeds while the database is busy."""
MAX_AGE_SEC: Final = 15
"""An older result says nothing about the database any more."""
_name = tables.meta.c.name
_WRITE: Final = Compiled(update(tables.meta).values(name=_name).where(_name == bindparam("absent")))
"""A statement that needs a writable database and changes no row."""
_log = structlog.get_logger()


class _Result(NamedTuple):
    """When a check finished, and why it failed."""

    at_sec: float
    failure: Unavailable | None


class WriteCheck:
    """The latest result of the periodic check; any thread may ask for it."""

    def __init__(self, database_url: str) -> None:
        """Start the thread, which makes the first check at once."""
        self._engine = open_engine(database_url, 1)
        self._result: _Result | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="talkmeter-write-check", daemon=True)
        self._thread.start()

    def require_passed(self) -> float:
        """Return how many seconds ago the database could be written.

        Raises Unavailable with the reason if the latest check failed, or if it did not finish recently.
        """
        result = self._result
        if result is None:
            raise Unavailable("The first check of the database has not finished yet; retry shortly.")
        if result.failure is not None:
            # A new error: each `raise` of the same one would add to its traceback.
            raise type(result.failure)(result.failure.detail)
        age_sec = clock.monotonic() - result.at_sec
        if age_sec > MAX_AGE_SEC:
            raise Unavailable(f"The database does not answer: it was last checked {age_sec:.0f} seconds ago.")
        return age_sec

    def close(self) -> None:
        """End the thread and close its connection."""
        self._closing.set()
        self._thread.join()
        self._engine.dispose()

    def _run(self) -> None:
        while not self._closing.is_set():
            failure = self._failure()
            self._result = _Result(clock.monotonic(), failure)
            self._closing.wait(CHECK_EVERY_SEC)

    def _failure(self) -> Unavailable | None:
        """Try to write; return why that is impossible, or None. A busy database and a full disk are not reasons."""
        try:
            with translate_errors():
                self._try_to_write()
        except DiskFull:
            return None
        except Unavailable as error:
            return error
        except TalkmeterError as error:
            return Unavailable(error.detail)
        except Exception:  # noqa: BLE001  a check that fails for any reason has not passed, and the thread must go on
            _log.exception("check of the database failed")
            return Unavailable("The check of the database failed; the server's log has the error.")
        return None

    def _try_to_write(self) -> None:
        watch = Watch(CHECK_TIMEOUT_SEC, f"The database did not answer within {CHECK_TIMEOUT_SEC} seconds.")
        try:
            with transaction(self._engine, watch) as connection:
                _WRITE.change(connection, ("",))
        except DBAPIError as error:
            # Another transaction is writing at the moment.
            if not is_transient(error):
                raise
