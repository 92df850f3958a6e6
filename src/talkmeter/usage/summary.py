"""The usage summary of a window (docs/reference/http-api.md), read in one snapshot."""

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta
from msgspec.structs import asdict
from sqlalchemy import Connection

from talkmeter.counting import Counters, add, minutes
from talkmeter.errors import Unprocessable
from talkmeter.ledger.organization_rows import Members
from talkmeter.period import DayText, Present, Window, format_day, format_instant
from talkmeter.usage.compare import COMPARISON, Comparison, Mode, Windows, compared_windows, comparison_of
from talkmeter.usage.days import DayState, DayUsage, read_usage
from talkmeter.usage.figures import (
    ChangedAt,
    Count,
    From,
    LastEventAt,
    Milliseconds,
    Minutes,
    Seconds,
    StaleCalls,
    StaleHours,
    To,
    call_figures,
    run_figures,
)
from talkmeter.usage.filtered import ValueFilter
from talkmeter.usage.intervals import earlier_parts, parts_of
from talkmeter.usage.inventory import read_inventory
from talkmeter.usage.points import AnyPart, UsagePart, make_part
from talkmeter.usage.revision import Revision

EARLIER_DAYS: Final = Meta(
    description="The day of the earlier window at the same offset as each day of `daily`, null after its end. "
    "If the earlier window is longer, one more element has the rest. They add up to `then`."
)


class Day(msgspec.Struct, frozen=True):
    """One UTC day. The figures are limited to the window; `state` and `changed_at` describe the whole day."""

    day: DayText
    calls: Count
    voice_minutes: Minutes
    chat_minutes: Minutes
    workflow_runs: Count
    voice_duration_ms: Milliseconds
    chat_duration_ms: Milliseconds
    inbound_calls: Count
    outbound_calls: Count
    workflow_runs_success: Count
    workflow_runs_failed: Count
    state: DayState
    changed_at: ChangedAt


class SummaryComparison(Comparison, frozen=True):
    """The two windows of a comparison, each figure in both, and the days of the earlier window."""

    daily: Annotated[list[UsagePart | None], EARLIER_DAYS]


class Summary(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Activity in the window, one point per day, and the current inventory, which does not depend on the window."""

    from_: From
    to: To
    last_event_at: LastEventAt
    total_calls: Count
    voice_calls: Count
    chat_calls: Count
    inbound_calls: Count
    outbound_calls: Count
    timed_calls: Annotated[int, Meta(ge=0, description="Conversations with a duration.")]
    live_calls: Annotated[int, Meta(ge=0, description="Conversations that have not ended.")]
    stale_calls: StaleCalls
    stale_hours: StaleHours
    voice_minutes: Minutes
    chat_minutes: Minutes
    avg_call_duration_sec: Seconds
    workflow_runs_total: Count
    workflow_runs_success: Count
    workflow_runs_failed: Count
    live_runs: Annotated[int, Meta(ge=0, description="Runs that have not ended.")]
    voice_duration_ms: Milliseconds
    chat_duration_ms: Milliseconds
    total_agents: Count
    total_phone_numbers: Count
    shared_phone_numbers: Count
    total_web_widgets: Count
    total_datasets: Count
    active_datasets: Count
    comparison: Annotated[SummaryComparison | None, COMPARISON]
    daily: list[Day]


class SummaryQuery(msgspec.Struct, frozen=True):
    """The window and filter of a summary, and the windows to compare with."""

    org_id: str
    window: Window
    present: Present
    windows: Windows | None = None
    filter: ValueFilter | None = None
    subtree: bool = False
    members: Members = ()
    """The organizations of the subtree, once they are read."""

    @property
    def identity(self) -> tuple[object, ...]:
        """What the answer depends on, besides the organization and its revision."""
        return "summary", self.window, self.windows, self.filter, self.present.today, self.present.stale_hours


def summary_query(
    org_id: str,
    window: Window,
    present: Present,
    mode: Mode = "none",
    filter_: ValueFilter | None = None,
    *,
    subtree: bool = False,
) -> SummaryQuery:
    """Return the query for a window and a mode of comparison.

    Raises Unprocessable if the windows cannot be compared, or if a subtree has a filter.
    """
    if subtree and filter_ is not None:
        raise Unprocessable(f"'subtree' cannot be combined with '{filter_.by}': a filter is for one organization.")
    return SummaryQuery(org_id, window, present, compared_windows(window, mode, present.now), filter_, subtree)


def read_summary(connection: Connection, query: SummaryQuery, revision: Revision) -> Summary:
    """Return the summary without the query's filter."""
    windows = query.windows
    others = () if windows is None else (windows.now, windows.then)
    organizations = query.members or query.org_id
    usage = read_usage(connection, organizations, query.window, query.present, others)
    comparison = None
    if windows is not None and usage.others is not None:
        now, then = usage.others
        figures = comparison_of(windows, add(now.values()), add(then.values()))
        daily = earlier_days(UsagePart, query.window, windows, then)
        comparison = SummaryComparison(figures.mode, figures.now, figures.then, figures.figures, daily)
    return Summary(
        from_=format_instant(query.window.start),
        to=format_instant(query.window.end),
        last_event_at=None if revision.last_event_at is None else format_instant(revision.last_event_at),
        **asdict(call_figures(usage.total)),
        **asdict(run_figures(usage.total)),
        stale_calls=usage.stale_calls,
        stale_hours=query.present.stale_hours,
        **read_inventory(connection, organizations)._asdict(),
        comparison=comparison,
        daily=[_daily_point(day) for day in usage.days],
    )


def earlier_days(
    part: type[AnyPart], window: Window, windows: Windows, then: Mapping[int, Counters]
) -> list[AnyPart | None]:
    """Return the days of the earlier window, paired with those of the window."""
    return [
        None if one is None else make_part(part, one.bounds, add(then[day] for day in one.units))
        for one in earlier_parts(parts_of(window, "day"), window, windows.then, "day")
    ]


def _daily_point(usage: DayUsage) -> Day:
    day, counters, state, changed_at = usage
    # Positional arguments are faster than keywords, and a year has hundreds of days.
    return Day(
        format_day(day),
        counters.calls,
        minutes(counters.voice_ms),
        minutes(counters.chat_ms),
        counters.runs,
        counters.voice_ms,
        counters.chat_ms,
        counters.inbound_calls,
        counters.outbound_calls,
        counters.runs_success,
        counters.runs_failed,
        state,
        None if changed_at is None else format_instant(changed_at),
    )
