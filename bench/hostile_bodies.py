"""Bodies that are made to be expensive: the CPU time to decompress, split, decode and reject them."""

import asyncio
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from statistics import median
from typing import Any, Final

from litestar import Request

from bench.result_table import LABEL, ResultColumn, ResultTable
from bench.timing import interleaved
from talkmeter.api.body import MAX_FRAMES, body_limits, read_body
from talkmeter.errors import TalkmeterError
from talkmeter.ingest.cloudevents import Sender
from talkmeter.ingest.requests import PLAIN, read_request
from talkmeter.settings import default_settings

MIB: Final = 1 << 20
MAX_EVENTS: Final = 10_000
_TARGET_MS: Final = 100
_EVENTS_MS: Final = 100
"""The target is higher by 10 microseconds for each event."""
_ROWS: Final = 12
_EVENT: Final = b'{"id":"1","data":'


def measure_hostile_bodies(rounds: int) -> ResultTable:
    """Measure every kind of body; the slowest and the compressed ones are the rows."""
    bodies = {**dict(_nested()), **dict(_repeated()), **dict(_strings()), **dict(_many())}
    measurements: dict[str, Callable[[], float]] = {
        **{name: partial(_decoding_ms, body) for name, body in bodies.items()},
        **{name: partial(_reading_ms, *body) for name, body in _compressed().items()},
    }
    times = {name: median(runs) for name, runs in interleaved(measurements, rounds, warmup=1).items()}
    slowest = sorted(times, key=times.__getitem__, reverse=True)[:_ROWS]
    return ResultTable(
        name="hostile-bodies",
        title="CPU time of one thread per MiB of decoded body, for bodies of 1 MiB that are made to be expensive",
        columns=(LABEL, ResultColumn("ms per MiB", 1), ResultColumn("target", 0)),
        rows=tuple(
            (name, times[name], _TARGET_MS + (_EVENTS_MS if name.startswith("10,000") else 0))
            for name in (*slowest, *(name for name in _compressed() if name not in slowest))
        ),
        note=f"The slowest of {len(times)} bodies, and compressed ones. Medians of {rounds} interleaved runs.",
    )


def _nested() -> Iterator[tuple[str, bytes]]:
    """Yield nested lists and objects: closed and open, in an array and alone, also with NaN."""
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}"), (b"[1,", b"]"), (b'{"a":1,"":', b"}"), (b"[[],", b"]")):
        depth = (MIB - 60) // len(opening + closing)
        nested = opening * depth + b"NaN" + closing * depth
        yield f"array with nested {opening.decode()}", b"[%b%b}]" % (_EVENT, nested)
        yield f"event with nested {opening.decode()}", b"%b%b}" % (_EVENT, nested)
        yield f"array with open {opening.decode()}", b"[" + opening * (MIB // len(opening))


def _repeated() -> Iterator[tuple[str, bytes]]:
    """Yield a list of a million small values in one event, valid and with NaN."""
    for value in (b"[]", b"[[]]", b"[1]", b'{"a":[]}', b'{"a":1}', b'""', b"1.5", b'"\\u0041"', b"\xff", b"NaN"):
        for last in (b"0", b"NaN"):
            values = (value + b",") * ((MIB - 60) // (len(value) + 1)) + last
            text = f"{value.decode('ascii', 'backslashreplace')} … {last.decode()}"
            yield f"array with {text}", b"[%b[%b]}]" % (_EVENT, values)
            yield f"event with {text}", b"%b[%b]}" % (_EVENT, values)


def _strings() -> Iterator[tuple[str, bytes]]:
    """Yield one long string, with and without an end."""
    for part in (b'\\"', b"\\u0041", b"\\ud800", b"\xff"):
        text = part * (MIB // len(part))
        yield f"string of {part.decode('ascii', 'backslashreplace')}", b'[NaN,{"id":"%b"}]' % text
        yield f"string of {part.decode('ascii', 'backslashreplace')} without end", b'[NaN,{"id":"%b}]' % text


def _many() -> Iterator[tuple[str, bytes]]:
    """Yield 10,000 invalid events that fill 1 MiB."""
    for event in (b"1", b'{"id":NaN}', b'{"specversion":"1.0","id":"1","source":"s","type":"t"}'):
        yield f"10,000 times {event.decode()}", b"[%b]" % b",".join([event.ljust(MIB // MAX_EVENTS - 1)] * MAX_EVENTS)
    nested = b'{"a":1,"":' * 9 + b"NaN" + b"}" * 9
    yield "10,000 times nested objects", b"[%b]" % b",".join([nested] * MAX_EVENTS)


def _compressed() -> Mapping[str, tuple[bytes, int]]:
    """Return gzip bodies with their decoded size: one stream, and as many streams as are allowed."""
    one, many = _gzip(bytes(MIB)), _gzip(bytes(MIB // MAX_FRAMES)) * MAX_FRAMES
    return {"gzip of zeros": (one, MIB), f"gzip of {MAX_FRAMES:,} streams": (many, MIB // MAX_FRAMES * MAX_FRAMES)}


def _gzip(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=31)
    return compressor.compress(data) + compressor.flush()


def _decoding_ms(body: bytes) -> float:
    """Return the milliseconds per MiB to read the events of a body."""
    started = time.thread_time()
    with suppress(TalkmeterError):
        read_request({"content-type": PLAIN}, body, Sender("bench", "acme"), MAX_EVENTS)
    return (time.thread_time() - started) * 1000 * MIB / len(body)


def _reading_ms(compressed: bytes, size: int) -> float:
    """Return the milliseconds per MiB of decoded size to receive and decompress a body."""

    async def receive() -> Any:
        return {"type": "http.request", "body": compressed, "more_body": False}

    async def read() -> bytes:
        scope: Any = {"type": "http", "headers": [(b"content-encoding", b"gzip")], "state": {}}
        return await read_body(Request(scope, receive=receive), body_limits(default_settings()), lambda _size: None)

    started = time.thread_time()
    assert len(asyncio.run(read())) == size
    return (time.thread_time() - started) * 1000 * MIB / size
