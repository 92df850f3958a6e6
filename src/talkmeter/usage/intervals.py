"""The hours, days, weeks and months of a window, and the parts of an earlier window that they are compared with.

The units of an interval are hours or days since 1970 in UTC: an hour has one hour; a day, week or month has its days.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple, assert_never, get_args

from talkmeter.period import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR, Window, format_day

DayInterval = Literal["day", "week", "month"]
Interval = Literal["hour", "day", "week", "month"]
DAY_INTERVALS: Final[tuple[DayInterval, ...]] = get_args(DayInterval)
INTERVALS: Final[tuple[Interval, ...]] = get_args(Interval)


class Part(NamedTuple):
    """The part of a window that lies in one interval."""

    start: int
    """The first unit of the interval, which may be before the window."""
    units: range
    """The units of the interval that overlap the window."""
    bounds: Window
    whole: bool
    """Whether the window contains the whole interval."""


class EarlierPart(NamedTuple):
    """A part of an earlier window."""

    units: range
    bounds: Window


def unit_of(interval: Interval) -> int:
    """Return the length of an interval's units in microseconds."""
    return MICROSECONDS_PER_HOUR if interval == "hour" else MICROSECONDS_PER_DAY


def parts_of(window: Window, interval: Interval) -> list[Part]:
    """Return the part of a window in each interval that it overlaps, ascending."""
    unit = unit_of(interval)
    units = _units(window, unit)
    starts = list(dict.fromkeys(interval_start(first, interval) for first in units))
    parts = []
    for start, following in zip(starts, [*starts[1:], _end_of(starts[-1], interval)], strict=True):
        inside = range(max(start, units.start), min(following, units.stop))
        bounds = _clip(inside, unit, window)
        parts.append(Part(start, inside, bounds, bounds == Window(start * unit, following * unit)))
    return parts


def earlier_parts(
    parts: Sequence[Part], window: Window, earlier: Window, interval: Interval
) -> list[EarlierPart | None]:
    """Return the part of an earlier window at the same offset in units as each part of a window.

    A part after the end of the earlier window is None. What the earlier window has beyond the last part is one more
    element. Earlier parts are not intervals of the calendar: weeks that start on other days would not be comparable.
    """
    unit = unit_of(interval)
    units, shift = _units(earlier, unit), _units(earlier, unit).start - _units(window, unit).start
    ranges = [range(part.units.start + shift, part.units.stop + shift) for part in parts]
    if ranges[-1].stop < units.stop:
        ranges.append(range(ranges[-1].stop, units.stop))
    clipped = [range(one.start, min(one.stop, units.stop)) for one in ranges]
    return [EarlierPart(one, _clip(one, unit, earlier)) if one else None for one in clipped]


def interval_starts(window: Window, interval: DayInterval) -> list[int]:
    """Return the first day of each interval that overlaps the window; the first may be before the window."""
    return [part.start for part in parts_of(window, interval)]


def sum_intervals(days: Mapping[int, int], starts: Sequence[int]) -> list[int]:
    """Return the sum of the days' amounts for each interval."""
    sums = [0] * len(starts)
    for day, amount in days.items():
        sums[bisect_right(starts, day) - 1] += amount
    return sums


def interval_start(unit: int, interval: Interval) -> int:
    """Return the first unit of the interval that contains a unit; weeks start on Monday."""
    match interval:
        case "hour" | "day":
            return unit
        case "week":
            # 1970-01-01 was a Thursday.
            return unit - (unit + 3) % 7
        case "month":
            return unit - int(format_day(unit)[8:]) + 1
        case _:
            assert_never(interval)


def _end_of(start: int, interval: Interval) -> int:
    """Return the first unit after the interval that starts with a unit."""
    match interval:
        case "hour" | "day":
            return start + 1
        case "week":
            return start + 7
        case "month":
            # 31 days after the first of a month is in the next month.
            return interval_start(start + 31, "month")
        case _:
            assert_never(interval)


def _units(window: Window, unit: int) -> range:
    return range(window.start // unit, (window.end - 1) // unit + 1)


def _clip(units: range, unit: int, window: Window) -> Window:
    return Window(max(units.start * unit, window.start), min(units.stop * unit, window.end))
