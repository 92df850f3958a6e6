"""The breakdown of a window: its figures by the values of one dimension, largest first.

The rows of all pages so far and `others` add up to the summary of the same window and filter, because `others` is the
summary minus these rows.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from msgspec.structs import asdict, replace
from sqlalchemy import Connection

from talkmeter.counting import ZERO, Counters, add
from talkmeter.ledger.organizations import read_organization_names
from talkmeter.period import Present, Window, format_day, format_instant
from talkmeter.records import Kind
from talkmeter.usage.breakdown_answers import (
    Breakdown,
    CallBreakdown,
    CallRow,
    OtherCalls,
    OtherRuns,
    RunBreakdown,
    RunRow,
)
from talkmeter.usage.breakdown_query import ORDER_COUNTERS, BreakdownOptions, BreakdownQuery
from talkmeter.usage.breakdown_source import read_days, read_days_of_rows, read_rows
from talkmeter.usage.by_value import ByValue, counters_of
from talkmeter.usage.compare import COMPARED_CALLS, COMPARED_RUNS, Deltas, compared, deltas
from talkmeter.usage.cursor import Position, read_cursor, write_cursor
from talkmeter.usage.dimensions import items_of
from talkmeter.usage.figures import call_figures, run_figures
from talkmeter.usage.filtered import read_applied_filter
from talkmeter.usage.intervals import interval_starts, sum_intervals
from talkmeter.usage.names import read_item_names
from talkmeter.usage.retention import parts_of_days, whole_window, with_records
from talkmeter.usage.revision import Revision


class _ComparedCounters(NamedTuple):
    """The counters of both windows of a comparison, by value and in total."""

    now: ByValue
    then: ByValue
    now_total: Counters
    then_total: Counters


class _Group(NamedTuple):
    """The exact counters of one value, or of all others."""

    counters: Counters
    share: float
    series: list[int] | None
    comparison: Deltas | None


def read_breakdown(connection: Connection, query: BreakdownQuery, revision: Revision, *, key: str) -> Breakdown:
    """Return a page of the breakdown, read in the snapshot of the connection, as the revision must be.

    `key` signs cursors. Raises Unprocessable if the cursor is not valid for the query, or if the query has a filter
    and a window holds too many records.
    """
    org_id, window, options = query.org_id, query.window, query.options
    pieces = parts_of_days if options.filter is None else whole_window
    windows = with_records(connection, query.members or org_id, window, query.windows, pieces)
    query = replace(query, windows=windows)
    kind = options.kind
    counter = ORDER_COUNTERS[options.order]
    values = read_rows(connection, query, window)
    page = _read_page(connection, query, values, revision, key)
    top, shown = page.rows, [*page.earlier, *page.rows]
    amounts = read_days(connection, query)
    total = _only_kind(kind, add(amounts.window.values()))
    both = None
    if windows is not None:
        now = values if windows.now == window else read_rows(connection, query, windows.now)
        then = read_rows(connection, query, windows.then)
        totals = (_only_kind(kind, add(days.values())) for days in (amounts.now, amounts.then))
        both = _ComparedCounters(now, then, *totals)
    starts = None if options.interval is None else interval_starts(window, options.interval)
    series: dict[str, list[int]] = {}
    if starts is not None:
        days_by_value = read_days_of_rows(connection, query, counter, top)
        series = {value: sum_intervals(days, starts) for value, days in days_by_value.items()}
    names = _read_names(connection, query, top)
    groups = [_group(values[value], total, options, series.get(value), _deltas_of(kind, both, value)) for value in top]
    rest = _subtract(total, (values[value] for value in shown))
    rest_series = None
    if starts is not None and not page.earlier:
        total_series = sum_intervals({day: getattr(one, counter) for day, one in amounts.window.items()}, starts)
        rest_series = [amount - sum(rows) for amount, *rows in zip(total_series, *series.values(), strict=True)]
    rest_group = _group(rest, total, options, rest_series, _deltas_of_others(kind, both, shown))
    head: dict[str, Any] = {
        "from_": format_instant(window.start),
        "to": format_instant(window.end),
        "by": options.by,
        "order": options.order,
        "filter": None if options.filter is None else read_applied_filter(connection, org_id, options.filter),
        "values": page.values,
        "starts": None if starts is None else [format_day(day) for day in starts],
        "comparison": None if windows is None else compared(windows),
        "next_cursor": page.next_cursor,
        "changed": page.changed,
    }
    rows = [(value or None, names.get(value), group) for value, group in zip(top, groups, strict=True)]
    other_values = len(values) - len(shown)
    if kind is Kind.CONVERSATION:
        return CallBreakdown(
            **head,
            rows=[CallRow(value=value, name=name, **_call_fields(group)) for value, name, group in rows],
            others=OtherCalls(values=other_values, **_call_fields(rest_group)),
        )
    return RunBreakdown(
        **head,
        rows=[RunRow(value=value, name=name, **_run_fields(group)) for value, name, group in rows],
        others=OtherRuns(values=other_values, **_run_fields(rest_group)),
    )


def read_sorted_values(
    connection: Connection, org_id: str, window: Window, present: Present, options: BreakdownOptions
) -> ByValue:
    """Return the counters of all values in the order of the breakdown.

    Raises Unprocessable if the options have a filter and the window holds too many records.
    """
    values = read_rows(connection, BreakdownQuery(org_id, window, present, options), window)
    return {value: values[value] for value in _sort(values, options)}


class _Page(NamedTuple):
    """The values of a page, and those of the pages before it; `values` is the number of values on all pages."""

    earlier: list[str]
    rows: list[str]
    values: int
    next_cursor: str | None
    changed: bool


def _read_page(connection: Connection, query: BreakdownQuery, values: ByValue, revision: Revision, key: str) -> _Page:
    """Return the values after the cursor that match the search."""
    options, counter = query.options, ORDER_COUNTERS[query.options.order]
    signed = (query.org_id, "breakdown", query.window, options._replace(limit=None, cursor=None))
    matching = _search(connection, query, _sort(values, options))
    position = None if options.cursor is None else read_cursor(options.cursor, key, signed)
    begin = 0
    if position is not None:
        after = -position.sort_key, position.id
        begin = bisect_right(matching, after, key=lambda value: (-getattr(values[value], counter), value))
    end = len(matching) if options.limit is None else begin + options.limit
    first_revision = revision.revision if position is None else position.revision
    next_cursor = None
    if end < len(matching):
        last = matching[end - 1]
        next_cursor = write_cursor(Position(getattr(values[last], counter), last, first_revision), key, signed)
    changed = first_revision != revision.revision
    return _Page(matching[:begin], matching[begin:end], len(matching), next_cursor, changed)


def _sort(values: ByValue, options: BreakdownOptions) -> list[str]:
    """Return the values by the figure of the order, descending, then by value."""
    counter = ORDER_COUNTERS[options.order]
    return sorted(values, key=lambda value: (-getattr(values[value], counter), value))


def _search(connection: Connection, query: BreakdownQuery, values: list[str]) -> list[str]:
    """Return the values whose id or name contains the text of the search, in the same order."""
    text = query.options.search.casefold()
    if not text:
        return values
    names = _read_names(connection, query, values)
    return [value for value in values if text in value.casefold() or text in names.get(value, "").casefold()]


def _read_names(connection: Connection, query: BreakdownQuery, values: list[str]) -> dict[str, str]:
    """Return the names of values by value, without those that have none."""
    if query.subtree:
        return read_organization_names(connection, values)
    items = items_of(query.options.by)
    return read_item_names(connection, query.org_id, items, values) if items else {}


def _group(
    counters: Counters, total: Counters, options: BreakdownOptions, series: list[int] | None, comparison: Deltas | None
) -> _Group:
    counter = ORDER_COUNTERS[options.order]
    return _Group(counters, _share(getattr(counters, counter), getattr(total, counter)), series, comparison)


def _call_fields(group: _Group) -> dict[str, Any]:
    return {**_common_fields(group), **asdict(call_figures(group.counters))}


def _run_fields(group: _Group) -> dict[str, Any]:
    return {**_common_fields(group), **asdict(run_figures(group.counters))}


def _common_fields(group: _Group) -> dict[str, Any]:
    return {"share": group.share, "series": group.series, "comparison": group.comparison}


def _only_kind(kind: Kind, counters: Counters) -> Counters:
    """Return the counters of a record kind; the others are zero."""
    return ZERO._replace(**{name: getattr(counters, name) for name in counters_of(kind)})


def _subtract(total: Counters, parts: Iterable[Counters]) -> Counters:
    return Counters(*(whole - part for whole, part in zip(total, add(parts), strict=True)))


def _share(part: int, total: int) -> float:
    """Return part / total with four decimals, rounded half up; 0 if the total is 0."""
    return (part * 20_000 + total) // (2 * total) / 10_000 if total else 0.0


def _deltas_of(kind: Kind, both: _ComparedCounters | None, value: str) -> Deltas | None:
    if both is None:
        return None
    return deltas(both.now.get(value, ZERO), both.then.get(value, ZERO), _compared_names(kind))


def _deltas_of_others(kind: Kind, both: _ComparedCounters | None, shown: Sequence[str]) -> Deltas | None:
    if both is None:
        return None
    now = _subtract(both.now_total, (both.now.get(value, ZERO) for value in shown))
    then = _subtract(both.then_total, (both.then.get(value, ZERO) for value in shown))
    return deltas(now, then, _compared_names(kind))


def _compared_names(kind: Kind) -> tuple[str, ...]:
    return COMPARED_CALLS if kind is Kind.CONVERSATION else COMPARED_RUNS
