"""Reads a request body within bounds: bytes, seconds, memory; decompresses it and stops at the limit while doing so."""

import asyncio
import sys
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from talkmeter.api.problems import AnyRequest
from talkmeter.errors import BadRequest, RequestTimeout, TooLarge, UnsupportedMediaType, shown
from talkmeter.settings import Settings

if sys.version_info >= (3, 14):
    from compression.zstd import DecompressionParameter, ZstdDecompressor, ZstdError
else:
    from backports.zstd import DecompressionParameter, ZstdDecompressor, ZstdError

MAX_ZSTD_WINDOW_LOG = 23
"""8 MiB, the most that RFC 8878 asks every decoder to support; a larger window would be memory for the asking."""

MAX_FRAMES = 1_000


class _Decompressor(Protocol):
    """What zlib's and zstd's decompressors have in common."""

    @property
    def eof(self) -> bool:
        """Whether the stream has come to its end."""

    @property
    def unused_data(self) -> bytes:
        """What follows the end of the stream."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Some output, at most `max_length` bytes."""


async def read_body(request: AnyRequest, settings: Settings, hold: Callable[[int], None]) -> bytes:
    """The decoded body. RequestTimeout, TooLarge, BadRequest, Unavailable (from `hold`) say what is wrong."""
    decoder = _decoder(request.headers.get("content-encoding", ""), settings.max_body_bytes, hold)
    # HTTP allows any number of zeros before a length; int() does not take thousands of digits.
    announced = request.headers.get("content-length", "").lstrip("0")
    if announced.isdigit() and int(announced) > settings.max_body_bytes:
        raise _too_large(settings.max_body_bytes)
    try:
        async with asyncio.timeout(settings.body_timeout_sec):
            raw_bytes = 0
            async for chunk in _chunks(request):
                raw_bytes += len(chunk)
                if raw_bytes > settings.max_body_bytes:
                    raise _too_large(settings.max_body_bytes)
                decoder.feed(chunk)
    except TimeoutError:
        raise RequestTimeout(f"The body did not arrive within {settings.body_timeout_sec} seconds.") from None
    return decoder.finish()


async def _chunks(request: AnyRequest) -> AsyncIterator[bytes]:
    """The body as it arrives."""
    while True:
        message = await request.receive()
        if message["type"] != "http.request":
            raise BadRequest("The connection was closed before the whole body arrived.")
        yield message["body"]
        if not message["more_body"]:
            return


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"The body is larger than {most} bytes (decoded), which is the most a request may hold.")


class _Body:
    """Gathers the chunks of a body that is not compressed."""

    def __init__(self, most: int, hold: Callable[[int], None]) -> None:
        self._most = most
        self._hold = hold
        self._parts = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Take what arrived."""
        self._keep(chunk)

    def finish(self) -> bytes:
        """The whole body."""
        return bytes(self._parts)

    def _keep(self, decoded: bytes) -> None:
        if len(self._parts) + len(decoded) > self._most:
            raise _too_large(self._most)
        self._hold(len(decoded))
        self._parts += decoded


class _CompressedBody(_Body):
    """Decompresses the chunks of a body, never further than the limit."""

    def __init__(self, name: str, make: Callable[[], _Decompressor], most: int, hold: Callable[[int], None]) -> None:
        super().__init__(most, hold)
        self._name = name
        self._make = make
        self._decompressor = make()
        self._begun = False
        self._frames = 1

    def feed(self, chunk: bytes) -> None:
        """Decompress what arrived; frames may follow each other."""
        data = chunk
        while data:
            if self._decompressor.eof:
                self._decompressor = self._make()
                self._frames += 1
                if self._frames > MAX_FRAMES:
                    raise BadRequest(f"The {self._name} body consists of more than {MAX_FRAMES} streams.")
            self._begun = True
            data = self._step(data)

    def finish(self) -> bytes:
        """The whole body, if the stream came to its end."""
        if self._begun and not self._decompressor.eof:
            raise BadRequest(f"The {self._name} body ends before its stream does.")
        return super().finish()

    def _step(self, data: bytes) -> bytes:
        """Decompress up to the limit; what belongs to the next frame is handed back."""
        room = self._most + 1 - len(self._parts)
        try:
            self._keep(self._decompressor.decompress(data, room))
            while not self._decompressor.eof and (more := self._rest(self._most + 1 - len(self._parts))):
                self._keep(more)
        except (zlib.error, ZstdError, EOFError, MemoryError):
            raise BadRequest(f"The body is not {self._name}, although Content-Encoding says so.") from None
        return self._decompressor.unused_data

    def _rest(self, room: int) -> bytes:
        """Output that the decompressor still holds back of what it was given."""
        tail = getattr(self._decompressor, "unconsumed_tail", b"")
        return self._decompressor.decompress(tail, room)


def _decoder(encoding: str, most: int, hold: Callable[[int], None]) -> _Body:
    match encoding.strip().lower():
        case "" | "identity":
            return _Body(most, hold)
        case "gzip" | "x-gzip":
            return _CompressedBody("gzip", _gunzip, most, hold)
        case "zstd":
            return _CompressedBody("zstd", _unzstd, most, hold)
        case other:
            raise UnsupportedMediaType(f"Content-Encoding must be gzip, zstd or absent, not {shown(other)}.")


def _gunzip() -> _Decompressor:
    return zlib.decompressobj(wbits=31)


def _unzstd() -> _Decompressor:
    return ZstdDecompressor(options={DecompressionParameter.window_log_max: MAX_ZSTD_WINDOW_LOG})
