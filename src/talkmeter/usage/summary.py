"""The usage summary of a window (docs/reference/http-api.md), read in one snapshot."""

from collections.abc import Iterator
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import asdict
from sqlalchemy import Connection

from talkmeter.counting import ZERO, Counters, add, minutes
from talkmeter.period import Present, Window, format_day, format_instant
from talkmeter.usage.compare import Comparison, Mode, compared_windows, comparison_of
from talkmeter.usage.days import StaleCalls, Usage, read_usage
from talkmeter.usage.figures import (
    Count,
    Milliseconds,
    Minutes,
    Seconds,
    call_figures,
    run_figures,
)
from talkmeter.usage.inventory import read_inventory
from talkmeter.usage.revision import Revision

DayState = Literal["future", "settling", "no_data", "final"]
_NO_STALE_CALLS: Final = StaleCalls(0, 0)


class Day(msgspec.Struct, frozen=True):
    """One UTC day. The figures are limited to the window; `state` and `changed_at` describe the whole day."""

    day: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    calls: Count
    voice_minutes: Minutes
    chat_minutes: Minutes
    workflow_runs: Count
    voice_duration_ms: Milliseconds
    chat_duration_ms: Milliseconds
    state: DayState
    changed_at: Annotated[str | None, Meta(description="When a figure of this day last changed; null: unknown.")]


class Summary(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Activity in the window, one point per day, and the current inventory, which does not depend on the window."""

    from_: Annotated[str, Meta(description="Start of the window, inclusive (UTC).")]
    to: Annotated[str, Meta(description="End of the window, exclusive (UTC).")]
    last_event_at: Annotated[
        str | None, Meta(description="When the organization's newest event was stored; null: no event yet.")
    ]
    total_calls: Count
    voice_calls: Count
    chat_calls: Count
    inbound_calls: Count
    outbound_calls: Count
    timed_calls: Annotated[int, Meta(ge=0, description="Conversations with a duration.")]
    live_calls: Annotated[int, Meta(ge=0, description="Conversations that have not ended.")]
    stale_calls: Annotated[
        int, Meta(ge=0, description="Live conversations, except email, without an event for `stale_hours`.")
    ]
    stale_hours: Annotated[
        int, Meta(ge=1, description="Hours without an event after which a live conversation is stale.")
    ]
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
    comparison: Annotated[
        Comparison | None,
        Meta(
            description="The figures compared with an earlier window; null: not requested, or no full hour has passed."
        ),
    ]
    daily: list[Day]


def read_summary(
    connection: Connection, org_id: str, window: Window, revision: Revision, present: Present, mode: Mode = "none"
) -> Summary:
    """Return the summary of an organization; the revision must be read in the connection's snapshot."""
    windows = compared_windows(window, mode, present.now)
    compared_with = () if windows is None else (windows.then, windows.now)
    usage = read_usage(connection, org_id, window, *compared_with, stale_before=present.stale_before)
    total, *compared = (add(days.values()) for days in usage.days)
    last_event_at = revision.last_event_at
    return Summary(
        from_=format_instant(window.start),
        to=format_instant(window.end),
        last_event_at=None if last_event_at is None else format_instant(last_event_at),
        **asdict(call_figures(total)),
        **asdict(run_figures(total)),
        stale_calls=sum(stale.in_window for stale in usage.stale.values()),
        stale_hours=present.stale_hours,
        **read_inventory(connection, org_id)._asdict(),
        comparison=None if windows is None else comparison_of(windows, compared[1], compared[0]),
        daily=list(_daily_points(usage, present.today)),
    )


def _daily_points(usage: Usage, today: int) -> Iterator[Day]:
    for day, counters, state, changed_at in days_of(usage, today):
        # Positional arguments are faster than keywords, and a year has hundreds of days.
        yield Day(
            format_day(day),
            counters.calls,
            minutes(counters.voice_ms),
            minutes(counters.chat_ms),
            counters.runs,
            counters.voice_ms,
            counters.chat_ms,
            state,
            None if changed_at is None else format_instant(changed_at),
        )


DayUsage = tuple[int, Counters, DayState, int | None]
"""(day, counters in the window, state of the whole day, time of its last change)"""


def days_of(usage: Usage, today: int) -> Iterator[DayUsage]:
    """Yield the days of the first window, ascending."""
    whole_days, changed_at = usage.whole_days, usage.changed_at
    for day, counters in usage.days[0].items():
        total = whole_days.get(day, ZERO)
        # A shortcut, because most days of a year are final.
        is_final = day < today and not total.live_calls and (total.calls or total.runs)
        yield day, counters, "final" if is_final else _state(day, total, usage, today), changed_at.get(day)


def _state(day: int, counters: Counters, usage: Usage, today: int) -> DayState:
    """Return how complete the figures of a whole day are (docs/reference/counting.md, "How complete a day is")."""
    if day > today:
        return "future"
    if day == today or (counters.live_calls and counters.live_calls > usage.stale.get(day, _NO_STALE_CALLS).in_day):
        return "settling"
    if counters.calls == counters.runs == 0 and usage.first is not None and usage.last is not None:
        between = usage.first < day < usage.last
        return "no_data" if between or usage.last < day else "final"
    return "final"
