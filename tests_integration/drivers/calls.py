"""What every driver needs: stop times, exact durations, and lines of output that the tests read.

A driver is a program of an environment that has the framework but not the tests. It prints each call that it made as a
line of JSON: `{"id", "status", "seconds"}`, as they truly were; `seconds` is null for runs.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

CALL_SEC = 0.15
"""How long a call lasts that is not ended early."""

CLOSE_SEC = 3.0
"""How long a client may send at the end, if the server does not answer."""


class Stopwatch:
    """Measures from its creation to `stop`."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self.seconds: float | None = None

    def stop(self) -> None:
        """Stop at the first call."""
        if self.seconds is None:
            self.seconds = time.monotonic() - self._started


def made(id: str, status: str, seconds: float | None = None) -> None:
    """Report a call, or a run without `seconds`."""
    print(json.dumps({"id": id, "status": status, "seconds": seconds}), flush=True)


def wait_to_be_killed() -> None:
    """Report that the call is in progress, and wait."""
    print("ready", flush=True)
    time.sleep(60)


@contextmanager
def raises(kind: type[BaseException]) -> Iterator[None]:
    """Check that the block raises this exception, which the framework or its user must see unchanged."""
    try:
        yield
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was not raised")


def run_endings(endings: dict[str, Callable[[], Awaitable[None]]], close: Callable[[float], Awaitable[object]]) -> None:
    """Run the endings that the command line names, in one event loop, and close the client."""

    async def run() -> None:
        for name in sys.argv[1:]:
            await endings[name]()
        await close(CLOSE_SEC)

    asyncio.run(run())
