"""The figures in answers, computed from counters; each is divided and rounded once.

Summaries, breakdowns and record lists use the same names, so that their figures can be compared.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from talkmeter.counting import COUNTERS, Counters, average_seconds, minutes
from talkmeter.period import InstantText

Count = Annotated[int, Meta(ge=0)]
Minutes = Annotated[float, Meta(ge=0, description="Minutes, rounded half up to two decimals.")]
Milliseconds = Annotated[int, Meta(ge=0, description="The exact sum of durations, in milliseconds.")]
From = Annotated[InstantText, Meta(description="Start of the window, inclusive (UTC).")]
To = Annotated[InstantText, Meta(description="End of the window, exclusive (UTC).")]
LastEventAt = Annotated[
    InstantText | None, Meta(description="When the organization's newest event was stored; null: no event yet.")
]
ChangedAt = Annotated[InstantText | None, Meta(description="When a figure of this day last changed; null: unknown.")]
StaleCalls = Annotated[
    int, Meta(ge=0, description="Live conversations, except email, without an event for `stale_hours`.")
]
StaleHours = Annotated[int, Meta(ge=1, description="Hours without an event after which a live conversation is stale.")]
Seconds = Annotated[float, Meta(ge=0, description="Mean over conversations with a duration, in seconds.")]

EXACT: Final[dict[str, str]] = {
    "calls": "total_calls",
    "voice_calls": "voice_calls",
    "chat_calls": "chat_calls",
    "inbound_calls": "inbound_calls",
    "outbound_calls": "outbound_calls",
    "timed_calls": "timed_calls",
    "live_calls": "live_calls",
    "voice_ms": "voice_duration_ms",
    "chat_ms": "chat_duration_ms",
    "runs": "workflow_runs_total",
    "runs_success": "workflow_runs_success",
    "runs_failed": "workflow_runs_failed",
    "live_runs": "live_runs",
}
"""The name of each counter in answers; these figures add up exactly."""


class CallFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of conversations."""

    total_calls: Count
    voice_calls: Count
    chat_calls: Count
    inbound_calls: Count
    outbound_calls: Count
    timed_calls: Annotated[int, Meta(ge=0, description="Conversations with a duration.")]
    live_calls: Annotated[int, Meta(ge=0, description="Conversations that have not ended.")]
    voice_minutes: Minutes
    chat_minutes: Minutes
    avg_call_duration_sec: Seconds
    voice_duration_ms: Milliseconds
    chat_duration_ms: Milliseconds


class RunFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of workflow runs."""

    workflow_runs_total: Count
    workflow_runs_success: Count
    workflow_runs_failed: Count
    live_runs: Annotated[int, Meta(ge=0, description="Runs that have not ended.")]


def call_figures(counters: Counters) -> CallFigures:
    """Return the figures of conversations."""
    return CallFigures(
        total_calls=counters.calls,
        voice_calls=counters.voice_calls,
        chat_calls=counters.chat_calls,
        inbound_calls=counters.inbound_calls,
        outbound_calls=counters.outbound_calls,
        timed_calls=counters.timed_calls,
        live_calls=counters.live_calls,
        voice_minutes=minutes(counters.voice_ms),
        chat_minutes=minutes(counters.chat_ms),
        avg_call_duration_sec=average_seconds(counters.voice_ms + counters.chat_ms, counters.timed_calls),
        voice_duration_ms=counters.voice_ms,
        chat_duration_ms=counters.chat_ms,
    )


def run_figures(counters: Counters) -> RunFigures:
    """Return the figures of workflow runs."""
    return RunFigures(
        workflow_runs_total=counters.runs,
        workflow_runs_success=counters.runs_success,
        workflow_runs_failed=counters.runs_failed,
        live_runs=counters.live_runs,
    )


def exact_figures(counters: Counters) -> dict[str, int]:
    """Return the nonzero counters by their names in answers."""
    return {EXACT[name]: amount for name, amount in zip(COUNTERS, counters, strict=True) if amount}
