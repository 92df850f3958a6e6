"""Vapi: both of its proofs, and what its end-of-call reports are metered as. There is no official check to compare."""

import copy
import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkmeter.ingest.connectors.provider import Ignored, Message, NotUnderstood
from talkmeter.ingest.connectors.vapi import PROVIDER
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

SAMPLE = "vapi_end_of_call_report.json"
REPORT = json_sample(SAMPLE)


def signed(body: bytes, secret: str, timestamp: int = NOW // 1_000) -> Message:
    text = str(timestamp).encode() + b"." + body
    signature = hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
    return message(body, {"x-timestamp": str(timestamp), "x-signature": signature})


def report(call: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = copy.deepcopy(REPORT)
    document["message"].update(changes)
    document["message"]["call"].update(call or {})
    return document


def recorded(body: dict[str, Any]) -> Conversation:
    record = told(PROVIDER, body).record
    assert isinstance(record, Conversation)
    return record


@pytest.mark.parametrize("header", ["x-signature", "X-Vapi-Secret"])
def test_the_report_of_a_real_call_is_proved_and_metered_field_by_field(header: str) -> None:
    received, secret = signed_sample("vapi", SAMPLE, header)
    PROVIDER.verify(received, [secret])
    state = told(PROVIDER, received.body)
    assert state.kind is Kind.CONVERSATION
    assert state.id == "ea62d31a-7f92-4e02-a059-4d56d600bf51"
    assert state.time == 1_750_183_821_316_000
    assert state.event_id == "end-of-call-report:ea62d31a-7f92-4e02-a059-4d56d600bf51"
    assert state.linked_ids == ()
    assert state.record == Conversation(
        channel="telephone",
        direction="outbound",
        status="completed",
        created_at=1_750_183_770_485_000,
        duration_ms=50_831,
        modality="voice",
        agent_id="550e96c2-103c-4ec7-bd00-61d188b5b4b5",
        agent_number="0c07692a-db4d-4a56-a895-4debafc213fe",
    )


def test_no_caller_and_no_word_that_was_said_comes_into_a_record() -> None:
    words = str(told(PROVIDER, REPORT))
    for theirs in ("+15005550006", "redacted", "weather"):
        assert theirs not in words


@pytest.mark.parametrize(
    ("type_", "channel", "direction"),
    [
        ("inboundPhoneCall", "telephone", "inbound"),
        ("outboundPhoneCall", "telephone", "outbound"),
        ("webCall", "webrtc", "inbound"),
        ("vapi.websocketCall", "webrtc", "inbound"),
    ],
)
def test_the_type_of_the_call_says_channel_and_direction(type_: str, channel: str, direction: str) -> None:
    record = recorded(report({"type": type_}))
    assert (record.channel, record.direction, record.modality) == (channel, direction, "voice")
    assert (record.agent_number is None) is (channel == "webrtc")


@pytest.mark.parametrize(
    ("reason", "status", "duration_ms"),
    [
        ("customer-ended-call", "completed", 50_831),
        ("silence-timed-out", "completed", 50_831),
        ("assistant-forwarded-call", "transferred", 50_831),
        ("manually-canceled", "cancelled", 50_831),
        ("call.in-progress.error-assistant-did-not-receive-customer-audio", "failed", 50_831),
        ("pipeline-error-openai-llm-failed", "failed", 50_831),
        ("customer-busy", "unanswered", None),
        ("customer-did-not-answer", "unanswered", None),
        (None, "completed", 50_831),
    ],
)
def test_the_reason_of_the_end_says_what_became_of_a_call(
    reason: str | None, status: str, duration_ms: int | None
) -> None:
    record = recorded(report(endedReason=reason))
    assert (record.status, record.duration_ms) == (status, duration_ms)


def test_a_call_that_nobody_answered_counts_when_it_was_made_and_has_no_duration() -> None:
    never = {"startedAt": None, "endedAt": None}
    record = recorded(report(never, **never, endedReason="a-reason-of-next-year"))
    assert (record.status, record.duration_ms) == ("unanswered", None)
    assert record.created_at == 1_750_183_753_351_000
    assert recorded(report({**never, "type": "webCall"}, **never)).status == "failed"


def test_the_time_of_the_message_is_the_last_that_is_asked_for() -> None:
    never = {"startedAt": None, "endedAt": None, "createdAt": None}
    record = recorded(report(never, startedAt=None, endedAt=None, timestamp=1_750_183_753_351))
    assert record.created_at == 1_750_183_753_351_000
    with pytest.raises(NotUnderstood, match="all are missing"):
        PROVIDER.read(message(report(never, startedAt=None, endedAt=None)))


def test_our_number_goes_before_its_id_and_a_squad_or_workflow_is_an_agent_too() -> None:
    assert recorded(report(phoneNumber={"id": "p", "number": "+15005550001"})).agent_number == "+15005550001"
    assert recorded(report({"assistantId": None, "squadId": "s"})).agent_id == "s"
    assert recorded(report({"assistantId": None, "workflowId": "w"})).agent_id == "w"
    assert recorded(report({"assistantId": None}, assistant={"id": "a"})).agent_id == "a"


@pytest.mark.parametrize("carrier", ["twilio", "telnyx", "vonage"])
def test_the_call_at_its_carrier_is_named(carrier: str) -> None:
    state = told(PROVIDER, report({"phoneCallProvider": carrier, "phoneCallProviderId": "CA1"}))
    assert state.linked_ids == (f"{carrier}:CA1",)


@pytest.mark.parametrize("type_", ["status-update", "transcript", "chat.created", "session.updated", "hang"])
def test_other_messages_are_not_metered(type_: str) -> None:
    assert PROVIDER.read(message({"message": {"type": type_, "call": 1}})) == Ignored(type_)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (report({"id": None}), "message.call.id must be 1 to 200 bytes"),
        (report({"type": "+15005550006"}), "message.call.type must be one of inboundPhoneCall"),
        (report(startedAt="yesterday"), "message.startedAt must be an RFC 3339"),
        (report(startedAt="2025-06-17T18:09:30"), "message.startedAt must be an RFC 3339"),
        (report(startedAt="2100-06-17T18:09:30Z"), "message.startedAt must be between"),
        (report(startedAt="2000-06-17T18:09:30Z"), "The end must be within"),
        ({"message": {}}, "missing required field `type`"),
    ],
)
def test_what_cannot_be_counted_is_refused_by_a_sentence_that_names_the_field(
    body: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(NotUnderstood) as refused:
        PROVIDER.read(message(body))
    assert sentence in str(refused.value)
    assert "+15005550006" not in str(refused.value)


@given(st.binary(max_size=200), SECRETS, SECRETS, SECRETS)
def test_only_the_present_secret_and_the_one_before_prove(body: bytes, present: str, before: str, other: str) -> None:
    for key in (present, before, other):
        known = key in (present, before)
        assert is_proved(PROVIDER, signed(body, key), present, before) is known
        assert is_proved(PROVIDER, message(body, {"X-Vapi-Secret": key}), present, before) is known
    assert not is_proved(PROVIDER, signed(body, present))
    assert not is_proved(PROVIDER, signed(body, ""), "")


def test_no_bit_of_body_signature_or_time_may_change() -> None:
    received, secret = signed_sample("vapi", SAMPLE, "x-signature")
    for body in bits_flipped(received.body):
        assert not is_proved(PROVIDER, received._replace(body=body), secret)
    for name in ("x-signature", "x-timestamp"):
        for changed in headers_flipped(received, name):
            assert not is_proved(PROVIDER, changed, secret)
            assert not is_proved(PROVIDER, changed._replace(body=b"{}"), secret)


def test_no_bit_of_the_secret_header_may_change() -> None:
    received, secret = signed_sample("vapi", SAMPLE, "X-Vapi-Secret")
    for changed in headers_flipped(received, "x-vapi-secret"):
        assert not is_proved(PROVIDER, changed, secret)


def test_a_signature_that_does_not_fit_is_not_made_good_by_the_secret() -> None:
    received, secret = signed_sample("vapi", SAMPLE, "x-signature")
    headers = {**received.headers, "x-vapi-secret": secret}
    assert is_proved(PROVIDER, received._replace(headers=headers), secret)
    assert not is_proved(PROVIDER, received._replace(headers=headers, body=b"{}"), secret)


@pytest.mark.parametrize("unit", [1, 1_000])
def test_the_time_may_be_seconds_or_milliseconds_and_is_five_minutes_off_at_most(unit: int) -> None:
    received = signed(b"{}", "secret", NOW // SECOND * unit)
    for seconds, taken in ((-301, False), (-300, True), (300, True), (301, False)):
        assert is_proved(PROVIDER, received._replace(received_at=NOW + seconds * SECOND), "secret") is taken


@given(wild_bodies(REPORT), WILD_HEADERS)
def test_nothing_but_the_two_refusals_is_ever_raised(body: bytes, headers: dict[str, str]) -> None:
    is_proved(PROVIDER, message(body, headers), "secret")
    is_understood(PROVIDER, message(body))


def test_the_message_that_tries_a_connector_is_signed_as_vapi_signs_and_is_not_metered() -> None:
    assert PROVIDER.make_test_message is not None
    received = PROVIDER.make_test_message("secret", "https://meter.example.com/hooks/vapi/t_1", NOW)
    theirs = signed(received.body, "secret", NOW // SECOND)
    assert received.headers["x-signature"] == theirs.headers["x-signature"]
    assert is_proved(PROVIDER, received, "secret")
    assert PROVIDER.read(received) == Ignored("talkmeter.test")
