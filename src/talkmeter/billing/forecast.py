"""Forecasts the quantity of a month from the days before it (pure).

The history is the last 56 complete days, from the first day with usage on. With 14 days or more, a day left is expected
to be as the mean of its weekday; with 3 to 13, as the mean of all. The range contains the result in 80 % of cases if
days vary as they did.
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from typing import Final, Literal, NamedTuple

from talkmeter.billing.money import round_half_up
from talkmeter.months import month_days, month_of

Method = Literal["weekday_mean", "mean", "constant"]
HISTORY_DAYS: Final = 56
MIN_HISTORY_DAYS: Final = 3
MIN_WEEKDAY_DAYS: Final = 14
_DAYS_OF_WEEK: Final = 7
_EIGHTY_PERCENT: Final = Decimal("1.28")
_EXACT: Final = Context(prec=60, rounding=ROUND_HALF_UP)

DailyQuantity = Mapping[int, int]
"""Base units by day; a missing day is zero."""


class Projection(NamedTuple):
    """A month's quantity in base units: through today, and projected for the whole month with its range."""

    to_date: int
    projected: int
    low: int
    high: int
    method: Method


def history_of(today: int, first_day: int | None) -> range:
    """Return the complete days that a forecast of a day looks at; `first_day` is the first day with usage."""
    return range(max(today - HISTORY_DAYS, today if first_day is None else first_day), today)


def project(daily: DailyQuantity, today: int, first_day: int | None) -> Projection | None:
    """Return the projection of the month of a day, or None if the history has fewer than 3 days."""
    means = _means(daily, today, first_day)
    if means is None:
        return None
    days = month_days(month_of(today))
    complete = sum(daily.get(day, 0) for day in range(days.start, today))
    projected = complete + sum(means.expected(daily, range(today, days.stop)))
    margin = _margin(means.squares, means.days, days.stop - today)
    to_date = complete + daily.get(today, 0)
    low, high = max(to_date, projected - margin), projected + margin
    return Projection(to_date, projected, low, high, "weekday_mean" if means.by_weekday else "mean")


def expected_days(daily: DailyQuantity, days: range, first_day: int | None) -> list[int] | None:
    """Return the expected quantity of today, the first of the days, and of the days after it, as `project` does."""
    means = _means(daily, days.start, first_day)
    return None if means is None else means.expected(daily, days)


class _Means(NamedTuple):
    """The mean of each weekday, or of all days; `squares` are the squared differences of the days from their means."""

    by_group: dict[int, int]
    by_weekday: bool
    squares: int
    days: int

    def expected(self, daily: DailyQuantity, days: range) -> list[int]:
        """Return the expected quantities of today and of the days after it; today counts with its usage if greater."""
        today, *later = (self.by_group[_group(day, by_weekday=self.by_weekday)] for day in days)
        return [max(daily.get(days.start, 0), today), *later]


def _means(daily: DailyQuantity, today: int, first_day: int | None) -> _Means | None:
    history = history_of(today, first_day)
    if len(history) < MIN_HISTORY_DAYS:
        return None
    by_weekday = len(history) >= MIN_WEEKDAY_DAYS
    groups: dict[int, list[int]] = {}
    for day in history:
        groups.setdefault(_group(day, by_weekday=by_weekday), []).append(daily.get(day, 0))
    means = {group: round_half_up(Fraction(sum(values), len(values))) for group, values in groups.items()}
    squares = sum((value - means[group]) ** 2 for group, values in groups.items() for value in values)
    return _Means(means, by_weekday, squares, len(history))


def project_constant(daily: DailyQuantity, today: int) -> Projection:
    """Return the projection of an inventory: every day left is as today."""
    days = month_days(month_of(today))
    to_date = sum(daily.get(day, 0) for day in range(days.start, today + 1))
    projected = to_date + daily.get(today, 0) * (days.stop - today - 1)
    return Projection(to_date, projected, projected, projected, "constant")


def same_day_earlier(today: int, months: int) -> int:
    """Return the same day of an earlier month, or its last day if it is shorter."""
    month = month_of(today)
    days, position = month_days(month - months), today - month_days(month).start
    return days[min(position, len(days) - 1)]


def relative_error(projected: int, actual: int) -> Fraction:
    """Return how far a projection was from an actual quantity that is not zero."""
    return abs(Fraction(projected - actual, actual))


def mean_error(errors: list[Fraction]) -> str | None:
    """Return the mean of errors as a decimal number with four digits, or None if there are none."""
    if not errors:
        return None
    units = round_half_up(sum(errors, Fraction(0)) / len(errors) * 10_000)
    return f"{units // 10_000}.{units % 10_000:04}"


def _group(day: int, *, by_weekday: bool) -> int:
    return day % _DAYS_OF_WEEK if by_weekday else 0


def _margin(squares: int, days: int, left: int) -> int:
    """Return 1.28 standard deviations of the sum of the days left, rounded half up."""
    variance = _EXACT.divide(Decimal(squares * left), Decimal(days))
    return int(_EXACT.multiply(_EIGHTY_PERCENT, _EXACT.sqrt(variance)).to_integral_value(ROUND_HALF_UP))
