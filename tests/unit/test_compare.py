"""Comparison: the window that a window is compared with, and the change of a figure."""

import pytest

from talkmeter.counting import ZERO, Counters
from talkmeter.errors import Unprocessable
from talkmeter.period import format_instant, read_instant, read_window
from talkmeter.usage.compare import Delta, Mode, compared_windows, deltas

LATER = "2030-01-01T00:00:00Z"


def windows_of(from_: str, to: str, mode: Mode, now: str = LATER) -> list[str] | None:
    """Return the bounds of both windows as text."""
    windows = compared_windows(read_window(from_, to, 0), mode, read_instant(now))
    if windows is None:
        return None
    return [format_instant(instant).removesuffix("T00:00:00Z") for window in windows[1:] for instant in window]


@pytest.mark.parametrize(
    ("from_", "to", "then"),
    [
        ("2026-11-01", "2026-11-23", ["2026-10-01", "2026-10-23"]),
        ("2026-03-01", "2026-03-31", ["2026-02-01", "2026-03-01"]),
        ("2026-11-01", "2026-12-01", ["2026-10-01", "2026-11-01"]),
        ("2026-03-01", "2026-04-01", ["2026-02-01", "2026-03-01"]),
        ("2026-02-01", "2026-03-01", ["2026-01-01", "2026-02-01"]),
        ("2026-01-01", "2026-01-02", ["2025-12-01", "2025-12-02"]),
        ("2026-11-02", "2026-11-09", ["2026-10-26", "2026-11-02"]),
        ("2026-11-01", "2026-12-02", ["2026-10-01", "2026-11-01"]),
        ("2026-11-01T01:00", "2026-11-01T03:00", ["2026-10-31T23:00:00Z", "2026-11-01T01:00:00Z"]),
    ],
)
def test_previous_window_is_in_the_previous_month_or_just_before(from_: str, to: str, then: list[str]) -> None:
    bounds = windows_of(from_, to, "previous")

    assert bounds is not None
    assert bounds[2:] == then


@pytest.mark.parametrize(
    ("from_", "to", "then"),
    [
        ("2026-11-01", "2026-11-23", ["2025-11-01", "2025-11-23"]),
        ("2024-02-29", "2024-03-01", ["2023-02-28", "2023-03-01"]),
        ("2024-02-28", "2024-02-29", ["2023-02-28", "2023-03-01"]),
        ("2025-02-28", "2025-03-01", ["2024-02-28", "2024-03-01"]),
        ("2024-01-01", "2025-01-01", ["2023-01-01", "2024-01-01"]),
        ("2025-01-01", "2026-01-01", ["2024-01-01", "2025-01-01"]),
    ],
)
def test_window_a_year_earlier_has_the_same_dates(from_: str, to: str, then: list[str]) -> None:
    bounds = windows_of(from_, to, "year")

    assert bounds is not None
    assert bounds[2:] == then


def test_current_window_and_its_previous_window_end_at_the_last_full_hour() -> None:
    now = "2026-11-25T06:59:59.999999Z"

    assert windows_of("2026-11-01", "2026-11-26", "previous", now) == [
        *("2026-11-01", "2026-11-25T06:00:00Z"),
        *("2026-10-01", "2026-10-25T06:00:00Z"),
    ]
    assert windows_of("2026-11-25", "2026-11-26", "year", now) == [
        *("2026-11-25", "2026-11-25T06:00:00Z"),
        *("2025-11-25", "2025-11-25T06:00:00Z"),
    ]


@pytest.mark.parametrize(
    ("from_", "to", "then"),
    [
        pytest.param("2026-11-30", "2026-12-01", ["2026-11-29", "2026-11-29T14:00:00Z"], id="today"),
        pytest.param("2026-11-24", "2026-12-01", ["2026-11-17", "2026-11-23T14:00:00Z"], id="last 7 days"),
        pytest.param("2026-11-02", "2026-12-01", ["2026-10-04", "2026-11-01T14:00:00Z"], id="all but the first"),
        pytest.param("2026-11-30", "2026-12-02", ["2026-11-28", "2026-11-28T14:00:00Z"], id="today and tomorrow"),
        pytest.param(
            "2026-11-29T12:00", "2026-12-01", ["2026-11-27T12:00:00Z", "2026-11-28T14:00:00Z"], id="a day and a half"
        ),
        pytest.param(
            "2026-11-30T12:00", "2026-11-30T15:00", ["2026-11-29T12:00:00Z", "2026-11-29T14:00:00Z"], id="three hours"
        ),
        pytest.param("2026-10-01", "2026-12-01", ["2026-08-01", "2026-09-30T14:00:00Z"], id="two months"),
    ],
)
def test_window_with_the_present_compares_with_the_same_hours_of_whole_days_before(
    from_: str, to: str, then: list[str]
) -> None:
    bounds = windows_of(from_, to, "previous", "2026-11-30T14:29:00Z")

    assert bounds is not None
    assert bounds[1] == "2026-11-30T14:00:00Z"
    assert bounds[2:] == then


def test_window_has_no_comparison_before_its_first_hour_has_passed() -> None:
    assert windows_of("2026-11-25", "2026-11-26", "previous", "2026-11-25T00:59:59Z") is None
    assert windows_of("2026-11-25", "2026-11-26", "previous", "2026-11-25T01:00:00Z") is not None
    assert windows_of("2026-11-25", "2026-11-26", "none") is None


def test_future_window_has_no_comparison() -> None:
    assert windows_of("2026-12-01", "2027-01-01", "previous", "2026-11-25T06:00:00Z") is None
    assert windows_of("2026-12-01", "2027-01-01", "year", "2026-11-30T23:59:59Z") is None


def test_part_of_29_february_compares_with_same_part_of_the_28th() -> None:
    assert windows_of("2028-02-29", "2028-03-01", "year", "2028-02-29T12:30:00Z") == [
        *("2028-02-29", "2028-02-29T12:00:00Z"),
        *("2027-02-28", "2027-02-28T12:00:00Z"),
    ]


def test_window_longer_than_a_year_cannot_be_compared_with_the_year_before() -> None:
    with pytest.raises(Unprocessable, match=r"from 2025-01-01T00:00:00Z to 2026-01-02T00:00:00Z is longer than a year"):
        windows_of("2025-01-01", "2026-01-02", "year")


def test_window_whose_earlier_window_begins_before_1970_is_rejected() -> None:
    with pytest.raises(Unprocessable, match="start before 1970"):
        windows_of("1970-01-01", "1970-01-02", "previous")


def delta_of(name: str, now: Counters, then: Counters) -> Delta:
    return deltas(now, then, [name])[name]


def test_change_is_computed_from_the_displayed_figures() -> None:
    now, then = ZERO._replace(voice_ms=94_800), ZERO._replace(voice_ms=25_800)

    assert delta_of("voice_minutes", now, then) == Delta(1.58, 0.43, 1.15, 267.4)
    assert delta_of("voice_duration_ms", now, then) == Delta(94_800, 25_800, 69_000, 267.4)


@pytest.mark.parametrize(
    ("now", "then", "percent"),
    [(3, 2, 50.0), (2, 3, -33.3), (0, 3, -100.0), (0, 0, None), (7, 0, None), (2001, 2000, 0.1), (1999, 2000, -0.1)],
)
def test_percentage_is_rounded_to_one_decimal_and_null_if_the_earlier_figure_is_0(
    now: int, then: int, percent: float | None
) -> None:
    change = delta_of("total_calls", ZERO._replace(calls=now), ZERO._replace(calls=then))

    assert (change.change, change.change_percent) == (now - then, percent)


def test_averages_are_compared_in_tenths_of_a_second() -> None:
    now, then = ZERO._replace(voice_ms=1_050, timed_calls=1), ZERO._replace(chat_ms=2_000, timed_calls=1)

    assert delta_of("avg_call_duration_sec", now, then) == Delta(1.1, 2.0, -0.9, -45.0)
