"""When a failed delivery is attempted again."""

from typing import Final

from talkmeter.clock import MICROSECONDS_PER_SECOND
from talkmeter.notify.deliveries import MAX_WAIT
from talkmeter.period import MICROSECONDS_PER_DAY

GIVE_UP_AFTER: Final = 3 * MICROSECONDS_PER_DAY
"""How long a message is delivered, in microseconds since it was stored."""
_WAITS_SEC: Final = (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400)


def next_attempt(created_at: int, attempts: int, now: int, jitter: float) -> int | None:
    """Return when the next attempt is due after `attempts` failed ones, or None if it would be after three days.

    Instants are in microseconds. `jitter` is from 0 to 1 and shortens the wait by up to a tenth, so that the deliveries
    of one moment do not all come back at one moment.
    """
    wait = _WAITS_SEC[attempts - 1] * MICROSECONDS_PER_SECOND if attempts <= len(_WAITS_SEC) else MAX_WAIT
    due = now + wait - int(wait * jitter / 10)
    return due if due <= created_at + GIVE_UP_AFTER else None
