"""Queries in threads: fair between organizations, bounded, and ended if their client disconnects."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from threading import Event, Semaphore, current_thread

import pytest

from talkmeter.api.query_pool import MAX_WAITING, QueryPool
from talkmeter.db.watch import Watch
from talkmeter.errors import ClientGone, Unavailable
from tests.event_loop import run_coroutine

THREADS = 4
HALF = THREADS // 2
QUERIES = 200
TIMEOUT_SEC = 60
Message = dict[str, object]


@pytest.fixture
def pool() -> Iterator[QueryPool]:
    """A pool with four threads."""
    pool = QueryPool(THREADS, TIMEOUT_SEC)
    yield pool
    pool.close()


async def connected() -> Message:
    """Receive nothing, like the connection of a client that waits."""
    await asyncio.Event().wait()
    raise AssertionError("never")


async def disconnected() -> Message:
    """Receive the message of a client that has disconnected."""
    return {"type": "http.disconnect"}


def start(
    pool: QueryPool, org_id: str, job: Callable[[Watch], object], receive: Callable[[], Awaitable[Message]] = connected
) -> "asyncio.Task[object]":
    return asyncio.ensure_future(pool.run(org_id, receive, job))


class Blocked:
    """Jobs that run until they are released."""

    def __init__(self) -> None:
        self.running = 0
        self.released = Event()
        self._started = Semaphore(0)

    def __call__(self, _watch: Watch) -> bool:
        self.running += 1
        self._started.release()
        return self.released.wait(TIMEOUT_SEC)

    async def wait_for(self, running: int) -> None:
        """Wait until this many jobs have started."""
        for _ in range(running):
            assert await asyncio.to_thread(self._started.acquire, timeout=TIMEOUT_SEC)


def test_each_query_gets_its_own_result_from_a_thread(pool: QueryPool) -> None:
    async def call(number: int) -> object:
        return await start(pool, f"org-{number}", lambda _: (number, current_thread().name.rpartition("_")[0]))

    async def call_all() -> list[object]:
        return await asyncio.gather(*(call(number) for number in range(QUERIES)))

    assert run_coroutine(call_all()) == [(number, "talkmeter-query") for number in range(QUERIES)]


def test_an_error_is_raised_in_the_caller_and_the_threads_go_on(pool: QueryPool) -> None:
    def fail(_watch: Watch) -> int:
        raise ZeroDivisionError("a query that fails")

    async def call() -> object:
        for _ in range(2 * THREADS):
            with pytest.raises(ZeroDivisionError, match="a query that fails"):
                await start(pool, "acme", fail)
        return await start(pool, "acme", lambda _: 7)

    assert run_coroutine(call()) == 7


def test_one_organization_uses_half_of_the_threads_and_others_are_answered(pool: QueryPool) -> None:
    async def call() -> object:
        blocked = Blocked()
        waiting = [start(pool, "greedy", blocked) for _ in range(HALF + MAX_WAITING)]
        await blocked.wait_for(HALF)
        answers = [await start(pool, f"org-{number}", lambda _: 7) for number in range(3 * THREADS)]
        assert blocked.running == HALF
        blocked.released.set()
        assert await asyncio.gather(*waiting) == [True] * len(waiting)
        return answers

    assert run_coroutine(call()) == [7] * 3 * THREADS


def test_too_many_waiting_queries_of_one_organization_are_refused(pool: QueryPool) -> None:
    async def call() -> None:
        blocked = Blocked()
        waiting = [start(pool, "greedy", blocked) for _ in range(HALF + MAX_WAITING)]
        await blocked.wait_for(HALF)
        with pytest.raises(Unavailable, match="16 queries of this organization are waiting already; retry shortly"):
            await start(pool, "greedy", blocked)
        blocked.released.set()
        await asyncio.gather(*waiting)
        assert await start(pool, "greedy", lambda _: 7) == 7

    run_coroutine(call())


def test_a_query_that_waits_too_long_is_refused() -> None:
    pool = QueryPool(1, TIMEOUT_SEC, wait_sec=0.05)

    async def call() -> None:
        blocked = Blocked()
        running = start(pool, "greedy", blocked)
        await blocked.wait_for(1)
        with pytest.raises(Unavailable, match="busy with other queries; retry shortly"):
            await start(pool, "acme", lambda _: 7)
        blocked.released.set()
        await running

    run_coroutine(call())
    pool.close()


def test_waiting_queries_of_disconnected_clients_are_dropped(pool: QueryPool) -> None:
    async def call() -> None:
        blocked, dropped = Blocked(), Event()
        running = [start(pool, "greedy", blocked) for _ in range(HALF)]
        await blocked.wait_for(HALF)
        for _ in range(3 * MAX_WAITING):
            with pytest.raises(ClientGone):
                await start(pool, "greedy", lambda _: dropped.set(), disconnected)
        blocked.released.set()
        await asyncio.gather(*running)
        assert not dropped.is_set()

    run_coroutine(call())


def test_an_abandoned_query_has_its_thread_until_it_ends(pool: QueryPool) -> None:
    """A job in Python code cannot be interrupted; its organization gets no other thread meanwhile."""

    async def call() -> None:
        blocked = Blocked()
        for _ in range(THREADS):
            with pytest.raises(ClientGone):
                await start(pool, "greedy", blocked, disconnected)
        assert await start(pool, "other", lambda _: "answered") == "answered"
        assert blocked.running == HALF
        blocked.released.set()
        assert await start(pool, "greedy", lambda _: "answered") == "answered"

    run_coroutine(call())


def test_the_running_query_of_a_disconnected_client_is_interrupted(pool: QueryPool) -> None:
    interrupted = Event()

    def run_until_interrupted(watch: Watch) -> None:
        while not watch.interrupted:
            pass
        interrupted.set()

    async def call() -> None:
        with pytest.raises(ClientGone):
            await start(pool, "acme", run_until_interrupted, disconnected)
        assert await start(pool, "acme", lambda _: 7) == 7

    run_coroutine(call())
    assert interrupted.wait(TIMEOUT_SEC)
