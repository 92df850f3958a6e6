"""Twilio: how its status callbacks are metered, and what is particular about its signatures.

What all providers have in common is tested in test_provider_contract.py.
"""

from hashlib import sha256
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from talkmeter.ingest.connectors.provider import Message, NotVerified
from talkmeter.ingest.connectors.twilio import PROVIDER
from talkmeter.records import Conversation, Kind
from tests.connectors.arbitrary import assert_reads_or_refuses
from tests.connectors.cases.twilio import (
    BUSY,
    COMPLETED,
    SETTINGS,
    SIGNATURE,
    TOKEN,
    URL,
    callback,
    official,
    sign,
)
from tests.connectors.messages import (
    CALLER,
    conversation_of,
    ignored_type,
    is_verified,
    record_update,
    refusal,
    utc,
    with_header,
)

FIELDS: Final = ("CallSid", "ParentCallSid", "CallStatus", "CallDuration", "Direction", "Timestamp", "From", "To")


def verified(message: Message) -> bool:
    return is_verified(PROVIDER, message, TOKEN)


def test_signature_that_twilio_documents_is_verified() -> None:
    body = b"CallSid=CA1234567890ABCDE&Caller=%2B12349013030&Digits=1234&From=%2B12349013030&To=%2B18005551212"
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    message = COMPLETED._replace(url=url, body=body, headers={SIGNATURE: "0/KCTR6DLpKmkAf8muzZqo1nDgQ="})
    assert is_verified(PROVIDER, message, "12345")


def test_url_may_be_signed_with_or_without_its_port() -> None:
    with_port = COMPLETED._replace(url=URL.replace(".com", ".com:443"))
    assert verified(sign(with_port)._replace(url=URL))
    assert verified(sign(COMPLETED)._replace(url=with_port.url))
    assert not verified(sign(COMPLETED)._replace(url=URL.replace(".com", ".com:8443") + "x"))


def test_shared_key_signs_with_sha_256() -> None:
    message = with_header(sign(COMPLETED, algorithm="HMAC_SHA256"), SETTINGS, "key=k1,algorithm=HMAC_SHA256")
    assert verified(message)
    assert official(message)
    assert not verified(with_header(message, SETTINGS, "key=k1"))
    assert not verified(with_header(message, SETTINGS, "algorithm=HMAC_MD5"))


def test_get_callback_is_signed_by_its_url_alone() -> None:
    message = sign(Message("GET", f"{URL}?{COMPLETED.body.decode()}", {}, b"", 0))
    assert verified(message)
    assert record_update(PROVIDER, message) == record_update(PROVIDER, COMPLETED)


def test_json_body_is_signed_by_its_hash_in_the_url() -> None:
    body = b'[{"type": "com.twilio.voice"}]'
    url = f"{URL}?bodySHA256={sha256(body).hexdigest()}"
    message = sign(Message("POST", url, {}, b"", 0))._replace(body=body)
    message = with_header(message, "content-type", "application/json; charset=utf-8")
    assert verified(message)
    assert RequestValidator(TOKEN).validate(url, body.decode(), message.headers[SIGNATURE])
    assert not verified(message._replace(body=body + b" "))
    assert ignored_type(PROVIDER, message) == "application/json"


@pytest.mark.parametrize("many", [b"a=1&" * 1_000, b"&" * 1_000_000])
def test_form_with_too_many_fields_is_rejected_before_sorting(many: bytes) -> None:
    with pytest.raises(NotVerified, match="more than 1000 fields"):
        PROVIDER.verify(COMPLETED._replace(body=many), [TOKEN])


@given(st.dictionaries(st.sampled_from((*FIELDS, "SequenceNumber", "CallbackSource")), st.text()))
def test_no_value_of_a_field_breaks_reading(fields: dict[str, str]) -> None:
    assert_reads_or_refuses(PROVIDER, callback(**fields))


def test_completed_call_field_by_field() -> None:
    update = record_update(PROVIDER, COMPLETED)
    assert update.kind is Kind.CONVERSATION
    assert update.id == "CA00000000000000000000000000000001"
    assert update.event_id == "CA00000000000000000000000000000001:completed"
    assert update.time == utc(2018, 3, 25, 9, 53, 19)
    assert update.sequence == 3
    assert update.linked_ids == ()
    assert update.record == Conversation(
        channel="telephone",
        direction="outbound",
        status="completed",
        created_at=utc(2018, 3, 25, 9, 52, 30),
        duration_ms=49_000,
        modality="voice",
        agent_id=None,
        agent_number="+15005550001",
        web_widget_id=None,
    )


def test_busy_call_is_unanswered_and_has_no_duration() -> None:
    update = record_update(PROVIDER, BUSY)
    assert update.id == "CA00000000000000000000000000000002"
    assert update.sequence == 2
    assert update.record == Conversation(
        channel="telephone",
        direction="outbound",
        status="unanswered",
        created_at=utc(2022, 5, 7, 14, 30, 14),
        duration_ms=None,
        modality="voice",
        agent_number="+15005550001",
    )


@pytest.mark.parametrize(
    ("call_status", "status", "duration_ms"),
    [
        ("queued", "triggered", None),
        ("initiated", "triggered", None),
        ("ringing", "ringing", None),
        ("in-progress", "in_progress", None),
        ("completed", "completed", 49_000),
        ("busy", "unanswered", None),
        ("no-answer", "unanswered", None),
        ("failed", "failed", None),
        ("canceled", "cancelled", None),
    ],
)
def test_every_call_status_maps_to_a_status(call_status: str, status: str, duration_ms: int | None) -> None:
    message = callback(CallStatus=call_status, CallDuration="49" if duration_ms else "0")
    record = conversation_of(PROVIDER, message)
    assert (record.status, record.duration_ms) == (status, duration_ms)


def test_duration_is_call_duration_and_never_the_billed_minutes() -> None:
    assert conversation_of(PROVIDER, callback(Duration="7")).duration_ms == 49_000
    assert "CallDuration" in refusal(PROVIDER, callback(CallDuration=""))


def test_answered_call_of_zero_seconds_has_duration_0() -> None:
    assert conversation_of(PROVIDER, callback(CallDuration="0")).duration_ms == 0


def test_agent_number_of_an_inbound_call_is_the_called_number() -> None:
    record = conversation_of(PROVIDER, callback(Direction="inbound", From=f"+1500{CALLER}", To="+15005550001"))
    assert (record.direction, record.agent_number) == ("inbound", "+15005550001")


def test_dial_leg_links_to_its_call_and_hides_the_callers_number() -> None:
    leg = callback(Direction="outbound-dial", From=f"+1500{CALLER}", ParentCallSid="CA9")
    update = record_update(PROVIDER, leg)
    assert update.linked_ids == ("twilio:CA9",)
    assert conversation_of(PROVIDER, leg).agent_number is None
    assert CALLER not in repr(update)


@pytest.mark.parametrize(
    ("fields", "channel"),
    [
        ({"Direction": "inbound", "From": "client:visitor", "To": "+15005550001"}, "webrtc"),
        ({"Direction": "outbound-api", "To": "client:visitor"}, "webrtc"),
        ({"Direction": "outbound-dial", "From": "client:colleague"}, "telephone"),
        ({"Direction": "inbound", "From": "sip:desk@example.com"}, "telephone"),
    ],
)
def test_call_with_a_browser_is_webrtc_voice(fields: dict[str, str], channel: str) -> None:
    record = conversation_of(PROVIDER, callback(**fields))
    assert (record.channel, record.modality) == (channel, "voice")


@pytest.mark.parametrize("address", ["sip:agent@example.com", "client:agent", "Anonymous", ""])
def test_address_without_a_telephone_number_gives_no_agent_number(address: str) -> None:
    assert conversation_of(PROVIDER, callback(From=address)).agent_number is None


def test_query_of_the_connectors_url_may_name_the_agent() -> None:
    message = sign(COMPLETED._replace(url=f"{URL}?agent=ann%20b&x=1"))
    assert verified(message)
    assert conversation_of(PROVIDER, message).agent_id == "ann b"
    assert not verified(message._replace(url=f"{URL}?agent=eve&x=1"))


def test_retry_with_another_idempotency_token_is_the_same_event() -> None:
    retry = with_header(COMPLETED, "i-twilio-idempotency-token", "other")._replace(received_at=1)
    assert record_update(PROVIDER, retry) == record_update(PROVIDER, COMPLETED)
