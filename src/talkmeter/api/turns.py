"""Callers take turns: of each caller, one job at a time uses or waits for a thread, so none can occupy a pool."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """The jobs of each caller. Use it in the event loop only."""

    def __init__(self) -> None:
        """Start without jobs."""
        self._callers: dict[str, _Caller] = {}

    @property
    def total(self) -> int:
        """The number of jobs of all callers, including those that wait for their turn."""
        return sum(caller.jobs for caller in self._callers.values())

    def jobs_of(self, name: str) -> int:
        """Return the number of jobs of a caller, including those that wait for their turn."""
        caller = self._callers.get(name)
        return 0 if caller is None else caller.jobs

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """Run the block when the caller's earlier jobs have ended."""
        caller = self._callers.setdefault(name, _Caller())
        caller.jobs += 1
        try:
            async with caller.lock:
                yield
        finally:
            caller.jobs -= 1
            if not caller.jobs:
                del self._callers[name]


class _Caller:
    """The owner of the lock has its turn; the other jobs wait."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.jobs = 0
