"""The forecast of a month: exact for equal weeks, the mean of short histories, none for shorter ones."""

from datetime import date, timedelta
from fractions import Fraction
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkmeter.billing.forecast import history_of, mean_error, project, project_constant, same_day_earlier
from talkmeter.months import month_days, month_of

EPOCH = date(1970, 1, 1)


def day_of(text: str) -> int:
    return (date.fromisoformat(text) - EPOCH).days


def text_of(day: int) -> str:
    return (EPOCH + timedelta(days=day)).isoformat()


TODAY = day_of("2026-11-20")
days_of_2026 = st.integers(day_of("2026-01-01"), day_of("2026-12-31"))


@given(today=days_of_2026, week=st.lists(st.integers(0, 10**9), min_size=7, max_size=7))
def test_equal_weeks_are_forecast_exactly_on_every_day(today: int, week: list[int]) -> None:
    month = month_days(month_of(today))
    daily = {day: week[day % 7] for day in range(today - 56, month.stop)}
    known = {day: amount for day, amount in daily.items() if day <= today}

    projection = project(known, today, today - 56)

    assert projection is not None
    known_earlier = {day: week[day % 7] for day in range(month.start, today - 56)}
    expected = sum({**known_earlier, **daily}[day] for day in month)
    assert (projection.projected, projection.low, projection.high) == (expected, expected, expected)


@given(st.dictionaries(st.integers(TODAY - 70, TODAY), st.integers(0, 10**6)), st.integers(TODAY - 80, TODAY))
def test_projection_is_within_its_range_and_not_below_the_quantity_to_date(daily: dict[int, int], first: int) -> None:
    projection = project(daily, TODAY, first)

    if TODAY - first < 3:
        assert projection is None
        return
    assert projection is not None
    assert projection.to_date == sum(amount for day, amount in daily.items() if day >= day_of("2026-11-01"))
    assert projection.to_date <= projection.low <= projection.projected <= projection.high


def test_short_history_uses_the_mean_of_all_days() -> None:
    projection = project({TODAY - 2: 10, TODAY - 1: 20}, TODAY, TODAY - 4)

    assert projection is not None
    # 30 in the four days before, 8 a day for the eleven days left; a half is rounded up.
    assert (projection.method, projection.projected) == ("mean", 30 + 11 * 8)


def test_today_counts_with_the_greater_of_its_quantity_and_its_mean() -> None:
    last_of_month = day_of("2026-11-30")
    daily = dict.fromkeys(range(last_of_month - 56, last_of_month), 10)

    assert project(daily, last_of_month, 0) == (290, 300, 300, 300, "weekday_mean")
    assert project({**daily, last_of_month: 25}, last_of_month, 0) == (315, 315, 315, 315, "weekday_mean")


def test_range_is_1_28_standard_deviations_of_the_days_left() -> None:
    daily = {TODAY - number: 100 if number % 2 else 300 for number in range(1, 9)}

    projection = project(daily, TODAY, TODAY - 8)

    assert projection is not None
    mean = fmean(daily.values())
    margin = 1.28 * 100 * 11**0.5
    assert projection.high - projection.projected == round(margin)
    assert projection.projected == sum(daily.values()) + 11 * mean


def test_inventory_stays_as_today() -> None:
    daily = {day_of("2026-11-19"): 1, TODAY: 3}

    assert project_constant(daily, TODAY) == (4, 4 + 3 * 10, 34, 34, "constant")


def test_history_begins_with_the_first_usage_and_has_at_most_56_days() -> None:
    assert history_of(TODAY, TODAY - 100) == range(TODAY - 56, TODAY)
    assert history_of(TODAY, TODAY - 5) == range(TODAY - 5, TODAY)
    assert len(history_of(TODAY, None)) == 0


@pytest.mark.parametrize(
    ("today", "months", "expected"),
    [("2026-11-20", 1, "2026-10-20"), ("2026-03-31", 1, "2026-02-28"), ("2026-01-31", 2, "2025-11-30")],
)
def test_same_day_of_a_shorter_month_is_its_last_day(today: str, months: int, expected: str) -> None:
    assert text_of(same_day_earlier(day_of(today), months)) == expected


def test_mean_error_has_four_digits() -> None:
    assert mean_error([]) is None
    assert mean_error([Fraction(1, 3)]) == "0.3333"
