"""A pool of threads that run database queries for the event loop."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import NamedTuple, TypeVar

Result = TypeVar("Result")


class _ReaderJob(NamedTuple):
    run: Callable[[], object]
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[object]"


class Readers:
    """A fixed number of threads that run jobs from one first-in, first-out queue.

    Handing a job to a thread and back is most of the cost of a cached answer. With `ThreadPoolExecutor`, whose futures
    also support waiting in other threads, it takes twice as long (docs/decisions/0024).
    """

    def __init__(self, threads: int) -> None:
        """Start the threads."""
        self._queue: SimpleQueue[_ReaderJob | None] = SimpleQueue()
        self._threads = [
            Thread(target=self._work, name=f"talkmeter-reader-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def run(self, job: Callable[[], Result]) -> "asyncio.Future[Result]":
        """Run a job in a thread and return a future of its result or exception. Call it from the event loop only."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._queue.put(_ReaderJob(job, loop, future))  # type: ignore[arg-type]  # the queue mixes result types
        return future

    def close(self) -> None:
        """Finish the queued jobs and end the threads. This blocks the event loop, so later results are discarded."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            _run(job)
            # Release the job and its result before waiting for the next one.
            del job


def _run(job: _ReaderJob) -> None:
    """Run a job and pass its result to the event loop, unless the caller has cancelled it."""
    run, loop, future = job
    if future.cancelled():
        return
    try:
        callback = partial(_set_result, future, run())
    except BaseException as error:  # noqa: BLE001  the caller gets every exception
        callback = partial(_set_exception, future, error)
    # A closed loop raises RuntimeError; nothing waits for the result then.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(callback)


def _set_result(future: "asyncio.Future[object]", result: object) -> None:
    if not future.done():
        future.set_result(result)


def _set_exception(future: "asyncio.Future[object]", error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
