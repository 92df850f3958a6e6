"""Retell AI: what is proved by the rule of its own SDK, and what its messages are metered as."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retell.lib.webhook_auth import symmetric

from talkmeter.ingest.connectors.provider import Ignored, Message, NotUnderstood
from talkmeter.ingest.connectors.retell import PROVIDER
from talkmeter.records import Conversation, Kind
from tests.connectors.hooks import (
    NOW,
    SECOND,
    SECRETS,
    WILD_HEADERS,
    headers_flipped,
    is_understood,
    json_sample,
    message,
    signed_sample,
    told,
    wild_bodies,
)
from tests.connectors.signed_samples import bits_flipped, is_proved

CALL = json_sample("retell_call_ended.json")
CHAT: dict[str, Any] = {
    "event": "chat_ended",
    "chat": {
        "chat_id": "chat_1",
        "agent_id": "agent_1",
        "chat_type": "api_chat",
        "chat_status": "ended",
        "start_timestamp": 1714608475945,
        "end_timestamp": 1714608491736,
        "transcript": "Agent: hi",
    },
}
HEADER = "x-retell-signature"


def signed(body: bytes, secret: str, at_ms: int = NOW // 1_000) -> Message:
    return message(body, {HEADER: symmetric["sign"](body.decode(), secret, at_ms)})


def proved_by_retell(received: Message, secret: str) -> bool:
    try:
        body = received.body.decode()
    except UnicodeDecodeError:
        return False
    options = {"timestamp": received.received_at // 1_000}
    return bool(symmetric["verify"](body, secret, received.headers[HEADER], options))


def call(**changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = copy.deepcopy(CALL)
    document["call"].update(changes)
    return document


def test_the_documented_call_is_proved_and_metered_field_by_field() -> None:
    received, secret = signed_sample("retell", "retell_call_ended.json", "X-Retell-Signature")
    PROVIDER.verify(received, [secret])
    state = told(PROVIDER, received.body)
    assert state.kind is Kind.CONVERSATION
    assert state.id == "Jabr9TXYYJHfvl6Syypi88rdAHYHmcq6"
    assert state.time == 1714608491736_000
    assert state.event_id == "call_ended:Jabr9TXYYJHfvl6Syypi88rdAHYHmcq6"
    assert state.linked_ids == ()
    assert state.record == Conversation(
        channel="telephone",
        direction="inbound",
        status="completed",
        created_at=1714608475945_000,
        duration_ms=15_791,
        modality="voice",
        agent_id="oBeDLoLOeuAbiuaMFXRtDOLriTJ5tSxD",
        agent_number="+12137771235",
    )


def test_an_outbound_call_is_made_from_our_number_and_no_record_holds_the_callers() -> None:
    record = told(PROVIDER, call(direction="outbound")).record
    assert isinstance(record, Conversation)
    assert (record.direction, record.agent_number) == ("outbound", "+12137771234")
    for document, theirs in ((CALL, "+12137771234"), (call(direction="outbound"), "+12137771235")):
        assert theirs not in str(told(PROVIDER, document))


def test_a_web_call_is_inbound_voice_without_a_number() -> None:
    record = told(PROVIDER, call(call_type="web_call", direction=None)).record
    assert isinstance(record, Conversation)
    assert (record.channel, record.direction, record.modality, record.agent_number) == (
        "webrtc",
        "inbound",
        "voice",
        None,
    )


def test_a_chat_is_metered_from_its_start_to_its_end() -> None:
    state = told(PROVIDER, CHAT)
    assert state.event_id == "chat_ended:chat_1"
    assert state.record == Conversation(
        channel="text",
        direction="inbound",
        status="completed",
        created_at=1714608475945_000,
        duration_ms=15_791,
        modality="chat",
        agent_id="agent_1",
    )


def test_a_chat_that_ended_by_an_error_has_failed() -> None:
    record = told(PROVIDER, {**CHAT, "chat": {**CHAT["chat"], "chat_status": "error"}}).record
    assert isinstance(record, Conversation)
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
def test_the_reason_of_the_end_says_what_became_of_a_call(
    reason: str | None, status: str, duration_ms: int | None
) -> None:
    record = told(PROVIDER, call(disconnection_reason=reason)).record
    assert isinstance(record, Conversation)
    assert (record.status, record.duration_ms) == (status, duration_ms)


def test_the_duration_that_retell_gives_goes_before_the_difference_of_its_times() -> None:
    record = told(PROVIDER, call(duration_ms=15_000)).record
    assert isinstance(record, Conversation)
    assert record.duration_ms == 15_000


def test_a_call_that_never_connected_counts_when_it_is_heard_of() -> None:
    state = told(PROVIDER, call(disconnection_reason="dial_failed", start_timestamp=None, end_timestamp=None))
    assert isinstance(state.record, Conversation)
    assert (state.record.created_at, state.time, state.record.duration_ms) == (NOW, NOW, None)


def test_the_analysis_is_a_later_word_on_the_same_call() -> None:
    ended, analysed = told(PROVIDER, CALL), told(PROVIDER, {**CALL, "event": "call_analyzed"})
    assert (ended.id, ended.record, ended.time) == (analysed.id, analysed.record, analysed.time)
    assert ended.event_id != analysed.event_id
    assert ended.sequence < analysed.sequence


def test_the_call_at_twilio_is_named() -> None:
    state = told(PROVIDER, call(telephony_identifier={"twilio_call_sid": "CA1"}))
    assert state.linked_ids == ("twilio:CA1",)


@pytest.mark.parametrize("event", ["call_started", "chat_started", "transcript_updated", "transfer_started"])
def test_other_events_are_not_metered(event: str) -> None:
    assert PROVIDER.read(message({**CALL, "event": event})) == Ignored(event)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (call(call_id=None), "call.call_id must be 1 to 200 bytes"),
        (call(call_type="fax"), "call.call_type must be phone_call or web_call."),
        (call(direction="+15005550006"), "call.direction must be inbound or outbound"),
        (call(start_timestamp=10**20), "call.start_timestamp must be between"),
        (call(duration_ms=-1), "call.duration_ms must be between 0"),
        ({"event": "call_ended"}, "missing required field `call`"),
    ],
)
def test_what_cannot_be_counted_is_refused_by_a_sentence_that_names_the_field(
    body: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(NotUnderstood) as refused:
        PROVIDER.read(message(body))
    assert sentence in str(refused.value)
    assert "+15005550006" not in str(refused.value)


@given(st.text(st.characters(codec="utf-8"), max_size=200), SECRETS, SECRETS, st.integers(-600_000, 600_000))
def test_retells_own_check_and_ours_agree(body: str, secret: str, other: str, late_ms: int) -> None:
    received = signed(body.encode(), secret, NOW // 1_000 - late_ms)
    for key in (secret, other):
        assert is_proved(PROVIDER, received, key) is proved_by_retell(received, key)


@given(SECRETS, SECRETS)
def test_while_the_key_is_changed_both_prove(present: str, before: str) -> None:
    for key in (present, before):
        assert is_proved(PROVIDER, signed(b"{}", key), present, before)
    assert not is_proved(PROVIDER, signed(b"{}", present))
    assert not is_proved(PROVIDER, signed(b"{}", ""), "")


def test_no_bit_of_body_or_header_may_change() -> None:
    received, secret = signed_sample("retell", "retell_call_ended.json", "X-Retell-Signature")
    changed = [received._replace(body=body) for body in bits_flipped(received.body)]
    changed += headers_flipped(received, HEADER)
    for each in changed:
        assert not is_proved(PROVIDER, each, secret)
        assert not proved_by_retell(each, secret)


def test_five_minutes_early_or_late_is_the_most_that_is_taken() -> None:
    received, secret = signed_sample("retell", "retell_call_ended.json", "X-Retell-Signature")
    for seconds, taken in ((-301, False), (-300, True), (300, True), (301, False)):
        assert is_proved(PROVIDER, received._replace(received_at=NOW + seconds * SECOND), secret) is taken


@given(wild_bodies(CALL, CHAT), WILD_HEADERS)
def test_nothing_but_the_two_refusals_is_ever_raised(body: bytes, headers: dict[str, str]) -> None:
    is_proved(PROVIDER, message(body, headers), "secret")
    is_understood(PROVIDER, message(body))


def test_the_message_that_tries_a_connector_is_signed_as_retell_signs_and_is_not_metered() -> None:
    assert PROVIDER.make_test_message is not None
    received = PROVIDER.make_test_message("key_test", "https://meter.example.com/hooks/retell/t_1", NOW)
    assert proved_by_retell(received, "key_test")
    assert is_proved(PROVIDER, received, "key_test")
    assert PROVIDER.read(received) == Ignored("talkmeter.test")
