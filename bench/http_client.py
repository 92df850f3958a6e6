"""A kept connection of HTTP/1.1 in an event loop, as thin as it can be: what is timed is the server."""

import asyncio
import time
from collections.abc import Coroutine, Iterator
from typing import Final, NamedTuple, Self, TypeVar
from urllib.parse import urlsplit

import msgspec
import uvloop

from bench.workload import BATCH, Workload

EVENTS_PATH: Final = "/metering/events"
Result = TypeVar("Result")


class Kept:
    """One connection; one request on it at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take over an open connection."""
        self._reader = reader
        self._writer = writer

    @classmethod
    async def opened(cls, url: str) -> Self:
        """A connection to a server."""
        address = urlsplit(url)
        return cls(*await asyncio.open_connection(address.hostname, address.port))

    async def ask(self, request: bytes) -> bytes:
        """The body of the answer, which must be a 200, or a 204 that has none."""
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
        body = await self._reader.readexactly(int(length or 0))
        assert head.startswith((b"http/1.1 200", b"http/1.1 204")), (head, body)
        return body

    async def time(self, request: bytes) -> float:
        """Milliseconds until the answer is there, all of it."""
        started = time.perf_counter()
        await self.ask(request)
        return (time.perf_counter() - started) * 1000

    async def close(self) -> None:
        """Let the connection go."""
        self._writer.close()
        await self._writer.wait_closed()


class Times(NamedTuple):
    """Requests that several connections sent between them: how many a second, and the milliseconds of each."""

    per_second: float
    each: list[float]

    def at(self, part: float) -> float:
        """The milliseconds within which so great a part of them was answered."""
        return sorted(self.each)[min(int(len(self.each) * part), len(self.each) - 1)]


async def in_turn(url: str, requests: list[bytes], connections: int) -> Times:
    """Send all requests, each connection the next one as soon as it is free."""
    left = iter(requests)

    async def one_after_another(kept: Kept) -> list[float]:
        return [await kept.time(request) for request in left]

    open_ones = [await Kept.opened(url) for _ in range(connections)]
    started = time.perf_counter()
    times = await asyncio.gather(*map(one_after_another, open_ones))
    seconds = time.perf_counter() - started
    for kept in open_ones:
        await kept.close()
    return Times(len(requests) / seconds, [one for of_connection in times for one in of_connection])


def run(coroutine: Coroutine[None, None, Result]) -> Result:
    """The result of a coroutine in a loop of its own, the same as the server's."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coroutine)


def get(path: str, key: str) -> bytes:
    """A GET as it goes over the wire."""
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n\r\n".encode()


def post(body: bytes, key: str) -> bytes:
    """A POST of events as it goes over the wire."""
    head = f"POST {EVENTS_PATH} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def single_events(workload: Workload) -> Iterator[bytes]:
    """Every event of a workload of whole batches, by itself."""
    for body in workload.bodies(0, workload.total // BATCH):
        for event in msgspec.json.decode(body, type=list[msgspec.Raw]):
            yield bytes(event)
