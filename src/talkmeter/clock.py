"""The only clock: every other module is told the time or asks here."""

import time

MICROSECONDS_PER_SECOND = 1_000_000


def now() -> int:
    """The present instant, in microseconds since 1970 (UTC)."""
    return time.time_ns() // 1_000


def monotonic() -> float:
    """Seconds on a clock that never goes back, for measuring and expiring."""
    return time.monotonic()
