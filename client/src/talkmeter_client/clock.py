"""The only clock of the client: other modules get the time as a parameter or from here."""

import time
from datetime import UTC, datetime
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> datetime:
    """Return the current time, in UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Return seconds of a clock that never goes back, for durations and timeouts."""
    return time.monotonic()
