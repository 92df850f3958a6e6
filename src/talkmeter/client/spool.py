"""The spool: a SQLite file with all events that were passed to `send` and that the server has not acknowledged.

Any number of clients, in one process or several, may write to one file; `send_lock.py` chooses the one that sends.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from talkmeter.client.errors import SpoolFull, SpoolUnusable, WrongUse
from talkmeter.client.limits import Limits
from talkmeter.clock import now
from talkmeter.errors import quoted

VERSION: Final = 1
BUSY_SEC: Final = 30.0
WAL_BYTES: Final = 4 << 20
_ROW_BYTES: Final = 32
"""The size of a row without its event."""
_TABLES: Final = """
CREATE TABLE waiting (number INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL);
CREATE TABLE set_aside (
    number INTEGER PRIMARY KEY, body BLOB NOT NULL, status INTEGER NOT NULL, sentence TEXT NOT NULL, at INTEGER NOT NULL
);
CREATE TABLE spool (
    organization TEXT NOT NULL, events INTEGER NOT NULL, bytes INTEGER NOT NULL,
    aside_events INTEGER NOT NULL, aside_bytes INTEGER NOT NULL
);
INSERT INTO spool VALUES ('', 0, 0, 0, 0);
PRAGMA user_version = 1
"""


class Waiting(NamedTuple):
    """The content of a spool: the number of waiting events, their bytes, and the number of events set aside."""

    events: int
    bytes: int
    set_aside: int


class SpoolRow(NamedTuple):
    """A waiting event, encoded as it will be sent."""

    number: int
    body: bytes


class SetAsideRow(NamedTuple):
    """An event that the server rejected, with its status and sentence, and when (in microseconds)."""

    number: int
    body: bytes
    status: int
    sentence: str
    at: int


class Spool:
    """A spool, opened by one client. All methods are thread-safe."""

    def __init__(self, path: Path, max_bytes: int, *, fsync: bool, organization: str) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        with self._errors("opened"):
            self._file = sqlite3.connect(path, timeout=BUSY_SEC, isolation_level=None, check_same_thread=False)
        try:
            self._open(organization, fsync=fsync)
        except BaseException:
            self._file.close()
            raise

    def put(self, bodies: Sequence[bytes]) -> Waiting:
        """Store all the events or none. Raises SpoolFull if they do not fit."""
        size = sum(len(body) + _ROW_BYTES for body in bodies)
        with self._writing() as file:
            before, used = _counts(file)
            if used + size > self._max_bytes:
                sentence = (
                    f"The spool {quoted(str(self._path))} holds {used} bytes of at most {self._max_bytes} "
                    f"({before.events} events wait, {before.set_aside} are set aside), so {len(bodies)} events of "
                    f"{size} bytes do not fit; the log says why the server does not accept events."
                )
                raise SpoolFull(sentence)
            file.executemany("INSERT INTO waiting (body) VALUES (?)", [(body,) for body in bodies])
            file.execute("UPDATE spool SET events = events + ?, bytes = bytes + ?", (len(bodies), size))
        return Waiting(before.events + len(bodies), before.bytes + size, before.set_aside)

    def waiting(self) -> Waiting:
        """Return the current content."""
        with self._reading() as file:
            return _counts(file)[0]

    def first(self) -> int | None:
        """Return the number of the oldest waiting event, None if there is none."""
        with self._reading() as file:
            number: int | None = file.execute("SELECT min(number) FROM waiting").fetchone()[0]
            return number

    def last(self) -> int:
        """Return the number of the newest waiting event, 0 if there is none."""
        with self._reading() as file:
            number: int = file.execute("SELECT coalesce(max(number), 0) FROM waiting").fetchone()[0]
            return number

    def read(self, max_events: int, max_bytes: int) -> list[SpoolRow]:
        """Return the oldest waiting events within both limits; at least one, if there is one."""
        rows: list[SpoolRow] = []
        size = 0
        with self._reading() as file:
            cursor = file.execute("SELECT number, body FROM waiting ORDER BY number LIMIT ?", (max_events,))
            for number, body in cursor:
                size += len(body) + 1
                if rows and size > max_bytes:
                    break
                rows.append(SpoolRow(number, body))
            cursor.close()
        return rows

    def remove(self, rows: Sequence[SpoolRow]) -> None:
        """Delete events that the server has acknowledged."""
        with self._writing() as file:
            _remove_waiting(file, rows)

    def set_aside(self, rows: Sequence[SpoolRow], status: int, sentence: str) -> None:
        """Keep events that the server rejected, without sending them again."""
        with self._writing() as file:
            removed, size = _remove_waiting(file, rows)
            at = now()
            file.executemany(
                "INSERT INTO set_aside VALUES (?, ?, ?, ?, ?)",
                [(number, body, status, sentence, at) for number, body in removed],
            )
            file.execute(
                "UPDATE spool SET aside_events = aside_events + ?, aside_bytes = aside_bytes + ?", (len(removed), size)
            )

    def read_set_aside(self, limit: int) -> list[SetAsideRow]:
        """Return the oldest events that are set aside."""
        with self._reading() as file:
            rows = file.execute("SELECT * FROM set_aside ORDER BY number LIMIT ?", (limit,)).fetchall()
            return [SetAsideRow(*row) for row in rows]

    def requeue_set_aside(self) -> int:
        """Move all events that are set aside back to the waiting ones; return their number."""
        with self._writing() as file:
            counts, _ = _counts(file)
            file.execute("INSERT INTO waiting (body) SELECT body FROM set_aside ORDER BY number")
            file.execute("DELETE FROM set_aside")
            file.execute(
                "UPDATE spool SET events = events + aside_events, bytes = bytes + aside_bytes, "
                "aside_events = 0, aside_bytes = 0"
            )
        return counts.set_aside

    def drop_set_aside(self) -> int:
        """Delete all events that are set aside; return their number."""
        with self._writing() as file:
            counts, _ = _counts(file)
            file.execute("DELETE FROM set_aside")
            file.execute("UPDATE spool SET aside_events = 0, aside_bytes = 0")
        return counts.set_aside

    def close(self) -> None:
        """Close the file; the events stay in it."""
        with self._lock, self._errors("closed"):
            self._file.close()

    def _open(self, organization: str, *, fsync: bool) -> None:
        with self._errors("opened"):
            self._file.execute("PRAGMA journal_mode = WAL").close()
            self._file.execute(f"PRAGMA synchronous = {'FULL' if fsync else 'NORMAL'}").close()
            self._file.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}").close()
        with self._writing() as file:
            version = file.execute("PRAGMA user_version").fetchone()[0]
            if version == 0 and not file.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                for statement in _TABLES.split(";"):
                    file.execute(statement)
            elif version != VERSION:
                raise SpoolUnusable(
                    f"{quoted(str(self._path))} is not a spool of this version of the client; choose another file."
                )
            self._set_organization(file, organization)

    def _set_organization(self, file: sqlite3.Connection, organization: str) -> None:
        """Set the spool's organization. Raises WrongUse if it holds events of another one, which must not mix."""
        counts, _ = _counts(file)
        owner = file.execute("SELECT organization FROM spool").fetchone()[0]
        if owner != organization and (counts.events or counts.set_aside):
            raise WrongUse(
                f"The spool {quoted(str(self._path))} holds {counts.events + counts.set_aside} events of organization "
                f"{quoted(owner)} and cannot be opened for {quoted(organization)}; use one spool for each organization."
            )
        file.execute("UPDATE spool SET organization = ?", (organization,))

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._errors("read"):
            yield self._file

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Run one transaction, which is on disk at the end of the block."""
        with self._lock, self._errors("written"):
            self._file.execute("BEGIN IMMEDIATE")
            try:
                yield self._file
                self._file.execute("COMMIT")
            except BaseException:
                if self._file.in_transaction:
                    self._file.execute("ROLLBACK")
                raise

    @contextmanager
    def _errors(self, action: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.ProgrammingError:
            raise WrongUse("The client is closed; create a new one.") from None
        except sqlite3.Error as error:
            raise SpoolUnusable(f"The spool {quoted(str(self._path))} cannot be {action}: {error}.") from error


def open_spool(path: Path, limits: Limits, organization: str | None) -> Spool:
    """Open the spool of a client; create the file if it does not exist."""
    return Spool(path, limits.spool_bytes, fsync=limits.fsync, organization=organization or "")


def _counts(file: sqlite3.Connection) -> tuple[Waiting, int]:
    """Return the content of the spool, and the bytes of all events in it."""
    counts = file.execute("SELECT events, bytes, aside_events, aside_bytes FROM spool").fetchone()
    events, size, aside_events, aside_bytes = counts
    return Waiting(events, size, aside_events), size + aside_bytes


def _remove_waiting(file: sqlite3.Connection, rows: Sequence[SpoolRow]) -> tuple[list[SpoolRow], int]:
    """Delete the rows that are still waiting; return them and their bytes."""
    removed = [row for row in rows if file.execute("DELETE FROM waiting WHERE number = ?", (row.number,)).rowcount]
    size = sum(len(row.body) + _ROW_BYTES for row in removed)
    file.execute("UPDATE spool SET events = events - ?, bytes = bytes - ?", (len(removed), size))
    return removed, size
