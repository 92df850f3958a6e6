"""Retell AI: how its calls and chats are metered.

What all providers have in common is tested in test_provider_contract.py.
"""

import pytest

from talkmeter.ingest.connectors.retell import PROVIDER
from talkmeter.records import Conversation, Kind
from tests.connectors.cases.retell import CALL, CHAT, VECTORS, call
from tests.connectors.messages import conversation_of, record_update


def test_documented_call_field_by_field() -> None:
    update = record_update(PROVIDER, VECTORS[0].message())
    assert update.kind is Kind.CONVERSATION
    assert update.id == "Jabr9TXYYJHfvl6Syypi88rdAHYHmcq6"
    assert update.time == 1714608491736_000
    assert update.event_id == "call_ended:Jabr9TXYYJHfvl6Syypi88rdAHYHmcq6"
    assert update.linked_ids == ()
    assert update.record == Conversation(
        channel="telephone",
        direction="inbound",
        status="completed",
        created_at=1714608475945_000,
        duration_ms=15_791,
        modality="voice",
        agent_id="oBeDLoLOeuAbiuaMFXRtDOLriTJ5tSxD",
        agent_number="+12137771235",
    )


def test_agent_number_of_an_outbound_call_is_ours_and_the_callers_is_hidden() -> None:
    record = conversation_of(PROVIDER, call(direction="outbound"))
    assert (record.direction, record.agent_number) == ("outbound", "+12137771234")
    for document, other_party in ((CALL, "+12137771234"), (call(direction="outbound"), "+12137771235")):
        assert other_party not in str(record_update(PROVIDER, document))


def test_web_call_is_inbound_voice_without_a_number() -> None:
    record = conversation_of(PROVIDER, call(call_type="web_call", direction=None))
    assert (record.channel, record.direction, record.modality, record.agent_number) == (
        "webrtc",
        "inbound",
        "voice",
        None,
    )


def test_chat_lasts_from_its_start_to_its_end() -> None:
    update = record_update(PROVIDER, CHAT)
    assert update.event_id == "chat_ended:chat_1"
    assert update.record == Conversation(
        channel="text",
        direction="inbound",
        status="completed",
        created_at=1714608475945_000,
        duration_ms=15_791,
        modality="chat",
        agent_id="agent_1",
    )


def test_chat_that_ended_with_an_error_has_failed() -> None:
    record = conversation_of(PROVIDER, {**CHAT, "chat": {**CHAT["chat"], "chat_status": "error"}})
    assert record.status == "failed"


@pytest.mark.parametrize(
    ("reason", "status", "duration_ms"),
    [
        ("user_hangup", "completed", 15_791),
        ("voicemail_reached", "completed", 15_791),
        ("call_transfer", "transferred", 15_791),
        ("error_llm_websocket_open", "failed", 15_791),
        ("dial_no_answer", "unanswered", None),
        ("dial_busy", "unanswered", None),
        ("dial_failed", "failed", None),
        (None, "completed", 15_791),
    ],
)
def test_disconnection_reason_gives_status_and_duration(
    reason: str | None, status: str, duration_ms: int | None
) -> None:
    record = conversation_of(PROVIDER, call(disconnection_reason=reason))
    assert (record.status, record.duration_ms) == (status, duration_ms)


def test_given_duration_is_preferred_to_the_difference_of_the_times() -> None:
    assert conversation_of(PROVIDER, call(duration_ms=15_000)).duration_ms == 15_000


def test_analysis_is_a_later_event_of_the_same_call() -> None:
    ended, analyzed = record_update(PROVIDER, CALL), record_update(PROVIDER, {**CALL, "event": "call_analyzed"})
    assert (ended.id, ended.record, ended.time) == (analyzed.id, analyzed.record, analyzed.time)
    assert ended.event_id != analyzed.event_id
    assert ended.sequence < analyzed.sequence


def test_call_is_linked_to_twilio() -> None:
    update = record_update(PROVIDER, call(telephony_identifier={"twilio_call_sid": "CA1"}))
    assert update.linked_ids == ("twilio:CA1",)
