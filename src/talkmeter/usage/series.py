"""The time series of a window by hour, day, week or month, of all usage or of the records with one value.

The points add up to the totals, and the parts of the earlier window (`then`) to the comparison, in every count and
every sum of milliseconds (docs/reference/counting.md, "Series").
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta
from msgspec.structs import asdict
from sqlalchemy import Connection

from talkmeter.counting import ZERO, Counters, add
from talkmeter.errors import Unprocessable
from talkmeter.period import (
    MICROSECONDS_PER_HOUR,
    DayText,
    InstantText,
    Present,
    Window,
    day_of,
    format_day,
    format_instant,
)
from talkmeter.records import Kind
from talkmeter.usage.compare import (
    COMPARED,
    COMPARISON,
    Comparison,
    Mode,
    Windows,
    compared_windows,
    comparison_of,
)
from talkmeter.usage.days import DayState, Usage, read_usage
from talkmeter.usage.figures import (
    CallFigures,
    Count,
    From,
    RunFigures,
    StaleCalls,
    StaleHours,
    To,
    call_figures,
    run_figures,
)
from talkmeter.usage.filtered import (
    Amounts,
    AppliedFilter,
    ValueFilter,
    count_stale_calls,
    read_amounts,
    read_applied_filter,
    read_filtered_days,
)
from talkmeter.usage.filters import Filter, Group, sum_groups
from talkmeter.usage.intervals import Interval, Part, earlier_parts, parts_of
from talkmeter.usage.points import (
    AnyPart,
    CallPart,
    CallPoint,
    RunPart,
    RunPoint,
    UsagePart,
    UsagePoint,
    make_part,
)

MAX_HOURS: Final = 48


_THEN: Final = (
    "The part of the earlier window at the same offset as each point, null after its end. "
    "If the earlier window is longer, one more element has the rest. Null: no comparison."
)


class UsageSeries(CallFigures, frozen=True, kw_only=True, rename={"from_": "from"}):
    """All usage by interval."""

    from_: From
    to: To
    interval: Interval
    filter: None
    stale_calls: StaleCalls
    stale_hours: StaleHours
    workflow_runs_total: Count
    workflow_runs_success: Count
    workflow_runs_failed: Count
    live_runs: Annotated[int, Meta(ge=0, description="Runs that have not ended.")]
    comparison: Annotated[Comparison | None, COMPARISON]
    points: list[UsagePoint]
    then: Annotated[list[UsagePart | None] | None, Meta(description=_THEN)]


class CallSeries(CallFigures, frozen=True, kw_only=True, rename={"from_": "from"}):
    """The conversations with one value by interval."""

    from_: From
    to: To
    interval: Interval
    filter: AppliedFilter
    stale_calls: StaleCalls
    stale_hours: StaleHours
    comparison: Annotated[Comparison | None, COMPARISON]
    points: list[CallPoint]
    then: Annotated[list[CallPart | None] | None, Meta(description=_THEN)]


class RunSeries(RunFigures, frozen=True, kw_only=True, rename={"from_": "from"}):
    """The workflow runs with one value by interval."""

    from_: From
    to: To
    interval: Interval
    filter: AppliedFilter
    comparison: Annotated[Comparison | None, COMPARISON]
    points: list[RunPoint]
    then: Annotated[list[RunPart | None] | None, Meta(description=_THEN)]


Series = UsageSeries | CallSeries | RunSeries


class SeriesQuery(msgspec.Struct, frozen=True):
    """The window, interval and filter of a series, and the windows to compare with."""

    org_id: str
    window: Window
    present: Present
    interval: Interval
    filter: ValueFilter | None = None
    windows: Windows | None = None

    @property
    def identity(self) -> tuple[object, ...]:
        """What the answer depends on, besides the organization and its revision."""
        clock = self.present.now // MICROSECONDS_PER_HOUR if self.interval == "hour" else self.present.today
        return "series", self.window, self.interval, self.filter, self.windows, clock, self.present.stale_hours


def series_query(
    org_id: str,
    window: Window,
    present: Present,
    interval: Interval,
    mode: Mode = "none",
    filter_: ValueFilter | None = None,
) -> SeriesQuery:
    """Return the query of a series.

    Raises Unprocessable if the windows cannot be compared, or if the window has more than 48 hours and is split by
    hour.
    """
    if interval == "hour" and window.end - window.start > MAX_HOURS * MICROSECONDS_PER_HOUR:
        bounds = f"from {format_instant(window.start)} to {format_instant(window.end)}"
        raise Unprocessable(f"The range {bounds} is longer than {MAX_HOURS} hours; use interval=day.")
    windows = compared_windows(window, mode, present.now)
    return SeriesQuery(org_id, window, present, interval, filter_, windows)


def read_series(connection: Connection, query: SeriesQuery) -> Series:
    """Return the series, read in the snapshot of the connection."""
    window, windows, filter_ = query.window, query.windows, query.filter
    from_totals = query.interval != "hour" and filter_ is None
    others = (windows.now, windows.then) if from_totals and windows is not None else ()
    usage = read_usage(connection, query.org_id, window, query.present, others)
    amounts = _totals(usage) if from_totals else _read_amounts(connection, query)
    total = add(amounts.window.values())
    parts = parts_of(window, query.interval)
    day_states = {day.day: day.state for day in usage.days}
    states = [_state(part, query, day_states) for part in parts]
    then = None if windows is None else earlier_parts(parts, window, windows.then, query.interval)

    def points(point: type[AnyPart]) -> list[AnyPart]:
        return [
            make_part(
                point,
                part.bounds,
                _sum(amounts.window, part.units),
                start=_format_start(part.start, query.interval),
                whole=part.whole,
                state=state,
            )
            for part, state in zip(parts, states, strict=True)
        ]

    def earlier(part: type[AnyPart]) -> list[AnyPart | None] | None:
        if then is None:
            return None
        return [None if one is None else make_part(part, one.bounds, _sum(amounts.then, one.units)) for one in then]

    comparison = None
    if windows is not None:
        figures = COMPARED if filter_ is None else filter_.compared
        comparison = comparison_of(windows, add(amounts.now.values()), add(amounts.then.values()), figures)
    head: dict[str, Any] = {
        "from_": format_instant(window.start),
        "to": format_instant(window.end),
        "interval": query.interval,
        "comparison": comparison,
    }
    if filter_ is None:
        return UsageSeries(
            **head,
            filter=None,
            **asdict(call_figures(total)),
            **asdict(run_figures(total)),
            stale_calls=usage.stale_calls,
            stale_hours=query.present.stale_hours,
            points=points(UsagePoint),
            then=earlier(UsagePart),
        )
    applied = read_applied_filter(connection, query.org_id, filter_)
    if filter_.kind is Kind.WORKFLOW_EXECUTION:
        return RunSeries(
            **head,
            filter=applied,
            **asdict(run_figures(total)),
            points=points(RunPoint),
            then=earlier(RunPart),
        )
    return CallSeries(
        **head,
        filter=applied,
        **asdict(call_figures(total)),
        stale_calls=count_stale_calls(connection, query.org_id, window, filter_, query.present),
        stale_hours=query.present.stale_hours,
        points=points(CallPoint),
        then=earlier(CallPart),
    )


def _totals(usage: Usage) -> Amounts:
    now, then = usage.others or ({}, {})
    return Amounts({day.day: day.counters for day in usage.days}, now, then)


def _read_amounts(connection: Connection, query: SeriesQuery) -> Amounts:
    """Read the counters by hour, or those of a filter by day."""

    def read(window: Window) -> Mapping[int, Counters]:
        if query.interval == "hour" or query.filter is None:
            return _read_hours(connection, query, window)
        return read_filtered_days(connection, query.org_id, window, query.filter, query.present)

    return read_amounts(query.window, query.windows, read)


def _read_hours(connection: Connection, query: SeriesQuery, window: Window) -> Mapping[int, Counters]:
    """Sum the records of a window by hour since 1970."""
    filters = (
        [Filter(Kind.CONVERSATION), Filter(Kind.WORKFLOW_EXECUTION)] if query.filter is None else [query.filter.records]
    )
    hours: dict[int, Counters] = {}
    for filter_ in filters:
        found = sum_groups(connection, query.org_id, window, filter_, query.present, Group(MICROSECONDS_PER_HOUR))
        for (hour, _), counters in found.items():
            hours[hour] = add([hours.get(hour, ZERO), counters])
    return hours


def _sum(amounts: Mapping[int, Counters], units: range) -> Counters:
    # Hours and days are one unit each, and a year has hundreds.
    if len(units) == 1:
        return amounts.get(units[0], ZERO)
    return add(amounts[unit] for unit in units if unit in amounts)


def _format_start(start: int, interval: Interval) -> InstantText | DayText:
    return format_instant(start * MICROSECONDS_PER_HOUR) if interval == "hour" else format_day(start)


def _state(part: Part, query: SeriesQuery, states: Mapping[int, DayState]) -> DayState:
    """Return how complete an interval is, from the states of its days; an hour can also be in the future."""
    if query.interval != "hour":
        found = {states[day] for day in part.units}
        return found.pop() if len(found) == 1 else "settling" if "settling" in found else "final"
    start = part.start * MICROSECONDS_PER_HOUR
    return "future" if start > query.present.now else states[day_of(start)]
