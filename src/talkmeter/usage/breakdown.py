"""The breakdown of a window: its figures by the values of one dimension, largest first.

The rows and `others` add up to the summary of the same window, because `others` is the summary minus the rows.
"""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final, Literal, NamedTuple, get_args

import msgspec
from msgspec import Meta
from msgspec.structs import asdict
from sqlalchemy import Connection

from talkmeter.counting import ZERO, Counters, Dimension, add
from talkmeter.errors import Unprocessable
from talkmeter.period import DayText, InstantText, Present, Window, format_day, format_instant
from talkmeter.records import Kind
from talkmeter.usage.by_value import ByValue, counters_of, read_days_of_values, read_values
from talkmeter.usage.compare import (
    COMPARED_CALLS,
    COMPARED_RUNS,
    Compared,
    Deltas,
    Mode,
    Windows,
    compared,
    compared_windows,
    deltas,
)
from talkmeter.usage.days import read_usage
from talkmeter.usage.dimensions import SPLITS
from talkmeter.usage.figures import CallFigures, RunFigures, call_figures, run_figures
from talkmeter.usage.intervals import DayInterval, interval_starts, sum_intervals
from talkmeter.usage.names import read_item_names

Order = Literal["calls", "voice", "chat", "runs"]
ORDERS: Final[tuple[Order, ...]] = get_args(Order)
MAX_ROWS: Final = 1_000
ROWS: Final = 50
_ORDER_COUNTERS: Final[dict[Order, str]] = {"calls": "calls", "voice": "voice_ms", "chat": "chat_ms", "runs": "runs"}
"""The counter that each order sorts by."""


Share = Annotated[float, Meta(ge=0, le=1, description="Share of the window's total of `order`, 4 decimals.")]
Series = Annotated[
    list[int] | None,
    Meta(description="The figure of `order` in each interval of `starts`, exact: calls, runs, or milliseconds."),
]
Value = Annotated[str | None, Meta(description="The value; null: the records without one.")]
Name = Annotated[str | None, Meta(description="The last known name of the item in the inventory; null: no name.")]
Values = Annotated[int, Meta(ge=0, description="The number of values that are not in the rows.")]
Differences = Annotated[Deltas | None, Meta(description="The figures in both windows; null: no comparison.")]


class CallRow(CallFigures, frozen=True, kw_only=True):
    """The figures of the conversations with one value."""

    value: Value
    name: Name
    share: Share
    series: Series
    comparison: Differences


class RunRow(RunFigures, frozen=True, kw_only=True):
    """The figures of the runs with one value."""

    value: Value
    name: Name
    share: Share
    series: Series
    comparison: Differences


class OtherCalls(CallFigures, frozen=True, kw_only=True):
    """The figures of the conversations with all other values."""

    values: Values
    share: Share
    series: Series
    comparison: Differences


class OtherRuns(RunFigures, frozen=True, kw_only=True):
    """The figures of the runs with all other values."""

    values: Values
    share: Share
    series: Series
    comparison: Differences


class _Breakdown(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """The common fields of breakdowns."""

    from_: Annotated[InstantText, Meta(description="Start of the window, inclusive (UTC).")]
    to: Annotated[InstantText, Meta(description="End of the window, exclusive (UTC).")]
    by: Dimension
    order: Order
    starts: Annotated[
        list[DayText] | None,
        Meta(description="The first day of each interval; weeks start on Monday. Null: no interval."),
    ]
    comparison: Annotated[
        Compared | None, Meta(description="The compared windows; null: not requested, or no full hour has passed.")
    ]


class CallBreakdown(_Breakdown, frozen=True, kw_only=True):
    """Conversations by value, largest first; `others` is the sum of the values that are not in the rows."""

    rows: list[CallRow]
    others: OtherCalls


class RunBreakdown(_Breakdown, frozen=True, kw_only=True):
    """Workflow runs by value, largest first; `others` is the sum of the values that are not in the rows."""

    rows: list[RunRow]
    others: OtherRuns


Breakdown = CallBreakdown | RunBreakdown


class BreakdownOptions(NamedTuple):
    """The parameters of a breakdown; a `limit` of None returns all values."""

    by: Dimension
    order: Order
    limit: int | None = ROWS
    interval: DayInterval | None = None
    mode: Mode = "none"


class BreakdownQuery(msgspec.Struct, frozen=True):
    """The window and options of a breakdown, and the windows to compare with."""

    org_id: str
    window: Window
    present: Present
    options: BreakdownOptions
    windows: Windows | None = None

    @property
    def identity(self) -> tuple[object, ...]:
        """What the answer depends on, besides the organization and its revision."""
        return "breakdown", self.window, self.options, self.windows, self.present.today, self.present.stale_hours


def breakdown_query(org_id: str, window: Window, present: Present, options: BreakdownOptions) -> BreakdownQuery:
    """Return the query for a window and options. Raises Unprocessable if the windows cannot be compared."""
    return BreakdownQuery(org_id, window, present, options, compared_windows(window, options.mode, present.now))


def default_order(by: Dimension) -> Order:
    """Return the default order of a dimension: runs for dimensions of runs, else calls."""
    return "calls" if SPLITS[by].kind is Kind.CONVERSATION else "runs"


def check_order(by: Dimension, order: Order) -> None:
    """Raise Unprocessable if the records of the dimension do not have the figure of the order."""
    allowed = ("calls", "voice", "chat") if SPLITS[by].kind is Kind.CONVERSATION else ("runs",)
    if order not in allowed:
        raise Unprocessable(f"A breakdown by {by} cannot be sorted by {order}. Allowed: {', '.join(allowed)}.")


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


def read_breakdown(connection: Connection, query: BreakdownQuery) -> Breakdown:
    """Return the breakdown, read in the snapshot of the connection."""
    org_id, window, windows, options = query.org_id, query.window, query.windows, query.options
    kind, _, items = SPLITS[options.by]
    counter = _ORDER_COUNTERS[options.order]
    values = read_values(connection, org_id, window, options.by)
    top = _top_values(values, options)
    others = () if windows is None else (windows.now, windows.then)
    usage = read_usage(connection, org_id, window, query.present, others)
    total = _only_kind(kind, usage.total)
    both = None
    if windows is not None:
        now = values if windows.now == window else read_values(connection, org_id, windows.now, options.by)
        then = read_values(connection, org_id, windows.then, options.by)
        both = _ComparedCounters(now, then, *(_only_kind(kind, add(days.values())) for days in usage.others))
    starts = None if options.interval is None else interval_starts(window, options.interval)
    series: dict[str, list[int]] = {}
    if starts is not None:
        days_by_value = read_days_of_values(connection, org_id, window, options.by, counter, top)
        series = {value: sum_intervals(days, starts) for value, days in days_by_value.items()}
    names = read_item_names(connection, org_id, items, top) if items else {}
    groups = [_group(values[value], total, options, series.get(value), _deltas_of(kind, both, value)) for value in top]
    rest = _subtract(total, (group.counters for group in groups))
    rest_series = None
    if starts is not None:
        amounts = {day.day: getattr(day.counters, counter) for day in usage.days}
        total_series = sum_intervals(amounts, starts)
        rest_series = [amount - sum(shown) for amount, *shown in zip(total_series, *series.values(), strict=True)]
    rest_group = _group(rest, total, options, rest_series, _deltas_of_others(kind, both, top))
    head: dict[str, Any] = {
        "from_": format_instant(window.start),
        "to": format_instant(window.end),
        "by": options.by,
        "order": options.order,
        "starts": None if starts is None else [format_day(day) for day in starts],
        "comparison": None if windows is None else compared(windows),
    }
    rows = [(value or None, names.get(value), group) for value, group in zip(top, groups, strict=True)]
    other_values = len(values) - len(top)
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


def read_sorted_values(connection: Connection, org_id: str, window: Window, options: BreakdownOptions) -> ByValue:
    """Return the counters of the values in the order of the breakdown."""
    values = read_values(connection, org_id, window, options.by)
    return {value: values[value] for value in _top_values(values, options)}


def _top_values(values: ByValue, options: BreakdownOptions) -> list[str]:
    """Return the values to show: by the figure of the order, descending, then by value."""
    counter = _ORDER_COUNTERS[options.order]
    ordered = sorted(values, key=lambda value: (-getattr(values[value], counter), value))
    return ordered if options.limit is None else ordered[: options.limit]


def _group(
    counters: Counters, total: Counters, options: BreakdownOptions, series: list[int] | None, comparison: Deltas | None
) -> _Group:
    counter = _ORDER_COUNTERS[options.order]
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
