"""Comparison: which earlier window a window is held against, and how each figure differs between the two.

`previous` is the window directly before, or the same part of the month before for a window that begins with a month;
`year` the same dates a year earlier (docs/reference/counting.md, "Comparison"). A window
that contains now is cut at the last full hour on both sides, so an unfinished day is never compared with a whole one.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple, get_args

import msgspec

from talkmeter.counting import Counters, average_seconds, minutes
from talkmeter.errors import Unprocessable
from talkmeter.period import (
    EARLIEST_INSTANT,
    MICROSECONDS_PER_DAY,
    MICROSECONDS_PER_HOUR,
    Window,
    format_instant,
    microseconds,
)

Mode = Literal["none", "previous", "year"]
MODES: Final[tuple[Mode, ...]] = get_args(Mode)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

COMPARED_CALLS: Final = (
    "total_calls",
    "voice_calls",
    "chat_calls",
    "inbound_calls",
    "outbound_calls",
    "voice_minutes",
    "chat_minutes",
    "avg_call_duration_sec",
    "voice_duration_ms",
    "chat_duration_ms",
)
COMPARED_RUNS: Final = ("workflow_runs_total", "workflow_runs_success", "workflow_runs_failed")


class Bounds(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """A window as answers show it."""

    from_: str
    to: str


class Compared(msgspec.Struct, frozen=True):
    """The two windows of a comparison."""

    mode: Literal["previous", "year"]
    now: Bounds
    then: Bounds


class Delta(msgspec.Struct, frozen=True):
    """One figure now and then, an integer where the figure is one; `change_percent` is null where `then` is 0."""

    now: float
    then: float
    change: float
    change_percent: float | None


Deltas = dict[str, Delta]


class Comparison(Compared, frozen=True):
    """The two windows, and each figure in both."""

    figures: Deltas


class Windows(NamedTuple):
    """What is compared: `now` is the asked window as far as it has passed, `then` the earlier one."""

    mode: Literal["previous", "year"]
    now: Window
    then: Window


def compared_windows(window: Window, mode: Mode, now: int) -> Windows | None:
    """The windows of a comparison; None where none is wanted, or no full hour of the window has passed.

    Unprocessable where there is no such earlier window.
    """
    if mode == "none":
        return None
    passed = window
    if now < window.end:
        passed = Window(window.start, now // MICROSECONDS_PER_HOUR * MICROSECONDS_PER_HOUR)
        if passed.end <= passed.start:
            return None
    then = _year_before(passed, window) if mode == "year" else _directly_before(passed)
    if then.start < EARLIEST_INSTANT:
        raise Unprocessable("The window to compare with would begin before 1970; ask with compare=none.")
    return Windows(mode, passed, then)


def _directly_before(window: Window) -> Window:
    """The same part of the month before, for a window that begins with a month and ends in it; else equally long."""
    start, length = window.start, window.end - window.start
    first = _datetime(start)
    if microseconds(_first_of_month(first)) != start or window.end > microseconds(_month_after(first)):
        return Window(start - length, start)
    before = microseconds(_first_of_month(first - timedelta(days=1))) if start > EARLIEST_INSTANT else start - length
    whole_month = window.end == microseconds(_month_after(first))
    # A shorter month before ends where this one begins.
    return Window(before, start if whole_month else min(before + length, start))


def _year_before(passed: Window, asked: Window) -> Window:
    if _a_year_earlier(asked.end, is_end=True) > asked.start:
        bounds = f"from {format_instant(asked.start)} to {format_instant(asked.end)}"
        raise Unprocessable(f"The range {bounds} is longer than a year and cannot be compared with the year before.")
    start, end = _a_year_earlier(passed.start, is_end=False), _a_year_earlier(passed.end, is_end=True)
    # A part of 29 February is held against the same part of the 28th.
    inside_one_day = passed.start // MICROSECONDS_PER_DAY == passed.end // MICROSECONDS_PER_DAY
    return Window(start, start + passed.end - passed.start if inside_one_day else end)


def _a_year_earlier(instant: int, *, is_end: bool) -> int:
    """The same date and time a year earlier; of 29 February a start goes to the 28th, an end to 1 March."""
    at = _datetime(instant)
    if (at.month, at.day) != (2, 29):
        return microseconds(at.replace(year=at.year - 1))
    month, day = (3, 1) if is_end else (2, 28)
    return microseconds(at.replace(year=at.year - 1, month=month, day=day))


def _datetime(instant: int) -> datetime:
    return _EPOCH + timedelta(microseconds=instant)


def _first_of_month(at: datetime) -> datetime:
    return at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _month_after(at: datetime) -> datetime:
    return _first_of_month(_first_of_month(at) + timedelta(days=31))


def compared(windows: Windows) -> Compared:
    """The windows as answers show them."""
    return Compared(windows.mode, _bounds(windows.now), _bounds(windows.then))


def comparison_of(windows: Windows, now: Counters, then: Counters) -> Comparison:
    """Every figure of the page in both windows."""
    figures = deltas(now, then, (*COMPARED_CALLS, *COMPARED_RUNS))
    return Comparison(windows.mode, _bounds(windows.now), _bounds(windows.then), figures)


def deltas(now: Counters, then: Counters, names: Iterable[str]) -> Deltas:
    """How figures differ, computed from the figures as they are shown, in whole units of their last digit."""
    ours, theirs = _shown(now), _shown(then)
    return {name: _delta(ours[name].units, theirs[name].units, ours[name].per_one) for name in names}


class _Shown(NamedTuple):
    """A figure in whole units of its last digit, of which `per_one` make one."""

    units: int
    per_one: int


def _shown(counters: Counters) -> dict[str, _Shown]:
    average = average_seconds(counters.voice_ms + counters.chat_ms, counters.timed_calls)
    return {
        "total_calls": _Shown(counters.calls, 1),
        "voice_calls": _Shown(counters.voice_calls, 1),
        "chat_calls": _Shown(counters.chat_calls, 1),
        "inbound_calls": _Shown(counters.inbound_calls, 1),
        "outbound_calls": _Shown(counters.outbound_calls, 1),
        "voice_minutes": _Shown(round(minutes(counters.voice_ms) * 100), 100),
        "chat_minutes": _Shown(round(minutes(counters.chat_ms) * 100), 100),
        "avg_call_duration_sec": _Shown(round(average * 10), 10),
        "voice_duration_ms": _Shown(counters.voice_ms, 1),
        "chat_duration_ms": _Shown(counters.chat_ms, 1),
        "workflow_runs_total": _Shown(counters.runs, 1),
        "workflow_runs_success": _Shown(counters.runs_success, 1),
        "workflow_runs_failed": _Shown(counters.runs_failed, 1),
    }


def _delta(now: int, then: int, per_one: int) -> Delta:
    if per_one == 1:
        return Delta(now, then, now - then, _percent(now - then, then))
    return Delta(now / per_one, then / per_one, (now - then) / per_one, _percent(now - then, then))


def _percent(change: int, then: int) -> float | None:
    """One decimal, half away from zero."""
    if then == 0:
        return None
    tenths = (abs(change) * 2_000 + then) // (2 * then)
    return (tenths if change >= 0 else -tenths) / 10


def _bounds(window: Window) -> Bounds:
    return Bounds(format_instant(window.start), format_instant(window.end))
