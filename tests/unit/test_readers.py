"""Running functions in reader threads from an event loop: each caller gets its own result or error."""

import asyncio
from collections.abc import Iterator
from threading import Event, current_thread
from threading import enumerate as enumerate_threads

import pytest

from talkmeter.api.readers import Readers
from tests.event_loop import run_coroutine

THREADS = 4
CALLS = 1_000


@pytest.fixture
def readers() -> Iterator[Readers]:
    """Return readers with four threads."""
    readers = Readers(THREADS)
    yield readers
    readers.close()


def test_each_call_gets_its_own_result_from_a_reader_thread(readers: Readers) -> None:
    async def call(number: int) -> tuple[int, str]:
        return await readers.run(lambda: (number, current_thread().name))

    async def call_all() -> list[tuple[int, str]]:
        return await asyncio.gather(*(call(number) for number in range(CALLS)))

    results = run_coroutine(call_all())
    assert [number for number, _ in results] == list(range(CALLS))
    assert {name.rpartition("-")[0] for _, name in results} == {"talkmeter-reader"}


def test_error_is_raised_in_the_caller_and_the_thread_keeps_running(readers: Readers) -> None:
    def fail() -> int:
        raise ZeroDivisionError("a call that fails")

    async def call() -> int:
        for _ in range(2 * THREADS):
            with pytest.raises(ZeroDivisionError, match="a call that fails"):
                await readers.run(fail)
        return await readers.run(lambda: 7)

    assert run_coroutine(call()) == 7


def test_call_cancelled_before_a_thread_is_free_does_not_run(readers: Readers) -> None:
    released, executed = Event(), Event()

    async def call() -> None:
        busy = [readers.run(released.wait) for _ in range(THREADS)]
        waiting = readers.run(executed.set)
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        released.set()
        await asyncio.gather(*busy)
        assert await readers.run(lambda: 7) == 7

    run_coroutine(call())
    assert not executed.is_set()


def test_result_of_a_cancelled_call_is_discarded(readers: Readers) -> None:
    released, started = Event(), Event()

    def slow() -> bool:
        started.set()
        return released.wait()

    async def call() -> int:
        cancelled = readers.run(slow)
        await readers.run(started.wait)
        cancelled.cancel()
        released.set()
        await asyncio.wait([cancelled])
        assert cancelled.cancelled()
        return await readers.run(lambda: 7)

    assert run_coroutine(call()) == 7


def test_close_stops_the_threads() -> None:
    before = set(enumerate_threads())
    readers = Readers(THREADS)
    started = set(enumerate_threads()) - before
    assert len([thread for thread in started if thread.name.startswith("talkmeter-reader-")]) == THREADS
    readers.close()
    assert not [thread for thread in started if thread.name.startswith("talkmeter-reader-") and thread.is_alive()]
