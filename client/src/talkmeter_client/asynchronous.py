"""`AsyncClient`: sends from a task of the event loop that opened it, and accesses the spool in one thread."""

import asyncio
import logging
import os
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, ParamSpec, Self, TypeVar

import httpx

from talkmeter_client.activity import AsyncActivity, StartsActivities
from talkmeter_client.callbacks import OnQuarantined, report_left, report_quarantined
from talkmeter_client.clock import monotonic
from talkmeter_client.delivery import Delivery, NotifyFlush, Post, ReportQuarantined, Sleep, Step, advance
from talkmeter_client.errors import WrongUse
from talkmeter_client.events import Event, encode_event
from talkmeter_client.lifecycle import Lifecycle
from talkmeter_client.limits import Limits
from talkmeter_client.rejected import SetAside, read_set_aside_row
from talkmeter_client.responses import NoResponse, ServerResponse
from talkmeter_client.send_lock import SendLock
from talkmeter_client.spool import Waiting, open_spool
from talkmeter_client.wire import ProcessGuard, ResponseReader, destination, no_response

P = ParamSpec("P")
T = TypeVar("T")
_log: Final = logging.getLogger("talkmeter_client")


class AsyncClient(StartsActivities[AsyncActivity]):
    """`Client` for programs with an event loop: use `async with AsyncClient(...) as client`, or `open` and `close`.

    `on_quarantined` is called in the event loop. The first conversation or run that it meters opens it too.
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
        self._key = key
        self._destination = destination(url, key, organization)
        self._organization = organization
        self._on_quarantined = on_quarantined
        self._path = Path(spool)
        self._wake, self._stop, self._progress = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._opening = asyncio.Lock()
        self._activity_tasks: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def open(self) -> Self:
        """Open the spool and start sending the events in it."""
        async with self._opening:
            if self._closed or self._task is not None:
                raise WrongUse("The client was opened or closed before; create a new one.")
            await self._open()
        return self

    async def _open(self) -> None:
        self._process_guard = ProcessGuard()
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="talkmeter-client")
        try:
            await self._in_thread(self._open_files)
        except BaseException:
            self._thread.shutdown(wait=False)
            raise
        self._delivery = Delivery(self._spool, self._send_lock, self._limits)
        self._task = asyncio.create_task(self._run(), name="talkmeter-client")
        self._warning = weakref.finalize(self, _warn_unclosed, str(self._path), os.getpid())

    def _open_files(self) -> None:
        with ExitStack() as opened:
            self._send_lock = opened.enter_context(closing(SendLock(self._path)))
            spool = open_spool(self._path, self._limits, self._organization, self._key)
            self._spool = opened.enter_context(closing(spool))
            # Loading the certificates takes a while.
            self._http = httpx.AsyncClient(
                headers=self._destination.headers,
                timeout=self._limits.timeout_sec,
                trust_env=self._destination.trusts_environment,
            )
            opened.pop_all()

    async def send(self, *events: Event) -> None:
        """Store the events in the spool, all or none. They are in its file when this returns, and sent soon after.

        Raises SpoolFull if they do not fit, SpoolUnusable if the file cannot be written. If the call is cancelled, the
        events may or may not be in the spool.
        """
        self._check()
        if events:
            waiting = await self._in_thread(self._spool.put, [encode_event(event) for event in events])
            if self._delivery.should_wake(waiting.events, waiting.bytes):
                self._wake.set()

    async def flush(self, timeout: float) -> bool:  # noqa: ASYNC109  the same parameter as in `Client`
        """Send at once, and wait until the server has answered for all events that are in the spool now.

        Returns False if that takes longer than `timeout` seconds.
        """
        self._check()
        last = await self._in_thread(self._spool.last)
        self._delivery.flush_to = max(self._delivery.flush_to, last)
        self._wake.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while True:
                    self._progress.clear()
                    if (await self._in_thread(self._spool.first) or last + 1) > last:
                        return True
                    await self._progress.wait()
        return False

    async def waiting(self) -> Waiting:
        """Return how many events wait to be sent, their bytes, and how many are set aside."""
        self._check()
        return await self._in_thread(self._spool.waiting)

    async def set_aside(self, limit: int = 100) -> list[SetAside]:
        """Return the oldest events that the server rejected, with its error sentences."""
        self._check()
        return [read_set_aside_row(row) for row in await self._in_thread(self._spool.read_set_aside, limit)]

    async def send_set_aside(self) -> int:
        """Send all events that are set aside again; return their number. Fix the reason first."""
        self._check()
        number = await self._in_thread(self._spool.requeue_set_aside)
        self._wake.set()
        return number

    async def drop_set_aside(self) -> int:
        """Delete all events that are set aside; return their number."""
        self._check()
        return await self._in_thread(self._spool.drop_set_aside)

    async def close(self, timeout: float | None = None) -> int:  # noqa: ASYNC109  the same parameter as in `Client`
        """Flush for at most `timeout` seconds (`close_sec` by default) and stop; return how many events still wait.

        These stay in the spool, and the next client that opens it sends them.
        """
        if self._closed or self._task is None or self._process_guard.is_foreign:
            self._closed = True
            return 0
        self._check()
        deadline = monotonic() + (self._limits.close_sec if timeout is None else timeout)
        try:
            if self._activity_tasks:
                await asyncio.wait(self._activity_tasks, timeout=deadline - monotonic())
            await self.flush(deadline - monotonic())
        finally:
            self._closed = True
            self._warning.detach()
            self._delivery.stopping = True
            self._stop.set()
            self._wake.set()
            await asyncio.wait({self._task}, timeout=max(0.0, deadline - monotonic()))
            self._task.cancel()
            await asyncio.wait({self._task})
            waiting = await self._in_thread(self._spool.waiting)
            await self._in_thread(self._spool.close)
            self._thread.shutdown()
        return report_left(waiting)

    async def __aenter__(self) -> Self:
        """Open the client."""
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Close the client."""
        await self.close()

    async def send_opened(self, event: Event) -> None:
        """Open the client if it is not open yet, and store the event in the spool."""
        async with self._opening:
            if self._task is None and not self._closed:
                await self._open()
        await self.send(event)

    def start_task(self, sending: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run a coroutine in a task that `close` waits for."""
        task = asyncio.create_task(sending)
        self._activity_tasks.add(task)
        task.add_done_callback(self._activity_tasks.discard)
        return task

    def _activity(self, lifecycle: Lifecycle, *, strict: bool) -> AsyncActivity:
        return AsyncActivity(lifecycle, self, strict=strict)

    def _check(self) -> None:
        if self._closed or self._task is None:
            raise WrongUse("The client is not open; use it inside `async with`.")
        self._process_guard.check()
        if asyncio.get_running_loop() is not self._loop:
            raise WrongUse(f"The client was opened in another event loop, {self._loop!r}; open one in each loop.")

    async def _in_thread(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function that uses the disk in the client's thread, so it does not block the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: call(*args, **kwargs))

    async def _run(self) -> None:
        """Execute the steps of the delivery, in the client's task."""
        steps = self._delivery.deliver()
        outcome: ServerResponse | NoResponse | Exception | None = None
        try:
            while (step := await self._in_thread(advance, steps, outcome)) is not None:
                try:
                    outcome = await self._execute(step)
                except Exception as error:  # noqa: BLE001  the delivery logs it and continues
                    outcome = error
        finally:
            await self._http.aclose()
            await self._in_thread(steps.close)
            await self._in_thread(self._send_lock.close)

    async def _execute(self, step: Step) -> ServerResponse | NoResponse | None:
        match step:
            case Post(body):
                return await self._post(body)
            case Sleep(seconds, wakeable):
                await self._sleep(seconds, wakeable=wakeable)
            case ReportQuarantined(quarantined):
                report_quarantined(self._on_quarantined, quarantined)
            case NotifyFlush():
                self._progress.set()
        return None

    async def _sleep(self, seconds: float, *, wakeable: bool) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await (self._wake if wakeable else self._stop).wait()
        if wakeable:
            self._wake.clear()

    async def _post(self, body: bytes) -> ServerResponse | NoResponse:
        reader = ResponseReader(self._limits.timeout_sec)
        try:
            async with (
                asyncio.timeout(self._limits.timeout_sec),
                self._http.stream("POST", self._destination.url, content=body) as response,
            ):
                async for chunk in response.aiter_raw():
                    if not reader.add(chunk):
                        break
                return reader.finish(response)
        except (httpx.HTTPError, TimeoutError) as error:
            return no_response(error)


def _warn_unclosed(path: str, process: int) -> None:
    """Log that a client was dropped, or its program ended, without `close`."""
    if os.getpid() == process:
        _log.warning(
            "An AsyncClient was not closed. Its last events may wait in the spool %s; the next client that opens it "
            "sends them.",
            path,
        )
