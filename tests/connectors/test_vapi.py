"""Vapi: how its end-of-call reports are metered, and its two ways to authenticate a message.

What all providers have in common is tested in test_provider_contract.py.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkmeter.ingest.connectors.provider import NotUnderstood
from talkmeter.ingest.connectors.vapi import PROVIDER
from talkmeter.records import Conversation, Kind
from tests.connectors.arbitrary import SECRETS
from tests.connectors.cases.vapi import REPORT, VECTORS, report, sign
from tests.connectors.messages import (
    NOW,
    SECOND,
    conversation_of,
    flipped_header_bits,
    is_verified,
    message,
    record_update,
    utc,
)

SIGNED, WITH_SECRET = (vector.message() for vector in VECTORS)
SECRET = VECTORS[0].secret


def recorded(body: dict[str, Any]) -> Conversation:
    return conversation_of(PROVIDER, body)


def test_report_of_a_real_call_field_by_field() -> None:
    update = record_update(PROVIDER, SIGNED)
    assert update.kind is Kind.CONVERSATION
    assert update.id == "ea62d31a-7f92-4e02-a059-4d56d600bf51"
    assert update.time == 1_750_183_821_316_000
    assert update.event_id == "end-of-call-report:ea62d31a-7f92-4e02-a059-4d56d600bf51"
    assert update.linked_ids == ()
    assert update.record == Conversation(
        channel="telephone",
        direction="outbound",
        status="completed",
        created_at=1_750_183_770_485_000,
        duration_ms=50_831,
        modality="voice",
        agent_id="550e96c2-103c-4ec7-bd00-61d188b5b4b5",
        agent_number="0c07692a-db4d-4a56-a895-4debafc213fe",
    )


def test_record_contains_no_caller_and_no_transcript() -> None:
    text = str(record_update(PROVIDER, REPORT))
    for private in ("+15005550006", "redacted", "weather"):
        assert private not in text


@pytest.mark.parametrize(
    ("type_", "channel", "direction"),
    [
        ("inboundPhoneCall", "telephone", "inbound"),
        ("outboundPhoneCall", "telephone", "outbound"),
        ("webCall", "webrtc", "inbound"),
        ("vapi.websocketCall", "webrtc", "inbound"),
    ],
)
def test_call_type_gives_channel_and_direction(type_: str, channel: str, direction: str) -> None:
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
def test_ended_reason_gives_status_and_duration(reason: str | None, status: str, duration_ms: int | None) -> None:
    record = recorded(report(endedReason=reason))
    assert (record.status, record.duration_ms) == (status, duration_ms)


def test_unanswered_call_counts_when_it_was_created_and_has_no_duration() -> None:
    never = {"startedAt": None, "endedAt": None}
    record = recorded(report(never, **never, endedReason="a-reason-of-next-year"))
    assert (record.status, record.duration_ms) == ("unanswered", None)
    assert record.created_at == 1_750_183_753_351_000
    assert recorded(report({**never, "type": "webCall"}, **never)).status == "failed"


def test_time_of_the_message_is_used_if_all_other_times_are_missing() -> None:
    never = {"startedAt": None, "endedAt": None, "createdAt": None}
    record = recorded(report(never, startedAt=None, endedAt=None, timestamp=1_750_183_753_351))
    assert record.created_at == 1_750_183_753_351_000
    with pytest.raises(NotUnderstood, match="all are missing"):
        PROVIDER.read(message(report(never, startedAt=None, endedAt=None)))


def test_number_is_preferred_to_its_id_and_squads_and_workflows_are_agents() -> None:
    assert recorded(report(phoneNumber={"id": "p", "number": "+15005550001"})).agent_number == "+15005550001"
    assert recorded(report({"assistantId": None, "squadId": "s"})).agent_id == "s"
    assert recorded(report({"assistantId": None, "workflowId": "w"})).agent_id == "w"
    assert recorded(report({"assistantId": None}, assistant={"id": "a"})).agent_id == "a"


@pytest.mark.parametrize(("carrier", "is_linked"), [("twilio", True), ("telnyx", True), ("vonage", False)])
def test_call_is_linked_to_a_carrier_that_has_a_connector(carrier: str, is_linked: bool) -> None:
    update = record_update(PROVIDER, report({"phoneCallProvider": carrier, "phoneCallProviderId": "CA1"}))
    assert update.linked_ids == ((f"{carrier}:CA1",) if is_linked else ())


@pytest.mark.parametrize("given", [{"durationSeconds": 50.25}, {"durationMs": 50_250}, {"durationMinutes": 0.8375}])
def test_call_without_a_start_has_the_given_duration(given: dict[str, float]) -> None:
    never = {"startedAt": None, "endedAt": None}
    record = recorded(report(never, startedAt=None, endedAt="2026-05-01T10:01:00Z", endedReason="new", **given))
    assert (record.status, record.duration_ms) == ("completed", 50_250)
    assert record.created_at == utc(2026, 5, 1, 10, 0, 9, 750_000)
    record = recorded(report(never, startedAt=None, endedAt=None, endedReason="new", **given))
    assert (record.status, record.duration_ms) == ("completed", 50_250)


@given(st.binary(max_size=200), SECRETS, SECRETS, SECRETS)
def test_secret_header_verifies_with_the_current_and_the_previous_secret(
    body: bytes, current: str, previous: str, other: str
) -> None:
    for secret in (current, previous, other):
        known = secret in (current, previous)
        assert is_verified(PROVIDER, message(body, {"X-Vapi-Secret": secret}), current, previous) is known


def test_changed_signature_verifies_no_other_body() -> None:
    for name in ("x-signature", "x-timestamp"):
        for changed in flipped_header_bits(SIGNED, name):
            assert not is_verified(PROVIDER, changed._replace(body=b"{}"), SECRET)


def test_changed_bits_of_the_secret_header_are_detected() -> None:
    for changed in flipped_header_bits(WITH_SECRET, "x-vapi-secret"):
        assert not is_verified(PROVIDER, changed, SECRET)


def test_wrong_signature_is_rejected_even_with_the_right_secret_header() -> None:
    headers = {**SIGNED.headers, "x-vapi-secret": SECRET}
    assert is_verified(PROVIDER, SIGNED._replace(headers=headers), SECRET)
    assert not is_verified(PROVIDER, SIGNED._replace(headers=headers, body=b"{}"), SECRET)


@pytest.mark.parametrize("units_per_second", [1, 1_000])
def test_timestamp_may_be_seconds_or_milliseconds(units_per_second: int) -> None:
    received = sign(message(b"{}"), "secret", units_per_second)
    for seconds, accepted in ((-301, False), (-300, True), (300, True), (301, False)):
        late = received._replace(received_at=NOW + seconds * SECOND)
        assert is_verified(PROVIDER, late, "secret") is accepted


def test_message_of_connectors_test_is_signed_by_our_second_implementation_alike() -> None:
    assert PROVIDER.make_test_message is not None
    received = PROVIDER.make_test_message("secret", "https://meter.example.com/hooks/vapi/t_1", NOW)
    assert received.headers["x-signature"] == sign(received, "secret", 1).headers["x-signature"]
