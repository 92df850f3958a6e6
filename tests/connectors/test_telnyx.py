"""Telnyx: how its calls and the conversations of its assistants are metered, in any order of their events.

What all providers have in common is tested in test_provider_contract.py.
"""

from itertools import permutations
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talkmeter.ingest.connectors.provider import Ignored, Message, NotVerified
from talkmeter.ingest.connectors.telnyx import PROVIDER
from talkmeter.records import Conversation
from tests.connectors.arbitrary import assert_reads_or_refuses
from tests.connectors.cases.telnyx import (
    ANSWERED,
    CONVERSED,
    ENDED,
    HANGUP,
    HUNG_UP,
    INITIATED,
    LEG,
    OUR_NUMBER,
    PUBLIC_KEY,
    SIGNATURE,
    THEIR_NUMBER,
    TIMESTAMP,
    changed,
    official,
    sign,
)
from tests.connectors.messages import NOW, SECOND, is_verified, partial_update, utc, with_header
from tests.hypothesis_profiles import examples

CAUSES: Final = ("normal_clearing", "user_busy", "originator_cancel", "unspecified")
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


def call_of(*messages: Message) -> Conversation:
    """Return the conversation after some messages."""
    known: Conversation | None = None
    for message in messages:
        known = partial_update(PROVIDER, message).merge(known)
    assert known is not None
    return known


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (SIGNATURE, "AAAA", "The header Telnyx-Signature-Ed25519 must be 64 bytes in base64."),
        (TIMESTAMP, "1.7e9", "The header Telnyx-Timestamp must be the seconds since 1970."),
        (TIMESTAMP, "٣", "The header Telnyx-Timestamp must be the seconds since 1970."),
    ],
)
def test_invalid_header_is_named_in_the_error(name: str, value: str, sentence: str) -> None:
    with pytest.raises(NotVerified) as caught:
        PROVIDER.verify(with_header(HANGUP, name, value), [PUBLIC_KEY])
    assert str(caught.value) == sentence


@pytest.mark.parametrize("seconds", [-400, -200, 0, 200, 400])
def test_signature_expires_after_five_minutes_in_telnyx_code_too(seconds: int) -> None:
    message = sign(HANGUP._replace(received_at=NOW + seconds * SECOND))._replace(received_at=NOW)
    assert is_verified(PROVIDER, message, PUBLIC_KEY) == official(message, PUBLIC_KEY) == (abs(seconds) < 300)


@given(st.sampled_from((INITIATED, ANSWERED, ENDED, HUNG_UP)), st.sampled_from(PLACES), ANYTHING)
@settings(max_examples=examples(300))
def test_no_value_of_a_field_breaks_reading(message: Message, place: str, value: object) -> None:
    assert_reads_or_refuses(PROVIDER, changed(message, place, value))


def test_sample_of_a_hangup_field_by_field() -> None:
    update = partial_update(PROVIDER, HANGUP)
    assert update.id == LEG
    assert update.event_id == "0ccc7b54-4df3-4bca-a65a-3da1ecc777f0"
    assert update.time == utc(2018, 2, 2, 22, 25, 27, 521_992)
    assert update.linked_ids == ("telnyx:v3:MdI91X4lWFEs7IgbBEOT9M4AigoY08M0WWZFISt1Yw2axZ_IiE4pqg",)
    assert update.merge(None) == Conversation(
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


def test_sample_of_a_conversation_field_by_field() -> None:
    update = partial_update(PROVIDER, CONVERSED)
    assert update.id == "cc29cce6-3c91-11f0-a8e5-02420aef3d20"
    assert update.event_id == "eb8775a6-634f-48b0-b177-d5465a8a8e9f"
    assert update.time == utc(2025, 5, 29, 13, 35, 38, 817_785)
    assert update.linked_ids == (
        "telnyx:cc29c8d6-3c91-11f0-aa7c-02420aef3d20",
        "telnyx:v3:HDR1vQHx697hpP9xZ0bhlbUOWPFPDtPcxw-nuSMuC6mGVpb0euoklQ",
    )
    assert update.merge(None) == Conversation(
        channel="telephone",
        direction="inbound",
        status="completed",
        created_at=utc(2025, 5, 29, 13, 35, 35, 817_000),
        duration_ms=3_000,
        modality="voice",
        agent_id="assistant-d9082b56-ba2d-4ad1-a50c-58661eb1463d",
        agent_number=None,
    )


def test_call_is_live_from_its_first_event() -> None:
    assert call_of(INITIATED) == Conversation(
        channel="telephone",
        direction="inbound",
        status="ringing",
        created_at=utc(2026, 11, 1, 12),
        duration_ms=None,
        modality="voice",
        agent_number=OUR_NUMBER,
    )
    answered = call_of(INITIATED, ANSWERED)
    assert (answered.status, answered.created_at) == ("in_progress", utc(2026, 11, 1, 12, 0, 4, 250_000))


def test_answered_call_lasts_from_the_answer_to_the_hangup() -> None:
    record = call_of(INITIATED, ANSWERED, HUNG_UP)
    assert (record.status, record.duration_ms) == ("completed", 56_500)
    assert record.created_at == utc(2026, 11, 1, 12, 0, 4, 250_000)


def test_call_with_an_assistant_lasts_as_long_as_its_conversation() -> None:
    record = call_of(INITIATED, ANSWERED, ENDED, HUNG_UP)
    assert (record.agent_id, record.status, record.duration_ms) == ("assistant-1", "completed", 55_750)
    assert record.created_at == utc(2026, 11, 1, 12, 0, 5)


@pytest.mark.parametrize(
    ("telnyx_direction", "direction", "status", "number"),
    [("incoming", "inbound", "ringing", OUR_NUMBER), ("outgoing", "outbound", "triggered", THEIR_NUMBER)],
)
def test_agent_number_is_called_if_inbound_and_calling_if_outbound(
    telnyx_direction: str, direction: str, status: str, number: str
) -> None:
    record = call_of(changed(INITIATED, "payload.direction", telnyx_direction))
    assert (record.direction, record.status, record.agent_number) == (direction, status, number)


def test_no_number_is_stored_before_the_direction_is_known() -> None:
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
        ("network_out_of_order", "failed"),
        (THEIR_NUMBER, "failed"),
        (None, "failed"),
    ],
)
def test_every_hangup_cause_maps_to_a_status(cause: str | None, status: str) -> None:
    record = call_of(INITIATED, changed(HUNG_UP, "payload.hangup_cause", cause))
    assert record.status == status
    assert (record.duration_ms is None) == (status != "completed")


def test_assistant_on_the_web_is_webrtc_voice() -> None:
    record = call_of(INITIATED, changed(ENDED, "payload.calling_party_type", "web"), HUNG_UP)
    assert (record.channel, record.modality) == ("webrtc", "voice")


@pytest.mark.parametrize("cause", CAUSES)
def test_events_give_the_same_call_in_any_order_and_twice(cause: str) -> None:
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
    """Events of one call with random times, in two orders."""
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
def test_events_with_impossible_times_give_the_same_call_in_any_order(
    orders: tuple[list[Message], list[Message]],
) -> None:
    first, second = orders
    record = call_of(*first)
    assert record == call_of(*second) == call_of(*first, *second)
    assert record.duration_ms is None or record.duration_ms >= 0


def test_second_leg_is_a_record_linked_to_the_session() -> None:
    leg = partial_update(PROVIDER, changed(INITIATED, "payload.call_leg_id", "the-second-leg"))
    assert (leg.id, leg.linked_ids) == ("the-second-leg", (f"telnyx:{LEG}",))


def test_unknown_values_are_assumed_and_named() -> None:
    for cause in ("network_out_of_order", "", None, THEIR_NUMBER):
        assert partial_update(PROVIDER, changed(HUNG_UP, "payload.hangup_cause", cause)).assumed == ("answered",)
    for direction in ("sideways", "", None, THEIR_NUMBER):
        message = changed(INITIATED, "payload.direction", direction)
        assert partial_update(PROVIDER, message).assumed == ("direction",)
        record = call_of(message)
        assert (record.direction, record.agent_number) == ("inbound", None)
    for message in (INITIATED, ANSWERED, ENDED, HUNG_UP):
        assert partial_update(PROVIDER, message).assumed == ()


def test_unknown_cause_of_an_answered_call_ends_it() -> None:
    message = changed(changed(HUNG_UP, "payload.hangup_cause", "new_cause"), "payload.sip_hangup_cause", "200")
    record = call_of(INITIATED, ANSWERED, message)
    assert (record.status, record.duration_ms) == ("completed", 56_500)
    record = call_of(INITIATED, changed(message, "payload.sip_hangup_cause", "486"))
    assert (record.status, record.duration_ms) == ("failed", None)
    assert partial_update(PROVIDER, message).assumed == ("answered",)


def outgoing(session: str, leg: str, second: int = 0) -> Message:
    """Return the beginning of an outgoing leg, `second` seconds after the time in the id of SESSION."""
    at = f"2025-05-29T13:35:{34 + second:02}.2Z"
    message = changed(changed(INITIATED, "payload.direction", "outgoing"), "payload.call_session_id", session)
    message = changed(changed(message, "payload.start_time", at), "payload.call_leg_id", leg)
    return changed(message, "payload.from", OUR_NUMBER)


def test_form_of_a_texml_application_is_ignored() -> None:
    form = with_header(HANGUP, "content-type", "application/x-www-form-urlencoded")
    assert PROVIDER.read(form._replace(body=b"CallStatus=completed&CallSid=v3:1")) == Ignored("TeXML")


SESSION: Final = "cc29c8d6-3c91-11f0-aa7c-02420aef3d20"
"""The id of a session in the sample, made at 2025-05-29T13:35:34.17Z, and that of its first leg."""
FIRST_LEG: Final = "cc29cce6-3c91-11f0-a8e5-02420aef3d20"


def test_number_of_the_first_outgoing_leg_is_kept() -> None:
    assert call_of(outgoing(SESSION, FIRST_LEG)).agent_number == OUR_NUMBER
    assert call_of(outgoing(LEG, LEG)).agent_number == OUR_NUMBER


@pytest.mark.parametrize(
    ("session", "leg", "second"),
    [
        (SESSION, "cd29cce6-3c91-11f0-a8e5-02420aef3d20", 0),
        (SESSION, FIRST_LEG, 5),
        (SESSION, "the-second-leg", 0),
        ("the-session", FIRST_LEG, 0),
        ("the-session", "the-second-leg", 0),
        ("428c31b6-7af4-4bcb-b7f5-5013ef9657c1", FIRST_LEG, 0),
    ],
)
def test_outgoing_leg_that_may_be_a_transfer_has_no_number(session: str, leg: str, second: int) -> None:
    assert call_of(outgoing(session, leg, second)).agent_number is None


def test_first_assistant_in_alphabetical_order_is_kept_in_any_order() -> None:
    other = changed(changed(ENDED, "payload.assistant_id", "assistant-0"), "id", "event-2")
    for events in ((ENDED, other), (other, ENDED)):
        assert call_of(*events).agent_id == "assistant-0"
