"""The query of a breakdown: its window, dimension, order and filter."""

from typing import Final, NamedTuple

import msgspec

from talkmeter.counting import Dimension
from talkmeter.errors import Unprocessable
from talkmeter.period import Present, Window
from talkmeter.records import Kind
from talkmeter.usage.breakdown_answers import Order
from talkmeter.usage.compare import Mode, Windows, compared_windows
from talkmeter.usage.dimensions import SPLITS
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

    by: Dimension
    order: Order
    limit: int | None = ROWS
    interval: DayInterval | None = None
    mode: Mode = "none"
    filter: ValueFilter | None = None
    search: str = ""
    cursor: str | None = None


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


def check_filter(by: Dimension, filter_: ValueFilter | None) -> None:
    """Raise Unprocessable if the records of the dimension do not have the filter's dimension."""
    if filter_ is not None and filter_.kind is not SPLITS[by].kind:
        records = "conversations" if SPLITS[by].kind is Kind.CONVERSATION else "workflow runs"
        raise Unprocessable(f"A breakdown by {by} cannot be filtered by {filter_.by}: {records} have no {filter_.by}.")
