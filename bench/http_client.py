"""A minimal HTTP/1.1 client with keep-alive connections, so that the measured time is the server's."""

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


class KeepAliveConnection:
    """One connection with one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Use an open connection."""
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, url: str) -> Self:
        """Connect to a server."""
        address = urlsplit(url)
        return cls(*await asyncio.open_connection(address.hostname, address.port))

    async def send(self, request: bytes) -> bytes:
        """Send a request and return the body of its response; the status must be 200 or 204."""
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
        body = await self._reader.readexactly(int(length or 0))
        assert head.startswith((b"http/1.1 200", b"http/1.1 204")), (head, body)
        return body

    async def time(self, request: bytes) -> float:
        """Return the milliseconds until the whole response has arrived."""
        started = time.perf_counter()
        await self.send(request)
        return (time.perf_counter() - started) * 1000

    async def close(self) -> None:
        """Close the connection."""
        self._writer.close()
        await self._writer.wait_closed()


class Latencies(NamedTuple):
    """The results of several requests: the total rate per second, and the milliseconds of each request."""

    per_second: float
    milliseconds: list[float]

    def percentile(self, fraction: float) -> float:
        """Return the milliseconds within which this fraction of the requests was answered."""
        return sorted(self.milliseconds)[min(int(len(self.milliseconds) * fraction), len(self.milliseconds) - 1)]


async def send_all(url: str, requests: list[bytes], connections: int) -> Latencies:
    """Send all requests over several connections; each connection takes the next request as soon as it is free."""
    queue = iter(requests)

    async def run_connection(connection: KeepAliveConnection) -> list[float]:
        return [await connection.time(request) for request in queue]

    opened = [await KeepAliveConnection.open(url) for _ in range(connections)]
    started = time.perf_counter()
    times = await asyncio.gather(*map(run_connection, opened))
    seconds = time.perf_counter() - started
    for connection in opened:
        await connection.close()
    return Latencies(len(requests) / seconds, [each for of_connection in times for each in of_connection])


def run(coroutine: Coroutine[None, None, Result]) -> Result:
    """Run a coroutine in a new uvloop event loop, the kind that the server uses."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coroutine)


def get_request(path: str, key: str) -> bytes:
    """Return the bytes of a GET request."""
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n\r\n".encode()


def post_request(body: bytes, key: str) -> bytes:
    """Return the bytes of a POST request that sends events."""
    head = f"POST {EVENTS_PATH} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def single_events(workload: Workload) -> Iterator[bytes]:
    """Yield every event of a workload separately; its total must be a multiple of the batch size."""
    for body in workload.bodies(0, workload.total // BATCH):
        for event in msgspec.json.decode(body, type=list[msgspec.Raw]):
            yield bytes(event)
