"""Compare the figures of a window with those of an earlier window.

`previous` is the same part of the previous month for a window that starts on the first of a month, else the window
directly before. `year` is the same dates one year earlier. A window that contains the present is cut at the last full
hour, and so is the earlier window, which is the same hours some whole days before: an unfinished day is compared with
the same part of a day (docs/reference/counting.md, "Comparison").
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple, get_args

import msgspec
from msgspec import Meta

from talkmeter.counting import Counters, average_seconds, minutes
from talkmeter.errors import Unprocessable
from talkmeter.period import (
    EARLIEST_INSTANT,
    MICROSECONDS_PER_DAY,
    MICROSECONDS_PER_HOUR,
    InstantText,
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
COMPARED: Final = (*COMPARED_CALLS, *COMPARED_RUNS)


class Bounds(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """The start (inclusive) and end (exclusive) of a window."""

    from_: InstantText
    to: InstantText


class Compared(msgspec.Struct, frozen=True):
    """The two windows of a comparison."""

    mode: Literal["previous", "year"]
    now: Bounds
    then: Bounds


class Delta(msgspec.Struct, frozen=True):
    """One figure in both windows, as integers if the figure is an integer; `change_percent` is null if `then` is 0."""

    now: float
    then: float
    change: float
    change_percent: float | None


Deltas = dict[str, Delta]


class Comparison(Compared, frozen=True):
    """The two windows of a comparison, and each figure in both."""

    figures: Deltas


COMPARISON: Final = Meta(
    description="The figures compared with an earlier window; null: not requested, or no full hour has passed."
)


class Windows(NamedTuple):
    """The compared windows: `now` is the past part of the requested window, `then` the earlier window."""

    mode: Literal["previous", "year"]
    now: Window
    then: Window


def compared_windows(window: Window, mode: Mode, now: int) -> Windows | None:
    """Return the windows to compare, or None if the mode is `none` or no full hour of the window has passed.

    Raises Unprocessable if the earlier window is out of range.
    """
    if mode == "none":
        return None
    elapsed = window
    if now < window.end:
        elapsed = Window(window.start, now // MICROSECONDS_PER_HOUR * MICROSECONDS_PER_HOUR)
        if elapsed.end <= elapsed.start:
            return None
    then = _year_before(elapsed, window) if mode == "year" else _previous(elapsed, window)
    if then.start < EARLIEST_INSTANT:
        raise Unprocessable("The window to compare with would start before 1970; use compare=none.")
    return Windows(mode, elapsed, then)


def _previous(elapsed: Window, requested: Window) -> Window:
    """Return the earlier window of the past part of a requested window.

    Part of one month from its first day: the same part of the previous month. Else, if the requested window contains
    the present: shifted back by its length, rounded up to whole days. Else: the window directly before.
    """
    start, length = elapsed.start, elapsed.end - elapsed.start
    first = _datetime(start)
    if microseconds(_first_of_month(first)) != start or elapsed.end > microseconds(_month_after(first)):
        shift = length
        if elapsed != requested:
            shift = -(-(requested.end - requested.start) // MICROSECONDS_PER_DAY) * MICROSECONDS_PER_DAY
        return Window(start - shift, elapsed.end - shift)
    before = microseconds(_first_of_month(first - timedelta(days=1))) if start > EARLIEST_INSTANT else start - length
    whole_month = elapsed.end == microseconds(_month_after(first))
    # A shorter previous month ends where this month starts.
    return Window(before, start if whole_month else min(before + length, start))


def _year_before(elapsed: Window, requested: Window) -> Window:
    if _year_earlier(requested.end, is_end=True) > requested.start:
        bounds = f"from {format_instant(requested.start)} to {format_instant(requested.end)}"
        raise Unprocessable(
            f"The range {bounds} is longer than a year and cannot be compared with the year before; "
            "use compare=previous."
        )
    start, end = _year_earlier(elapsed.start, is_end=False), _year_earlier(elapsed.end, is_end=True)
    # A part of 29 February is compared with the same part of 28 February.
    inside_one_day = elapsed.start // MICROSECONDS_PER_DAY == elapsed.end // MICROSECONDS_PER_DAY
    return Window(start, start + elapsed.end - elapsed.start if inside_one_day else end)


def _year_earlier(instant: int, *, is_end: bool) -> int:
    """Return the instant one year earlier; 29 February becomes 28 February for a start, 1 March for an end."""
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
    """Return the compared windows for a response."""
    return Compared(windows.mode, _bounds(windows.now), _bounds(windows.then))


def comparison_of(windows: Windows, now: Counters, then: Counters, names: Iterable[str] = COMPARED) -> Comparison:
    """Return the named figures in both windows, by default all."""
    return Comparison(windows.mode, _bounds(windows.now), _bounds(windows.then), deltas(now, then, names))


def deltas(now: Counters, then: Counters, names: Iterable[str]) -> Deltas:
    """Return the differences of the rounded figures, computed as integers in units of their last digit."""
    now_figures, then_figures = _rounded(now), _rounded(then)
    return {name: _delta(now_figures[name].units, then_figures[name].units, now_figures[name].scale) for name in names}


class _RoundedFigure(NamedTuple):
    """A rounded figure: `units / scale`."""

    units: int
    scale: int


def _rounded(counters: Counters) -> dict[str, _RoundedFigure]:
    average = average_seconds(counters.voice_ms + counters.chat_ms, counters.timed_calls)
    return {
        "total_calls": _RoundedFigure(counters.calls, 1),
        "voice_calls": _RoundedFigure(counters.voice_calls, 1),
        "chat_calls": _RoundedFigure(counters.chat_calls, 1),
        "inbound_calls": _RoundedFigure(counters.inbound_calls, 1),
        "outbound_calls": _RoundedFigure(counters.outbound_calls, 1),
        "voice_minutes": _RoundedFigure(round(minutes(counters.voice_ms) * 100), 100),
        "chat_minutes": _RoundedFigure(round(minutes(counters.chat_ms) * 100), 100),
        "avg_call_duration_sec": _RoundedFigure(round(average * 10), 10),
        "voice_duration_ms": _RoundedFigure(counters.voice_ms, 1),
        "chat_duration_ms": _RoundedFigure(counters.chat_ms, 1),
        "workflow_runs_total": _RoundedFigure(counters.runs, 1),
        "workflow_runs_success": _RoundedFigure(counters.runs_success, 1),
        "workflow_runs_failed": _RoundedFigure(counters.runs_failed, 1),
    }


def _delta(now: int, then: int, scale: int) -> Delta:
    if scale == 1:
        return Delta(now, then, now - then, _percent(now - then, then))
    return Delta(now / scale, then / scale, (now - then) / scale, _percent(now - then, then))


def _percent(change: int, then: int) -> float | None:
    """Return the change in percent with one decimal, rounded half away from zero; None if `then` is 0."""
    if then == 0:
        return None
    tenths = (abs(change) * 2_000 + then) // (2 * then)
    return (tenths if change >= 0 else -tenths) / 10


def _bounds(window: Window) -> Bounds:
    return Bounds(format_instant(window.start), format_instant(window.end))
