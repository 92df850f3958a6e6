"""The OpenAPI description of webhook bodies: the media types, and an invented message of each provider."""

from typing import Final

from litestar.openapi.spec import Example, OpenAPIMediaType, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType

from talkmeter.api.request_bodies import CALL_EVENT
from talkmeter.ingest.connectors.forms import FORM
from talkmeter.ingest.requests import PLAIN

_LIVEKIT: Final = "application/webhook+json"
_EXAMPLES: Final = {
    PLAIN: {
        "elevenlabs": Example(
            summary="ElevenLabs: the report after a conversation, or of a call that could not start",
            value={
                "type": "post_call_transcription",
                "event_timestamp": 1795341724,
                "data": {
                    "conversation_id": "conversation-1",
                    "agent_id": "agent-1",
                    "status": "done",
                    "metadata": {
                        "start_time_unix_secs": 1795341600,
                        "call_duration_secs": 120,
                        "phone_call": {"type": "twilio", "direction": "inbound", "agent_number": "+15550100"},
                    },
                },
            },
        ),
        "n8n": Example(
            summary="n8n: a log event of a workflow run",
            value={
                "id": "event-1",
                "ts": "2026-11-22T10:02:30.000Z",
                "eventName": "n8n.workflow.success",
                "payload": {"executionId": "1", "workflowId": "workflow-1"},
            },
        ),
        "retell": Example(
            summary="Retell: the end of a call or chat",
            value={
                "event": "call_ended",
                "call": {
                    "call_id": "call-1",
                    "call_type": "web_call",
                    "agent_id": "agent-1",
                    "start_timestamp": 1795341600000,
                    "end_timestamp": 1795341720000,
                    "disconnection_reason": "user_hangup",
                },
            },
        ),
        "signed": Example(
            summary="Any program (signed): the body of `POST /metering/events`, in any of its media types",
            value=CALL_EVENT,
        ),
        "telnyx": Example(
            summary="Telnyx: an event of a call or of an assistant's conversation",
            value={
                "data": {
                    "id": "event-1",
                    "event_type": "call.initiated",
                    "occurred_at": "2026-11-22T10:00:00.000Z",
                    "payload": {
                        "call_leg_id": "leg-1",
                        "call_control_id": "control-1",
                        "call_session_id": "session-1",
                        "direction": "incoming",
                        "to": "+15550100",
                        "start_time": "2026-11-22T10:00:00.000Z",
                    },
                }
            },
        ),
        "vapi": Example(
            summary="Vapi: the report at the end of a call",
            value={
                "message": {
                    "type": "end-of-call-report",
                    "endedReason": "customer-ended-call",
                    "startedAt": "2026-11-22T10:00:00.000Z",
                    "endedAt": "2026-11-22T10:02:00.000Z",
                    "call": {
                        "id": "call-1",
                        "type": "webCall",
                        "assistantId": "agent-1",
                        "createdAt": "2026-11-22T10:00:00.000Z",
                    },
                }
            },
        ),
    },
    _LIVEKIT: {
        "livekit": Example(
            summary="LiveKit: an event of a room or a participant",
            value={
                "event": "participant_left",
                "id": "EV_1",
                "createdAt": "1795341720",
                "room": {"sid": "RM_1", "name": "room", "creationTime": "1795341600"},
                "participant": {
                    "sid": "PA_1",
                    "identity": "caller",
                    "joinedAt": "1795341600",
                    "disconnectReason": "CLIENT_INITIATED",
                },
            },
        ),
    },
    FORM: {
        "plivo": Example(
            summary="Plivo: the hangup callback of a call",
            value={
                "CallUUID": "call-1",
                "Direction": "inbound",
                "CallStatus": "completed",
                "Event": "Hangup",
                "HangupCause": "NORMAL_CLEARING",
                "SessionStart": "2026-11-22 10:00:00.000000",
                "StartTime": "2026-11-22 10:00:00",
                "AnswerTime": "2026-11-22 10:00:00",
                "EndTime": "2026-11-22 10:02:00",
                "Duration": "120",
                "To": "15550100",
            },
        ),
        "twilio": Example(
            summary="Twilio: the status callback of a call",
            value={
                "CallSid": "CA00000000000000000000000000000001",
                "CallStatus": "completed",
                "Direction": "inbound",
                "Timestamp": "Sun, 22 Nov 2026 10:02:00 +0000",
                "CallbackSource": "call-progress-events",
                "SequenceNumber": "0",
                "To": "+15550100",
                "CallDuration": "120",
            },
        ),
    },
}
_MESSAGE: Final = "The provider's message."
# Without a type: generators of clients would give the objects of two media types the same name.
_JSON: Final = Schema(description=_MESSAGE)
_FORM: Final = Schema(
    type=OpenAPIType.OBJECT, description=_MESSAGE, additional_properties=Schema(type=OpenAPIType.STRING)
)
HOOK_BODY: Final = RequestBody(
    required=True,
    description=(
        "What the provider sends, in its own format; at most 1 MiB, not compressed. The examples are invented messages "
        "that are counted. Messages of other types are acknowledged and ignored."
    ),
    content={
        media_type: OpenAPIMediaType(schema=_FORM if media_type == FORM else _JSON, examples={**examples})
        for media_type, examples in _EXAMPLES.items()
    },
)
