"""Decode request bodies: small ones in the event loop, larger ones in threads, in a fair order between callers."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from talkmeter.api.turns import Turns
from talkmeter.errors import Unavailable

Result = TypeVar("Result")

INLINE_BYTES: Final = 4_096
INLINE_COMMAS: Final = 200
"""A body with at most this many bytes and commas is decoded in the event loop, in about 2 ms at worst: each comma may
begin an event, and an invalid event takes up to 10 microseconds. Handing the body to a thread would take longer than
decoding an ordinary one."""
THREADS: Final = 2
MAX_WAITING: Final = 128
"""The larger bodies of one caller that may wait; they delay no other caller."""


class Decoders:
    """Threads that decode one body of each caller at a time. Use it in the event loop only."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="talkmeter-decoder")
        self._turns = Turns()

    async def run(self, caller: str, body: bytes, job: Callable[[], Result]) -> Result:
        """Run the job that decodes a body. Raises Unavailable if too many bodies of the caller wait."""
        if len(body) <= INLINE_BYTES and body.count(b",") <= INLINE_COMMAS:
            return job()
        if self._turns.jobs_of(caller) >= MAX_WAITING:
            raise Unavailable("Too many large bodies of this sender wait to be decoded; retry shortly.")
        async with self._turns.turn(caller):
            return await asyncio.get_running_loop().run_in_executor(self._threads, job)

    def close(self) -> None:
        """Finish the bodies in the threads' queue, and end the threads."""
        self._threads.shutdown()
