"""The spool: a SQLite file that holds every event from before `send` returns until the server has answered for it.

Any number of clients, in one process or several, may write into one file; `turn.py` says which of them sends from it.
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
from talkmeter.errors import shown

VERSION: Final = 1
BUSY_SEC: Final = 30.0
WAL_BYTES: Final = 4 << 20
_ROW_BYTES: Final = 32
"""What a row takes beside its event."""
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
    """What a spool holds: events that wait to be sent, their bytes, and events that are set aside."""

    events: int
    bytes: int
    set_aside: int


class Row(NamedTuple):
    """One event of the spool, as it will be sent."""

    number: int
    body: bytes


class AsideRow(NamedTuple):
    """One event that the server refused, when (in microseconds), and its sentence."""

    number: int
    body: bytes
    status: int
    sentence: str
    at: int


class Spool:
    """One spool, opened by one client; all of it may be called from any thread."""

    def __init__(self, path: Path, most_bytes: int, *, fsync: bool, organization: str) -> None:
        self._path = path
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        with self._errors("opened"):
            self._file = sqlite3.connect(path, timeout=BUSY_SEC, isolation_level=None, check_same_thread=False)
        try:
            self._open(organization, fsync=fsync)
        except BaseException:
            self._file.close()
            raise

    def put(self, bodies: Sequence[bytes]) -> Waiting:
        """Write events down, all or none. SpoolFull where they have no room."""
        size = sum(len(body) + _ROW_BYTES for body in bodies)
        with self._writing() as file:
            before, held = _counts(file)
            if held + size > self._most_bytes:
                sentence = (
                    f"The spool {shown(str(self._path))} holds {held} bytes of at most {self._most_bytes} "
                    f"({before.events} events wait, {before.set_aside} are set aside), and {len(bodies)} events of "
                    f"{size} bytes have no room; see the log for why the server does not take them."
                )
                raise SpoolFull(sentence)
            file.executemany("INSERT INTO waiting (body) VALUES (?)", [(body,) for body in bodies])
            file.execute("UPDATE spool SET events = events + ?, bytes = bytes + ?", (len(bodies), size))
        return Waiting(before.events + len(bodies), before.bytes + size, before.set_aside)

    def waiting(self) -> Waiting:
        """What it holds now."""
        with self._reading() as file:
            return _counts(file)[0]

    def first(self) -> int | None:
        """The number of the oldest event that waits."""
        with self._reading() as file:
            number: int | None = file.execute("SELECT min(number) FROM waiting").fetchone()[0]
            return number

    def last(self) -> int:
        """The number of the newest event that waits; 0 where none does."""
        with self._reading() as file:
            number: int = file.execute("SELECT coalesce(max(number), 0) FROM waiting").fetchone()[0]
            return number

    def read(self, most_events: int, most_bytes: int) -> list[Row]:
        """The oldest events up to both limits; at least one, where there is any."""
        rows: list[Row] = []
        size = 0
        with self._reading() as file:
            found = file.execute("SELECT number, body FROM waiting ORDER BY number LIMIT ?", (most_events,))
            for number, body in found:
                size += len(body) + 1
                if rows and size > most_bytes:
                    break
                rows.append(Row(number, body))
            found.close()
        return rows

    def remove(self, rows: Sequence[Row]) -> None:
        """Forget events that the server has answered for."""
        with self._writing() as file:
            _take_out(file, rows)

    def set_aside(self, rows: Sequence[Row], status: int, sentence: str) -> None:
        """Keep events that the server refused, and no longer send them."""
        with self._writing() as file:
            gone, size = _take_out(file, rows)
            at = now()
            file.executemany(
                "INSERT INTO set_aside VALUES (?, ?, ?, ?, ?)",
                [(number, body, status, sentence, at) for number, body in gone],
            )
            file.execute(
                "UPDATE spool SET aside_events = aside_events + ?, aside_bytes = aside_bytes + ?", (len(gone), size)
            )

    def read_aside(self, most: int) -> list[AsideRow]:
        """The oldest events that are set aside."""
        with self._reading() as file:
            found = file.execute("SELECT * FROM set_aside ORDER BY number LIMIT ?", (most,)).fetchall()
            return [AsideRow(*row) for row in found]

    def wait_again(self) -> int:
        """Let all events that are set aside wait to be sent again; how many they are."""
        with self._writing() as file:
            counts, _ = _counts(file)
            file.execute("INSERT INTO waiting (body) SELECT body FROM set_aside ORDER BY number")
            file.execute("DELETE FROM set_aside")
            file.execute(
                "UPDATE spool SET events = events + aside_events, bytes = bytes + aside_bytes, "
                "aside_events = 0, aside_bytes = 0"
            )
        return counts.set_aside

    def drop_aside(self) -> int:
        """Forget all events that are set aside; how many they were."""
        with self._writing() as file:
            counts, _ = _counts(file)
            file.execute("DELETE FROM set_aside")
            file.execute("UPDATE spool SET aside_events = 0, aside_bytes = 0")
        return counts.set_aside

    def close(self) -> None:
        """Close the file; what it holds stays."""
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
                    f"{shown(str(self._path))} is no spool of this version of the client; name another file."
                )
            self._belong_to(file, organization)

    def _belong_to(self, file: sqlite3.Connection, organization: str) -> None:
        """Events of one organization are never sent in the name of another."""
        counts, _ = _counts(file)
        whose = file.execute("SELECT organization FROM spool").fetchone()[0]
        if whose != organization and (counts.events or counts.set_aside):
            raise WrongUse(
                f"The spool {shown(str(self._path))} holds {counts.events + counts.set_aside} events of organization "
                f"{shown(whose)} and cannot be opened for {shown(organization)}; give each organization its own."
            )
        file.execute("UPDATE spool SET organization = ?", (organization,))

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._errors("read"):
            yield self._file

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, on disk when it is left."""
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
    def _errors(self, done: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.ProgrammingError:
            raise WrongUse("The client is closed; make a new one.") from None
        except sqlite3.Error as error:
            raise SpoolUnusable(f"The spool {shown(str(self._path))} cannot be {done}: {error}.") from error


def open_spool(path: Path, limits: Limits, organization: str | None) -> Spool:
    """The spool of a client."""
    return Spool(path, limits.spool_bytes, fsync=limits.fsync, organization=organization or "")


def _counts(file: sqlite3.Connection) -> tuple[Waiting, int]:
    """What waits and what is set aside, and the bytes of both."""
    found = file.execute("SELECT events, bytes, aside_events, aside_bytes FROM spool").fetchone()
    events, size, aside_events, aside_bytes = found
    return Waiting(events, size, aside_events), size + aside_bytes


def _take_out(file: sqlite3.Connection, rows: Sequence[Row]) -> tuple[list[Row], int]:
    """Remove those of the rows that still wait; which they were, and their bytes."""
    gone = [row for row in rows if file.execute("DELETE FROM waiting WHERE number = ?", (row.number,)).rowcount]
    size = sum(len(row.body) + _ROW_BYTES for row in gone)
    file.execute("UPDATE spool SET events = events - ?, bytes = bytes - ?", (len(gone), size))
    return gone, size
