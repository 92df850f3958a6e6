"""The usage summary of a window, with the fields that docs/http-api.md names, read in one snapshot."""

from typing import Annotated

import msgspec
from msgspec import Meta
from sqlalchemy import Connection

from talkmeter.counting import Counters, add, average_seconds, minutes
from talkmeter.period import Window, format_day, format_instant
from talkmeter.usage.days import read_days
from talkmeter.usage.inventory import Inventory, read_inventory
from talkmeter.usage.revision import Revision

Count = Annotated[int, Meta(ge=0)]
Minutes = Annotated[float, Meta(ge=0, description="Minutes, rounded half up to two decimals.")]
Milliseconds = Annotated[int, Meta(ge=0, description="The exact sum of durations, in milliseconds.")]


class Day(msgspec.Struct, frozen=True):
    """One point per UTC day."""

    day: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    calls: Count
    voice_minutes: Minutes
    chat_minutes: Minutes
    workflow_runs: Count
    voice_duration_ms: Milliseconds
    chat_duration_ms: Milliseconds


class Summary(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """Activity inside the window, one point per day, and the current inventory, which ignores the window."""

    from_: Annotated[str, Meta(description="Start of the window, included, as understood (UTC).")]
    to: Annotated[str, Meta(description="End of the window, excluded, as understood (UTC).")]
    last_event_at: Annotated[
        str | None, Meta(description="When this organization's newest event was stored; null: never heard of.")
    ]
    total_calls: Count
    voice_calls: Count
    chat_calls: Count
    inbound_calls: Count
    outbound_calls: Count
    voice_minutes: Minutes
    chat_minutes: Minutes
    avg_call_duration_sec: Annotated[float, Meta(ge=0, description="Mean over conversations with a duration.")]
    workflow_runs_total: Count
    workflow_runs_success: Count
    workflow_runs_failed: Count
    voice_duration_ms: Milliseconds
    chat_duration_ms: Milliseconds
    total_agents: Count
    total_phone_numbers: Count
    shared_phone_numbers: Count
    total_web_widgets: Count
    total_datasets: Count
    active_datasets: Count
    daily: list[Day]


def read_summary(connection: Connection, org_id: str, window: Window, revision: Revision) -> Summary:
    """The summary of one organization; the connection holds the snapshot the revision was read in."""
    days = read_days(connection, org_id, window)
    return make_summary(window, revision.last_event_at, days, read_inventory(connection, org_id))


def make_summary(window: Window, last_event_at: int | None, days: dict[int, Counters], inventory: Inventory) -> Summary:
    """Counters and milliseconds as the figures of the page, each divided once."""
    total = add(days.values())
    return Summary(
        from_=format_instant(window.start),
        to=format_instant(window.end),
        last_event_at=None if last_event_at is None else format_instant(last_event_at),
        total_calls=total.calls,
        voice_calls=total.voice_calls,
        chat_calls=total.chat_calls,
        inbound_calls=total.inbound_calls,
        outbound_calls=total.outbound_calls,
        voice_minutes=minutes(total.voice_ms),
        chat_minutes=minutes(total.chat_ms),
        avg_call_duration_sec=average_seconds(total.voice_ms + total.chat_ms, total.timed_calls),
        workflow_runs_total=total.runs,
        workflow_runs_success=total.runs_success,
        workflow_runs_failed=total.runs_failed,
        voice_duration_ms=total.voice_ms,
        chat_duration_ms=total.chat_ms,
        **inventory._asdict(),
        daily=[_day(day, counters) for day, counters in days.items()],
    )


def _day(day: int, counters: Counters) -> Day:
    return Day(
        day=format_day(day),
        calls=counters.calls,
        voice_minutes=minutes(counters.voice_ms),
        chat_minutes=minutes(counters.chat_ms),
        workflow_runs=counters.runs,
        voice_duration_ms=counters.voice_ms,
        chat_duration_ms=counters.chat_ms,
    )
