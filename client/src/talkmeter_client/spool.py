"""The spool: a SQLite file with all events that were passed to `send` and that the server has not acknowledged.

Any number of clients, in one process or several, may write to one file; `send_lock.py` chooses the one that sends.
"""

import logging
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from talkmeter_client.clock import EPOCH, now
from talkmeter_client.errors import SpoolFull, SpoolUnusable, WrongUse, quoted
from talkmeter_client.limits import Limits

VERSION: Final = 2
BUSY_SEC: Final = 30.0
WAL_BYTES: Final = 4 << 20
_FULL_BYTES: Final = 1 << 16
"""A disk with less space is full: SQLite reports that as different errors."""
_ROW_BYTES: Final = 32
"""The size of a row without its event."""
_TABLES: Final = """
CREATE TABLE waiting (number INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL);
CREATE TABLE set_aside (
    number INTEGER PRIMARY KEY, body BLOB NOT NULL, status INTEGER NOT NULL, sentence TEXT NOT NULL,
    at INTEGER NOT NULL, key_hash TEXT NOT NULL DEFAULT ''
);
CREATE TABLE spool (
    organization TEXT NOT NULL, events INTEGER NOT NULL, bytes INTEGER NOT NULL,
    aside_events INTEGER NOT NULL, aside_bytes INTEGER NOT NULL
);
INSERT INTO spool VALUES ('', 0, 0, 0, 0);
PRAGMA user_version = 2
"""
_UPGRADE: Final = "ALTER TABLE set_aside ADD COLUMN key_hash TEXT NOT NULL DEFAULT ''; PRAGMA user_version = 2"
_SIZE: Final = f"count(*), coalesce(sum(length(body) + {_ROW_BYTES}), 0)"
_log: Final = logging.getLogger("talkmeter_client")


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


class _Rejected(NamedTuple):
    """The server rejected the waiting events from one number to another."""

    first: int
    last: int
    status: int
    sentence: str


class Spool:
    """A spool, opened by one client. All methods are thread-safe.

    The server's answers for the oldest events, up to `_answered`, are kept in memory while they cannot be written to
    the file. So sending needs no space on the disk.
    """

    def __init__(self, path: Path, limits: Limits, key_hash: str) -> None:
        """Open the file; create it, readable by this user only, if it does not exist."""
        self._path = path
        self._limits = limits
        self._key_hash = key_hash
        self._lock = threading.Lock()
        self._answered = 0
        self._rejected: list[_Rejected] = []
        self._recording_fails = False
        _create(path)
        with self._errors("opened"):
            self._file = sqlite3.connect(path, timeout=BUSY_SEC, isolation_level=None, check_same_thread=False)
        try:
            self._open()
        except BaseException:
            self._file.close()
            raise

    @property
    def organization(self) -> str:
        """The organization of the events in the spool, empty if the key decides."""
        with self._reading() as file:
            owner: str = file.execute("SELECT organization FROM spool").fetchone()[0]
            return owner

    def claim(self, organization: str) -> None:
        """Set the spool's organization. Raises WrongUse if it holds events of another one, which must not mix."""
        with self._writing() as file:
            counts, _ = _counts(file)
            owner = file.execute("SELECT organization FROM spool").fetchone()[0]
            if owner == organization:
                return
            if counts.events or counts.set_aside:
                raise WrongUse(
                    f"The spool {quoted(str(self._path))} holds {counts.events + counts.set_aside} events of "
                    f"organization {quoted(owner)} and cannot be opened for {quoted(organization)}; use one spool for "
                    "each organization."
                )
            file.execute("UPDATE spool SET organization = ?", (organization,))

    def put(self, bodies: Sequence[bytes]) -> Waiting:
        """Store all the events or none. Raises SpoolFull if they do not fit."""
        size = sum(len(body) + _ROW_BYTES for body in bodies)
        self._require_space(size)
        with self._writing() as file:
            before, used = _counts(file)
            if used + size > self._limits.spool_bytes:
                sentence = (
                    f"The spool {quoted(str(self._path))} holds {used} bytes of at most {self._limits.spool_bytes} "
                    f"({before.events} events wait, {before.set_aside} are set aside), so {len(bodies)} events of "
                    f"{size} bytes do not fit; the log says why the server does not accept events."
                )
                raise SpoolFull(sentence)
            file.executemany("INSERT INTO waiting (body) VALUES (?)", [(body,) for body in bodies])
            _count_waiting(file, len(bodies), size)
        return Waiting(before.events + len(bodies), before.bytes + size, before.set_aside)

    def waiting(self) -> Waiting:
        """Return the current content, without the events whose answer is known but not recorded yet."""
        with self._reading() as file:
            counts, _ = _counts(file)
            if not self._answered:
                return counts
            events, size = file.execute(f"SELECT {_SIZE} FROM waiting WHERE number <= ?", (self._answered,)).fetchone()
            return counts._replace(events=counts.events - events, bytes=counts.bytes - size)

    def first(self) -> int | None:
        """Return the number of the oldest waiting event, None if there is none."""
        with self._reading() as file:
            oldest = file.execute("SELECT min(number) FROM waiting WHERE number > ?", (self._answered,))
            number: int | None = oldest.fetchone()[0]
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
            statement = "SELECT number, body FROM waiting WHERE number > ? ORDER BY number LIMIT ?"
            cursor = file.execute(statement, (self._answered, max_events))
            for number, body in cursor:
                size += len(body) + 1
                if rows and size > max_bytes:
                    break
                rows.append(SpoolRow(number, body))
            cursor.close()
        return rows

    def remove(self, rows: Sequence[SpoolRow]) -> None:
        """Delete the oldest waiting events: the server has acknowledged them."""
        self._answered = rows[-1].number
        self.record_answers()

    def set_aside(self, rows: Sequence[SpoolRow], status: int, sentence: str) -> None:
        """Keep the oldest waiting events, which the server rejected, without sending them again."""
        self._rejected.append(_Rejected(rows[0].number, rows[-1].number, status, sentence))
        self._answered = rows[-1].number
        self.record_answers()

    def record_answers(self) -> bool:
        """Write the server's answers to the file; return False if that fails, and keep them in memory."""
        if not self._answered:
            return True
        try:
            with self._writing() as file:
                self._record(file)
        except (SpoolFull, SpoolUnusable) as error:
            if not self._recording_fails:
                _log.warning("Sent events stay in the spool; if the program ends, they are sent again. %s", error)
            self._recording_fails = True
            return False
        self._recording_fails = False
        self._answered = 0
        self._rejected.clear()
        return True

    def _record(self, file: sqlite3.Connection) -> None:
        at = (now() - EPOCH) // timedelta(microseconds=1)
        for first, last, status, sentence in self._rejected:
            rejected = "FROM waiting WHERE number BETWEEN ? AND ?"
            events, size = file.execute(f"SELECT {_SIZE} {rejected}", (first, last)).fetchone()
            file.execute(
                f"INSERT INTO set_aside SELECT number, body, ?, ?, ?, ? {rejected}",
                (status, sentence, at, self._key_hash, first, last),
            )
            _count_set_aside(file, events, size)
        answered = "FROM waiting WHERE number <= ?"
        events, size = file.execute(f"SELECT {_SIZE} {answered}", (self._answered,)).fetchone()
        file.execute(f"DELETE {answered}", (self._answered,))
        _count_waiting(file, -events, -size)

    def read_set_aside(self, limit: int) -> list[SetAsideRow]:
        """Return the oldest events that are set aside."""
        with self._reading() as file:
            columns = "number, body, status, sentence, at"
            rows = file.execute(f"SELECT {columns} FROM set_aside ORDER BY number LIMIT ?", (limit,)).fetchall()
            return [SetAsideRow(*row) for row in rows]

    def reasons(self) -> list[tuple[int, int, str]]:
        """Return why events are set aside: the number of events, the status and the sentence, most frequent first."""
        with self._reading() as file:
            return file.execute(
                "SELECT count(*) AS events, status, sentence FROM set_aside GROUP BY 2, 3 ORDER BY events DESC, 2, 3"
            ).fetchall()

    def requeue_set_aside(self) -> int:
        """Move all events that are set aside back to the waiting ones; return their number."""
        return self._requeue("true", ())

    def requeue_unauthorized(self) -> int:
        """Do the same for those that the server rejected with 401 or 403 because of another key."""
        return self._requeue("status IN (401, 403) AND key_hash <> ?", (self._key_hash,))

    def drop_set_aside(self) -> int:
        """Delete all events that are set aside; return their number."""
        with self._writing() as file:
            events, size = file.execute(f"SELECT {_SIZE} FROM set_aside").fetchone()
            file.execute("DELETE FROM set_aside")
            _count_set_aside(file, -events, -size)
        return int(events)

    def _requeue(self, condition: str, arguments: tuple[str, ...]) -> int:
        with self._writing() as file:
            chosen = f"FROM set_aside WHERE {condition}"
            events, size = file.execute(f"SELECT {_SIZE} {chosen}", arguments).fetchone()
            if events:
                file.execute(f"INSERT INTO waiting (body) SELECT body {chosen} ORDER BY number", arguments)
                file.execute(f"DELETE {chosen}", arguments)
                _count_set_aside(file, -events, -size)
                _count_waiting(file, events, size)
        return int(events)

    def close(self) -> None:
        """Close the file; the events stay in it."""
        with self._lock, self._errors("closed"):
            self._file.close()

    def _open(self) -> None:
        with self._errors("opened"):
            self._file.execute("PRAGMA journal_mode = WAL").close()
            self._file.execute(f"PRAGMA synchronous = {'FULL' if self._limits.fsync else 'NORMAL'}").close()
            self._file.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}").close()
        with self._writing() as file:
            version = file.execute("PRAGMA user_version").fetchone()[0]
            if version == 0 and not file.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                _execute_all(file, _TABLES)
            elif version == 1:
                _execute_all(file, _UPGRADE)
            elif version != VERSION:
                raise SpoolUnusable(
                    f"{quoted(str(self._path))} is not a spool of this version of the client; choose another file."
                )

    def _require_space(self, size: int) -> None:
        """Raise SpoolFull if too little of the disk would remain free to remove events that were sent."""
        free = self._free_bytes()
        if free < size + self._limits.free_bytes:
            raise SpoolFull(
                f"The disk of the spool {quoted(str(self._path))} has {free} bytes left. {size} bytes do not "
                f"fit, because {self._limits.free_bytes} bytes must stay free; make space on the disk."
            )

    def _free_bytes(self) -> int:
        disk = os.statvfs(self._path)
        return disk.f_bavail * disk.f_frsize

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
            if self._free_bytes() < _FULL_BYTES:
                raise SpoolFull(f"The disk of the spool {quoted(str(self._path))} is full; make space on it.") from None
            raise SpoolUnusable(f"The spool {quoted(str(self._path))} cannot be {action}: {error}.") from error


def open_spool(path: Path, limits: Limits, organization: str | None, key: str) -> Spool:
    """Open the spool of a client, and queue what the server rejected only because the client had another key."""
    spool = Spool(path, limits, sha256(key.encode()).hexdigest()[:16])
    try:
        spool.claim(organization or "")
        requeued = spool.requeue_unauthorized()
    except BaseException:
        spool.close()
        raise
    if requeued:
        _log.warning("%d events that the server rejected with another key will be sent again.", requeued)
    return spool


def _create(path: Path) -> None:
    """Create an empty file that only this user can read.

    An existing file must not be opened here: closing it would release the locks that SQLite has on it in this process.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise SpoolUnusable(f"The spool {quoted(str(path))} cannot be opened: {error.strerror}.") from None


def _execute_all(file: sqlite3.Connection, statements: str) -> None:
    for statement in statements.split(";"):
        file.execute(statement)


def _counts(file: sqlite3.Connection) -> tuple[Waiting, int]:
    """Return the content of the spool, and the bytes of all events in it."""
    counts = file.execute("SELECT events, bytes, aside_events, aside_bytes FROM spool").fetchone()
    events, size, aside_events, aside_bytes = counts
    return Waiting(events, size, aside_events), size + aside_bytes


def _count_waiting(file: sqlite3.Connection, events: int, size: int) -> None:
    file.execute("UPDATE spool SET events = events + ?, bytes = bytes + ?", (events, size))


def _count_set_aside(file: sqlite3.Connection, events: int, size: int) -> None:
    file.execute("UPDATE spool SET aside_events = aside_events + ?, aside_bytes = aside_bytes + ?", (events, size))
