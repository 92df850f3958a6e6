"""Write exports to temporary files, each from one database snapshot, and stream the files to clients.

A slow client occupies a temporary file, but no database connection; if it stops reading, or reads too slowly, its file
is deleted. The total size of all files is limited. One organization may use half of it and half of the queue, so that
it cannot block the others.
"""

import asyncio
import errno
import threading
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from tempfile import TemporaryFile
from typing import IO, Final

from talkmeter.api.turns import Turns
from talkmeter.db.engine import Connection, Engine, reading
from talkmeter.db.watch import Watch
from talkmeter.errors import DiskFull, Unavailable

WriteExport = Callable[[Connection, IO[bytes], Callable[[], None]], None]
"""Write an export from a snapshot to a file; call the last argument after each block of rows."""

MAX_QUEUED: Final = 8
TIMEOUT_SEC: Final = 600
"""How long writing a file may take."""
STALLED_SEC: Final = 300
"""A file is closed if its client reads nothing for this long."""
MIN_BYTES_PER_SEC: Final = 65_536
DOWNLOAD_GRACE_SEC: Final = 300
"""A file is closed if its client reads it more slowly than MIN_BYTES_PER_SEC and this time in addition."""
_CHUNK_BYTES: Final = 262_144


class ExportWriter:
    """Writes exports one at a time in its own thread, so that they do not delay short queries."""

    def __init__(self, engine: Engine, max_bytes: int) -> None:
        self._engine = engine
        self._max_bytes = max_bytes
        self._reserved: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._turns = Turns()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="talkmeter-export")

    async def write(self, org_id: str, write: WriteExport) -> "ExportFile":
        """Write an organization's export to a file; if the caller is cancelled, stop writing.

        Raises Unavailable if the queue is full or the export takes too long, DiskFull if the file does not fit.
        """
        if self._turns.total >= MAX_QUEUED:
            raise Unavailable("The export queue is full; retry shortly.")
        if self._turns.jobs_of(org_id) >= MAX_QUEUED // 2:
            raise Unavailable("This organization's half of the export queue is full; retry shortly.")
        watch = Watch(TIMEOUT_SEC, f"The export took longer than {TIMEOUT_SEC} seconds; export a shorter range.")
        try:
            async with self._turns.turn(org_id):
                return await asyncio.get_running_loop().run_in_executor(self._thread, self._write, org_id, write, watch)
        finally:
            watch.interrupt()

    def _write(self, org_id: str, write: WriteExport, watch: Watch) -> "ExportFile":
        export = ExportFile(self, org_id)
        try:
            with reading(self._engine, watch) as connection:

                def on_progress() -> None:
                    watch.require_running()
                    export.reserve()

                write(connection, export.file, on_progress)
            export.file.flush()
            export.reserve()
        except OSError as error:
            export.close()
            if error.errno not in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
                raise
            raise DiskFull(
                "The folder for temporary files has no space for this export; export a shorter range or retry later."
            ) from error
        except BaseException:
            export.close()
            raise
        export.file.seek(0)
        return export

    def reserve(self, org_id: str, size: int) -> None:
        """Reserve bytes for a file of an organization.

        Raises DiskFull if its files, or those of all organizations, would exceed their limit.
        """
        with self._lock:
            half = self._max_bytes // 2
            if self._reserved[org_id] + size > half:
                raise DiskFull(
                    f"The export does not fit: this organization's exports in progress may take {half:,} bytes "
                    "together, half of TALKMETER_EXPORT_BYTES; export a shorter range or retry later."
                )
            if self._reserved.total() + size > self._max_bytes:
                raise DiskFull(
                    f"The export does not fit: all exports in progress may take {self._max_bytes:,} bytes together "
                    "(TALKMETER_EXPORT_BYTES); export a shorter range or retry later."
                )
            self._reserved[org_id] += size

    def release(self, org_id: str, size: int) -> None:
        """Release the bytes of a closed file."""
        with self._lock:
            self._reserved[org_id] -= size
            if not self._reserved[org_id]:
                del self._reserved[org_id]

    def close(self) -> None:
        """Finish the queued exports."""
        self._thread.shutdown()


class ExportFile:
    """The temporary file of one export; it is closed when its last byte is read, or if the client disconnects."""

    def __init__(self, writer: ExportWriter, org_id: str) -> None:
        """Create an empty, unnamed file of an organization."""
        self.file: IO[bytes] = TemporaryFile()  # noqa: SIM115  it outlives this call
        self.size = 0
        self._writer = writer
        self._org_id = org_id
        self._sizes = [0]
        # If the client has disconnected, the response is never iterated, so `chunks` cannot close the file.
        self._close = weakref.finalize(self, _close, writer, org_id, self.file, self._sizes)
        self._close.atexit = False

    def reserve(self) -> None:
        """Reserve the bytes written since the last call. Raises DiskFull if the limit is exceeded."""
        size = self.file.tell()
        self._writer.reserve(self._org_id, size - self.size)
        self.size = self._sizes[0] = size

    def close(self) -> None:
        """Close the file and release its bytes."""
        self._close()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the file; close it when all is read, or if the client disconnects, stalls or is too slow."""
        loop = asyncio.get_running_loop()
        # A client that reads a few bytes from time to time never stalls.
        too_slow = loop.call_later(DOWNLOAD_GRACE_SEC + self.size / MIN_BYTES_PER_SEC, self.close)
        unread = self.size
        try:
            while unread:
                chunk = await asyncio.to_thread(self.file.read, _CHUNK_BYTES)
                unread -= len(chunk)
                if not unread:
                    # The client may request its next export as soon as it has the last chunk.
                    self.close()
                stalled = loop.call_later(STALLED_SEC, self.close)
                try:
                    yield chunk
                finally:
                    stalled.cancel()
        finally:
            too_slow.cancel()
            self.close()


def _close(writer: ExportWriter, org_id: str, file: IO[bytes], sizes: list[int]) -> None:
    try:
        # What the file has buffered is written first, and the disk may be full.
        with suppress(OSError):
            file.close()
    finally:
        writer.release(org_id, sizes[0])
