"""Threads that ask the database, so that the event loop never does."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import NamedTuple, TypeVar

Answer = TypeVar("Answer")


class _Asked(NamedTuple):
    question: Callable[[], object]
    loop: asyncio.AbstractEventLoop
    answer: "asyncio.Future[object]"


class Readers:
    """A fixed number of threads, each with one question at a time; questions wait in the order they came.

    The way to a thread and back is most of what an answer at hand takes. Through an executor of the standard library,
    whose futures other threads may wait for, too, it takes twice as long (docs/decisions/0024).
    """

    def __init__(self, threads: int) -> None:
        """Start the threads."""
        self._asked: SimpleQueue[_Asked | None] = SimpleQueue()
        self._threads = [
            Thread(target=self._run, name=f"talkmeter-reader-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def ask(self, question: Callable[[], Answer]) -> "asyncio.Future[Answer]":
        """The answer of a question, once a thread has asked it; errors are the question's. Event loop only."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._asked.put(_Asked(question, loop, answer))  # type: ignore[arg-type]  # a future of any answer
        return answer

    def close(self) -> None:
        """Answer what was asked, then end the threads. From the event loop: what is answered here, nobody gets."""
        for _ in self._threads:
            self._asked.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while (asked := self._asked.get()) is not None:
            _answer(asked)
            # Else it would be held until the next question comes.
            del asked


def _answer(asked: _Asked) -> None:
    """Ask, and tell the event loop; who asked may be gone."""
    question, loop, answer = asked
    if answer.cancelled():
        return
    try:
        tell = partial(_tell, answer, question())
    except BaseException as error:  # noqa: BLE001  who asked is told whatever it is
        tell = partial(_fail, answer, error)
    # A loop that has closed, of which it complains, has nobody who waits.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(tell)


def _tell(answer: "asyncio.Future[object]", found: object) -> None:
    if not answer.done():
        answer.set_result(found)


def _fail(answer: "asyncio.Future[object]", error: BaseException) -> None:
    if not answer.done():
        answer.set_exception(error)
