"""How long an organization has been silent, if it usually is not at this time of the week.

The hours before now are compared with the same hours one, two, three and four weeks earlier. If calls or runs began in
at least two of the four weeks, events are expected now.
"""

from typing import Final

from sqlalchemy import Connection

from talkmeter.counting import Counters, add
from talkmeter.errors import Unprocessable
from talkmeter.period import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR, Present, Window
from talkmeter.usage.days import read_usage
from talkmeter.usage.revision import read_revision

EXPECTED_WEEKS: Final = 2
_PAIRS_OF_WEEKS: Final = ((1, 2), (3, 4))
_WEEK: Final = 7 * MICROSECONDS_PER_DAY


def silent_hours(connection: Connection, org_id: str, limit: int, present: Present) -> int | None:
    """Return the whole hours since the newest event was stored; None if no event is expected in `limit` hours.

    None too if no event was ever stored, or if the records of the earlier weeks were deleted because of their age.
    """
    last_event_at = read_revision(connection, org_id, present).last_event_at
    if last_event_at is None:
        return None
    hours = max(0, (present.now - last_event_at) // MICROSECONDS_PER_HOUR)
    if hours < limit:
        return hours
    return hours if _weeks_with_usage(connection, org_id, limit, present) >= EXPECTED_WEEKS else None


def _weeks_with_usage(connection: Connection, org_id: str, hours: int, present: Present) -> int:
    """Return in how many of the last four weeks calls or runs began in the same hours."""
    weeks = 0
    for first, second in _PAIRS_OF_WEEKS:
        window, other = (_earlier(present.now, hours, week) for week in (first, second))
        try:
            usage = read_usage(connection, org_id, window, present, [other])
        except Unprocessable:
            continue
        weeks += _has_usage(usage.total)
        weeks += usage.others is not None and _has_usage(add(usage.others[0].values()))
    return weeks


def _earlier(now: int, hours: int, weeks: int) -> Window:
    end = now - weeks * _WEEK
    return Window(end - hours * MICROSECONDS_PER_HOUR, end)


def _has_usage(counters: Counters) -> bool:
    return counters.calls > 0 or counters.runs > 0
