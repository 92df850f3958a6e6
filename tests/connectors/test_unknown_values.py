"""What a message does not say has a default and is named as assumed, for every provider (docs/connectors/README.md)."""

from typing import Any, Final

import pytest

from talkmeter.ingest.connectors.provider import Message
from talkmeter.records import Conversation
from tests.connectors.all_cases import CASES
from tests.connectors.cases import elevenlabs, livekit, plivo, retell, twilio, vapi
from tests.connectors.messages import message

Expected = tuple[tuple[str, ...], str, str, str, int | None]
"""What is assumed; channel, direction, status and milliseconds of the conversation."""


def sip(status: str | None, reason: str = "PARTICIPANT_REMOVED", rule: str | None = None) -> Message:
    """Return the event of a participant by SIP who left after 28 seconds."""
    attributes = {"sip.trunkPhoneNumber": "+15005550001", "sip.phoneNumber": "+15005550006"}
    attributes |= {"sip.callStatus": status} if status else {}
    attributes |= {"sip.ruleID": rule} if rule else {}
    participant = livekit.PHONE | {"attributes": attributes}
    return message(livekit.left(participant, livekit.T + 28, reason=reason))


def eleven(metadata: dict[str, Any], **data: Any) -> Message:
    return message(elevenlabs.changed(elevenlabs.WEB, metadata, **data))


CHAT: Final = {**retell.CHAT, "chat": {**retell.CHAT["chat"], "chat_type": "sms_chat"}}
CASES_OF: Final[dict[str, tuple[str, Message, Expected]]] = {
    "twilio direction": (
        "twilio",
        twilio.callback(Direction="sideways"),
        (("direction",), "telephone", "inbound", "completed", 49_000),
    ),
    "twilio leg": (
        "twilio",
        twilio.callback(Direction="", ParentCallSid="CA9"),
        (("direction",), "telephone", "outbound", "completed", 49_000),
    ),
    "twilio status with a duration": (
        "twilio",
        twilio.callback(CallStatus="finished"),
        (("answered",), "telephone", "outbound", "completed", 49_000),
    ),
    "twilio status": (
        "twilio",
        twilio.callback(CallStatus="finished", CallDuration=""),
        (("answered",), "telephone", "outbound", "failed", None),
    ),
    "plivo direction and status": (
        "plivo",
        plivo.hangup(Direction="sideways", CallStatus="over", Duration="0"),
        (("answered", "direction"), "telephone", "inbound", "failed", None),
    ),
    "plivo status with a duration": (
        "plivo",
        plivo.hangup(CallStatus="over"),
        (("answered",), "telephone", "outbound", "completed", 66_000),
    ),
    "retell direction": (
        "retell",
        message(retell.call(direction="sideways")),
        (("direction",), "telephone", "inbound", "completed", 15_791),
    ),
    "retell type": (
        "retell",
        message(retell.call(call_type="fax")),
        (("channel",), "telephone", "inbound", "completed", 15_791),
    ),
    "retell reason": (
        "retell",
        message(retell.call(disconnection_reason="bored")),
        (("answered",), "telephone", "inbound", "completed", 15_791),
    ),
    "retell reason without an end": (
        "retell",
        message(retell.call(disconnection_reason=None, end_timestamp=None, duration_ms=None)),
        (("answered",), "telephone", "inbound", "failed", None),
    ),
    "retell text messages": ("retell", message(CHAT), (("direction",), "text", "inbound", "completed", 15_791)),
    "vapi type": (
        "vapi",
        message(vapi.report({"type": "fax", "phoneCallProvider": "twilio"})),
        (("channel", "direction"), "telephone", "inbound", "completed", 50_831),
    ),
    "livekit ringing": ("livekit", sip("ringing"), ((), "telephone", "outbound", "unanswered", None)),
    "livekit dialing": (
        "livekit",
        sip("dialing", "CLIENT_INITIATED"),
        ((), "telephone", "outbound", "unanswered", None),
    ),
    "livekit inbound ringing": (
        "livekit",
        sip("ringing", "CLIENT_INITIATED", "SDR_1"),
        ((), "telephone", "inbound", "unanswered", None),
    ),
    "livekit trunk failure": (
        "livekit",
        sip("dialing", "SIP_TRUNK_FAILURE"),
        ((), "telephone", "outbound", "unanswered", None),
    ),
    "livekit active": ("livekit", sip("active"), ((), "telephone", "outbound", "completed", 28_000)),
    "livekit without a status": ("livekit", sip(None), (("answered",), "telephone", "outbound", "completed", 28_000)),
    "livekit connector": (
        "livekit",
        message(livekit.left({**livekit.WEB, "kind": "CONNECTOR"}, livekit.T + 5)),
        (("channel", "direction"), "telephone", "inbound", "completed", 5_000),
    ),
    "elevenlabs phone direction": (
        "elevenlabs",
        eleven({"phone_call": {"type": "twilio", "agent_number": "+15005550001"}}),
        (("direction",), "telephone", "inbound", "completed", 22_000),
    ),
    "elevenlabs whatsapp": (
        "elevenlabs",
        eleven({"whatsapp": {"direction": "outbound", "whatsapp_user_id": "15005550006"}, "text_only": False}),
        ((), "text", "outbound", "completed", 22_000),
    ),
    "elevenlabs whatsapp direction": (
        "elevenlabs",
        eleven({"whatsapp": {"direction": "unknown"}}),
        (("direction",), "text", "inbound", "completed", 22_000),
    ),
    "elevenlabs whatsapp not answered": (
        "elevenlabs",
        eleven({"whatsapp": {"direction": "outbound", "call_result": "no_answer"}}),
        ((), "text", "outbound", "unanswered", None),
    ),
    "elevenlabs widget": (
        "elevenlabs",
        eleven({"conversation_initiation_source": "widget"}),
        ((), "webrtc", "inbound", "completed", 22_000),
    ),
    "elevenlabs text in its settings": (
        "elevenlabs",
        eleven(
            {"conversation_initiation_source": "js_sdk", "text_only": None},
            conversation_initiation_client_data={"conversation_config_override": {"conversation": {"text_only": True}}},
        ),
        ((), "text", "inbound", "completed", 22_000),
    ),
    "elevenlabs phone without a line": (
        "elevenlabs",
        eleven({"conversation_initiation_source": "audiocodes"}),
        (("direction",), "telephone", "inbound", "completed", 22_000),
    ),
    "elevenlabs messenger": (
        "elevenlabs",
        eleven({"conversation_initiation_source": "telegram_integration"}),
        (("direction",), "text", "inbound", "completed", 22_000),
    ),
    "elevenlabs new source": (
        "elevenlabs",
        eleven({"conversation_initiation_source": "carrier_pigeon"}),
        (("channel", "direction"), "webrtc", "inbound", "completed", 22_000),
    ),
}


def result_of(provider: str, received: Message) -> tuple[tuple[str, ...], Conversation]:
    """Return what a message leaves unknown, and its conversation."""
    result = CASES[provider].provider.read(received)
    assert isinstance(result, tuple)
    (update,) = result
    record = update.merge(None) if hasattr(update, "merge") else update.record
    assert isinstance(record, Conversation)
    return update.assumed, record


@pytest.mark.parametrize(("provider", "received", "expected"), CASES_OF.values(), ids=CASES_OF)
def test_unknown_values_have_a_default_and_are_named(provider: str, received: Message, expected: Expected) -> None:
    assumed, record = result_of(provider, received)
    assert (assumed, record.channel, record.direction, record.status, record.duration_ms) == expected
    if "direction" in assumed and provider in ("twilio", "plivo", "retell"):
        assert record.agent_number is None


@pytest.mark.parametrize(
    ("metadata", "data", "modality"),
    [
        ({"whatsapp": {"direction": "inbound"}}, {}, "chat"),
        ({"whatsapp": {"direction": "inbound"}}, {"has_audio": False, "has_user_audio": False}, "chat"),
        ({"whatsapp": {"direction": "inbound"}}, {"has_audio": True}, "voice"),
        ({"whatsapp": {"direction": "inbound"}}, {"has_user_audio": True}, "voice"),
        ({"conversation_initiation_source": "slack_integration"}, {"has_response_audio": True}, "voice"),
        ({"conversation_initiation_source": "unknown"}, {}, "chat"),
        ({"conversation_initiation_source": "unknown"}, {"has_audio": True}, "voice"),
        ({"conversation_initiation_source": "widget"}, {"has_audio": False}, "voice"),
        ({"conversation_initiation_source": "widget", "text_only": True}, {}, "chat"),
        ({"conversation_initiation_source": "twilio"}, {}, "voice"),
        ({}, {}, "voice"),
    ],
)
def test_elevenlabs_text_is_chat_unless_it_has_audio(
    metadata: dict[str, Any], data: dict[str, Any], modality: str
) -> None:
    _, record = result_of("elevenlabs", eleven(metadata, **data))
    assert record.modality == modality


def trace(*spans: dict[str, Any]) -> Message:
    data = {
        "agent_id": "agent_7",
        "conversation_id": "conv_7",
        "otlp_traces": {"resourceSpans": [{"scopeSpans": [{"spans": [span]} for span in spans]}]},
    }
    return message({"type": "post_call_transcription_otel", "event_timestamp": 1_777_629_700, "data": data})


def span(start: int, end: int, **more: Any) -> dict[str, Any]:
    times = {"startTimeUnixNano": f"{start}000000000", "endTimeUnixNano": f"{end}500000000"}
    return {"name": "elevenlabs.conversation", **times, **more}


def test_elevenlabs_trace_is_the_conversation_of_its_root_span() -> None:
    child = span(1_777_629_000, 1_777_639_999, parentSpanId="0102030405060708", name="elevenlabs.tool.x")
    assumed, record = result_of("elevenlabs", trace(child, span(1_777_629_600, 1_777_629_695)))
    assert assumed == ("channel", "direction")
    assert record == Conversation(
        channel="webrtc",
        direction="inbound",
        status="completed",
        created_at=1_777_629_600_000_000,
        duration_ms=95_500,
        modality="voice",
        agent_id="agent_7",
    )
    private = {"key": "elevenlabs.telephony.external_number", "value": {"stringValue": "+15005550006"}}
    assumed, record = result_of("elevenlabs", trace(span(1_777_629_600, 1_777_629_695, attributes=[private])))
    assert (assumed, record.channel) == (("direction",), "telephone")
    assert "5550006" not in repr(record)
