"""What drives the usage of a window: its figures split by one dimension, the greatest first.

Rows and `others` add up to the summary of the same window, because `others` is that summary minus the rows.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, NamedTuple, assert_never, get_args

import msgspec
from msgspec import Meta
from msgspec.structs import asdict
from sqlalchemy import Connection

from talkmeter.counting import ZERO, Counters, Dimension, add
from talkmeter.errors import Unprocessable
from talkmeter.period import Present, Window, format_day, format_instant
from talkmeter.records import Kind
from talkmeter.usage.by_value import ByValue, counters_of, read_days_of_values, read_values
from talkmeter.usage.compare import (
    COMPARED_CALLS,
    COMPARED_RUNS,
    Compared,
    Deltas,
    Mode,
    compared,
    compared_windows,
    deltas,
)
from talkmeter.usage.days import read_usage
from talkmeter.usage.dimensions import SPLITS
from talkmeter.usage.figures import CallFigures, RunFigures, call_figures, run_figures
from talkmeter.usage.names import read_item_names

Order = Literal["calls", "voice", "chat", "runs"]
Interval = Literal["day", "week", "month"]
ORDERS: Final[tuple[Order, ...]] = get_args(Order)
INTERVALS: Final[tuple[Interval, ...]] = get_args(Interval)
MAX_ROWS: Final = 1_000
ROWS: Final = 50
_ORDERED_BY: Final[dict[Order, str]] = {"calls": "calls", "voice": "voice_ms", "chat": "chat_ms", "runs": "runs"}
"""The counter of each order."""


Share = Annotated[float, Meta(ge=0, le=1, description="Part of the whole window's figure of the order, 4 decimals.")]
Series = Annotated[
    list[int] | None,
    Meta(description="The order's figure in each interval of `starts`, exact: calls, runs, or milliseconds."),
]
Value = Annotated[str | None, Meta(description="The value; null: the records that have none.")]
Name = Annotated[str | None, Meta(description="Its name in the inventory, the last known one; null: it has none.")]
Values = Annotated[int, Meta(ge=0, description="How many values are not among the rows.")]
Differences = Annotated[Deltas | None, Meta(description="The figures now and then; null where nothing is compared.")]


class CallRow(CallFigures, frozen=True, kw_only=True):
    """What the conversations of one value come to."""

    value: Value
    name: Name
    share: Share
    series: Series
    comparison: Differences


class RunRow(RunFigures, frozen=True, kw_only=True):
    """What the runs of one value come to."""

    value: Value
    name: Name
    share: Share
    series: Series
    comparison: Differences


class OtherCalls(CallFigures, frozen=True, kw_only=True):
    """What the conversations of all other values come to."""

    values: Values
    share: Share
    series: Series
    comparison: Differences


class OtherRuns(RunFigures, frozen=True, kw_only=True):
    """What the runs of all other values come to."""

    values: Values
    share: Share
    series: Series
    comparison: Differences


class _Breakdown(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """What every breakdown says beside its rows."""

    from_: Annotated[str, Meta(description="Start of the window, included, as understood (UTC).")]
    to: Annotated[str, Meta(description="End of the window, excluded, as understood (UTC).")]
    by: Dimension
    order: Order
    starts: Annotated[
        list[str] | None, Meta(description="The first day of each interval; weeks begin on Monday. Null: no interval.")
    ]
    comparison: Annotated[Compared | None, Meta(description="The windows compared; null: not asked for, or too early.")]


class CallBreakdown(_Breakdown, frozen=True, kw_only=True):
    """Conversations by value, the greatest first, and all that is not among the rows."""

    rows: list[CallRow]
    others: OtherCalls


class RunBreakdown(_Breakdown, frozen=True, kw_only=True):
    """Workflow runs by value, the greatest first, and all that is not among the rows."""

    rows: list[RunRow]
    others: OtherRuns


Breakdown = CallBreakdown | RunBreakdown


class Split(NamedTuple):
    """How to split: `limit` None for every value."""

    by: Dimension
    order: Order
    limit: int | None = ROWS
    interval: Interval | None = None
    mode: Mode = "none"


def default_order(by: Dimension) -> Order:
    """Calls, or runs where runs are split."""
    return "calls" if SPLITS[by].kind is Kind.CONVERSATION else "runs"


def check_order(by: Dimension, order: Order) -> None:
    """Unprocessable where the records that are split have no such figure."""
    allowed = ("calls", "voice", "chat") if SPLITS[by].kind is Kind.CONVERSATION else ("runs",)
    if order not in allowed:
        raise Unprocessable(f"A breakdown by {by} can be in order of {', '.join(allowed)}, not of {order}.")


class _Compared(NamedTuple):
    """The counters of both windows of a comparison, by value and in all."""

    now: ByValue
    then: ByValue
    now_total: Counters
    then_total: Counters


class _Part(NamedTuple):
    """One value, or all others, before its figures are divided."""

    counters: Counters
    share: float
    series: list[int] | None
    comparison: Deltas | None


def read_breakdown(connection: Connection, org_id: str, window: Window, split: Split, present: Present) -> Breakdown:
    """The breakdown of one organization's window, read in the snapshot of the connection."""
    kind, _, items = SPLITS[split.by]
    counter = _ORDERED_BY[split.order]
    windows = compared_windows(window, split.mode, present.now)
    values = read_values(connection, org_id, window, split.by)
    shown = _greatest(values, split)
    usage = read_usage(connection, org_id, window, *(() if windows is None else (windows.now, windows.then)))
    total, *compared_totals = (_of_kind(kind, add(days.values())) for days in usage.days)
    both = None
    if windows is not None:
        now = values if windows.now == window else read_values(connection, org_id, windows.now, split.by)
        both = _Compared(now, read_values(connection, org_id, windows.then, split.by), *compared_totals)
    starts = _starts(window, split.interval)
    series: dict[str, list[int]] = {}
    if starts is not None:
        days_of = read_days_of_values(connection, org_id, window, split.by, counter, shown)
        series = {value: _in_intervals(days, starts) for value, days in days_of.items()}
    names = read_item_names(connection, org_id, items, shown) if items else {}
    parts = [_part(values[value], total, split, series.get(value), _deltas_of(kind, both, value)) for value in shown]
    rest = _minus(total, (part.counters for part in parts))
    of_rest = None
    if starts is not None:
        of_all = _in_intervals({day: getattr(of_day, counter) for day, of_day in usage.days[0].items()}, starts)
        of_rest = [amount - sum(others) for amount, *others in zip(of_all, *series.values(), strict=True)]
    others = _part(rest, total, split, of_rest, _deltas_of_others(kind, both, shown))
    head: dict[str, Any] = {
        "from_": format_instant(window.start),
        "to": format_instant(window.end),
        "by": split.by,
        "order": split.order,
        "starts": None if starts is None else [format_day(day) for day in starts],
        "comparison": None if windows is None else compared(windows),
    }
    rows = [(value or None, names.get(value), part) for value, part in zip(shown, parts, strict=True)]
    number = len(values) - len(shown)
    if kind is Kind.CONVERSATION:
        return CallBreakdown(
            **head,
            rows=[CallRow(value=value, name=name, **_calls(part)) for value, name, part in rows],
            others=OtherCalls(values=number, **_calls(others)),
        )
    return RunBreakdown(
        **head,
        rows=[RunRow(value=value, name=name, **_runs(part)) for value, name, part in rows],
        others=OtherRuns(values=number, **_runs(others)),
    )


def read_values_in_order(connection: Connection, org_id: str, window: Window, split: Split) -> ByValue:
    """Every value with its counters, as an export has them: none left out, in the order of the breakdown."""
    values = read_values(connection, org_id, window, split.by)
    return {value: values[value] for value in _greatest(values, split)}


def _greatest(values: ByValue, split: Split) -> list[str]:
    """The values to show: by the order's figure descending, then by value."""
    counter = _ORDERED_BY[split.order]
    ranked = sorted(values, key=lambda value: (-getattr(values[value], counter), value))
    return ranked if split.limit is None else ranked[: split.limit]


def _part(
    counters: Counters, total: Counters, split: Split, series: list[int] | None, comparison: Deltas | None
) -> _Part:
    counter = _ORDERED_BY[split.order]
    return _Part(counters, _share(getattr(counters, counter), getattr(total, counter)), series, comparison)


def _calls(part: _Part) -> dict[str, Any]:
    return {**_beside(part), **asdict(call_figures(part.counters))}


def _runs(part: _Part) -> dict[str, Any]:
    return {**_beside(part), **asdict(run_figures(part.counters))}


def _beside(part: _Part) -> dict[str, Any]:
    return {"share": part.share, "series": part.series, "comparison": part.comparison}


def _of_kind(kind: Kind, counters: Counters) -> Counters:
    """The counters that records of the kind move; the others zero."""
    return ZERO._replace(**{name: getattr(counters, name) for name in counters_of(kind)})


def _minus(total: Counters, parts: Iterable[Counters]) -> Counters:
    return Counters(*(all_ - part for all_, part in zip(total, add(parts), strict=True)))


def _share(part: int, total: int) -> float:
    """Four decimals, half up; 0 of nothing."""
    return (part * 20_000 + total) // (2 * total) / 10_000 if total else 0.0


def _deltas_of(kind: Kind, both: _Compared | None, value: str) -> Deltas | None:
    if both is None:
        return None
    return deltas(both.now.get(value, ZERO), both.then.get(value, ZERO), _compared_names(kind))


def _deltas_of_others(kind: Kind, both: _Compared | None, shown: Sequence[str]) -> Deltas | None:
    if both is None:
        return None
    now = _minus(both.now_total, (both.now.get(value, ZERO) for value in shown))
    then = _minus(both.then_total, (both.then.get(value, ZERO) for value in shown))
    return deltas(now, then, _compared_names(kind))


def _compared_names(kind: Kind) -> tuple[str, ...]:
    return COMPARED_CALLS if kind is Kind.CONVERSATION else COMPARED_RUNS


def _starts(window: Window, interval: Interval | None) -> list[int] | None:
    """The first day of each interval that the window touches; the first may lie before the window."""
    if interval is None:
        return None
    return list(dict.fromkeys(_start_of(day, interval) for day in window.days))


def _start_of(day: int, interval: Interval) -> int:
    match interval:
        case "day":
            return day
        case "week":
            # 1970-01-01 was a Thursday.
            return day - (day + 3) % 7
        case "month":
            return day - int(format_day(day)[8:]) + 1
        case _:
            assert_never(interval)


def _in_intervals(days: Mapping[int, int], starts: Sequence[int]) -> list[int]:
    """The amounts of days summed in each interval."""
    sums = [0] * len(starts)
    for day, amount in days.items():
        sums[bisect_right(starts, day) - 1] += amount
    return sums
