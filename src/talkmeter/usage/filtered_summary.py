"""The summary of the records with one value: only the figures that they have, without the inventory."""

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec.structs import asdict
from sqlalchemy import Connection

from talkmeter.counting import Counters, add
from talkmeter.period import DayText, format_day, format_instant
from talkmeter.records import Kind
from talkmeter.usage.compare import COMPARISON, Comparison, comparison_of
from talkmeter.usage.days import DayState, DayUsage, read_usage
from talkmeter.usage.figures import (
    CallFigures,
    ChangedAt,
    Count,
    From,
    LastEventAt,
    Milliseconds,
    Minutes,
    RunFigures,
    StaleCalls,
    StaleHours,
    To,
    call_figures,
    run_figures,
)
from talkmeter.usage.filtered import (
    AppliedFilter,
    ValueFilter,
    count_stale_calls,
    read_amounts,
    read_applied_filter,
    read_filtered_days,
)
from talkmeter.usage.points import CallPart, RunPart, amounts_of
from talkmeter.usage.revision import Revision
from talkmeter.usage.summary import EARLIER_DAYS, Summary, SummaryQuery, earlier_days, read_summary


class CallDay(msgspec.Struct, frozen=True, kw_only=True):
    """The conversations with one value on a UTC day; `state` and `changed_at` are those of the organization's day."""

    day: DayText
    calls: Count
    voice_minutes: Minutes
    chat_minutes: Minutes
    voice_duration_ms: Milliseconds
    chat_duration_ms: Milliseconds
    inbound_calls: Count
    outbound_calls: Count
    state: DayState
    changed_at: ChangedAt


class RunDay(msgspec.Struct, frozen=True, kw_only=True):
    """The workflow runs with one value on a UTC day; `state` and `changed_at` are those of the organization's day."""

    day: DayText
    workflow_runs: Count
    workflow_runs_success: Count
    workflow_runs_failed: Count
    state: DayState
    changed_at: ChangedAt


class CallComparison(Comparison, frozen=True):
    """The comparison of conversations with one value."""

    daily: Annotated[list[CallPart | None], EARLIER_DAYS]


class RunComparison(Comparison, frozen=True):
    """The comparison of workflow runs with one value."""

    daily: Annotated[list[RunPart | None], EARLIER_DAYS]


class CallSummary(CallFigures, frozen=True, kw_only=True, rename={"from_": "from"}):
    """The conversations with one value in the window, and one point per day."""

    from_: From
    to: To
    last_event_at: LastEventAt
    filter: AppliedFilter
    stale_calls: StaleCalls
    stale_hours: StaleHours
    comparison: Annotated[CallComparison | None, COMPARISON]
    daily: list[CallDay]


class RunSummary(RunFigures, frozen=True, kw_only=True, rename={"from_": "from"}):
    """The workflow runs with one value in the window, and one point per day."""

    from_: From
    to: To
    last_event_at: LastEventAt
    filter: AppliedFilter
    comparison: Annotated[RunComparison | None, COMPARISON]
    daily: list[RunDay]


AnySummary = Summary | CallSummary | RunSummary
AnyDay = TypeVar("AnyDay", CallDay, RunDay)


def read_any_summary(connection: Connection, query: SummaryQuery, revision: Revision) -> AnySummary:
    """Return the summary of the query's filter, if it has one, or of all usage."""
    if query.filter is None:
        return read_summary(connection, query, revision)
    return _read_filtered(connection, query, query.filter, revision)


def _read_filtered(
    connection: Connection, query: SummaryQuery, filter_: ValueFilter, revision: Revision
) -> CallSummary | RunSummary:
    org_id, window, windows, present = query.org_id, query.window, query.windows, query.present
    amounts = read_amounts(window, windows, lambda one: read_filtered_days(connection, org_id, one, filter_, present))
    total = add(amounts.window.values())
    days = read_usage(connection, org_id, window, present).days
    head: dict[str, Any] = {
        "from_": format_instant(window.start),
        "to": format_instant(window.end),
        "last_event_at": None if revision.last_event_at is None else format_instant(revision.last_event_at),
        "filter": read_applied_filter(connection, org_id, filter_),
    }
    compared: dict[str, Any] | None = None
    if windows is not None:
        figures = add(amounts.now.values()), add(amounts.then.values())
        compared = asdict(comparison_of(windows, *figures, filter_.compared))
    if filter_.kind is Kind.WORKFLOW_EXECUTION:
        comparison = None
        if compared is not None and windows is not None:
            comparison = RunComparison(**compared, daily=earlier_days(RunPart, window, windows, amounts.then))
        daily = [_day(RunDay, day, amounts.window[day.day]) for day in days]
        return RunSummary(**head, **asdict(run_figures(total)), comparison=comparison, daily=daily)
    call_comparison = None
    if compared is not None and windows is not None:
        call_comparison = CallComparison(**compared, daily=earlier_days(CallPart, window, windows, amounts.then))
    return CallSummary(
        **head,
        **asdict(call_figures(total)),
        stale_calls=count_stale_calls(connection, org_id, window, filter_, present),
        stale_hours=present.stale_hours,
        comparison=call_comparison,
        daily=[_day(CallDay, day, amounts.window[day.day]) for day in days],
    )


def _day(day: type[AnyDay], usage: DayUsage, counters: Counters) -> AnyDay:
    changed_at = None if usage.changed_at is None else format_instant(usage.changed_at)
    return day(day=format_day(usage.day), state=usage.state, changed_at=changed_at, **amounts_of(day, counters))
