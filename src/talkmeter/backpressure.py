"""Queries have priority over ingest: a thread that processes many events pauses while a query is being answered.

Only one thread at a time holds the GIL, and answering a query takes it a dozen times. Next to busy threads, it would
wait for it each time (docs/explanation/performance-tables.md, "Mixed load"). The pauses are bounded, so that ingest
makes progress under a constant load of queries.
"""

import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Final, TypeVar

from talkmeter import clock

Item = TypeVar("Item")

PAUSE_PER_ITEM_SEC: Final = 0.0001
MAX_PAUSE_SEC: Final = 0.25
_ITEMS_BETWEEN_PAUSES: Final = 16
_SWITCH_INTERVAL_SEC: Final = 0.0005
_running_queries = 0
_all_answered: Final = threading.Event()
"""A pause clears the event and waits for it; the end of the last running query sets it."""


def shorten_switch_interval() -> None:
    """Make a busy thread hand over the GIL after 0.5 ms instead of 5 ms if another thread wants it."""
    sys.setswitchinterval(_SWITCH_INTERVAL_SEC)


@contextmanager
def answering() -> Iterator[None]:
    """Mark that a query is being answered. Use it only in the event loop, which makes the counter safe."""
    global _running_queries  # noqa: PLW0603  one counter per process, as there is one GIL
    _running_queries += 1
    try:
        yield
    finally:
        _running_queries -= 1
        if not _running_queries and not _all_answered.is_set():
            _all_answered.set()


class Throttle:
    """Pauses one task (decoding a body, one transaction) while queries are answered, for a bounded total time.

    Do not use it in the event loop: the loop ends the pauses.
    """

    def __init__(self) -> None:
        """Start without a pause."""
        self._processed = 0
        self._since_pause = 0
        self._paused_sec = 0.0

    def iterate(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the items, pausing after every 16 while queries are answered; fewer items are never delayed."""
        remaining = iter(items)
        while chunk := tuple(islice(remaining, _ITEMS_BETWEEN_PAUSES)):
            if self._since_pause >= _ITEMS_BETWEEN_PAUSES:
                self._pause()
            yield from chunk
            self._since_pause += len(chunk)

    def _pause(self) -> None:
        self._processed += self._since_pause
        self._since_pause = 0
        max_sec = min(self._processed * PAUSE_PER_ITEM_SEC, MAX_PAUSE_SEC) - self._paused_sec
        if max_sec > 0 and _running_queries:
            started = clock.monotonic()
            _all_answered.clear()
            # The last query may have ended before `clear`; then nothing would set the event.
            if _running_queries:
                _all_answered.wait(max_sec)
            self._paused_sec += clock.monotonic() - started
