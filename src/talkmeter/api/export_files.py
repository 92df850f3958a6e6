"""Exports on their way: written into temporary files from one snapshot each, then sent as slowly as they are read.

A reader who is slow holds a file and nothing of the database; one who stops reading loses it. All files together are
bounded, and one organization may have half of those that wait, so that it does not shut out the others.
"""

import asyncio
import errno
import threading
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from tempfile import TemporaryFile
from typing import IO, Final

from talkmeter.db.engine import Connection, Engine, reading
from talkmeter.errors import DiskFull, Unavailable

Write = Callable[[Connection, IO[bytes], Callable[[], None]], None]
"""Writes an export from a snapshot into a file, and calls the function after every some rows."""

MAX_AT_ONCE: Final = 8
STALLED_SEC: Final = 300
"""A file of which nothing is taken for so long is let go."""
_CHUNK_BYTES: Final = 262_144


class Exports:
    """Writes exports one after another in a thread of their own, so that they do not hold up short questions."""

    def __init__(self, engine: Engine, most_bytes: int) -> None:
        """Nothing is exported yet."""
        self._engine = engine
        self._most = most_bytes
        self._held = 0
        self._asked: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="talkmeter-export")

    async def write(self, owner: str, write: Write) -> "HeldFile":
        """The file of one export of an organization. Unavailable where too many wait, DiskFull where room is short."""
        if self._asked.total() >= MAX_AT_ONCE:
            raise Unavailable("Too many exports wait to be written; ask again shortly.")
        if self._asked[owner] >= MAX_AT_ONCE // 2:
            raise Unavailable("Too many exports of this organization wait to be written; ask again shortly.")
        self._asked[owner] += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._writer, self._write, write)
        finally:
            self._asked[owner] -= 1

    def _write(self, write: Write) -> "HeldFile":
        held = HeldFile(self)
        try:
            with reading(self._engine) as connection:
                write(connection, held.file, held.grow)
            held.grow()
        except OSError as error:
            held.close()
            if error.errno not in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
                raise
            raise DiskFull(
                "There is no room for this export in the folder for temporary files; ask for less, or again later."
            ) from error
        except BaseException:
            held.close()
            raise
        held.file.seek(0)
        return held

    def take(self, size: int) -> None:
        """Count bytes of a file in. DiskFull where all files together would be larger than the setting allows."""
        with self._lock:
            if self._held + size > self._most:
                raise DiskFull(
                    f"The files of all exports now on their way may take {self._most:,} bytes together "
                    "(TALKMETER_EXPORT_BYTES), and this one does not fit; ask for a shorter range, or again later."
                )
            self._held += size

    def give_back(self, size: int) -> None:
        """Count the bytes of a closed file out."""
        with self._lock:
            self._held -= size

    def close(self) -> None:
        """Finish what is being written."""
        self._writer.shutdown()


class HeldFile:
    """The temporary file of one export; gone with its last byte, or with the reader."""

    def __init__(self, exports: Exports) -> None:
        """An empty file without a name."""
        self.file: IO[bytes] = TemporaryFile()  # noqa: SIM115  it outlives this call
        self.size = 0
        self._exports = exports
        self._sizes = [0]
        # A response that is never sent, because its reader has gone, is never iterated either.
        self._close = weakref.finalize(self, _let_go, exports, self.file, self._sizes)
        self._close.atexit = False

    def grow(self) -> None:
        """Count in what has been written since. DiskFull where that is too much."""
        size = self.file.tell()
        self._exports.take(size - self.size)
        self.size = self._sizes[0] = size

    def close(self) -> None:
        """Let go of the file and its room."""
        self._close()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes of the file; it is closed after the last, and where the reader leaves or takes nothing for long."""
        loop = asyncio.get_running_loop()
        try:
            while chunk := await asyncio.to_thread(self.file.read, _CHUNK_BYTES):
                stalled = loop.call_later(STALLED_SEC, self.close)
                try:
                    yield chunk
                finally:
                    stalled.cancel()
        finally:
            self.close()


def _let_go(exports: Exports, file: IO[bytes], sizes: list[int]) -> None:
    file.close()
    exports.give_back(sizes[0])
