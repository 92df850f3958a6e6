"""Answers before intake: whoever works through many events stops now and then while somebody waits for an answer.

One thread at a time has Python's interpreter, and an answer needs it a dozen times: beside threads that compute it
would wait for each of them again and again (docs/performance.md, "Both at once"). Pauses are bounded, so that what
comes in is written even where somebody always asks.
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
LONGEST_PAUSE_SEC: Final = 0.1
"""Of one pass over a batch: whoever writes one holds its organization's row meanwhile."""
_ITEMS_AT_ONCE: Final = 16
_HAND_OVER_SEC: Final = 0.0005
_nobody_waits: Final = threading.Event()
_nobody_waits.set()
_answers = 0


def hand_over_often() -> None:
    """Let a thread that computes keep the interpreter for half a millisecond where others want it, not for five."""
    sys.setswitchinterval(_HAND_OVER_SEC)


@contextmanager
def answering() -> Iterator[None]:
    """While an answer is being made; in the event loop only, which makes the count safe."""
    global _answers  # noqa: PLW0603  the interpreter is one for the whole process, too
    _answers += 1
    _nobody_waits.clear()
    try:
        yield
    finally:
        _answers -= 1
        if not _answers:
            _nobody_waits.set()


def giving_way(items: Iterable[Item]) -> Iterator[Item]:
    """The items, with pauses between them while answers are being made; few items are never held up."""
    left, through, paused = iter(items), 0, 0.0
    while some := tuple(islice(left, _ITEMS_AT_ONCE)):
        yield from some
        through += len(some)
        if not _nobody_waits.is_set():
            paused += _pause(min(through * PAUSE_PER_ITEM_SEC, LONGEST_PAUSE_SEC) - paused)


def _pause(most_sec: float) -> float:
    """Wait until nobody waits for an answer, within bounds; the seconds it took."""
    if most_sec <= 0:
        return 0.0
    began = clock.monotonic()
    _nobody_waits.wait(most_sec)
    return clock.monotonic() - began
