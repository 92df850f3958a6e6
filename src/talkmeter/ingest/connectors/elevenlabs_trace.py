"""An ElevenLabs conversation as an OpenTelemetry trace, which one setting sends instead of the transcript.

A trace has the times of the conversation, but not how it came. Its root span is the conversation.
"""

from functools import partial
from typing import Final

import msgspec

from talkmeter.ingest.connectors.payload import Number, duration_between, read_optional, read_unix, require_id
from talkmeter.ingest.connectors.provider import NotUnderstood, PartialRecordUpdate
from talkmeter.records import Conversation

CONVERSATION_TRACED: Final = "post_call_transcription_otel"
_NANOSECONDS_PER_MICROSECOND: Final = 1_000
_PHONE_ATTRIBUTES: Final = "elevenlabs.telephony."


class _Attribute(msgspec.Struct):
    key: str = ""


class _Span(msgspec.Struct, rename="camel"):
    parent_span_id: str | None = None
    start_time_unix_nano: str | Number | None = None
    end_time_unix_nano: str | Number | None = None
    attributes: list[_Attribute] | None = None


class _ScopeSpans(msgspec.Struct):
    spans: list[_Span] | None = None


class _ResourceSpans(msgspec.Struct, rename="camel"):
    scope_spans: list[_ScopeSpans] | None = None


class _Traces(msgspec.Struct, rename="camel"):
    resource_spans: list[_ResourceSpans] | None = None


class _TraceData(msgspec.Struct):
    conversation_id: str | None = None
    agent_id: str | None = None
    otlp_traces: _Traces | None = None


class TraceEvent(msgspec.Struct):
    """The fields of the message that are read."""

    data: _TraceData


def trace_update(event: TraceEvent) -> PartialRecordUpdate:
    """Return the conversation of a trace. It never replaces what a transcript says."""
    data = event.data
    id_ = require_id("data.conversation_id", data.conversation_id)
    spans = [
        span
        for resource in (data.otlp_traces or _Traces()).resource_spans or ()
        for scope in resource.scope_spans or ()
        for span in scope.spans or ()
    ]
    roots = [span for span in spans if not span.parent_span_id] or spans
    starts = [_instant("startTimeUnixNano", span.start_time_unix_nano) for span in roots]
    ends = [_instant("endTimeUnixNano", span.end_time_unix_nano) for span in roots]
    if not roots:
        raise NotUnderstood("data.otlp_traces must have the span of the conversation.")
    start, end = min(starts), max(ends)
    by_phone = any(attribute.key.startswith(_PHONE_ATTRIBUTES) for span in roots for attribute in span.attributes or ())
    record = Conversation(
        channel="telephone" if by_phone else "webrtc",
        direction="inbound",
        status="completed",
        created_at=start,
        duration_ms=duration_between(start, end),
        modality="voice",
        agent_id=read_optional("data.agent_id", data.agent_id),
    )
    return PartialRecordUpdate(
        id_,
        partial(_merge, record),
        # The start, so that a transcript is always later.
        start,
        f"{CONVERSATION_TRACED}:{id_}",
        assumed=("direction",) if by_phone else ("channel", "direction"),
    )


def _merge(record: Conversation, known: Conversation | None) -> Conversation:
    return known or record


def _instant(name: str, nanoseconds: str | Number | None) -> int:
    """Return a required instant in microseconds; its nanoseconds are digits in a string."""
    text = str(nanoseconds)
    if not text.isascii() or not text.isdigit() or len(text) > 20:
        raise NotUnderstood(f"{name} of the conversation's span must be the nanoseconds since 1970.")
    instant = read_unix(name, int(text) // _NANOSECONDS_PER_MICROSECOND, 1_000_000)
    if instant is None:
        raise NotUnderstood(f"{name} of the conversation's span must be the nanoseconds since 1970.")
    return instant
