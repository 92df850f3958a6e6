"""Usage of the records with one value, such as one agent: the filter of the whole page."""

from collections.abc import Callable, Mapping
from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Meta
from sqlalchemy import BigInteger, ColumnElement, Connection, bindparam, case, func, literal_column, select

from talkmeter.counting import ZERO, Counters, Dimension, add
from talkmeter.db import tables
from talkmeter.db.statements import Compiled, Row, integer
from talkmeter.period import Present, Window, day_of, pieces_of
from talkmeter.records import Kind
from talkmeter.usage.compare import COMPARED_CALLS, COMPARED_RUNS, Windows
from talkmeter.usage.dimensions import SPLITS
from talkmeter.usage.filters import Filter, matching_days, sum_span
from talkmeter.usage.names import read_item_names

VALUE_FILTERS: Final[tuple[Dimension, ...]] = ("agent", "number", "widget", "channel", "workflow")
"""The dimensions by which the whole page can be filtered."""
_call = tables.conversation.c


class ValueFilter(NamedTuple):
    """The records with one value of a dimension; an empty value stands for records without one."""

    by: Dimension
    value: str

    @property
    def kind(self) -> Kind:
        """The kind of the records."""
        return SPLITS[self.by].kind

    @property
    def compared(self) -> tuple[str, ...]:
        """The figures whose change is shown."""
        return COMPARED_CALLS if self.kind is Kind.CONVERSATION else COMPARED_RUNS

    @property
    def records(self) -> Filter:
        """The same filter for records."""
        return Filter(self.kind, ((self.by, self.value),))


class AppliedFilter(msgspec.Struct, frozen=True):
    """The filter of an answer."""

    by: Dimension
    value: Annotated[str | None, Meta(description="The value; null: the records without one.")]
    name: Annotated[str | None, Meta(description="The last known name of the item in the inventory; null: no name.")]


def read_applied_filter(connection: Connection, org_id: str, filter_: ValueFilter) -> AppliedFilter:
    """Return the filter of an answer, with the name of its item."""
    items = SPLITS[filter_.by].items
    names = read_item_names(connection, org_id, items, [filter_.value]) if items and filter_.value else {}
    return AppliedFilter(filter_.by, filter_.value or None, names.get(filter_.value))


def read_filtered_days(
    connection: Connection, org_id: str, window: Window, filter_: ValueFilter, present: Present
) -> dict[int, Counters]:
    """Return the counters of each day of a window: whole days from daily totals, partial days from the records."""
    whole, pieces = pieces_of(window)
    totals = matching_days(connection, org_id, window, filter_.records)
    days = {day: totals.get(day, ZERO) if day in whole else ZERO for day in window.days}
    for piece in pieces:
        day = day_of(piece.start)
        scanned = sum_span(connection, org_id, Window(piece.start, piece.end), filter_.records, present)
        days[day] = add([days[day], Counters(*(piece.sign * amount for amount in scanned))])
    return days


class Amounts(NamedTuple):
    """The counters by unit (hour or day since 1970) of a window, and of both windows of its comparison."""

    window: Mapping[int, Counters]
    now: Mapping[int, Counters]
    then: Mapping[int, Counters]


def read_amounts(window: Window, windows: Windows | None, read: Callable[[Window], Mapping[int, Counters]]) -> Amounts:
    """Read the counters of a window, and of both windows of its comparison."""
    amounts = read(window)
    if windows is None:
        return Amounts(amounts, {}, {})
    return Amounts(amounts, amounts if windows.now == window else read(windows.now), read(windows.then))


def _stale(condition: ColumnElement[bool]) -> Compiled:
    """Count the stale conversations of a window.

    There are few, and an index on their newest event finds them. The window is not a condition, so that this index is
    used and not the one of the window.
    """
    inside = (_call.created_at >= bindparam("start", type_=BigInteger)) & (
        _call.created_at < bindparam("end", type_=BigInteger)
    )
    return Compiled(
        select(func.sum(case((inside, literal_column("1")), else_=literal_column("0")))).where(
            _call.org_id == bindparam("org"), tables.MAY_BE_STALE, _call.time < bindparam("before"), condition
        )
    )


_CALL_FILTERS: Final = tuple(by for by in VALUE_FILTERS if SPLITS[by].kind is Kind.CONVERSATION)
_STALE: Final = {by: _stale(SPLITS[by].column == bindparam("value")) for by in _CALL_FILTERS}
_STALE_WITHOUT: Final = {by: _stale(SPLITS[by].column.is_(None)) for by in _CALL_FILTERS}


def count_stale_calls(
    connection: Connection, org_id: str, window: Window, filter_: ValueFilter, present: Present
) -> int:
    """Return the number of stale conversations of a window; workflow runs are never stale."""
    if filter_.kind is not Kind.CONVERSATION:
        return 0
    parameters: Row = (*window, org_id, present.stale_before)
    if filter_.value:
        rows = _STALE[filter_.by].run(connection, (*parameters, filter_.value))
    else:
        rows = _STALE_WITHOUT[filter_.by].run(connection, parameters)
    return integer(rows[0][0])
