"""Events and their ids: equal states have equal ids, and the fields are the server's."""

import inspect
from datetime import UTC, datetime, timedelta, timezone
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkmeter.ingest.cloudevents import Sender, read_event
from talkmeter.ingest.event_types import ConversationData, WorkflowExecutionData
from talkmeter.records import Conversation, State
from talkmeter_client import BadEvent, Event, conversation, event, workflow_execution
from talkmeter_client.events import encode_event
from talkmeter_client.vocabulary import ConversationStatus
from tests.client.clients import NOON

statuses: tuple[ConversationStatus, ...] = ("ringing", "in_progress", "completed", "failed")
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=20)
optional = st.none() | texts
states = st.builds(
    conversation,
    texts,
    channel=st.sampled_from(["telephone", "webrtc", "email", "text"]),
    direction=st.sampled_from(["inbound", "outbound"]),
    status=st.sampled_from(statuses),
    created_at=st.datetimes(datetime(1970, 1, 2), datetime(2099, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001
    duration=st.none() | st.floats(0, 31_622_400),
    agent_id=optional,
    agent_number=optional,
    web_widget_id=optional,
    modality=st.sampled_from([None, "voice", "chat"]),
    organization_id=st.just("acme"),
)


def read_by_server(event_: Event) -> State:
    """Return an event as the server reads it."""
    state = read_event(encode_event(event_), Sender("test", "acme"))
    assert isinstance(state, State), state
    return state


@given(states, states)
def test_ids_are_equal_if_and_only_if_the_states_are_equal(first: Event, other: Event) -> None:
    assert (first.id == other.id) == (first.data == other.data)


@given(states)
def test_server_accepts_every_state(state: Event) -> None:
    read_by_server(state)


@pytest.mark.parametrize("duration", [95, 95.0, 95.0004, timedelta(seconds=95)])
def test_equal_durations_of_other_types_are_the_same_state(duration: float | timedelta) -> None:
    assert ended(duration=duration).id == ended().id


def ended(
    *,
    duration: float | timedelta | None = 95,
    created_at: datetime = NOON,
    status: ConversationStatus = "completed",
    agent_id: str | None = None,
    time: datetime | None = None,
) -> Event:
    """Return the event of an ended call."""
    return conversation(
        "call-1",
        channel="telephone",
        direction="inbound",
        status=status,
        created_at=created_at,
        duration=duration,
        agent_id=agent_id,
        time=time,
    )


def test_equal_instants_with_other_offsets_are_the_same_state() -> None:
    other_offset = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert ended(created_at=other_offset).data == ended().data
    assert ended(created_at=other_offset).id == ended().id


def test_empty_field_is_the_same_as_an_absent_one() -> None:
    assert ended(agent_id="").id == ended(agent_id=None).id


def test_event_time_is_not_part_of_the_id() -> None:
    assert ended(time=NOON).id == ended(time=NOON + timedelta(hours=1)).id


@pytest.mark.parametrize(
    "other",
    [
        ended(status="failed"),
        ended(duration=95.001),
        ended(duration=None),
        ended(agent_id="ann"),
        ended(created_at=NOON + timedelta(microseconds=1)),
        workflow_execution("call-1", status="success", created_at=NOON),
    ],
)
def test_different_states_have_different_ids(other: Event) -> None:
    assert other.id != ended().id


def test_durations_are_rounded_as_on_the_server() -> None:
    record = read_by_server(ended(duration=1.0005)).record

    assert isinstance(record, Conversation)
    assert record.duration_ms == 1_001


def test_ids_are_stable_across_versions() -> None:
    assert ended(time=NOON).id == "2394d820977ae45b6df16d3e154d38a9"


@pytest.mark.parametrize(
    ("build", "data"), [(conversation, ConversationData), (workflow_execution, WorkflowExecutionData)]
)
def test_fields_match_the_server(build: object, data: type[ConversationData]) -> None:
    assert callable(build)
    parameters = set(inspect.signature(build).parameters)
    hints, server_hints = get_type_hints(build), get_type_hints(data)

    assert parameters - {"time", "source"} == set(data.__struct_fields__)
    assert {
        name for name in ("status", "channel", "direction") if name in hints and hints[name] != server_hints[name]
    } == set()


@pytest.mark.parametrize("duration", [-1, float("nan"), float("inf")])
def test_invalid_duration_is_rejected(duration: float) -> None:
    with pytest.raises(BadEvent, match="duration must be a number of seconds, 0 or more"):
        ended(duration=duration)


def test_instant_without_an_offset_is_rejected() -> None:
    with pytest.raises(BadEvent, match="created_at needs an offset"):
        ended(created_at=NOON.replace(tzinfo=None))
    with pytest.raises(BadEvent, match="time needs an offset"):
        ended(time=NOON.replace(tzinfo=None))


def test_event_without_a_record_id_is_rejected() -> None:
    with pytest.raises(BadEvent, match="needs the id of its record"):
        event("agent.updated", {"name": "Ann"})


@pytest.mark.parametrize(
    ("type_", "field", "value", "sentence"),
    [
        (
            "conversation.updated",
            "channel",
            "phone",
            "channel must be one of telephone, webrtc",
        ),
        ("conversation.updated", "status", "done", "status must be one of token_created, triggered, ringing, in_prog"),
        ("conversation.updated", "direction", "in", "direction must be one of inbound, outbound, not 'in'"),
        ("conversation.updated", "modality", "video", "modality must be one of voice, chat, not 'video'"),
        (
            "workflow_execution.updated",
            "status",
            "completed",
            "status must be one of running, waiting",
        ),
        ("conversation.updated", "id", 7, "id must be text, not '7'"),
        ("agent.updated", "organization_id", 7.5, "organization_id must be text, not '7.5'"),
        ("conversation.updated", "agent_id", "a" * 201, "agent_id may have 200 bytes"),
    ],
)
def test_values_that_no_server_accepts_are_rejected(type_: str, field: str, value: str | float, sentence: str) -> None:
    with pytest.raises(BadEvent, match=sentence):
        event(type_, {"id": "1", field: value})


def test_invalid_unicode_is_rejected() -> None:
    with pytest.raises(BadEvent, match="cannot be encoded as JSON"):
        event("agent.updated", {"id": "ann", "name": "\ud800"})
