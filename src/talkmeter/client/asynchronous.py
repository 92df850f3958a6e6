"""`AsyncClient`: sends from one task of the event loop that opened it; files are read and written in one thread."""

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, ParamSpec, Self, TypeVar

import httpx

from talkmeter.client.callbacks import OnQuarantined, report
from talkmeter.client.delivery import Delivery, Post, Progress, Report, Rest, Step, advance
from talkmeter.client.errors import WrongUse
from talkmeter.client.events import Event, encode_event
from talkmeter.client.limits import Limits
from talkmeter.client.rejected import SetAside, read_aside
from talkmeter.client.responses import Answer, NoAnswer
from talkmeter.client.send_lock import Turn
from talkmeter.client.spool import Waiting, open_spool
from talkmeter.client.wire import Owner, Reading, destination, no_answer
from talkmeter.clock import monotonic

P = ParamSpec("P")
T = TypeVar("T")
_log: Final = logging.getLogger("talkmeter.client")


class AsyncClient:
    """As `Client`, for programs with an event loop: `async with AsyncClient(...) as client`, or `open` and `close`.

    `on_quarantined` is called in the event loop.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        spool: str | os.PathLike[str],
        organization: str | None = None,
        limits: Limits | None = None,
        on_quarantined: OnQuarantined | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._owner = Owner()
        self._destination = destination(url, key, organization)
        self._organization = organization
        self._on_quarantined = on_quarantined
        self._path = Path(spool)
        self._wake, self._stop, self._moved = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="talkmeter-client")
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def open(self) -> Self:
        """Open the spool and begin to send what is in it."""
        if self._closed or self._task is not None:
            raise WrongUse("The client is open or closed already; make a new one.")
        self._spool = await self._in_thread(open_spool, self._path, self._limits, self._organization)
        self._turn = await self._in_thread(Turn, self._path)
        self._http = httpx.AsyncClient(headers=self._destination.headers, timeout=self._limits.timeout_sec)
        self._delivery = Delivery(self._spool, self._turn, self._limits)
        self._task = asyncio.create_task(self._work(), name="talkmeter-client")
        return self

    async def send(self, *events: Event) -> None:
        """Write events down, all or none; they are in the spool when this returns, and sent soon after.

        SpoolFull where they have no room, SpoolUnusable where the file cannot be written. If it is cancelled, the
        events may be in the spool or not.
        """
        self._check()
        if events:
            waiting = await self._in_thread(self._spool.put, [encode_event(event) for event in events])
            if self._delivery.is_news(waiting.events, waiting.bytes):
                self._wake.set()

    async def flush(self, timeout: float) -> bool:  # noqa: ASYNC109  as the flush of `Client`
        """Send at once, and wait until the server has answered for all that is in the spool now.

        False where that took longer than `timeout` seconds.
        """
        self._check()
        last = await self._in_thread(self._spool.last)
        self._delivery.flush_to = max(self._delivery.flush_to, last)
        self._wake.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while True:
                    self._moved.clear()
                    if (await self._in_thread(self._spool.first) or last + 1) > last:
                        return True
                    await self._moved.wait()
        return False

    async def waiting(self) -> Waiting:
        """How much waits to be sent, and how much is set aside."""
        self._check()
        return await self._in_thread(self._spool.waiting)

    async def set_aside(self, limit: int = 100) -> list[SetAside]:
        """The oldest events that the server refused, with its sentences."""
        self._check()
        return [read_aside(row) for row in await self._in_thread(self._spool.read_aside, limit)]

    async def send_set_aside(self) -> int:
        """Send all that is set aside once more, after the reason was removed; how many events they are."""
        self._check()
        number = await self._in_thread(self._spool.wait_again)
        self._wake.set()
        return number

    async def drop_set_aside(self) -> int:
        """Forget all that is set aside; how many events they were."""
        self._check()
        return await self._in_thread(self._spool.drop_aside)

    async def close(self, timeout: float | None = None) -> int:  # noqa: ASYNC109  as the close of `Client`
        """Flush within `timeout` seconds (`close_sec` by default) and stop; how many events still wait.

        What waits stays in the spool, and the next client that opens it sends it.
        """
        if self._closed or self._task is None:
            self._closed = True
            return 0
        until = monotonic() + (self._limits.close_sec if timeout is None else timeout)
        try:
            await self.flush(until - monotonic())
        finally:
            self._closed = True
            self._delivery.stopping = True
            self._stop.set()
            self._wake.set()
            await asyncio.wait({self._task}, timeout=max(0.0, until - monotonic()))
            self._task.cancel()
            await asyncio.wait({self._task})
            left = (await self._in_thread(self._spool.waiting)).events
            await self._in_thread(self._spool.close)
            self._thread.shutdown()
        if left:
            _log.warning("%d events wait in the spool for the next start.", left)
        return left

    async def __aenter__(self) -> Self:
        """The client, open."""
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Close it."""
        await self.close()

    def _check(self) -> None:
        self._owner.check()
        if self._closed or self._task is None:
            raise WrongUse("The client is not open; use it inside of `async with`.")

    async def _in_thread(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do what waits for the disk where the event loop does not wait for it."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: call(*args, **kwargs))

    async def _work(self) -> None:
        """Take the steps of the delivery, in the client's task."""
        steps = self._delivery.deliver()
        outcome: Answer | NoAnswer | Exception | None = None
        try:
            while (step := await self._in_thread(advance, steps, outcome)) is not None:
                try:
                    outcome = await self._take(step)
                except Exception as error:  # noqa: BLE001  the delivery tells of it, and goes on
                    outcome = error
        finally:
            await self._http.aclose()
            await self._in_thread(steps.close)
            await self._in_thread(self._turn.close)

    async def _take(self, step: Step) -> Answer | NoAnswer | None:
        match step:
            case Post(body):
                return await self._post(body)
            case Rest(seconds, wakeable):
                await self._rest(seconds, wakeable=wakeable)
            case Report(quarantined):
                report(self._on_quarantined, quarantined)
            case Progress():
                self._moved.set()
        return None

    async def _rest(self, seconds: float, *, wakeable: bool) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await (self._wake if wakeable else self._stop).wait()
        if wakeable:
            self._wake.clear()

    async def _post(self, body: bytes) -> Answer | NoAnswer:
        reading = Reading(self._limits.timeout_sec)
        try:
            async with (
                asyncio.timeout(self._limits.timeout_sec),
                self._http.stream("POST", self._destination.url, content=body) as response,
            ):
                async for chunk in response.aiter_raw():
                    if not reading.goes_on(chunk):
                        break
                return reading.answer(response)
        except (httpx.HTTPError, TimeoutError) as error:
            return no_answer(error)
