"""The query of a breakdown: its window, dimension, order and filter."""

from typing import Final, NamedTuple

import msgspec

from talkmeter.errors import Unprocessable
from talkmeter.ledger.organization_rows import Members
from talkmeter.period import Present, Window
from talkmeter.records import Kind
from talkmeter.usage.breakdown_answers import ORDERS, Order
from talkmeter.usage.compare import Mode, Windows, compared_windows
from talkmeter.usage.dimensions import SPLITS, By
from talkmeter.usage.filtered import ValueFilter
from talkmeter.usage.intervals import DayInterval

MAX_ROWS: Final = 1_000
ROWS: Final = 50
ORDER_COUNTERS: Final[dict[Order, str]] = {"calls": "calls", "voice": "voice_ms", "chat": "chat_ms", "runs": "runs"}
"""The counter that each order sorts by."""


class BreakdownOptions(NamedTuple):
    """The parameters of a breakdown; a `limit` of None returns all values.

    `search` selects the values whose id or name contains it, in any case.
    """

    by: By
    order: Order
    limit: int | None = ROWS
    interval: DayInterval | None = None
    mode: Mode = "none"
    filter: ValueFilter | None = None
    search: str = ""
    cursor: str | None = None

    @property
    def kind(self) -> Kind:
        """The kind of the records; organizations have both, and the order selects one."""
        if self.by == "organization":
            return Kind.WORKFLOW_EXECUTION if self.order == "runs" else Kind.CONVERSATION
        return SPLITS[self.by].kind


class BreakdownQuery(msgspec.Struct, frozen=True):
    """The window and options of a breakdown, and the windows to compare with."""

    org_id: str
    window: Window
    present: Present
    options: BreakdownOptions
    windows: Windows | None = None
    members: Members = ()
    """The organizations of the subtree, once they are read."""

    @property
    def subtree(self) -> bool:
        """Whether the query is of a subtree."""
        return self.options.by == "organization"

    @property
    def identity(self) -> tuple[object, ...]:
        """What the answer depends on, besides the organization and its revision."""
        return "breakdown", self.window, self.options, self.windows, self.present.today, self.present.stale_hours


def breakdown_query(org_id: str, window: Window, present: Present, options: BreakdownOptions) -> BreakdownQuery:
    """Return the query for a window and options. Raises Unprocessable if the windows cannot be compared."""
    return BreakdownQuery(org_id, window, present, options, compared_windows(window, options.mode, present.now))


def default_order(by: By) -> Order:
    """Return the default order: runs for dimensions of runs, else calls."""
    return _orders(by)[0]


def check_order(by: By, order: Order) -> None:
    """Raise Unprocessable if the records of the dimension do not have the figure of the order."""
    allowed = _orders(by)
    if order not in allowed:
        raise Unprocessable(f"A breakdown by {by} cannot be sorted by {order}. Allowed: {', '.join(allowed)}.")


def _orders(by: By) -> tuple[Order, ...]:
    if by == "organization":
        return ORDERS
    return ("calls", "voice", "chat") if SPLITS[by].kind is Kind.CONVERSATION else ("runs",)


def check_filter(by: By, filter_: ValueFilter | None) -> None:
    """Raise Unprocessable if the records of the dimension do not have the filter's dimension."""
    if filter_ is None:
        return
    if by == "organization":
        raise Unprocessable("A breakdown by organization cannot be filtered: a filter is for one organization.")
    if filter_.kind is not SPLITS[by].kind:
        records = "conversations" if SPLITS[by].kind is Kind.CONVERSATION else "workflow runs"
        raise Unprocessable(f"A breakdown by {by} cannot be filtered by {filter_.by}: {records} have no {filter_.by}.")
