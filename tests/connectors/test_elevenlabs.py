"""ElevenLabs Agents: how its conversations and failed calls are metered.

What all providers have in common is tested in test_provider_contract.py.
"""

from typing import Any

from talkmeter.ingest.connectors.elevenlabs import PROVIDER
from talkmeter.records import Conversation, Kind
from tests.connectors.cases.elevenlabs import FAILURE, PHONE, WEB, changed
from tests.connectors.messages import SECOND, conversation_of, record_update


def recorded(body: dict[str, Any]) -> Conversation:
    return conversation_of(PROVIDER, body)


def test_conversation_on_the_web_field_by_field() -> None:
    update = record_update(PROVIDER, WEB)
    assert update.kind is Kind.CONVERSATION
    assert (update.id, update.time) == ("abc", 1_739_537_297 * SECOND)
    assert update.event_id == "post_call_transcription:abc"
    assert update.record == Conversation(
        channel="webrtc",
        direction="inbound",
        status="completed",
        created_at=1_739_537_297 * SECOND,
        duration_ms=22_000,
        modality="voice",
        agent_id="xyz",
    )


def test_telephone_call_field_by_field() -> None:
    update = record_update(PROVIDER, PHONE)
    assert update.id == "conv_7701k807mbv3eg3tzrjfw0jgen9j"
    assert update.time == 1_739_537_349 * SECOND
    assert update.linked_ids == ()
    assert update.record == Conversation(
        channel="telephone",
        direction="outbound",
        status="completed",
        created_at=1_739_537_297 * SECOND,
        duration_ms=52_000,
        modality="voice",
        agent_id="agent_2201k805yed4fq3rj7ne7tbeecgn",
        agent_number="+15005550001",
    )
    assert "+15005550006" not in str(update)


def test_busy_call_is_unanswered_and_has_no_duration() -> None:
    update = record_update(PROVIDER, FAILURE)
    assert update.id == "conv_abc123"
    assert update.event_id == "call_initiation_failure:conv_abc123"
    assert update.linked_ids == ("twilio:CA00000000000000000000000000000004",)
    assert update.record == Conversation(
        channel="telephone",
        direction="outbound",
        status="unanswered",
        created_at=1_739_537_297 * SECOND,
        duration_ms=None,
        modality="voice",
        agent_id="agent_xyz",
    )


def test_call_that_could_not_be_placed_has_failed_and_has_our_number() -> None:
    form = {"From": "+15005550001", "To": "+15005550006"}
    document = changed(FAILURE, {"body": form}, failure_reason="unknown")
    record = recorded(document)
    assert (record.status, record.agent_number) == ("failed", "+15005550001")
    assert "+15005550006" not in str(record_update(PROVIDER, document))


def test_text_conversations_and_text_messages_are_chats() -> None:
    record = recorded(changed(WEB, {"text_only": True}))
    assert (record.channel, record.direction, record.modality) == ("text", "inbound", "chat")
    sms = {"direction": "outbound", "sms_user_phone_number": "+15005550006", "agent_phone_number": "+15005550001"}
    record = recorded(changed(WEB, {"sms": sms}))
    assert (record.channel, record.direction, record.modality) == ("text", "outbound", "chat")
    assert record.agent_number == "+15005550001"


def test_failed_conversation_of_zero_seconds_has_no_duration() -> None:
    assert recorded(changed(WEB, status="failed")).duration_ms == 22_000
    assert recorded(changed(WEB, {"call_duration_secs": 0}, status="failed")).duration_ms is None
    assert recorded(changed(WEB, {"call_duration_secs": 0})).duration_ms == 0
    assert recorded(changed(WEB, status="failed")).status == "failed"


def test_call_is_linked_to_twilio_but_not_to_a_sip_trunk() -> None:
    line = {"direction": "inbound", "type": "twilio", "call_sid": "CA1"}
    assert record_update(PROVIDER, changed(WEB, {"phone_call": line})).linked_ids == ("twilio:CA1",)
    trunk = {**line, "type": "sip_trunking"}
    assert record_update(PROVIDER, changed(WEB, {"phone_call": trunk})).linked_ids == ()
