"""Read and decompress a request body with limits on size, time and memory."""

import asyncio
import sys
import zlib
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import NamedTuple, Protocol

from talkmeter.api.problems import AnyConnection, AnyRequest
from talkmeter.errors import BadRequest, RequestTimeout, TooLarge, UnsupportedMediaType, quoted
from talkmeter.ingest.requests import PLAIN
from talkmeter.settings import Settings

if sys.version_info >= (3, 14):
    from compression.zstd import DecompressionParameter, ZstdDecompressor, ZstdError
else:
    from backports.zstd import DecompressionParameter, ZstdDecompressor, ZstdError

MAX_ZSTD_WINDOW_LOG = 23
"""8 MiB, the window size that RFC 8878 recommends for every decoder; larger windows would use too much memory."""

MAX_FRAMES = 1_000

STEP_BYTES = 256 << 10
"""Decompressing this many bytes takes about a millisecond; then other requests may run."""


class _Decompressor(Protocol):
    """The common interface of zlib's and zstd's decompressors."""

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was reached."""

    @property
    def unused_data(self) -> bytes:
        """The bytes after the end of the stream."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Return at most `max_length` bytes of output."""


class BodyLimits(NamedTuple):
    """How large a decoded body may be, and how long it may take."""

    max_bytes: int
    timeout_sec: int


def body_limits(settings: Settings) -> BodyLimits:
    """Return the limits of the settings."""
    return BodyLimits(settings.max_body_bytes, settings.body_timeout_sec)


async def read_body(request: AnyRequest, limits: BodyLimits, reserve: Callable[[int], None]) -> bytes:
    """Return the decoded body.

    `reserve` is called with the size of each decoded chunk and raises Unavailable if memory is full.
    Raises RequestTimeout, TooLarge, BadRequest or UnsupportedMediaType if the body cannot be read.
    """
    max_bytes, timeout_sec = limits
    decoder = _decoder(request.headers.get("content-encoding", ""), max_bytes, reserve)
    # HTTP allows leading zeros in a length, but int() rejects thousands of digits.
    content_length = request.headers.get("content-length", "").lstrip("0")
    if content_length.isdigit() and int(content_length) > max_bytes:
        raise _too_large(max_bytes)
    try:
        async with asyncio.timeout(timeout_sec):
            raw_bytes = 0
            async for chunk in _chunks(request):
                raw_bytes += len(chunk)
                if raw_bytes > max_bytes:
                    raise _too_large(max_bytes)
                for _ in decoder.feed(chunk):
                    await asyncio.sleep(0)
    except TimeoutError:
        raise RequestTimeout(f"The body did not arrive within {timeout_sec} seconds.") from None
    return decoder.finish()


def require_json(request: AnyConnection) -> None:
    """Raise UnsupportedMediaType if the request's Content-Type is not that of JSON."""
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != PLAIN:
        raise UnsupportedMediaType(f"Content-Type must be {PLAIN}, not '{content_type[:60]}'.")


async def _chunks(request: AnyRequest) -> AsyncIterator[bytes]:
    """Yield the chunks of the body as they arrive."""
    while True:
        message = await request.receive()
        if message["type"] != "http.request":
            raise BadRequest("The connection was closed before the whole body arrived.")
        yield message["body"]
        if not message["more_body"]:
            return


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(f"The decoded body exceeds the limit of {max_bytes} bytes.")


class _BodyDecoder:
    """Collects the chunks of a body without compression."""

    def __init__(self, max_bytes: int, reserve: Callable[[int], None]) -> None:
        self._max_bytes = max_bytes
        self._reserve = reserve
        self._decoded = bytearray()

    def feed(self, chunk: bytes) -> Iterator[None]:
        """Add a chunk. A decoder that takes long yields when other requests may run."""
        self._append(chunk)
        return iter(())

    def finish(self) -> bytes:
        """Return the whole body."""
        return bytes(self._decoded)

    def _append(self, decoded: bytes) -> None:
        if len(self._decoded) + len(decoded) > self._max_bytes:
            raise _too_large(self._max_bytes)
        self._reserve(len(decoded))
        self._decoded += decoded


class _DecompressingDecoder(_BodyDecoder):
    """Decompresses the chunks of a body, and stops at the limit."""

    def __init__(
        self, name: str, make: Callable[[], _Decompressor], max_bytes: int, reserve: Callable[[int], None]
    ) -> None:
        super().__init__(max_bytes, reserve)
        self._name = name
        self._make = make
        self._decompressor = make()
        self._started = False
        self._frames = 1

    def feed(self, chunk: bytes) -> Iterator[None]:
        """Decompress a chunk, which may contain several frames; yield after each 256 KiB of output."""
        data = chunk
        while data:
            if self._decompressor.eof:
                self._decompressor = self._make()
                self._frames += 1
                if self._frames > MAX_FRAMES:
                    raise BadRequest(f"The {self._name} body consists of more than {MAX_FRAMES} streams.")
            self._started = True
            data = yield from self._decompress(data)

    def finish(self) -> bytes:
        """Return the whole body. Raises BadRequest if its last stream is incomplete."""
        if self._started and not self._decompressor.eof:
            raise BadRequest(f"The {self._name} body is truncated: its stream is incomplete.")
        return super().finish()

    def _decompress(self, data: bytes) -> Generator[None, None, bytes]:
        """Decompress up to the limit, and return the bytes after the end of the frame."""
        try:
            self._append(self._decompressor.decompress(data, self._max_output))
            while not self._decompressor.eof and (more := self._pending_output()):
                self._append(more)
                yield
        except (zlib.error, ZstdError, EOFError, MemoryError):
            raise BadRequest(f"The body is not valid {self._name}, although Content-Encoding says so.") from None
        return self._decompressor.unused_data

    @property
    def _max_output(self) -> int:
        """The bytes of one step: at most until the limit, plus one to detect that it is exceeded."""
        return min(STEP_BYTES, self._max_bytes + 1 - len(self._decoded))

    def _pending_output(self) -> bytes:
        """Return output that the decompressor has buffered because of `max_length`."""
        tail = getattr(self._decompressor, "unconsumed_tail", b"")
        return self._decompressor.decompress(tail, self._max_output)


def _decoder(encoding: str, max_bytes: int, reserve: Callable[[int], None]) -> _BodyDecoder:
    match encoding.strip().lower():
        case "" | "identity":
            return _BodyDecoder(max_bytes, reserve)
        case "gzip" | "x-gzip":
            return _DecompressingDecoder("gzip", _gzip_decompressor, max_bytes, reserve)
        case "zstd":
            return _DecompressingDecoder("zstd", _zstd_decompressor, max_bytes, reserve)
        case other:
            raise UnsupportedMediaType(f"Content-Encoding must be gzip, zstd or absent, not {quoted(other)}.")


def _gzip_decompressor() -> _Decompressor:
    return zlib.decompressobj(wbits=31)


def _zstd_decompressor() -> _Decompressor:
    return ZstdDecompressor(options={DecompressionParameter.window_log_max: MAX_ZSTD_WINDOW_LOG})
