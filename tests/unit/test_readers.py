"""Questions to threads from an event loop: each gets its own answer or error, whatever becomes of who asked."""

import asyncio
from collections.abc import Iterator
from threading import Event, current_thread
from threading import enumerate as enumerate_threads

import pytest

from talkmeter.api.readers import Readers
from tests.event_loop import run_coroutine

THREADS = 4
QUESTIONS = 1_000

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
def readers() -> Iterator[Readers]:
    """Some threads."""
    readers = Readers(THREADS)
    yield readers
    readers.close()


def test_each_question_gets_its_own_answer_from_one_of_the_threads(readers: Readers) -> None:
    async def ask(number: int) -> tuple[int, str]:
        return await readers.run(lambda: (number, current_thread().name))

    async def ask_all() -> list[tuple[int, str]]:
        return await asyncio.gather(*(ask(number) for number in range(QUESTIONS)))

    answers = run_coroutine(ask_all())
    assert [number for number, _ in answers] == list(range(QUESTIONS))
    assert {name.rpartition("-")[0] for _, name in answers} == {"talkmeter-reader"}


def test_the_error_of_a_question_reaches_who_asked_and_the_thread_goes_on(readers: Readers) -> None:
    def fail() -> int:
        raise ZeroDivisionError("a question that fails")

    async def ask() -> int:
        for _ in range(2 * THREADS):
            with pytest.raises(ZeroDivisionError, match="a question that fails"):
                await readers.run(fail)
        return await readers.run(lambda: 7)

    assert run_coroutine(ask()) == 7


def test_a_question_whose_asker_is_gone_before_a_thread_is_free_is_not_asked(readers: Readers) -> None:
    released, asked = Event(), Event()

    async def ask() -> None:
        busy = [readers.run(released.wait) for _ in range(THREADS)]
        waiting = readers.run(asked.set)
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        released.set()
        await asyncio.gather(*busy)
        assert await readers.run(lambda: 7) == 7

    run_coroutine(ask())
    assert not asked.is_set()


def test_an_answer_for_an_asker_who_is_gone_harms_nobody(readers: Readers) -> None:
    released, begun = Event(), Event()

    def slow() -> bool:
        begun.set()
        return released.wait()

    async def ask() -> int:
        gone = readers.run(slow)
        await readers.run(begun.wait)
        gone.cancel()
        released.set()
        await asyncio.wait([gone])
        assert gone.cancelled()
        return await readers.run(lambda: 7)

    assert run_coroutine(ask()) == 7


def test_closing_ends_the_threads() -> None:
    before = set(enumerate_threads())
    readers = Readers(THREADS)
    started = set(enumerate_threads()) - before
    assert len([thread for thread in started if thread.name.startswith("talkmeter-reader-")]) == THREADS
    readers.close()
    assert not [thread for thread in started if thread.name.startswith("talkmeter-reader-") and thread.is_alive()]
