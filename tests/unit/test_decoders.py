"""Decoding of bodies: one caller's large bodies are decoded one at a time, so that they do not delay another caller."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

import pytest

from talkmeter.api.decoders import INLINE_BYTES, INLINE_COMMAS, MAX_WAITING, Decoders
from talkmeter.errors import Unavailable
from tests.event_loop import run_coroutine

LARGE: Final = b" " * (INLINE_BYTES + 1)
TIMEOUT_SEC: Final = 60


def run(test: Callable[[Decoders], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine with decoders; they are closed at the end."""

    async def with_decoders() -> None:
        decoders = Decoders()
        try:
            async with asyncio.timeout(TIMEOUT_SEC):
                await test(decoders)
        finally:
            decoders.close()

    run_coroutine(with_decoders())


def thread_name() -> str:
    return threading.current_thread().name


def test_only_bodies_with_few_bytes_and_commas_are_decoded_in_the_event_loop() -> None:
    async def test(decoders: Decoders) -> None:
        here = threading.current_thread().name
        small = b"," * INLINE_COMMAS
        assert await decoders.run("acme", small, thread_name) == here
        assert await decoders.run("acme", small + b",", thread_name) != here
        assert await decoders.run("acme", LARGE, thread_name) != here

    run(test)


def test_blocked_bodies_of_one_caller_do_not_delay_another_caller() -> None:
    async def test(decoders: Decoders) -> None:
        released = threading.Event()
        try:
            blocked = [asyncio.ensure_future(decoders.run("hostile", LARGE, released.wait)) for _ in "1234"]
            for _ in range(10):
                assert await decoders.run("acme", LARGE, lambda: "decoded") == "decoded"
            assert not any(future.done() for future in blocked)
        finally:
            released.set()
        assert await asyncio.gather(*blocked) == [True] * 4

    run(test)


def test_bodies_of_one_caller_are_decoded_in_the_order_of_their_arrival() -> None:
    async def test(decoders: Decoders) -> None:
        order: list[int] = []
        jobs = [lambda number=number: order.append(number) for number in range(MAX_WAITING)]
        await asyncio.gather(*map(partial(decoders.run, "acme", LARGE), jobs))
        assert order == list(range(MAX_WAITING))

    run(test)


def test_caller_with_too_many_waiting_bodies_gets_a_503() -> None:
    async def test(decoders: Decoders) -> None:
        released = threading.Event()
        try:
            waiting = {
                asyncio.ensure_future(decoders.run("acme", LARGE, released.wait)) for _ in range(MAX_WAITING + 1)
            }
            refused, accepted = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            assert len(accepted) == MAX_WAITING
            with pytest.raises(Unavailable, match="retry shortly"):
                refused.pop().result()
            assert await decoders.run("other", LARGE, thread_name)
        finally:
            released.set()
        await asyncio.gather(*accepted)
        assert await decoders.run("acme", LARGE, thread_name)

    run(test)


def test_failed_body_does_not_stop_the_next_ones() -> None:
    def fail() -> None:
        raise ValueError("not decoded")

    async def test(decoders: Decoders) -> None:
        results = await asyncio.gather(
            *(decoders.run("acme", LARGE, job) for job in (fail, thread_name, fail)), return_exceptions=True
        )
        assert [isinstance(result, ValueError) for result in results] == [True, False, True]

    run(test)
