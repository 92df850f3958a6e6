"""The periods of budgets as days since 1970 (UTC): a day, a week from Monday, or a month."""

from typing import Final, Literal, get_args

from talkmeter.months import month_days, month_of

PeriodName = Literal["day", "week", "month"]
PERIODS: Final[tuple[PeriodName, ...]] = get_args(PeriodName)
LONGEST_PERIOD: Final = 31
PAST_DAYS: Final = 35
"""Periods that ended within so many days are still evaluated, because events can arrive late."""
_DAYS_PER_WEEK: Final = 7
_MONDAY: Final = 4
"""1970-01-05 was a Monday."""


def period_of(name: PeriodName, day: int) -> range:
    """Return the days of the period that contains a day."""
    match name:
        case "day":
            return range(day, day + 1)
        case "week":
            first = day - (day - _MONDAY) % _DAYS_PER_WEEK
            return range(first, first + _DAYS_PER_WEEK)
        case "month":
            return month_days(month_of(day))


def evaluated_periods(name: PeriodName, changed_on: int, today: int) -> list[range]:
    """Return the period of today and those that ended within the last 35 days, oldest first.

    Periods that ended before the budget had its present limit are not among them.
    """
    periods = [period_of(name, today)]
    while (earlier := period_of(name, periods[0].start - 1)).stop > max(today - PAST_DAYS, changed_on):
        periods.insert(0, earlier)
    return periods
