"""Open files that may be compressed with gzip or zstd."""

import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, cast

from talkmeter.errors import OperationFailed, error_text

if sys.version_info >= (3, 14):
    from compression.zstd import DecompressionParameter, ZstdError, ZstdFile
else:
    from backports.zstd import DecompressionParameter, ZstdError, ZstdFile

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_MAX_ZSTD_WINDOW_LOG: Final = 27
"""128 MiB, the largest window that the zstd program accepts without an option."""


class _CountedFile(io.FileIO):
    """A file that counts the bytes read; `tell` would fail on a pipe."""

    bytes_read = 0

    def readinto(self, buffer: "bytearray | memoryview", /) -> int:  # type: ignore[override]  # as FileIO has it
        """Read and count."""
        size = super().readinto(buffer)
        self.bytes_read += size or 0
        return size


@contextmanager
def open_decompressed(path: Path) -> Iterator[tuple[BinaryIO, Callable[[], int]]]:
    """Open a file or a pipe; its first bytes say whether it is compressed.

    Yields the decompressed bytes, and a function that returns how many bytes of the file have been read. Raises
    OperationFailed if the file cannot be read or is damaged, also while it is read.
    """
    try:
        with (
            _CountedFile(path, "rb") as raw,
            io.BufferedReader(raw) as buffered,
            _decompressed(cast("io.BufferedReader", buffered)) as file,
        ):
            yield file, lambda: raw.bytes_read
    except (EOFError, zlib.error, gzip.BadGzipFile, ZstdError) as error:
        raise OperationFailed(f"{path} is damaged or incomplete: {error_text(error)}.") from None
    except OSError as error:
        raise OperationFailed(f"{path} cannot be read: {error.strerror or error_text(error)}.") from None


def _decompressed(buffered: io.BufferedReader) -> BinaryIO:
    head = buffered.peek(len(_ZSTD))
    if head.startswith(_GZIP):
        return cast("BinaryIO", gzip.GzipFile(fileobj=buffered))
    if head.startswith(_ZSTD):
        options: dict[int, int] = {DecompressionParameter.window_log_max: _MAX_ZSTD_WINDOW_LOG}
        return cast("BinaryIO", io.BufferedReader(ZstdFile(buffered, options=options)))
    return cast("BinaryIO", buffered)
