"""Read what a breakdown is made of: counters by value and by day.

Without a filter, whole days come from the daily totals. With a filter, the records are read, because daily totals have
only one dimension. So the number of records is limited.
"""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection

from talkmeter.errors import Unprocessable
from talkmeter.period import MICROSECONDS_PER_DAY, Window, format_instant
from talkmeter.records import Kind
from talkmeter.usage.breakdown_query import BreakdownQuery
from talkmeter.usage.by_value import ByValue, read_days_of_values, read_values
from talkmeter.usage.days import read_usage
from talkmeter.usage.filtered import Amounts, read_amounts, read_filtered_days
from talkmeter.usage.filters import Group, sum_groups
from talkmeter.usage.members import read_days_of_members, read_member_values

MAX_FILTERED_RECORDS: Final = 200_000
"""The most calls, or runs, of a window whose breakdown has a filter."""


def read_days(connection: Connection, query: BreakdownQuery) -> Amounts:
    """Read the counters by day, of all records or of the filter's."""
    windows, filter_ = query.windows, query.options.filter
    if filter_ is not None:
        return read_amounts(
            query.window,
            windows,
            lambda window: read_filtered_days(connection, query.org_id, window, filter_, query.present),
        )
    others = () if windows is None else (windows.now, windows.then)
    usage = read_usage(connection, query.members or query.org_id, query.window, query.present, others)
    now, then = usage.others or ({}, {})
    return Amounts({day.day: day.counters for day in usage.days}, now, then)


def read_rows(connection: Connection, query: BreakdownQuery, window: Window) -> ByValue:
    """Read the counters by value, of all records or of the filter's."""
    by = query.options.by
    if by == "organization":
        return read_member_values(connection, query.members, window, query.options.kind)
    if query.options.filter is None:
        return read_values(connection, query.org_id, window, by)
    _check_size(connection, query, window)
    group = Group(dimension=by)
    records = query.options.filter.records
    found = sum_groups(connection, query.org_id, window, records, query.present, group)
    return {value: counters for (_, value), counters in found.items() if any(counters)}


def _check_size(connection: Connection, query: BreakdownQuery, window: Window) -> None:
    """Raise Unprocessable if too many records would be read for a filtered breakdown."""
    total = read_usage(connection, query.org_id, window, query.present).total
    is_call = query.options.kind is Kind.CONVERSATION
    if (total.calls if is_call else total.runs) > MAX_FILTERED_RECORDS:
        bounds = f"from {format_instant(window.start)} to {format_instant(window.end)}"
        raise Unprocessable(
            f"A breakdown with a filter reads at most {MAX_FILTERED_RECORDS:,} {'calls' if is_call else 'runs'}, and "
            f"the range {bounds} has more; choose a shorter range."
        )


def read_days_of_rows(
    connection: Connection, query: BreakdownQuery, counter: str, values: list[str]
) -> Mapping[str, Mapping[int, int]]:
    """Read one counter of some values by day, of all records or of the filter's."""
    by, filter_ = query.options.by, query.options.filter
    if by == "organization":
        return read_days_of_members(connection, tuple(values), query.window, counter)
    if filter_ is None:
        return read_days_of_values(connection, query.org_id, query.window, by, counter, values)
    group = Group(MICROSECONDS_PER_DAY, by)
    found = sum_groups(connection, query.org_id, query.window, filter_.records, query.present, group)
    days: dict[str, dict[int, int]] = {value: {} for value in sorted(values)}
    for (day, value), counters in found.items():
        if value in days:
            days[value][day] = getattr(counters, counter)
    return days
