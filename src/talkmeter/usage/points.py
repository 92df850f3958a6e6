"""The points of a time series in answers: figures of a day or another interval, and of an earlier window."""

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from talkmeter.counting import Counters, minutes
from talkmeter.period import DayText, InstantText, Window, format_instant
from talkmeter.usage.days import DayState
from talkmeter.usage.figures import Count, Milliseconds, Minutes

From = Annotated[InstantText, Meta(description="Start of this part of the window, inclusive (UTC).")]
To = Annotated[InstantText, Meta(description="End of this part of the window, exclusive (UTC).")]
Start = Annotated[
    InstantText | DayText,
    Meta(description="Where the interval begins, which may be before `from`: a date-time for hours, else a day."),
]
Whole = Annotated[bool, Meta(description="Whether the window contains the whole interval.")]


class CallPart(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """The conversations of a part of a window."""

    from_: From
    to: To
    calls: Count
    voice_calls: Count
    chat_calls: Count
    inbound_calls: Count
    outbound_calls: Count
    voice_minutes: Minutes
    chat_minutes: Minutes
    voice_duration_ms: Milliseconds
    chat_duration_ms: Milliseconds


class RunPart(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """The workflow runs of a part of a window."""

    from_: From
    to: To
    workflow_runs: Count
    workflow_runs_success: Count
    workflow_runs_failed: Count


class UsagePart(CallPart, frozen=True, kw_only=True):
    """The conversations and workflow runs of a part of a window."""

    workflow_runs: Count
    workflow_runs_success: Count
    workflow_runs_failed: Count


class CallPoint(CallPart, frozen=True, kw_only=True):
    """The conversations of one interval, limited to the window."""

    start: Start
    whole: Whole
    state: DayState


class RunPoint(RunPart, frozen=True, kw_only=True):
    """The workflow runs of one interval, limited to the window."""

    start: Start
    whole: Whole
    state: DayState


class UsagePoint(UsagePart, frozen=True, kw_only=True):
    """The conversations and workflow runs of one interval, limited to the window."""

    start: Start
    whole: Whole
    state: DayState


AnyPart = TypeVar("AnyPart", CallPart, RunPart, UsagePart, CallPoint, RunPoint, UsagePoint)


def make_part(part: type[AnyPart], bounds: Window, counters: Counters, **more: Any) -> AnyPart:
    """Return the figures of a part of a window, or a point of a series with its own fields."""
    return part(from_=format_instant(bounds.start), to=format_instant(bounds.end), **amounts_of(part, counters), **more)


def amounts_of(part: type[msgspec.Struct], counters: Counters) -> dict[str, Any]:
    """Return the figures that a part or a day has, by name."""
    amounts = {
        "calls": counters.calls,
        "voice_calls": counters.voice_calls,
        "chat_calls": counters.chat_calls,
        "inbound_calls": counters.inbound_calls,
        "outbound_calls": counters.outbound_calls,
        "voice_minutes": minutes(counters.voice_ms),
        "chat_minutes": minutes(counters.chat_ms),
        "voice_duration_ms": counters.voice_ms,
        "chat_duration_ms": counters.chat_ms,
        "workflow_runs": counters.runs,
        "workflow_runs_success": counters.runs_success,
        "workflow_runs_failed": counters.runs_failed,
    }
    return {name: amounts[name] for name in part.__struct_fields__ if name in amounts}
