"""How long the thread of evaluations rests after each, so that it does not slow the other threads of its process.

Python runs one thread at a time. While the other threads are busy, evaluations get a fiftieth of the time.
"""

from typing import Final, NamedTuple

BUSY: Final = 0.2
"""The other threads are busy if they use more of a core than this."""
TIMES: Final = 49
MAX_REST_SEC: Final = 5.0
"""Shorter than the lease of the evaluations, which is renewed between two of them."""


class CpuTime(NamedTuple):
    """A moment of the monotonic clock, and the CPU seconds of the process and of the thread until then."""

    at: float
    process: float
    thread: float


def rest_after(started: CpuTime, ended: CpuTime) -> float:
    """Return for how many seconds the thread rests after an evaluation."""
    own = ended.thread - started.thread
    others = ended.process - started.process - own
    is_busy = others > BUSY * (ended.at - started.at)
    return min(TIMES * own, MAX_REST_SEC) if is_busy else 0
