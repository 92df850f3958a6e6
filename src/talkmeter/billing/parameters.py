"""Reads the parameters of cost queries, for the API and the command line."""

from collections.abc import Mapping
from typing import Final

from talkmeter.billing.priced_months import BYS, ROWS, CostsQuery
from talkmeter.errors import Unprocessable
from talkmeter.months import first_day, month_of
from talkmeter.period import MAX_WINDOW_DAYS, Present, read_day
from talkmeter.usage.breakdown_query import MAX_ROWS
from talkmeter.usage.parameters import read_choice, read_limit

Parameters = Mapping[str, str]
_BOTH: Final = "Give both 'from' and 'to' as days such as 2026-11-01, or neither for month to date."


def read_costs_query(org_id: str, parameters: Parameters, present: Present) -> CostsQuery:
    """Return the query of costs. Raises Unprocessable if a parameter is not allowed."""
    first, end = read_days(parameters, present.today)
    by = parameters.get("by")
    return CostsQuery(
        org_id,
        first,
        end,
        present,
        by=None if by is None else read_choice("by", by, BYS),
        limit=read_limit(parameters, ROWS, MAX_ROWS),
    )


def read_days(parameters: Parameters, today: int) -> tuple[int, int]:
    """Return the first day and the day after the last one; month to date by default."""
    from_, to = parameters.get("from"), parameters.get("to")
    if from_ is None and to is None:
        return first_day(month_of(today)), today + 1
    if from_ is None or to is None:
        raise Unprocessable(f"'{'from' if from_ is None else 'to'}' is missing. {_BOTH}")
    first, end = read_day("from", from_), read_day("to", to)
    if end <= first:
        raise Unprocessable(f"'to' must be after 'from': the day {to} is excluded.")
    if end - first > MAX_WINDOW_DAYS:
        raise Unprocessable(f"The range from {from_} to {to} is longer than {MAX_WINDOW_DAYS} days.")
    return first, end
