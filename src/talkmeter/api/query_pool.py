"""Runs queries in a bounded number of threads, fairly between organizations.

One organization uses at most half of the threads, and a bounded number of its queries wait. If the client of a query
disconnects, the query is dropped while it waits, and interrupted while it runs.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from talkmeter import metrics
from talkmeter.db.watch import Watch
from talkmeter.errors import ClientGone, Unavailable

Result = TypeVar("Result")
Receive = Callable[[], Awaitable[Any]]
"""The `receive` of ASGI."""
MAX_WAITING: Final = 16
WAIT_SEC: Final = 10
"""How long a query waits for a thread. With its own time, it ends before a stopping server is killed."""
LISTEN_AFTER_SEC: Final = 0.05
"""Most queries end earlier, and need no listener for a disconnect."""


class QueryPool:
    """Threads for queries. Use it in the event loop only."""

    def __init__(self, threads: int, timeout_sec: float, wait_sec: float = WAIT_SEC) -> None:
        """Start the threads when they are needed. A query may wait for `wait_sec` and run for `timeout_sec`."""
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="talkmeter-query")
        self._free = asyncio.Semaphore(threads)
        self._per_organization = max(threads // 2, 1)
        self._timeout_sec = timeout_sec
        self._too_slow = (
            f"The query took longer than {timeout_sec:g} seconds (TALKMETER_QUERY_TIMEOUT_SEC); "
            "choose a shorter range or retry later."
        )
        self._wait_sec = wait_sec
        self._organizations: dict[str, _Organization] = {}

    async def run(self, org_id: str, receive: Receive, job: Callable[[Watch], Result]) -> Result:
        """Run an organization's job in a thread; the job must pass the watch to its transaction.

        `receive` returns the messages of the client's connection. Raises Unavailable if too many queries of the
        organization wait or the time is up, ClientGone if the client has disconnected.
        """
        organization = self._organizations.setdefault(org_id, _Organization(self._per_organization))
        if organization.queries >= self._per_organization + MAX_WAITING:
            raise Unavailable(f"{MAX_WAITING} queries of this organization are waiting already; retry shortly.")
        organization.queries += 1
        running: asyncio.Future[Result] | None = None

        metrics.QUERIES.labels("waiting").inc()

        def leave(_ended: object = None) -> None:
            metrics.QUERIES.labels("waiting" if running is None else "running").dec()
            if running is not None:
                self._free.release()
                organization.share.release()
            organization.queries -= 1
            if not organization.queries:
                del self._organizations[org_id]

        try:
            async with ended_by_disconnect(receive):
                await self._acquire_thread(organization)
                watch = Watch(self._timeout_sec, self._too_slow)
                running = asyncio.get_running_loop().run_in_executor(self._threads, job, watch)
                metrics.QUERIES.labels("waiting").dec()
                metrics.QUERIES.labels("running").inc()
                # The thread is free again when the job has ended, not when its client has gone.
                running.add_done_callback(leave)
                return await _interruptible(running, watch)
        finally:
            if running is None:
                leave()

    def close(self) -> None:
        """Wait for the running jobs."""
        self._threads.shutdown()

    async def _acquire_thread(self, organization: "_Organization") -> None:
        """Wait until the organization may use one more thread and one is free."""
        try:
            async with asyncio.timeout(self._wait_sec):
                await organization.share.acquire()
                try:
                    await self._free.acquire()
                except BaseException:
                    organization.share.release()
                    raise
        except TimeoutError:
            raise Unavailable("The server is busy with other queries; retry shortly.") from None


async def _interruptible(running: "asyncio.Future[Result]", watch: Watch) -> Result:
    """Wait for a job in a thread; if the caller is cancelled, interrupt the job."""
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        watch.interrupt()
        # The error of the interrupted job is for no caller; asyncio would log it.
        running.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        raise


class _Organization:
    """An organization's queries, waiting or running, and the threads that it may use."""

    def __init__(self, threads: int) -> None:
        self.queries = 0
        self.share = asyncio.Semaphore(threads)


@asynccontextmanager
async def ended_by_disconnect(receive: Receive) -> AsyncIterator[None]:
    """Cancel the block if the client disconnects, and raise ClientGone."""
    task = asyncio.current_task()
    listener: asyncio.Task[None] | None = None
    gone = False

    async def listen() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        if task is not None:
            task.cancel()

    def start() -> None:
        nonlocal listener
        listener = asyncio.ensure_future(listen())

    timer = asyncio.get_running_loop().call_later(LISTEN_AFTER_SEC, start)
    try:
        yield
    except asyncio.CancelledError:
        if gone and task is not None:
            task.uncancel()
            raise ClientGone("The client has disconnected.") from None
        raise
    finally:
        timer.cancel()
        if listener is not None:
            listener.cancel()
