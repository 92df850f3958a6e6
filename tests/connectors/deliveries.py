"""Deliver webhooks as the providers do: in time order, with retries, over many connections at once."""

import asyncio
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from tests.connectors.metering_server import Hook
from tests.connectors.signing import signed_request
from tests.connectors.simulated_calls import SentMessage
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
"""Seconds before each retry. Twilio: with `rc=2&rp=all`, Vapi: with a backoffPlan."""
LOST_SHARE: Final = 0.04
"""The share of responses that are lost because the provider closes the connection before."""
REPEATED_SHARE: Final = 0.03
"""The share of messages that are sent again although they were answered."""
_JITTER_SEC: Final = 8.0


class WebhookDelivery(NamedTuple):
    """An attempt: its second, the request, and whether the response is lost."""

    at: float
    request: bytes
    is_lost: bool


def deliveries(
    messages: Iterable[SentMessage], hooks: dict[str, Hook], rng: random.Random, now: int
) -> list[WebhookDelivery]:
    """Return all attempts in time order: no provider waits for another, or for its own earlier messages."""
    attempts: list[WebhookDelivery] = []
    for message in messages:
        attempts += _attempts(message, signed_request(hooks[message.provider], message.body, now), rng)
    return sorted(attempts)


def _attempts(message: SentMessage, request: bytes, rng: random.Random) -> Iterator[WebhookDelivery]:
    at = message.at + rng.random() * _JITTER_SEC
    for delay in RETRIES[message.provider]:
        if rng.random() >= LOST_SHARE:
            break
        yield WebhookDelivery(at, request, is_lost=True)
        at += delay * rng.uniform(0.9, 1.1)
    yield WebhookDelivery(at, request, is_lost=False)
    if rng.random() < REPEATED_SHARE:
        yield WebhookDelivery(at + rng.random() * 1_000, request, is_lost=False)


def deliver(url: str, attempts: Sequence[WebhookDelivery], connections: int) -> dict[str, int]:
    """Make all attempts, each on the next free connection; return the number of responses by status."""
    return run_coroutine(_deliver(url, attempts, connections))


async def _deliver(url: str, attempts: Sequence[WebhookDelivery], connections: int) -> dict[str, int]:
    statuses: dict[str, int] = {}
    remaining = iter(attempts)

    async def send_next() -> None:
        reader, writer = await _open(url)
        for attempt in remaining:
            writer.write(attempt.request)
            await writer.drain()
            if attempt.is_lost:
                writer.close()
                reader, writer = await _open(url)
                continue
            status = await _status(reader)
            statuses[status] = statuses.get(status, 0) + 1
        writer.close()

    await asyncio.gather(*(send_next() for _ in range(connections)))
    return statuses


async def _open(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = urlsplit(url)
    return await asyncio.open_connection(address.hostname, address.port)


async def _status(reader: asyncio.StreamReader) -> str:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length or 0))
    return head[9:12].decode()
