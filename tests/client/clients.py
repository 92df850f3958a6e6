"""A common interface of both clients, so that every test runs with each, and the events that they send."""

import asyncio
import json
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol, TypeVar

import msgspec

from talkmeter_client import AsyncClient, Client, Event, Limits, SetAside, Waiting, conversation
from talkmeter_client.callbacks import OnQuarantined
from talkmeter_client.events import encode_event
from tests.events import Json

T = TypeVar("T")
KINDS: Final = ("Client", "AsyncClient")
NOON: Final = datetime(2024, 3, 1, 12, tzinfo=UTC)
QUICK: Final = Limits(batch_seconds=0.05, first_pause_sec=0.02, longest_pause_sec=0.2, fsync=False, close_sec=5)
KEY: Final = "ak_0123456789abcdef.secret"


class AnyClient(Protocol):
    """The methods of both clients."""

    def send(self, *events: Event) -> None: ...
    def flush(self, timeout: float) -> bool: ...
    def waiting(self) -> Waiting: ...
    def set_aside(self, limit: int = 100) -> list[SetAside]: ...
    def send_set_aside(self) -> int: ...
    def drop_set_aside(self) -> int: ...
    def close(self, timeout: float | None = None) -> int: ...


class BlockingAsyncClient:
    """An AsyncClient in its own event loop and thread, with blocking methods."""

    def __init__(self, factory: "Factory") -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        try:
            self._client = self._do(self._open(factory))
        except BaseException:
            self._end()
            raise

    def send(self, *events: Event) -> None:
        self._do(self._client.send(*events))

    def flush(self, timeout: float) -> bool:
        return self._do(self._client.flush(timeout))

    def waiting(self) -> Waiting:
        return self._do(self._client.waiting())

    def set_aside(self, limit: int = 100) -> list[SetAside]:
        return self._do(self._client.set_aside(limit))

    def send_set_aside(self) -> int:
        return self._do(self._client.send_set_aside())

    def drop_set_aside(self) -> int:
        return self._do(self._client.drop_set_aside())

    def close(self, timeout: float | None = None) -> int:
        left = self._do(self._client.close(timeout))
        self._end()
        return left

    async def _open(self, factory: "Factory") -> AsyncClient:
        return await factory.asynchronous().open()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, call: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(call, self._loop).result(60)


class Factory:
    """Creates clients with the same arguments."""

    def __init__(
        self,
        url: str,
        spool: Path,
        key: str = KEY,
        limits: Limits = QUICK,
        on_quarantined: OnQuarantined | None = None,
        organization: str | None = None,
    ) -> None:
        self._arguments = (url, key)
        self._spool, self._limits = spool, limits
        self._on_quarantined, self._organization = on_quarantined, organization

    def synchronous(self) -> Client:
        return Client(
            *self._arguments,
            spool=self._spool,
            limits=self._limits,
            on_quarantined=self._on_quarantined,
            organization=self._organization,
        )

    def asynchronous(self) -> AsyncClient:
        return AsyncClient(
            *self._arguments,
            spool=self._spool,
            limits=self._limits,
            on_quarantined=self._on_quarantined,
            organization=self._organization,
        )

    def open(self, kind: str) -> AnyClient:
        """Return an open client."""
        return self.synchronous() if kind == "Client" else BlockingAsyncClient(self)

    @contextmanager
    def opened(self, kind: str, close_sec: float | None = None) -> Iterator[AnyClient]:
        """Open a client and close it at the end; events that were not sent stay in its spool."""
        client = self.open(kind)
        try:
            yield client
        finally:
            client.close(close_sec)


def call(number: int, **fields: str) -> Event:
    """Return the event of a completed call of one minute; each number is another call."""
    start = NOON + timedelta(seconds=number % 3_600)
    return conversation(
        f"call-{number}",
        channel="telephone",
        direction="inbound",
        status="completed",
        created_at=start,
        duration=60,
        time=start + timedelta(seconds=60),
        agent_id=fields.get("agent_id"),
        organization_id=fields.get("organization_id"),
    )


def large(number: int, size: int) -> Event:
    """Return the event of a completed call, padded with a field that the server ignores."""
    completed = call(number)
    return msgspec.structs.replace(completed, data={**completed.data, "note": "a" * size})


def as_json(event: Event) -> Json:
    """Return an event as it is sent."""
    decoded: Json = json.loads(encode_event(event))
    return decoded
