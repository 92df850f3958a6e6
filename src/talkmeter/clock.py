"""The only clock: other modules get the time as a parameter or from here."""

import time

MICROSECONDS_PER_SECOND = 1_000_000


def now() -> int:
    """Return the current time, in microseconds since 1970 (UTC)."""
    return time.time_ns() // 1_000


def monotonic() -> float:
    """Return seconds of a clock that never goes back, for durations and timeouts."""
    return time.monotonic()


def cpu_of_process() -> float:
    """Return the CPU seconds of all threads of this process."""
    return time.process_time()


def cpu_of_thread() -> float:
    """Return the CPU seconds of this thread."""
    return time.thread_time()
