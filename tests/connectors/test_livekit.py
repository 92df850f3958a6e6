"""LiveKit: the conversation that a room's events come to, whatever their order."""

import copy
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talkmeter.ingest.connectors.livekit import PROVIDER
from talkmeter.ingest.connectors.provider import Ignored, NotUnderstood, PartialRecordUpdate
from talkmeter.records import Conversation
from tests.connectors.hooks import SECOND, WILD_HEADERS, is_understood, json_sample, message, wild_bodies
from tests.connectors.signed_samples import is_proved
from tests.hypothesis_profiles import examples

ROOM: dict[str, Any] = {"sid": "RM_1", "name": "call", "creationTime": "1694522600"}
T = 1_694_522_628
"""When the caller of the examples comes, in seconds."""

WEB: dict[str, Any] = {"sid": "PA_1", "identity": "ann", "state": "ACTIVE", "joinedAt": str(T)}
PHONE: dict[str, Any] = {
    "sid": "PA_2",
    "identity": "sip_+15005550006",
    "kind": "SIP",
    "joinedAt": str(T),
    "attributes": {
        "sip.callID": "SCL_1",
        "sip.phoneNumber": "+15005550006",
        "sip.trunkPhoneNumber": "+15005550001",
        "sip.ruleID": "SDR_1",
        "sip.twilio.callSid": "CA1",
    },
}
AGENT: dict[str, Any] = {
    "sid": "PA_3",
    "identity": "agent-AJ_1",
    "kind": "AGENT",
    "joinedAt": str(T),
    "attributes": {"lk.agent.name": "reception"},
}


def event(name: str, at: int = T, participant: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    told = {"event": name, "room": ROOM, "id": f"EV_{name}_{at}", "createdAt": str(at)}
    return told | ({} if participant is None else {"participant": participant | changes})


def came(who: dict[str, Any], at: int = T) -> dict[str, Any]:
    return event("participant_joined", at, who, joinedAt=str(at))


def went(who: dict[str, Any], at: int, came_at: int = T, reason: str = "CLIENT_INITIATED") -> dict[str, Any]:
    return event("participant_left", at, who, joinedAt=str(came_at), disconnectReason=reason)


def closed(at: int) -> dict[str, Any]:
    return event("room_finished", at)


def amended(body: dict[str, Any]) -> PartialRecordUpdate:
    reading = PROVIDER.read(message(body))
    assert not isinstance(reading, Ignored)
    (part,) = reading
    assert isinstance(part, PartialRecordUpdate)
    return part


def conversation(*events: dict[str, Any]) -> Conversation:
    """What the events come to, in the order given."""
    known = None
    for each in events:
        known = amended(each).merge(known)
    assert known is not None
    return known


def test_a_room_that_starts_or_closes_without_anybody_is_not_counted() -> None:
    assert PROVIDER.read(message(json_sample("livekit_room_started.json"))) == Ignored("room_started")
    finished = json_sample("livekit_room_finished.json")
    part = amended(finished)
    assert (part.id, part.time, part.event_id) == ("RM_Vjxrj2PWkQNq", 1_694_522_728 * SECOND, "EV_St9wgVG8SGcu")
    assert conversation(finished).status == "token_created"


def test_a_call_by_telephone_is_metered_field_by_field() -> None:
    assert amended(came(PHONE)).linked_ids == ("twilio:CA1",)
    assert conversation(came(AGENT), came(PHONE), went(PHONE, T + 90), went(AGENT, T + 91), closed(T + 111)) == (
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
    assert "+15005550006" not in str(conversation(came(PHONE))) + str(amended(came(PHONE)))


def test_a_call_on_the_web_is_inbound_voice() -> None:
    assert conversation(came(WEB), went(WEB, T + 5)) == Conversation(
        channel="webrtc",
        direction="inbound",
        status="completed",
        created_at=T * SECOND,
        duration_ms=5_000,
        modality="voice",
    )


def test_a_call_without_a_dispatch_rule_is_outbound() -> None:
    attributes = {"sip.trunkPhoneNumber": "+15005550001"}
    record = conversation(came(PHONE | {"attributes": attributes}))
    assert (record.channel, record.direction, record.status) == ("telephone", "outbound", "in_progress")


def test_nothing_is_counted_while_only_an_agent_waits() -> None:
    record = conversation(came(AGENT))
    assert (record.status, record.agent_id) == ("token_created", "reception")
    assert conversation(came(AGENT), closed(T + 9)).status == "token_created"


def test_a_caller_who_reconnects_is_one_call_from_first_to_last() -> None:
    record = conversation(came(WEB), went(WEB, T + 60), came(WEB, T + 63), went(WEB, T + 200, T + 63))
    assert (record.created_at, record.duration_ms) == (T * SECOND, 200_000)


def test_a_caller_of_whose_going_nothing_is_heard_is_gone_when_the_room_closes() -> None:
    record = conversation(came(WEB), closed(T + 500))
    assert (record.status, record.duration_ms) == ("completed", None)
    assert conversation(came(WEB), closed(T + 500), went(WEB, T + 60)).duration_ms == 60_000


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("USER_UNAVAILABLE", "unanswered"),
        ("USER_REJECTED", "unanswered"),
        ("SIP_TRUNK_FAILURE", "failed"),
        ("JOIN_FAILURE", "failed"),
    ],
)
def test_a_call_that_reached_nobody_has_no_duration(reason: str, status: str) -> None:
    record = conversation(came(PHONE), went(PHONE, T + 30, reason=reason), closed(T + 50))
    assert (record.status, record.duration_ms) == (status, None)


def test_a_second_try_that_is_answered_is_the_call() -> None:
    record = conversation(
        came(PHONE), went(PHONE, T + 30, reason="USER_UNAVAILABLE"), came(PHONE, T + 40), went(PHONE, T + 100, T + 40)
    )
    assert (record.status, record.created_at, record.duration_ms) == ("completed", (T + 40) * SECOND, 60_000)


def test_a_supervisor_who_is_called_up_and_does_not_answer_changes_no_call() -> None:
    called = PHONE | {"attributes": {}}
    events = came(WEB), went(called, T + 30, T + 10, "USER_UNAVAILABLE"), went(WEB, T + 60)
    assert conversation(*events) == conversation(came(WEB), went(WEB, T + 60))


def test_a_connection_that_did_not_come_about_has_failed() -> None:
    record = conversation(event("participant_connection_aborted", T, WEB, joinedAt="0"))
    assert (record.status, record.created_at, record.duration_ms) == ("failed", T * SECOND, None)


@pytest.mark.parametrize(
    "who",
    [
        {"kind": "EGRESS"},
        {"kind": "INGRESS"},
        {"kind": "BRIDGE"},
        {"kind": "OF_NEXT_YEAR"},
        {"permission": {"hidden": True}},
        {"permission": {"recorder": True}},
        {"kind": "AGENT"},
    ],
)
def test_who_is_no_caller_makes_no_call(who: dict[str, Any]) -> None:
    assert PROVIDER.read(message(came(WEB | who))) == Ignored("participant_joined")


@pytest.mark.parametrize("name", ["room_started", "track_published", "egress_ended", "ingress_started"])
def test_other_events_are_not_metered(name: str) -> None:
    assert PROVIDER.read(message({"event": name, "participant": 1})) == Ignored(name)


def test_a_number_that_is_known_goes_before_none() -> None:
    without = PHONE | {"attributes": {"sip.ruleID": "SDR_1"}}
    for events in ((came(PHONE), came(without)), (came(without), came(PHONE))):
        assert conversation(*events).agent_number == "+15005550001"


def test_of_two_numbers_the_first_in_order_stands_whichever_is_told_of_first() -> None:
    other = PHONE | {"attributes": PHONE["attributes"] | {"sip.trunkPhoneNumber": "+15005550002"}}
    for events in ((came(PHONE), came(other)), (came(other), came(PHONE))):
        assert conversation(*events).agent_number == "+15005550001"


def test_what_another_sender_says_of_the_room_stands() -> None:
    known = Conversation("telephone", "inbound", "transferred", T * SECOND, 1_000, "voice", "ann", "+15005550002")
    for each in (came(WEB), went(WEB, T + 60), closed(T + 80)):
        assert amended(each).merge(known) == known


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (came(WEB) | {"room": {}}, "room.sid must be 1 to 200 bytes"),
        (came(WEB) | {"id": ""}, "id must be 1 to 200 bytes"),
        (came(WEB) | {"createdAt": "0"}, "createdAt must be the seconds since 1970"),
        (came(WEB) | {"createdAt": "noon"}, "createdAt must be a whole number"),
        (event("participant_left", T), "participant is required in participant_left"),
        (event("participant_left", T, WEB, joinedAt="0"), "participant.joinedAt must be the seconds since 1970"),
        ({}, "missing required field `event`"),
    ],
)
def test_what_cannot_be_counted_is_refused_by_a_sentence_that_names_the_field(
    body: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(NotUnderstood) as refused:
        PROVIDER.read(message(body))
    assert sentence in str(refused.value)


@given(wild_bodies(copy.deepcopy(came(PHONE)), went(PHONE, T + 9), came(AGENT), closed(T + 10)), WILD_HEADERS)
def test_nothing_but_the_two_refusals_is_ever_raised(body: bytes, headers: dict[str, str]) -> None:
    is_proved(PROVIDER, message(body, headers), "secret")
    is_understood(PROVIDER, message(body))


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
PEOPLE = CALLERS | AGENTS
MOMENTS = st.integers(T, T + 100)
REASONS = st.sampled_from(["CLIENT_INITIATED", "USER_UNAVAILABLE", "SIP_TRUNK_FAILURE", "ROOM_DELETED", "MIGRATION"])
EVENTS = (
    st.builds(came, PEOPLE, MOMENTS)
    | st.builds(went, PEOPLE, MOMENTS, MOMENTS, REASONS)
    | st.builds(lambda who, at: event("participant_connection_aborted", at, who), PEOPLE, MOMENTS)
    | st.builds(closed, MOMENTS)
)


def come_to(parts: Sequence[PartialRecordUpdate]) -> Conversation | None:
    known = None
    for part in parts:
        known = part.merge(known)
    return known


@st.composite
def tellings(draw: st.DrawFn) -> tuple[list[PartialRecordUpdate], list[PartialRecordUpdate]]:
    """The events of a room, and the same events in any order, some of them again."""
    readings = [PROVIDER.read(message(each)) for each in draw(st.lists(EVENTS, min_size=1, max_size=8))]
    parts = [part for reading in readings if not isinstance(reading, Ignored) for part in reading]
    told = [part for part in parts if isinstance(part, PartialRecordUpdate)]
    again = draw(st.lists(st.sampled_from(told), max_size=8)) if told else []
    return told, draw(st.permutations(told + again))


@settings(max_examples=examples(300))
@given(tellings())
def test_any_order_and_repetition_of_a_rooms_events_gives_the_same_conversation(
    telling: tuple[list[PartialRecordUpdate], list[PartialRecordUpdate]],
) -> None:
    told, retold = telling
    assert come_to(told) == come_to(retold)


@given(tellings())
def test_what_is_known_never_goes_back(telling: tuple[list[PartialRecordUpdate], list[PartialRecordUpdate]]) -> None:
    """So a state that is told later may be taken for the newer one: from prepared to under way to over."""
    stages = ("token_created", "in_progress", "completed", "failed", "unanswered")
    known: Conversation | None = None
    for part in telling[1]:
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
