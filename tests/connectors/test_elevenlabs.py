"""ElevenLabs Agents: what is proved by the rule of its own SDK, and what its messages are metered as."""

import copy
import hashlib
import hmac
from types import SimpleNamespace
from typing import Any

import pytest
from elevenlabs import webhooks_custom
from elevenlabs.errors import BadRequestError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talkmeter.ingest.connectors.elevenlabs import PROVIDER
from talkmeter.ingest.connectors.provider import Ignored, Message, NotUnderstood
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

WEB = json_sample("elevenlabs_post_call_transcription.json")
PHONE = json_sample("elevenlabs_post_call_phone.json")
FAILURE = json_sample("elevenlabs_call_initiation_failure.json")
SAMPLES = (
    "elevenlabs_post_call_transcription.json",
    "elevenlabs_post_call_phone.json",
    "elevenlabs_call_initiation_failure.json",
)
HEADER = "elevenlabs-signature"
# Its check needs no client, and no network.
OFFICIAL = webhooks_custom.WebhooksClient.__new__(webhooks_custom.WebhooksClient)


@pytest.fixture(autouse=True)
def _their_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their check asks the clock; the samples are of one instant."""
    monkeypatch.setattr(webhooks_custom, "time", SimpleNamespace(time=lambda: NOW / SECOND))


def signed(body: bytes, secret: str, at: int = NOW // SECOND) -> Message:
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return message(body, {HEADER: f"t={at},v0={mac}"})


def proved_by_elevenlabs(received: Message, secret: str) -> bool:
    try:
        OFFICIAL.construct_event(received.body.decode(), received.headers[HEADER], secret)
    except (BadRequestError, ValueError):
        return False
    return True


def changed(document: dict[str, Any], metadata: dict[str, Any] | None = None, **data: Any) -> dict[str, Any]:
    copied: dict[str, Any] = copy.deepcopy(document)
    copied["data"].update(data)
    copied["data"]["metadata"].update(metadata or {})
    return copied


def recorded(body: dict[str, Any]) -> Conversation:
    record = told(PROVIDER, body).record
    assert isinstance(record, Conversation)
    return record


@pytest.mark.parametrize("name", SAMPLES)
def test_the_documented_messages_are_proved(name: str) -> None:
    received, secret = signed_sample("elevenlabs", name, "ElevenLabs-Signature")
    PROVIDER.verify(received, [secret])
    assert proved_by_elevenlabs(received, secret)


def test_a_conversation_on_the_web_is_metered_field_by_field() -> None:
    state = told(PROVIDER, WEB)
    assert state.kind is Kind.CONVERSATION
    assert (state.id, state.time) == ("abc", 1_739_537_297 * SECOND)
    assert state.event_id == "post_call_transcription:abc"
    assert state.record == Conversation(
        channel="webrtc",
        direction="inbound",
        status="completed",
        created_at=1_739_537_297 * SECOND,
        duration_ms=22_000,
        modality="voice",
        agent_id="xyz",
    )


def test_a_call_by_telephone_is_metered_field_by_field() -> None:
    state = told(PROVIDER, PHONE)
    assert state.id == "conv_7701k807mbv3eg3tzrjfw0jgen9j"
    assert state.time == 1_739_537_349 * SECOND
    assert state.linked_ids == ()
    assert state.record == Conversation(
        channel="telephone",
        direction="outbound",
        status="completed",
        created_at=1_739_537_297 * SECOND,
        duration_ms=52_000,
        modality="voice",
        agent_id="agent_2201k805yed4fq3rj7ne7tbeecgn",
        agent_number="+15005550001",
    )
    assert "+15005550006" not in str(state)


def test_a_call_that_was_busy_is_an_unanswered_one_without_a_duration() -> None:
    state = told(PROVIDER, FAILURE)
    assert state.id == "conv_abc123"
    assert state.event_id == "call_initiation_failure:conv_abc123"
    assert state.linked_ids == ("twilio:CA00000000000000000000000000000004",)
    assert state.record == Conversation(
        channel="telephone",
        direction="outbound",
        status="unanswered",
        created_at=1_739_537_297 * SECOND,
        duration_ms=None,
        modality="voice",
        agent_id="agent_xyz",
    )


def test_a_call_that_could_not_be_placed_has_failed_and_came_from_our_number() -> None:
    form = {"From": "+15005550001", "To": "+15005550006"}
    state = told(PROVIDER, changed(FAILURE, {"body": form}, failure_reason="unknown"))
    assert isinstance(state.record, Conversation)
    assert (state.record.status, state.record.agent_number) == ("failed", "+15005550001")
    assert "+15005550006" not in str(state)


def test_text_alone_and_text_messages_are_chats() -> None:
    record = recorded(changed(WEB, {"text_only": True}))
    assert (record.channel, record.direction, record.modality) == ("text", "inbound", "chat")
    sms = {"direction": "outbound", "sms_user_phone_number": "+15005550006", "agent_phone_number": "+15005550001"}
    record = recorded(changed(WEB, {"sms": sms}))
    assert (record.channel, record.direction, record.modality) == ("text", "outbound", "chat")
    assert record.agent_number == "+15005550001"


def test_a_failed_conversation_keeps_its_seconds_and_has_no_duration_without_any() -> None:
    assert recorded(changed(WEB, status="failed")).duration_ms == 22_000
    assert recorded(changed(WEB, {"call_duration_secs": 0}, status="failed")).duration_ms is None
    assert recorded(changed(WEB, {"call_duration_secs": 0})).duration_ms == 0
    assert recorded(changed(WEB, status="failed")).status == "failed"


def test_the_call_at_twilio_is_named_and_no_other_line() -> None:
    line = {"direction": "inbound", "type": "twilio", "call_sid": "CA1"}
    assert told(PROVIDER, changed(WEB, {"phone_call": line})).linked_ids == ("twilio:CA1",)
    assert told(PROVIDER, changed(WEB, {"phone_call": {**line, "type": "sip_trunking"}})).linked_ids == ()


@pytest.mark.parametrize("type_", ["post_call_audio", "voice_removal_notice"])
def test_other_messages_are_not_metered(type_: str) -> None:
    assert PROVIDER.read(message({"type": type_, "data": 1})) == Ignored(type_)


def test_only_200_is_an_answer_that_elevenlabs_takes() -> None:
    assert PROVIDER.status == 200


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (changed(WEB, conversation_id=""), "data.conversation_id must be 1 to 200 bytes"),
        (changed(WEB, {"start_time_unix_secs": None}), "data.metadata.start_time_unix_secs must be"),
        (changed(WEB, {"call_duration_secs": 31_622_401}), "data.metadata.call_duration_secs must be between 0"),
        (changed(PHONE, {"phone_call": {"direction": "+15005550006"}}), "phone_call.direction must be inbound"),
        ({**FAILURE, "event_timestamp": None}, "event_timestamp must be the seconds since 1970"),
        ({"type": "post_call_transcription"}, "missing required field `data`"),
    ],
)
def test_what_cannot_be_counted_is_refused_by_a_sentence_that_names_the_field(
    body: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(NotUnderstood) as refused:
        PROVIDER.read(message(body))
    assert sentence in str(refused.value)
    assert "+15005550006" not in str(refused.value)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3), SECRETS, SECRETS, st.integers(0, 2_000))
def test_elevenlabs_own_check_and_ours_agree(body: dict[str, str], secret: str, other: str, late: int) -> None:
    received = signed(message(body).body, secret, NOW // SECOND - late)
    for key in (secret, other):
        assert is_proved(PROVIDER, received, key) is proved_by_elevenlabs(received, key)


@given(SECRETS, SECRETS)
def test_while_the_secret_is_changed_both_prove(present: str, before: str) -> None:
    for key in (present, before):
        assert is_proved(PROVIDER, signed(b"{}", key), present, before)
    assert not is_proved(PROVIDER, signed(b"{}", present))
    assert not is_proved(PROVIDER, signed(b"{}", ""), "")


def test_no_bit_of_body_or_header_may_change() -> None:
    received, secret = signed_sample("elevenlabs", "elevenlabs_post_call_phone.json", "ElevenLabs-Signature")
    others = [received._replace(body=body) for body in bits_flipped(received.body)]
    others += headers_flipped(received, HEADER)
    for each in others:
        assert not is_proved(PROVIDER, each, secret)
        assert not proved_by_elevenlabs(each, secret)


def test_half_an_hour_early_or_late_is_the_most_that_is_taken() -> None:
    received, secret = signed_sample("elevenlabs", "elevenlabs_post_call_phone.json", "ElevenLabs-Signature")
    for seconds, taken in ((-1_801, False), (-1_800, True), (1_800, True), (1_801, False)):
        assert is_proved(PROVIDER, received._replace(received_at=NOW + seconds * SECOND), secret) is taken


@given(wild_bodies(WEB, PHONE, FAILURE), WILD_HEADERS)
def test_nothing_but_the_two_refusals_is_ever_raised(body: bytes, headers: dict[str, str]) -> None:
    is_proved(PROVIDER, message(body, headers), "secret")
    is_understood(PROVIDER, message(body))


def test_the_message_that_tries_a_connector_is_signed_as_elevenlabs_signs_and_is_not_metered() -> None:
    assert PROVIDER.make_test_message is not None
    received = PROVIDER.make_test_message("wsec_test", "https://meter.example.com/hooks/elevenlabs/t_1", NOW)
    assert proved_by_elevenlabs(received, "wsec_test")
    assert is_proved(PROVIDER, received, "wsec_test")
    assert PROVIDER.read(received) == Ignored("talkmeter.test")
