"""The earlier window of a comparison does not overlap the window, is not empty and follows the rules."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Literal

from hypothesis import assume, given
from hypothesis import strategies as st

from talkmeter.errors import Unprocessable
from talkmeter.period import Window
from talkmeter.usage.compare import Windows, compared_windows
from tests.laws.histories import laws
from tests.laws.model import DAY, EPOCH

HOUR = DAY // 24
SOME_YEARS = (datetime(1972, 1, 1, tzinfo=UTC), datetime(2032, 1, 1, tzinfo=UTC))
MODES = ("previous", "year")
Mode = Literal["previous", "year"]


def micros(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def to_datetime(instant: int) -> datetime:
    return EPOCH + timedelta(microseconds=instant)


_first, _last = (micros(at) for at in SOME_YEARS)
_days = st.integers(_first // DAY, _last // DAY).map(lambda day: day * DAY)
_months = st.builds(
    lambda year, month: micros(datetime(year, month, 1, tzinfo=UTC)), st.integers(1972, 2031), st.integers(1, 12)
)
_leap_days = st.sampled_from(range(1972, 2032, 4)).map(lambda year: micros(datetime(year, 2, 29, tzinfo=UTC)))
_starts = _days | _months | _leap_days | st.integers(_first, _last)
_lengths = st.integers(1, 366).map(lambda days: days * DAY) | st.integers(1, 366 * DAY)


@st.composite
def queries(draw: st.DrawFn) -> tuple[Window, int]:
    """Generate a window and a now before, in or after it."""
    start = draw(_starts)
    end = draw(st.just(start + draw(_lengths)) | _months | _leap_days)
    assume(start < end <= start + 366 * DAY)
    return Window(start, end), draw(st.integers(start - DAY, end + DAY))


def compare(window: Window, mode: Mode, now: int) -> Windows | str | None:
    """Return the windows of a comparison, or the error message if it is rejected."""
    try:
        return compared_windows(window, mode, now)
    except Unprocessable as error:
        return error.detail


@laws
@given(queries(), st.sampled_from(MODES))
def test_earlier_window_does_not_overlap_the_window_and_neither_is_empty(query: tuple[Window, int], mode: Mode) -> None:
    window, now = query
    windows = compare(window, mode, now)
    if isinstance(windows, str):
        assert (mode, "longer than a year" in windows) == ("year", True)
        assert window.end - window.start > 365 * DAY
        return
    if windows is None:
        assert now < window.end
        assert now - now % HOUR <= window.start
        return
    assert windows.now.start == window.start
    assert windows.now.end == (now - now % HOUR if now < window.end else window.end)
    assert windows.then.start < windows.then.end <= window.start < windows.now.end


@laws
@given(queries())
def test_part_of_a_month_compares_with_its_previous_part_else_with_equal_length(
    query: tuple[Window, int],
) -> None:
    window, _ = query
    windows = compared_windows(window, "previous", now=window.end)
    assert windows is not None
    start = to_datetime(window.start)
    next_month = start + timedelta(days=monthrange(start.year, start.month)[1])
    if start != start.replace(day=1, hour=0, minute=0, second=0, microsecond=0) or to_datetime(window.end) > next_month:
        assert windows.then == (window.start - (window.end - window.start), window.start)
        return
    before = (start - timedelta(days=1)).replace(day=1)
    same_part = window.end - window.start
    if to_datetime(window.end) == next_month:
        same_part = window.start - micros(before)
    assert windows.then == (micros(before), min(micros(before) + same_part, window.start))


@laws
@given(queries())
def test_window_with_the_present_is_shifted_by_whole_days_or_a_month(
    query: tuple[Window, int],
) -> None:
    window, now = query
    assume(now < window.end)
    windows = compared_windows(window, "previous", now)
    if windows is None:
        return
    start = to_datetime(window.start)
    next_month = start + timedelta(days=monthrange(start.year, start.month)[1])
    first = start == start.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    if first and to_datetime(windows.now.end) <= next_month:
        assert to_datetime(windows.then.start) == (start - timedelta(days=1)).replace(day=1)
        return
    shift = -(-(window.end - window.start) // DAY) * DAY
    assert windows.then == (window.start - shift, windows.now.end - shift)


@laws
@given(queries())
def test_window_a_year_earlier_has_the_same_dates_and_times(query: tuple[Window, int]) -> None:
    window, _ = query
    windows = compare(window, "year", now=window.end)
    if isinstance(windows, str):
        return
    assert windows is not None
    if window.start // DAY == window.end // DAY:
        assert windows.then.end - windows.then.start == window.end - window.start
    end_of_leap_day = (2, 28) if window.start // DAY == window.end // DAY else (3, 1)
    bounds = ((window.start, windows.then.start, (2, 28)), (window.end, windows.then.end, end_of_leap_day))
    for bound, then, leap in bounds:
        now, was = to_datetime(bound), to_datetime(then)
        assert was.year == now.year - 1
        assert was.time() == now.time()
        assert (was.month, was.day) == (leap if (now.month, now.day) == (2, 29) else (now.month, now.day))
