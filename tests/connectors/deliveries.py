"""Delivers messages as their stacks do: each at its time, again where no answer came, over many connections at once."""

import asyncio
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from tests.connectors.made_up_calls import Sent
from tests.connectors.metering_server import Hook
from tests.connectors.signing import signed_request
from tests.event_loop import run_coroutine

RETRIES: Final[dict[str, Sequence[float]]] = {
    "twilio": (15.0, 15.0),
    "vapi": (5.0, 10.0, 20.0),
    "retell": (10.0, 10.0, 10.0),
    "elevenlabs": (0.0, 30.0, 120.0, 480.0, 1_800.0),
    "livekit": (1.0, 4.0, 16.0),
    "telnyx": (2.0, 2.0),
    "n8n": (60.0, 60.0),
}
"""Seconds after which a stack that got no answer tells again. Twilio: with `rc=2&rp=all`, Vapi: with a backoffPlan."""
LOST: Final = 0.04
"""How much of the answers is lost: the stack has gone before it could read one."""
TWICE: Final = 0.03
"""How much is told twice though it was answered."""
_JITTER_SEC: Final = 8.0


class Delivery(NamedTuple):
    """One attempt: at which second, the request, and whether its answer is lost."""

    at: float
    request: bytes
    is_lost: bool


def deliveries(messages: Iterable[Sent], hooks: dict[str, Hook], chance: random.Random, now: int) -> list[Delivery]:
    """Every attempt in the order in which the attempts are made: no stack waits for another, nor for itself."""
    attempts: list[Delivery] = []
    for message in messages:
        attempts += _attempts(message, signed_request(hooks[message.stack], message.body, now), chance)
    return sorted(attempts)


def _attempts(message: Sent, request: bytes, chance: random.Random) -> Iterator[Delivery]:
    at = message.at + chance.random() * _JITTER_SEC
    for delay in RETRIES[message.stack]:
        if chance.random() >= LOST:
            break
        yield Delivery(at, request, is_lost=True)
        at += delay * chance.uniform(0.9, 1.1)
    yield Delivery(at, request, is_lost=False)
    if chance.random() < TWICE:
        yield Delivery(at + chance.random() * 1_000, request, is_lost=False)


def deliver(url: str, attempts: Sequence[Delivery], connections: int) -> dict[str, int]:
    """Make all attempts, each connection the next one as soon as it is free; how many were answered with what."""
    return run_coroutine(_deliver(url, attempts, connections))


async def _deliver(url: str, attempts: Sequence[Delivery], connections: int) -> dict[str, int]:
    answered: dict[str, int] = {}
    left = iter(attempts)

    async def one_after_another() -> None:
        reader, writer = await _open(url)
        for attempt in left:
            writer.write(attempt.request)
            await writer.drain()
            if attempt.is_lost:
                writer.close()
                reader, writer = await _open(url)
                continue
            status = await _status(reader)
            answered[status] = answered.get(status, 0) + 1
        writer.close()

    await asyncio.gather(*(one_after_another() for _ in range(connections)))
    return answered


async def _open(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = urlsplit(url)
    return await asyncio.open_connection(address.hostname, address.port)


async def _status(reader: asyncio.StreamReader) -> str:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length or 0))
    return head[9:12].decode()
