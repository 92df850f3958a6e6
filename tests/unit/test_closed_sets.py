"""Sets of fields and values that are derived from the structs of events and records include every field and value."""

from typing import Final, get_args

import msgspec
import pytest

from talkmeter.api.request_bodies import SCHEMAS
from talkmeter.api.session import SignIn
from talkmeter.counting import CALL_DIMENSIONS, DIMENSIONS, RUN_DIMENSIONS, Dimension
from talkmeter.ingest.cloudevents import Sender, read_event
from talkmeter.ingest.event_types import (
    ConversationData,
    Envelope,
    InventoryData,
    OrganizationData,
    RecordData,
    WorkflowExecutionData,
)
from talkmeter.ingest.inventory import InventorySnapshot
from talkmeter.ingest.quarantine import KNOWN_DATA, keep_known_fields
from talkmeter.records import Conversation, Kind, ParentClaim, State, WorkflowExecution, closed_sets
from tests.events import Json, conversation, event, run

SENDER: Final = Sender("test", None)
COMPLETE_EVENTS: Final[dict[type[msgspec.Struct], Json]] = {
    ConversationData: conversation(
        agent_id="ann", agent_number="+15005550006", web_widget_id="widget", modality="chat", organization_id="acme"
    ),
    WorkflowExecutionData: run(workflow_id="nightly", organization_id="acme"),
    InventoryData: event(
        "agent.updated", {"id": "ann", "name": "Ann", "shared": True, "active": True, "organization_id": "acme"}
    ),
    OrganizationData: event("organization.updated", {"id": "acme", "parent_id": "bolt", "organization_id": "acme"}),
}
"""An event with every field, by the struct of its data."""


def data_of(content: Json) -> Json:
    data = content["data"]
    assert isinstance(data, dict)
    return data


@pytest.mark.parametrize("struct", COMPLETE_EVENTS, ids=lambda struct: struct.__name__)
def test_events_of_these_tests_have_every_field(struct: type[msgspec.Struct]) -> None:
    complete = {**COMPLETE_EVENTS[struct], "sequence": "7"}

    assert set(data_of(complete)) == set(struct.__struct_fields__)
    assert set(complete) == set(Envelope.__struct_fields__)


@pytest.mark.parametrize("struct", COMPLETE_EVENTS, ids=lambda struct: struct.__name__)
def test_replay_from_quarantine_reads_the_same_state(struct: type[msgspec.Struct]) -> None:
    raw = msgspec.json.encode({**COMPLETE_EVENTS[struct], "sequence": "7"})
    kept = keep_known_fields(raw)

    assert kept.complete
    assert isinstance(read_event(raw, SENDER), State | ParentClaim)
    assert read_event(kept.json, SENDER) == read_event(raw, SENDER)


def test_quarantine_knows_every_data_field() -> None:
    assert {name for struct in COMPLETE_EVENTS for name in struct.__struct_fields__} == set(KNOWN_DATA)


@pytest.mark.parametrize(
    ("schema", "struct"),
    {
        "ConversationData": ConversationData,
        "WorkflowExecutionData": WorkflowExecutionData,
        "InventoryItemData": InventoryData,
        "OrganizationData": OrganizationData,
        "DeletedRecordData": RecordData,
        "CloudEvent": Envelope,
        "InventorySnapshot": InventorySnapshot,
        "SignIn": SignIn,
    }.items(),
)
def test_openapi_describes_every_field_of_a_body(schema: str, struct: type[msgspec.Struct]) -> None:
    assert set(SCHEMAS[schema].properties or {}) == set(struct.__struct_fields__)


def test_every_dimension_is_a_field_of_its_record() -> None:
    assert set(get_args(Dimension)) == set(DIMENSIONS)
    assert set(CALL_DIMENSIONS.values()) <= set(Conversation.__struct_fields__)
    assert set(RUN_DIMENSIONS.values()) <= set(WorkflowExecution.__struct_fields__)


def test_closed_sets_are_the_literal_fields_of_a_record() -> None:
    assert closed_sets(Kind.CONVERSATION).keys() == {"channel", "direction", "status", "modality"}
    assert closed_sets(Kind.WORKFLOW_EXECUTION).keys() == {"status"}
    assert closed_sets(Kind.AGENT) == {}
