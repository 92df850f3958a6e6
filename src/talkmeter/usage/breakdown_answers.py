"""The answers of breakdowns: a page of rows, one for each value, and the sum of all other values."""

from typing import Annotated, Final, Literal, get_args

import msgspec
from msgspec import Meta

from talkmeter.period import DayText
from talkmeter.usage.compare import Compared, Deltas
from talkmeter.usage.dimensions import By
from talkmeter.usage.figures import CallFigures, From, RunFigures, To
from talkmeter.usage.filtered import AppliedFilter

Order = Literal["calls", "voice", "chat", "runs"]
ORDERS: Final[tuple[Order, ...]] = get_args(Order)
Share = Annotated[float, Meta(ge=0, le=1, description="Share of the window's total of `order`, 4 decimals.")]
Series = Annotated[
    list[int] | None,
    Meta(description="The figure of `order` in each interval of `starts`, exact: calls, runs, or milliseconds."),
]
Value = Annotated[str | None, Meta(description="The value; null: the records without one.")]
Name = Annotated[str | None, Meta(description="The last known name of the item in the inventory; null: no name.")]
Values = Annotated[
    int, Meta(ge=0, description="The number of values that are not in the rows of this or an earlier page.")
]
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

    from_: From
    to: To
    by: By
    order: Order
    filter: Annotated[AppliedFilter | None, Meta(description="The filter; null: all usage of the window.")]
    values: Annotated[int, Meta(ge=0, description="The number of values that match the search, on all pages.")]
    starts: Annotated[
        list[DayText] | None,
        Meta(description="The first day of each interval; weeks start on Monday. Null: no interval."),
    ]
    comparison: Annotated[
        Compared | None, Meta(description="The compared windows; null: not requested, or no full hour has passed.")
    ]
    next_cursor: Annotated[str | None, Meta(description="The cursor of the next page; null: this is the last page.")]
    changed: Annotated[bool, Meta(description="Whether the organization's usage changed since the first page.")]


class CallBreakdown(_Breakdown, frozen=True, kw_only=True):
    """Conversations by value, largest first; `others` is the sum of the values not in rows so far."""

    rows: list[CallRow]
    others: OtherCalls


class RunBreakdown(_Breakdown, frozen=True, kw_only=True):
    """Workflow runs by value, largest first; `others` is the sum of the values not in rows so far."""

    rows: list[RunRow]
    others: OtherRuns


Breakdown = CallBreakdown | RunBreakdown
