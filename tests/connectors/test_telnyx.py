"""Telnyx: what its calls and the conversations of its assistants are metered as, in any order of their events."""

import base64
import time
from itertools import permutations
from typing import Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey
from telnyx.lib.webhook_verification import WebhookVerificationError, verify_webhook_signature

from talkmeter.ingest.connectors.provider import Message, NotVerified, PartialRecordUpdate
from talkmeter.ingest.connectors.telnyx import PROVIDER
from talkmeter.records import Conversation
from tests.connectors.signed_samples import (
    CALLER,
    Vector,
    agrees,
    assert_reads_or_refuses,
    ignored,
    is_proved,
    messages_like,
    refusal_of,
    single_bit_changes,
    utc,
    vectors,
    with_header,
)
from tests.hypothesis_profiles import examples

SIGNATURE: Final = "telnyx-signature-ed25519"
TIMESTAMP: Final = "telnyx-timestamp"
VECTORS: Final = vectors("telnyx")
HANGUP, CONVERSED = (vector.message() for vector in VECTORS)
PUBLIC_KEY: Final = VECTORS[0].public_key
KEY: Final = SigningKey(bytes(range(32)))
LEG: Final = "428c31b6-7af4-4bcb-b7f5-5013ef9657c1"
OURS: Final = "+15005550001"
THEIRS: Final = f"+1500{CALLER}"

Json = dict[str, object]


def public(key: SigningKey) -> str:
    return base64.b64encode(bytes(key.verify_key)).decode()


def signed(message: Message, key: SigningKey = KEY, seconds: int | None = None) -> Message:
    """The message signed as Telnyx does, at `seconds`, and come now."""
    moment = time.time()
    stamp = str(int(moment) if seconds is None else seconds)
    signature = base64.b64encode(key.sign(stamp.encode() + b"|" + message.body).signature).decode()
    return message._replace(headers={TIMESTAMP: stamp, SIGNATURE: signature}, received_at=int(moment * 1_000_000))


def telnyx_proves(message: Message, public_key: str = PUBLIC_KEY) -> bool:
    try:
        verify_webhook_signature(message.body, message.headers, public_key)
    except (WebhookVerificationError, UnicodeDecodeError):
        return False
    return True


def we_prove(message: Message, public_key: str = PUBLIC_KEY) -> bool:
    return is_proved(PROVIDER, message, public_key)


def event(type_: str, at: str, **payload: object) -> Message:
    """An event of one call, on 1 November 2026, whose leg and session are named alike."""
    data = {
        "id": f"event-{type_}",
        "event_type": type_,
        "occurred_at": f"2026-11-01T{at}Z",
        "payload": {"call_leg_id": LEG, "call_session_id": LEG, "from": THEIRS, "to": OURS, **payload},
    }
    return HANGUP._replace(body=msgspec.json.encode({"data": data}))


def changed(message: Message, place: str, value: object) -> Message:
    """The message with one field of `data` or of `data.payload` replaced."""
    body = msgspec.json.decode(message.body)
    data = body["data"]
    target = data["payload"] if place.startswith("payload.") else data
    target[place.removeprefix("payload.")] = value
    return message._replace(body=msgspec.json.encode(body))


def amended(message: Message) -> PartialRecordUpdate:
    reading = PROVIDER.read(message)
    assert isinstance(reading, tuple)
    (only,) = reading
    assert isinstance(only, PartialRecordUpdate)
    return only


def call_of(*messages: Message) -> Conversation:
    """What is known of a call after some messages."""
    known: Conversation | None = None
    for message in messages:
        known = amended(message).merge(known)
    assert known is not None
    return known


INITIATED: Final = event("call.initiated", "12:00:00", direction="incoming", start_time="2026-11-01T12:00:00Z")
ANSWERED: Final = event("call.answered", "12:00:04.250", start_time="2026-11-01T12:00:00Z")
ENDED: Final = event("call.conversation.ended", "12:01:00", duration_sec=55, assistant_id="assistant-1")
HUNG_UP: Final = event("call.hangup", "12:01:00.750", start_time="2026-11-01T12:00:00Z", hangup_cause="normal_clearing")


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.sample)
def test_every_sample_is_proved_by_its_signature(vector: Vector) -> None:
    assert we_prove(vector.message(), vector.public_key)


def test_the_key_before_proves_while_it_is_changed() -> None:
    other = public(SigningKey.generate())
    assert is_proved(PROVIDER, HANGUP, other, PUBLIC_KEY)
    assert not is_proved(PROVIDER, HANGUP, other)


@pytest.mark.parametrize("secrets", [(), ("",), ("not base64",), ("AAAA",), (PUBLIC_KEY[:-4],), ("é",)])
def test_what_is_no_key_proves_nothing(secrets: tuple[str, ...]) -> None:
    assert not is_proved(PROVIDER, HANGUP, *secrets)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (SIGNATURE, "", "The header Telnyx-Signature-Ed25519 is missing or empty."),
        (SIGNATURE, "AAAA", "The header Telnyx-Signature-Ed25519 must be 64 bytes in base64."),
        (TIMESTAMP, "", "The header Telnyx-Timestamp is missing or empty."),
        (TIMESTAMP, "1.7e9", "The header Telnyx-Timestamp must be the seconds since 1970."),
        (TIMESTAMP, "٣", "The header Telnyx-Timestamp must be the seconds since 1970."),
    ],
)
def test_a_broken_header_is_told_in_a_sentence(name: str, value: str, sentence: str) -> None:
    with pytest.raises(NotVerified) as caught:
        PROVIDER.verify(with_header(HANGUP, name, value), [PUBLIC_KEY])
    assert str(caught.value) == sentence


@pytest.mark.parametrize(("seconds", "proved"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)])
def test_a_message_is_proved_up_to_five_minutes_before_and_after_it_was_signed(seconds: int, proved: bool) -> None:
    assert we_prove(HANGUP._replace(received_at=HANGUP.received_at + seconds * 1_000_000)) is proved


@pytest.mark.parametrize("seconds", [-400, -200, 0, 200, 400])
def test_we_and_telnyx_agree_on_the_age_of_a_message(seconds: int) -> None:
    message = signed(HANGUP, seconds=int(time.time()) + seconds)
    assert we_prove(message) == telnyx_proves(message) == (abs(seconds) < 300)


def test_we_and_telnyx_agree_on_every_change_of_a_single_bit() -> None:
    message = signed(HANGUP._replace(body=HANGUP.body[:200]))
    # The address is not signed, and four bits at the end of the signature's base64 stand for nothing.
    address, nothing = len(message.url) * 8, 4
    proved = agrees(we_prove, telnyx_proves, single_bit_changes(message, (SIGNATURE, TIMESTAMP)))
    assert address <= proved <= address + nothing


@given(
    body=st.text().map(str.encode),
    seeds=st.tuples(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32)),
)
def test_we_and_telnyx_agree_on_any_body(body: bytes, seeds: tuple[bytes, bytes]) -> None:
    key, other = map(SigningKey, seeds)
    message = signed(HANGUP._replace(body=body), key)
    assert we_prove(message, public(key))
    assert telnyx_proves(message, public(key))
    assert we_prove(message, public(other)) == telnyx_proves(message, public(other))


@given(messages_like(HANGUP, (SIGNATURE, TIMESTAMP)))
def test_no_message_breaks_the_proof_or_the_reading(message: Message) -> None:
    is_proved(PROVIDER, message, PUBLIC_KEY)
    assert not is_proved(PROVIDER, message, public(SigningKey(bytes(32))))
    assert_reads_or_refuses(PROVIDER, message)


PLACES: Final = (
    *("id", "event_type", "occurred_at", "payload"),
    *(f"payload.{name}" for name in ("call_leg_id", "call_session_id", "direction", "from", "to", "start_time")),
    *(f"payload.{name}" for name in ("hangup_cause", "assistant_id", "calling_party_type", "duration_sec")),
)
ANYTHING: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


@given(st.sampled_from((INITIATED, ANSWERED, ENDED, HUNG_UP)), st.sampled_from(PLACES), ANYTHING)
@settings(max_examples=examples(300))
def test_no_value_of_a_field_breaks_the_reading(message: Message, place: str, value: object) -> None:
    assert_reads_or_refuses(PROVIDER, changed(message, place, value))


def test_the_sample_of_a_hangup_is_metered_field_by_field() -> None:
    message = amended(HANGUP)
    assert message.id == LEG
    assert message.event_id == "0ccc7b54-4df3-4bca-a65a-3da1ecc777f0"
    assert message.time == utc(2018, 2, 2, 22, 25, 27, 521_992)
    assert message.linked_ids == ()
    assert message.merge(None) == Conversation(
        channel="telephone",
        direction="inbound",
        status="unanswered",
        created_at=utc(2018, 2, 2, 22, 20, 27, 521_000),
        duration_ms=None,
        modality="voice",
        agent_id=None,
        agent_number=None,
        web_widget_id=None,
    )


def test_the_sample_of_a_conversation_is_metered_field_by_field() -> None:
    message = amended(CONVERSED)
    assert message.id == "cc29cce6-3c91-11f0-a8e5-02420aef3d20"
    assert message.event_id == "eb8775a6-634f-48b0-b177-d5465a8a8e9f"
    assert message.time == utc(2025, 5, 29, 13, 35, 38, 817_785)
    assert message.linked_ids == ("telnyx:cc29c8d6-3c91-11f0-aa7c-02420aef3d20",)
    assert message.merge(None) == Conversation(
        channel="telephone",
        direction="inbound",
        status="completed",
        created_at=utc(2025, 5, 29, 13, 35, 35, 817_000),
        duration_ms=3_000,
        modality="voice",
        agent_id="assistant-d9082b56-ba2d-4ad1-a50c-58661eb1463d",
        agent_number=None,
    )


def test_a_call_is_live_from_its_first_event_on() -> None:
    assert call_of(INITIATED) == Conversation(
        channel="telephone",
        direction="inbound",
        status="ringing",
        created_at=utc(2026, 11, 1, 12),
        duration_ms=None,
        modality="voice",
        agent_number=OURS,
    )
    answered = call_of(INITIATED, ANSWERED)
    assert (answered.status, answered.created_at) == ("in_progress", utc(2026, 11, 1, 12, 0, 4, 250_000))


def test_an_answered_call_lasts_from_the_answer_to_the_hangup() -> None:
    record = call_of(INITIATED, ANSWERED, HUNG_UP)
    assert (record.status, record.duration_ms) == ("completed", 56_500)
    assert record.created_at == utc(2026, 11, 1, 12, 0, 4, 250_000)


def test_a_call_with_an_assistant_names_it_and_lasts_from_its_first_word() -> None:
    record = call_of(INITIATED, ANSWERED, ENDED, HUNG_UP)
    assert (record.agent_id, record.status, record.duration_ms) == ("assistant-1", "completed", 55_750)
    assert record.created_at == utc(2026, 11, 1, 12, 0, 5)


@pytest.mark.parametrize(
    ("direction", "ours", "status", "number"),
    [("incoming", "inbound", "ringing", OURS), ("outgoing", "outbound", "triggered", THEIRS)],
)
def test_our_number_is_the_called_one_inbound_and_the_calling_one_outbound(
    direction: str, ours: str, status: str, number: str
) -> None:
    record = call_of(changed(INITIATED, "payload.direction", direction))
    assert (record.direction, record.status, record.agent_number) == (ours, status, number)


def test_no_number_is_taken_before_the_direction_is_known() -> None:
    for message in (ANSWERED, ENDED, HUNG_UP):
        assert call_of(message).agent_number is None


@pytest.mark.parametrize(
    ("cause", "status"),
    [
        ("normal_clearing", "completed"),
        ("time_limit", "completed"),
        ("originator_cancel", "cancelled"),
        ("timeout", "unanswered"),
        ("no_answer", "unanswered"),
        ("user_busy", "unanswered"),
        ("call_rejected", "unanswered"),
        ("not_found", "failed"),
        ("unspecified", "failed"),
        (None, "failed"),
    ],
)
def test_every_cause_of_telnyx_has_a_status_of_ours(cause: str | None, status: str) -> None:
    record = call_of(INITIATED, changed(HUNG_UP, "payload.hangup_cause", cause))
    assert record.status == status
    assert (record.duration_ms is None) == (status != "completed")


def test_an_assistant_on_the_web_is_voice_on_the_web() -> None:
    record = call_of(INITIATED, changed(ENDED, "payload.calling_party_type", "web"), HUNG_UP)
    assert (record.channel, record.modality) == ("webrtc", "voice")


CAUSES: Final = ("normal_clearing", "user_busy", "originator_cancel", "unspecified")


@pytest.mark.parametrize("cause", CAUSES)
def test_the_events_of_a_call_come_to_the_same_in_any_order_and_twice(cause: str) -> None:
    events = (INITIATED, ANSWERED, ENDED, changed(HUNG_UP, "payload.hangup_cause", cause))
    for some in ((0, 1, 2, 3), (0, 1, 3), (0, 2), (1, 2, 3), (0, 3), (2, 3)):
        chosen = [events[number] for number in some]
        expected = call_of(*chosen)
        for order in permutations(chosen):
            assert call_of(*order) == expected
            assert call_of(*order, *reversed(order)) == expected


_seconds = st.integers(0, 600).map(lambda second: f"2026-11-01T12:{second // 60:02}:{second % 60:02}.5Z")


@st.composite
def two_orders_of_a_call(draw: st.DrawFn) -> tuple[list[Message], list[Message]]:
    """Events of one call whose times need not make sense, in two orders."""
    hangups = [
        changed(
            changed(changed(HUNG_UP, "occurred_at", draw(_seconds)), "payload.start_time", draw(_seconds)),
            "payload.hangup_cause",
            draw(st.sampled_from(CAUSES)),
        )
        for _ in range(2)
    ]
    messages = [
        changed(INITIATED, "payload.start_time", draw(_seconds)),
        changed(ANSWERED, "occurred_at", draw(_seconds)),
        changed(changed(ENDED, "occurred_at", draw(_seconds)), "payload.duration_sec", draw(st.integers(0, 600))),
        *hangups,
    ]
    chosen = draw(st.lists(st.sampled_from(messages), min_size=1, max_size=8))
    return chosen, draw(st.permutations(chosen))


@given(two_orders_of_a_call())
def test_even_events_whose_times_make_no_sense_come_to_the_same_in_any_order(
    orders: tuple[list[Message], list[Message]],
) -> None:
    one, other = orders
    record = call_of(*one)
    assert record == call_of(*other) == call_of(*one, *other)
    assert record.duration_ms is None or record.duration_ms >= 0


def test_a_second_leg_is_a_record_that_names_the_session() -> None:
    leg = amended(changed(INITIATED, "payload.call_leg_id", "the-second-leg"))
    assert (leg.id, leg.linked_ids) == ("the-second-leg", (f"telnyx:{LEG}",))


@pytest.mark.parametrize(
    "type_", ["call.cost", "call.bridged", "call.conversation.created", "call.analyzed", "message.received"]
)
def test_other_events_are_not_metered(type_: str) -> None:
    assert ignored(PROVIDER, changed(HUNG_UP, "event_type", type_)) == type_
    assert ignored(PROVIDER, changed(HUNG_UP, "event_type", THEIRS)) == "other"


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (changed(HUNG_UP, "payload.hangup_cause", THEIRS), "data.payload.hangup_cause must be one of normal_clearing,"),
        (changed(HUNG_UP, "payload.start_time", None), "data.payload.start_time is required"),
        (changed(HUNG_UP, "payload.start_time", THEIRS), "data.payload.start_time must be an RFC 3339"),
        (changed(HUNG_UP, "payload.start_time", "2020-01-01T00:00:00Z"), "The end must be within 31622400 seconds"),
        (changed(HUNG_UP, "occurred_at", "1869-01-01T00:00:00Z"), "data.occurred_at must be between"),
        (changed(HUNG_UP, "id", ""), "data.id must be 1 to 200 bytes"),
        (changed(HUNG_UP, "payload.call_leg_id", None), "data.payload.call_leg_id must be 1 to 200 bytes"),
        (changed(HUNG_UP, "payload.from", 15005550006), "The body is not as documented: Expected `str | null`"),
        (changed(INITIATED, "payload.direction", THEIRS), "data.payload.direction must be one of incoming, outgoing"),
        (changed(ENDED, "payload.duration_sec", None), "data.payload.duration_sec is required"),
        (changed(ENDED, "payload.duration_sec", -1), "data.payload.duration_sec must be between 0 and"),
        (
            changed(ENDED, "occurred_at", "1970-01-01T00:00:00Z"),
            "data.occurred_at minus data.payload.duration_sec must",
        ),
        (HANGUP._replace(body=b"CallStatus=completed"), "The body must be one JSON object"),
        (HANGUP._replace(body=b'{"data":' * 100_000), "The body must be one JSON object"),
        (HANGUP._replace(body=b'{"event_type": "call.hangup"}'), "The body is not as documented"),
    ],
)
def test_what_cannot_be_counted_is_told_by_field_and_without_its_value(message: Message, field: str) -> None:
    assert refusal_of(PROVIDER, message).startswith(field)


def test_telnyx_is_a_carrier() -> None:
    assert (PROVIDER.name, PROVIDER.side, PROVIDER.status) == ("telnyx", "carrier", 200)
