"""Both clients behind one face, so that every test runs with each; and the calls that they tell of."""

import asyncio
import json
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol, TypeVar

from talkmeter.client import AsyncClient, Client, Event, Limits, SetAside, Waiting, conversation
from talkmeter.client.callbacks import OnQuarantined
from talkmeter.client.events import encode_event
from tests.events import Json

T = TypeVar("T")
KINDS: Final = ("Client", "AsyncClient")
NOON: Final = datetime(2024, 3, 1, 12, tzinfo=UTC)
QUICK: Final = Limits(batch_seconds=0.05, first_pause_sec=0.02, longest_pause_sec=0.2, fsync=False, close_sec=5)
KEY: Final = "ak_0123456789abcdef.secret"


class Sends(Protocol):
    """What both clients do."""

    def send(self, *events: Event) -> None: ...
    def flush(self, timeout: float) -> bool: ...
    def waiting(self) -> Waiting: ...
    def set_aside(self, limit: int = 100) -> list[SetAside]: ...
    def send_set_aside(self) -> int: ...
    def drop_set_aside(self) -> int: ...
    def close(self, timeout: float | None = None) -> int: ...


class InALoop:
    """An AsyncClient in an event loop of its own, called from outside."""

    def __init__(self, make: "Make") -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        try:
            self._client = self._do(self._open(make))
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

    async def _open(self, make: "Make") -> AsyncClient:
        return await make.asynchronous().open()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, call: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(call, self._loop).result(60)


class Make:
    """How to make a client."""

    def __init__(
        self,
        url: str,
        spool: Path,
        key: str = KEY,
        limits: Limits = QUICK,
        on_quarantined: OnQuarantined | None = None,
        organization: str | None = None,
    ) -> None:
        self._place = (url, key)
        self._spool, self._limits = spool, limits
        self._on_quarantined, self._organization = on_quarantined, organization

    def synchronous(self) -> Client:
        return Client(
            *self._place,
            spool=self._spool,
            limits=self._limits,
            on_quarantined=self._on_quarantined,
            organization=self._organization,
        )

    def asynchronous(self) -> AsyncClient:
        return AsyncClient(
            *self._place,
            spool=self._spool,
            limits=self._limits,
            on_quarantined=self._on_quarantined,
            organization=self._organization,
        )

    def of(self, kind: str) -> Sends:
        """A client, open."""
        return self.synchronous() if kind == "Client" else InALoop(self)

    @contextmanager
    def opened(self, kind: str, close_sec: float | None = None) -> Iterator[Sends]:
        """A client that is closed at the end; what it could not send stays in its spool."""
        client = self.of(kind)
        try:
            yield client
        finally:
            client.close(close_sec)


def call(number: int, **fields: str) -> Event:
    """A call of a minute that has ended; each number another one."""
    at = NOON + timedelta(seconds=number % 3_600)
    return conversation(
        f"call-{number}",
        channel="telephone",
        direction="inbound",
        status="completed",
        created_at=at,
        duration=60,
        time=at + timedelta(seconds=60),
        agent_id=fields.get("agent_id"),
        organization_id=fields.get("organization_id"),
    )


def as_json(event: Event) -> Json:
    """An event as it is sent."""
    sent: Json = json.loads(encode_event(event))
    return sent
