"""Answers before intake: whoever works through many events stops now and then while somebody waits for an answer.

One thread at a time has Python's interpreter, and an answer needs it a dozen times: beside threads that compute it
would wait for each of them again and again (docs/explanation/performance-tables.md, "Mixed load"). Pauses are
bounded, so that what comes in is written even where somebody always asks.
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
_ITEMS_AT_ONCE: Final = 16
_HAND_OVER_SEC: Final = 0.0005
_answers = 0
_last_answer_ended: Final = threading.Event()
"""A pause clears it and waits for it; the end of the last answer sets it, where a pause may wait."""


def hand_over_often() -> None:
    """Let a thread that computes keep the interpreter for half a millisecond where others want it, not for five."""
    sys.setswitchinterval(_HAND_OVER_SEC)


@contextmanager
def answering() -> Iterator[None]:
    """While an answer is being made; in the event loop only, which makes the count safe."""
    global _answers  # noqa: PLW0603  the interpreter is one for the whole process, too
    _answers += 1
    try:
        yield
    finally:
        _answers -= 1
        if not _answers and not _last_answer_ended.is_set():
            _last_answer_ended.set()


class Pauses:
    """The pauses of one piece of work (a body that is decoded, a transaction), bounded together.

    Never in the event loop, which says when nobody waits any more.
    """

    def __init__(self) -> None:
        """Nothing is done yet."""
        self._through = 0
        self._since = 0
        self._paused_sec = 0.0

    def between(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items, with pauses between them while answers are being made; a few items are never held up."""
        left = iter(items)
        while some := tuple(islice(left, _ITEMS_AT_ONCE)):
            if self._since >= _ITEMS_AT_ONCE:
                self._pause()
            yield from some
            self._since += len(some)

    def _pause(self) -> None:
        self._through += self._since
        self._since = 0
        most_sec = min(self._through * PAUSE_PER_ITEM_SEC, MAX_PAUSE_SEC) - self._paused_sec
        if most_sec > 0 and _answers:
            began = clock.monotonic()
            _last_answer_ended.clear()
            # The last answer may have ended before this, and sets nothing any more.
            if _answers:
                _last_answer_ended.wait(most_sec)
            self._paused_sec += clock.monotonic() - began
