"""LiveKit: the conversation that a room's events give, in any order.

What all providers have in common is tested in test_provider_contract.py.
"""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talkmeter.ingest.connectors.livekit import PROVIDER
from talkmeter.ingest.connectors.provider import Ignored, PartialRecordUpdate
from talkmeter.records import Conversation
from tests.connectors.cases.livekit import AGENT, PHONE, WEB, T, event, finished, joined, left
from tests.connectors.messages import SECOND, json_sample, message, partial_update
from tests.hypothesis_profiles import examples


def update(body: dict[str, Any]) -> PartialRecordUpdate:
    return partial_update(PROVIDER, message(body))


def conversation(*bodies: dict[str, Any]) -> Conversation:
    """Return the conversation after some events, in this order."""
    known = merged([update(body) for body in bodies])
    assert known is not None
    return known


def merged(parts: Sequence[PartialRecordUpdate]) -> Conversation | None:
    known = None
    for part in parts:
        known = part.merge(known)
    return known


def test_room_without_participants_is_not_counted() -> None:
    assert PROVIDER.read(message(json_sample("livekit_room_started.json"))) == Ignored("room_started")
    body = json_sample("livekit_room_finished.json")
    part = update(body)
    assert (part.id, part.time, part.event_id) == ("RM_Vjxrj2PWkQNq", 1_694_522_728 * SECOND, "EV_St9wgVG8SGcu")
    assert conversation(body).status == "token_created"


def test_telephone_call_field_by_field() -> None:
    assert update(joined(PHONE)).linked_ids == ("twilio:CA1",)
    assert conversation(joined(AGENT), joined(PHONE), left(PHONE, T + 90), left(AGENT, T + 91), finished(T + 111)) == (
        Conversation(
            channel="telephone",
            direction="inbound",
            status="completed",
            created_at=T * SECOND,
            duration_ms=90_000,
            modality="voice",
            agent_id="reception",
            agent_number="+15005550001",
        )
    )
    assert "+15005550006" not in str(conversation(joined(PHONE))) + str(update(joined(PHONE)))


def test_web_call_is_inbound_voice() -> None:
    assert conversation(joined(WEB), left(WEB, T + 5)) == Conversation(
        channel="webrtc",
        direction="inbound",
        status="completed",
        created_at=T * SECOND,
        duration_ms=5_000,
        modality="voice",
    )


def test_call_without_a_dispatch_rule_is_outbound() -> None:
    attributes = {"sip.trunkPhoneNumber": "+15005550001"}
    record = conversation(joined(PHONE | {"attributes": attributes}))
    assert (record.channel, record.direction, record.status) == ("telephone", "outbound", "in_progress")


def test_nothing_is_counted_while_only_an_agent_is_in_the_room() -> None:
    record = conversation(joined(AGENT))
    assert (record.status, record.agent_id) == ("token_created", "reception")
    assert conversation(joined(AGENT), finished(T + 9)).status == "token_created"


def test_caller_who_reconnects_makes_one_call() -> None:
    record = conversation(joined(WEB), left(WEB, T + 60), joined(WEB, T + 63), left(WEB, T + 200, T + 63))
    assert (record.created_at, record.duration_ms) == (T * SECOND, 200_000)


def test_call_ends_with_its_room_if_the_callers_leaving_is_missing() -> None:
    record = conversation(joined(WEB), finished(T + 500))
    assert (record.status, record.duration_ms) == ("completed", None)
    assert conversation(joined(WEB), finished(T + 500), left(WEB, T + 60)).duration_ms == 60_000


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("USER_UNAVAILABLE", "unanswered"),
        ("USER_REJECTED", "unanswered"),
        ("SIP_TRUNK_FAILURE", "failed"),
        ("JOIN_FAILURE", "failed"),
    ],
)
def test_call_that_was_not_answered_has_no_duration(reason: str, status: str) -> None:
    record = conversation(joined(PHONE), left(PHONE, T + 30, reason=reason), finished(T + 50))
    assert (record.status, record.duration_ms) == (status, None)


def test_answered_second_attempt_is_the_call() -> None:
    record = conversation(
        joined(PHONE),
        left(PHONE, T + 30, reason="USER_UNAVAILABLE"),
        joined(PHONE, T + 40),
        left(PHONE, T + 100, T + 40),
    )
    assert (record.status, record.created_at, record.duration_ms) == ("completed", (T + 40) * SECOND, 60_000)


def test_supervisor_who_does_not_answer_does_not_change_the_call() -> None:
    called = PHONE | {"attributes": {}}
    events = joined(WEB), left(called, T + 30, T + 10, "USER_UNAVAILABLE"), left(WEB, T + 60)
    assert conversation(*events) == conversation(joined(WEB), left(WEB, T + 60))


def test_aborted_connection_is_a_failed_call() -> None:
    record = conversation(event("participant_connection_aborted", T, WEB, joinedAt="0"))
    assert (record.status, record.created_at, record.duration_ms) == ("failed", T * SECOND, None)


def test_number_is_kept_when_another_participant_has_none() -> None:
    without = PHONE | {"attributes": {"sip.ruleID": "SDR_1"}}
    for events in ((joined(PHONE), joined(without)), (joined(without), joined(PHONE))):
        assert conversation(*events).agent_number == "+15005550001"


def test_smaller_of_two_numbers_is_kept_in_any_order() -> None:
    other = PHONE | {"attributes": PHONE["attributes"] | {"sip.trunkPhoneNumber": "+15005550002"}}
    for events in ((joined(PHONE), joined(other)), (joined(other), joined(PHONE))):
        assert conversation(*events).agent_number == "+15005550001"


def test_conversation_from_another_source_is_not_changed() -> None:
    known = Conversation("telephone", "inbound", "transferred", T * SECOND, 1_000, "voice", "ann", "+15005550002")
    for body in (joined(WEB), left(WEB, T + 60), finished(T + 80)):
        assert update(body).merge(known) == known


ATTRIBUTES = st.fixed_dictionaries(
    {},
    optional={
        "sip.trunkPhoneNumber": st.sampled_from(["+15005550001", "+15005550002"]),
        "sip.ruleID": st.just("SDR_1"),
    },
)
CALLERS = st.builds(
    lambda kind, attributes: {"kind": kind, "attributes": attributes},
    st.sampled_from(["STANDARD", "SIP", "CONNECTOR"]),
    ATTRIBUTES,
)
AGENTS = st.sampled_from(["reception", "sales"]).map(lambda name: AGENT | {"attributes": {"lk.agent.name": name}})
PARTICIPANTS = CALLERS | AGENTS
SECONDS = st.integers(T, T + 100)
REASONS = st.sampled_from(["CLIENT_INITIATED", "USER_UNAVAILABLE", "SIP_TRUNK_FAILURE", "ROOM_DELETED", "MIGRATION"])
EVENTS = (
    st.builds(joined, PARTICIPANTS, SECONDS)
    | st.builds(left, PARTICIPANTS, SECONDS, SECONDS, REASONS)
    | st.builds(lambda participant, at: event("participant_connection_aborted", at, participant), PARTICIPANTS, SECONDS)
    | st.builds(finished, SECONDS)
)


@st.composite
def two_orders(draw: st.DrawFn) -> tuple[list[PartialRecordUpdate], list[PartialRecordUpdate]]:
    """The events of a room, and the same events in another order with some repeated."""
    results = [PROVIDER.read(message(body)) for body in draw(st.lists(EVENTS, min_size=1, max_size=8))]
    parts = [part for result in results if not isinstance(result, Ignored) for part in result]
    ordered = [part for part in parts if isinstance(part, PartialRecordUpdate)]
    repeated = draw(st.lists(st.sampled_from(ordered), max_size=8)) if ordered else []
    return ordered, draw(st.permutations(ordered + repeated))


@settings(max_examples=examples(300))
@given(two_orders())
def test_events_give_the_same_conversation_in_any_order_and_repeated(
    orders: tuple[list[PartialRecordUpdate], list[PartialRecordUpdate]],
) -> None:
    first, second = orders
    assert merged(first) == merged(second)


@given(two_orders())
def test_conversation_never_returns_to_an_earlier_stage(
    orders: tuple[list[PartialRecordUpdate], list[PartialRecordUpdate]],
) -> None:
    """Stages are token created, in progress, ended. So a state that is merged later is always the newer one."""
    stages = ("token_created", "in_progress", "completed", "failed", "unanswered")
    known: Conversation | None = None
    for part in orders[1]:
        before, known = known, part.merge(known)
        assert known is not None
        if before is None:
            continue
        assert min(stages.index(known.status), 2) >= min(stages.index(before.status), 2)
        if before.status == "completed" and before.duration_ms is not None:
            assert known.status == "completed"
            assert known.duration_ms is not None
            assert known.duration_ms >= before.duration_ms
            assert known.created_at <= before.created_at
