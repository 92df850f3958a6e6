"""Twilio: what its status callbacks are metered as, and that proofs agree with Twilio's own verifier."""

import re
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator, get_signature_algorithm  # type: ignore[import-untyped]

from talkmeter.ingest.connectors.provider import Message, NotVerified
from talkmeter.ingest.connectors.twilio import PROVIDER
from talkmeter.records import Conversation, Kind
from tests.connectors.signed_samples import (
    CALLER,
    FORM,
    Vector,
    agrees,
    assert_reads_or_refuses,
    conversation,
    ignored,
    is_proved,
    messages_like,
    refusal_of,
    single_bit_changes,
    told,
    utc,
    vectors,
    with_header,
)

URL: Final = "https://meter.example.com/hooks/twilio/t_1"
TOKEN: Final = "twilio_test_token"
SIGNATURE: Final = "x-twilio-signature"
SETTINGS: Final = "x-twilio-webhooks-signature-settings"
VECTORS: Final = vectors("twilio")
COMPLETED, BUSY, TRIGGER = (vector.message() for vector in VECTORS)
WRONG: Final = with_header(COMPLETED, SIGNATURE, "AAAA")

Fields = dict[str, list[str]]


class Parameters(Fields):
    """A form as web frameworks hand it to Twilio's verifier."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


def callback(**fields: str) -> Message:
    """The completed call, with fields replaced; an empty one is left out."""
    known = {name: values[0] for name, values in parse_qs(COMPLETED.body.decode()).items()}
    return COMPLETED._replace(
        body=urlencode({name: text for name, text in {**known, **fields}.items() if text}).encode()
    )


def signed(message: Message, token: str = TOKEN, algorithm: str = "HMAC_SHA1") -> Message:
    """The message with the signature that Twilio's own code makes."""
    fields = {} if message.method == "GET" else parse_qs(message.body.decode(), keep_blank_values=True)
    signature = RequestValidator(token).compute_signature(message.url, Parameters(fields), algorithm)
    return with_header(message, SIGNATURE, signature)


def twilio_proves(message: Message, token: str = TOKEN) -> bool:
    fields = parse_qs(message.body.decode("utf-8", "replace"), keep_blank_values=True)
    settings = message.headers.get(SETTINGS, "")
    try:
        return bool(
            RequestValidator(token).validate(
                message.url, Parameters(fields), message.headers[SIGNATURE], get_signature_algorithm(settings)
            )
        )
    except ValueError:
        return False


def we_prove(message: Message, token: str = TOKEN) -> bool:
    return is_proved(PROVIDER, message, token)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.sample)
def test_every_sample_is_proved_by_its_signature(vector: Vector) -> None:
    assert we_prove(vector.message(), vector.secret)


def test_the_signature_that_twilio_published_is_reproduced() -> None:
    body = b"CallSid=CA1234567890ABCDE&Caller=%2B12349013030&Digits=1234&From=%2B12349013030&To=%2B18005551212"
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    message = COMPLETED._replace(url=url, body=body, headers={SIGNATURE: "0/KCTR6DLpKmkAf8muzZqo1nDgQ="})
    assert is_proved(PROVIDER, message, "12345")


def test_the_token_before_proves_while_it_is_changed() -> None:
    assert is_proved(PROVIDER, COMPLETED, "the new token", TOKEN)
    assert not is_proved(PROVIDER, COMPLETED, "the new token")


@pytest.mark.parametrize("secrets", [(), ("",)], ids=["none", "empty"])
def test_without_a_token_nothing_is_proved(secrets: tuple[str, ...]) -> None:
    assert not is_proved(PROVIDER, signed(COMPLETED, ""), *secrets)


def test_a_missing_signature_is_told_in_a_sentence() -> None:
    with pytest.raises(NotVerified, match=r"^The header X-Twilio-Signature is missing or empty\.$"):
        PROVIDER.verify(COMPLETED._replace(headers={}), [TOKEN])


def test_the_address_may_have_been_signed_with_its_port_or_without() -> None:
    with_port = COMPLETED._replace(url=URL.replace(".com", ".com:443"))
    assert we_prove(signed(with_port)._replace(url=URL))
    assert we_prove(signed(COMPLETED)._replace(url=with_port.url))
    assert not we_prove(signed(COMPLETED)._replace(url=URL.replace(".com", ".com:8443") + "x"))


def test_a_shared_key_signs_with_sha_256() -> None:
    message = with_header(signed(COMPLETED, algorithm="HMAC_SHA256"), SETTINGS, "key=k1,algorithm=HMAC_SHA256")
    assert we_prove(message)
    assert twilio_proves(message)
    assert not we_prove(with_header(message, SETTINGS, "key=k1"))
    assert not we_prove(with_header(message, SETTINGS, "algorithm=HMAC_MD5"))


def test_a_callback_by_get_is_signed_by_its_address_alone() -> None:
    message = signed(Message("GET", f"{URL}?{COMPLETED.body.decode()}", {}, b"", 0))
    assert we_prove(message)
    assert told(PROVIDER, message) == told(PROVIDER, COMPLETED)


def test_a_body_in_json_is_signed_by_its_hash_in_the_address() -> None:
    body = b'[{"type": "com.twilio.voice"}]'
    url = f"{URL}?bodySHA256={sha256(body).hexdigest()}"
    message = signed(Message("POST", url, {}, b"", 0))._replace(body=body)
    message = with_header(message, "content-type", "application/json; charset=utf-8")
    assert we_prove(message)
    assert RequestValidator(TOKEN).validate(url, body.decode(), message.headers[SIGNATURE])
    assert not we_prove(message._replace(body=body + b" "))
    assert ignored(PROVIDER, message) == "application/json"


def test_we_and_twilio_agree_on_every_change_of_a_single_bit() -> None:
    message = signed(COMPLETED._replace(url=f"{URL}?agent=ann"))
    # Other bits, the same text: the scheme may be in capitals, and %2b is %2B.
    same = len("https") + sum(map(str.isalpha, "".join(re.findall("%(..)", message.body.decode()))))
    assert agrees(we_prove, twilio_proves, single_bit_changes(message, (SIGNATURE,))) == same


@given(
    fields=st.dictionaries(st.text(), st.lists(st.text(), min_size=1)),
    token=st.text(min_size=1),
    other=st.text(min_size=1),
    port=st.sampled_from(("", ":443", ":8443")),
    query=st.dictionaries(st.text(), st.text(), max_size=2),
)
def test_we_and_twilio_agree_on_any_form(
    fields: Fields, token: str, other: str, port: str, query: dict[str, str]
) -> None:
    url = f"https://meter.example.com{port}/hooks" + (f"?{urlencode(query)}" if query else "")
    message = Message("POST", url, {"content-type": FORM}, urlencode(fields, doseq=True).encode(), 0)
    message = signed(message, token)
    assert we_prove(message, token)
    assert twilio_proves(message, token)
    assert we_prove(message, other) == twilio_proves(message, other)


@given(messages_like(COMPLETED, (SIGNATURE, SETTINGS)))
def test_no_message_breaks_the_proof_or_the_reading(message: Message) -> None:
    assert not is_proved(PROVIDER, with_header(message, SIGNATURE, "AAAA"), TOKEN)
    is_proved(PROVIDER, message, TOKEN)
    assert_reads_or_refuses(PROVIDER, message)


NAMES: Final = ("CallSid", "ParentCallSid", "CallStatus", "CallDuration", "Direction", "Timestamp", "From", "To")


@given(st.dictionaries(st.sampled_from((*NAMES, "SequenceNumber", "CallbackSource")), st.text()))
def test_no_value_of_a_field_breaks_the_reading(fields: dict[str, str]) -> None:
    assert_reads_or_refuses(PROVIDER, callback(**fields))


@pytest.mark.parametrize("many", [b"a=1&" * 1_000, b"&" * 1_000_000])
def test_a_form_of_too_many_fields_is_not_sorted(many: bytes) -> None:
    with pytest.raises(NotVerified, match="more than 1000 fields"):
        PROVIDER.verify(COMPLETED._replace(body=many), [TOKEN])


def test_a_completed_call_is_metered_field_by_field() -> None:
    message = told(PROVIDER, COMPLETED)
    assert message.kind is Kind.CONVERSATION
    assert message.id == "CA00000000000000000000000000000001"
    assert message.event_id == "CA00000000000000000000000000000001:completed"
    assert message.time == utc(2018, 3, 25, 9, 53, 19)
    assert message.sequence == 3
    assert message.linked_ids == ()
    assert message.record == Conversation(
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


def test_a_busy_call_is_unanswered_and_has_no_duration() -> None:
    message = told(PROVIDER, BUSY)
    assert message.id == "CA00000000000000000000000000000002"
    assert message.sequence == 2
    assert message.record == Conversation(
        channel="telephone",
        direction="outbound",
        status="unanswered",
        created_at=utc(2022, 5, 7, 14, 30, 14),
        duration_ms=None,
        modality="voice",
        agent_number="+15005550001",
    )


@pytest.mark.parametrize(
    ("theirs", "ours", "duration_ms"),
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
def test_every_status_of_twilio_has_one_of_ours(theirs: str, ours: str, duration_ms: int | None) -> None:
    record = conversation(told(PROVIDER, callback(CallStatus=theirs, CallDuration="49" if duration_ms else "0")))
    assert (record.status, record.duration_ms) == (ours, duration_ms)


def test_the_billed_minutes_are_never_taken_for_seconds() -> None:
    assert conversation(told(PROVIDER, callback(Duration="7"))).duration_ms == 49_000
    assert "CallDuration" in refusal_of(PROVIDER, callback(CallDuration=""))


def test_an_answered_call_of_no_second_has_a_duration_of_0() -> None:
    assert conversation(told(PROVIDER, callback(CallDuration="0"))).duration_ms == 0


def test_of_an_inbound_call_our_number_is_the_one_that_was_called() -> None:
    record = conversation(told(PROVIDER, callback(Direction="inbound", From=f"+1500{CALLER}", To="+15005550001")))
    assert (record.direction, record.agent_number) == ("inbound", "+15005550001")


def test_a_leg_of_dial_names_its_call_and_never_shows_the_callers_number() -> None:
    leg = told(PROVIDER, callback(Direction="outbound-dial", From=f"+1500{CALLER}", ParentCallSid="CA9"))
    assert leg.linked_ids == ("twilio:CA9",)
    assert conversation(leg).agent_number is None
    assert CALLER not in repr(leg)


@pytest.mark.parametrize(
    ("fields", "channel"),
    [
        ({"Direction": "inbound", "From": "client:visitor", "To": "+15005550001"}, "webrtc"),
        ({"Direction": "outbound-api", "To": "client:visitor"}, "webrtc"),
        ({"Direction": "outbound-dial", "From": "client:colleague"}, "telephone"),
        ({"Direction": "inbound", "From": "sip:desk@example.com"}, "telephone"),
    ],
)
def test_a_call_with_a_browser_is_voice_on_the_web(fields: dict[str, str], channel: str) -> None:
    record = conversation(told(PROVIDER, callback(**fields)))
    assert (record.channel, record.modality) == (channel, "voice")


@pytest.mark.parametrize("address", ["sip:agent@example.com", "client:agent", "Anonymous", ""])
def test_what_is_no_telephone_number_is_not_our_number(address: str) -> None:
    assert conversation(told(PROVIDER, callback(From=address))).agent_number is None


def test_the_address_of_the_connector_may_name_the_agent() -> None:
    message = signed(COMPLETED._replace(url=f"{URL}?agent=ann%20b&x=1"))
    assert we_prove(message)
    assert conversation(told(PROVIDER, message)).agent_id == "ann b"
    assert not we_prove(message._replace(url=f"{URL}?agent=eve&x=1"))


def test_the_same_callback_sent_again_is_the_same_event() -> None:
    later = with_header(COMPLETED, "i-twilio-idempotency-token", "other")._replace(received_at=1)
    assert told(PROVIDER, later) == told(PROVIDER, COMPLETED)


@pytest.mark.parametrize(
    ("message", "type_"),
    [
        (TRIGGER, "usage trigger"),
        (callback(CallStatus="", CallbackSource="", RecordingStatus="completed"), "recording"),
        (callback(CallStatus="", CallbackSource="", Timestamp="", DialCallStatus="busy"), "request"),
        (callback(CallStatus="ringing", CallbackSource="", Timestamp=""), "request"),
        (callback(CallbackSource="call-cost-events"), "call-cost-events"),
        (callback(CallbackSource="+15005550006:"), "other"),
        (callback(CallSid="", MessageSid="SM1", CallStatus=""), "message"),
    ],
)
def test_what_is_no_status_of_a_call_is_not_metered(message: Message, type_: str) -> None:
    assert ignored(PROVIDER, message) == type_


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (callback(CallStatus="dropped +15005550006"), "CallStatus must be one of queued,"),
        (callback(Direction="sideways"), "Direction must be one of inbound,"),
        (callback(Timestamp="yesterday"), "Timestamp must be a date and time of RFC 2822"),
        (callback(Timestamp="Sun, 25 Mar 1918 09:53:19 +0000"), "Timestamp must be between"),
        (callback(Timestamp="Thu, 01 Jan 1970 00:00:10 +0000"), "Timestamp minus CallDuration must be between"),
        (callback(CallDuration="1.5"), "CallDuration must be a whole number of seconds"),
        (callback(CallDuration="99999999"), "CallDuration must be a whole number of seconds"),
        (callback(CallSid="", ParentCallSid="CA1"), "CallSid must be 1 to 200 bytes"),
        (callback(CallSid="CA\n"), "CallSid must be 1 to 200 bytes"),
        (COMPLETED._replace(body=COMPLETED.body.replace(b"=completed", b"=%FF")), "CallStatus must be UTF-8"),
        (COMPLETED._replace(body=b"hello"), "The message must be a status callback of a voice call"),
    ],
)
def test_what_cannot_be_counted_is_told_by_field_and_without_its_value(message: Message, field: str) -> None:
    assert refusal_of(PROVIDER, message).startswith(field)


def test_twilio_hears_that_there_is_nothing_to_say() -> None:
    assert (PROVIDER.name, PROVIDER.side, PROVIDER.status) == ("twilio", "carrier", 204)


@pytest.mark.parametrize("url", [URL, "https://meter.example.com:8443/hooks/twilio/t_1", f"{URL}?agent=ann"])
def test_the_message_that_tries_a_connector_is_signed_as_twilio_signs_and_is_not_metered(url: str) -> None:
    assert PROVIDER.make_test_message is not None
    message = PROVIDER.make_test_message(TOKEN, url, COMPLETED.received_at)
    assert twilio_proves(message)
    assert we_prove(message)
    assert ignored(PROVIDER, message) == "talkmeter.test"
