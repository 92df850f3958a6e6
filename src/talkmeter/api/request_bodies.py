"""The OpenAPI descriptions of the bodies that handlers read themselves, with examples."""

from typing import Final, get_args

from litestar.openapi.spec import Example, OpenAPIMediaType, Reference, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType

from talkmeter.ingest.event_types import EVENT_TYPES, ORGANIZATION_UPDATED
from talkmeter.ingest.fields import MAX_DURATION_SEC, MAX_ID_BYTES, MAX_SOURCE_BYTES
from talkmeter.ingest.requests import BATCH, PLAIN, STRUCTURED
from talkmeter_client.vocabulary import Channel, ConversationStatus, Direction, Modality, RunStatus

_NULL: Final = OpenAPIType.NULL


def _text(description: str, max_length: int = MAX_ID_BYTES) -> Schema:
    return Schema(type=OpenAPIType.STRING, min_length=1, max_length=max_length, description=description)


def _optional_text(description: str) -> Schema:
    return Schema(type=[OpenAPIType.STRING, _NULL], max_length=MAX_ID_BYTES, description=description)


def _instant(description: str) -> Schema:
    return Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.DATE_TIME, description=description)


def _enum(literal: object, description: str) -> Schema:
    return Schema(type=OpenAPIType.STRING, enum=list(get_args(literal)), description=description)


def _flag(description: str) -> Schema:
    return Schema(type=[OpenAPIType.BOOLEAN, _NULL], description=f"{description}; false by default.")


def _data(description: str, required: tuple[str, ...] = (), **fields: Schema) -> Schema:
    """Return the schema of an event's data; every event has an id and may name the organization."""
    return Schema(
        type=OpenAPIType.OBJECT,
        description=description,
        required=["id", *required],
        properties={
            "id": _text(
                "The record's id; of a phone number, the number as in `agent_number`; of an organization, its own."
            ),
            "organization_id": _optional_text(
                "The organization; optional if the key has one or the request names one."
            ),
            **fields,
        },
    )


def _ref(name: str) -> Reference:
    return Reference(ref=f"#/components/schemas/{name}")


_DATA: Final = {
    "ConversationData": _data(
        "The complete current state of a call or chat, for `conversation.updated`.",
        ("channel", "direction", "status", "created_at"),
        channel=_enum(Channel, "How the conversation is held."),
        direction=_enum(Direction, "Who started it."),
        status=_enum(ConversationStatus, "`token_created` does not count; the others do."),
        created_at=_instant("When it was created; its UTC date is the day on which it counts."),
        duration=Schema(type=[OpenAPIType.NUMBER, _NULL], minimum=0, maximum=MAX_DURATION_SEC, description="Seconds."),
        modality=Schema(
            type=[OpenAPIType.STRING, _NULL],
            enum=[*get_args(Modality), None],
            description="Derived from the channel if absent: `telephone` is voice, the others are chat.",
        ),
        agent_id=_optional_text("The agent."),
        agent_number=_optional_text("The agent's phone number."),
        web_widget_id=_optional_text("The web widget."),
    ),
    "WorkflowExecutionData": _data(
        "The complete current state of a workflow run, for `workflow_execution.updated`.",
        ("status", "created_at"),
        status=_enum(RunStatus, "The status of the run."),
        created_at=_instant("When it was created; its UTC date is the day on which it counts."),
        workflow_id=_optional_text("The workflow."),
    ),
    "InventoryItemData": _data(
        "The complete current state of an agent, phone number, web widget or dataset, for the other `.updated` types.",
        name=Schema(type=[OpenAPIType.STRING, _NULL], description="Display name; cut at 200 characters."),
        shared=_flag("Whether a phone number belongs to the shared pool"),
        active=_flag("Whether a dataset counts as active"),
    ),
    "OrganizationData": _data(
        "The organization above another one, for `organization.updated`; only a sender key can send it.",
        parent_id=_optional_text("The organization above it, which can see its usage; null: none."),
    ),
    "DeletedRecordData": _data("The record that no longer exists, for the `.deleted` types."),
}
SCHEMAS: Final = {
    **_DATA,
    "CloudEvent": Schema(
        type=OpenAPIType.OBJECT,
        description="The current state of one record, as a CloudEvent 1.0. Other attributes are ignored.",
        required=["specversion", "id", "source", "type", "time", "data"],
        properties={
            "specversion": Schema(type=OpenAPIType.STRING, enum=["1.0"]),
            "id": _text("The event's id, unique within its source."),
            "source": _text("The sender of the event.", MAX_SOURCE_BYTES),
            "type": Schema(
                type=OpenAPIType.STRING,
                enum=sorted((*EVENT_TYPES, ORGANIZATION_UPDATED)),
                description="What `data` is, and what happened.",
            ),
            "time": _instant("When the record entered this state; it decides which state wins."),
            "sequence": Schema(
                type=[OpenAPIType.STRING, OpenAPIType.INTEGER, _NULL],
                description="Orders events of equal `time`: an integer of at most 18 digits; other values count as 0.",
            ),
            "data": Schema(any_of=[_ref(name) for name in _DATA]),
        },
    ),
    "InventorySnapshot": Schema(
        type=OpenAPIType.OBJECT,
        description="The full list of one kind of inventory items.",
        required=["time", "items"],
        properties={
            "time": _instant("When the list was current."),
            "items": Schema(type=OpenAPIType.ARRAY, items=_ref("InventoryItemData")),
        },
    ),
    "Assignment": Schema(
        type=OpenAPIType.OBJECT,
        description="A plan of an organization from a month on.",
        required=["plan", "from"],
        properties={
            "plan": Schema(type=[OpenAPIType.STRING, _NULL], description="The id of the plan; null: no plan."),
            "from": Schema(type=OpenAPIType.STRING, pattern="^[0-9]{4}-[0-9]{2}$", description="The first month."),
        },
    ),
    "SignIn": Schema(
        type=OpenAPIType.OBJECT,
        description="A sign-in by link.",
        required=["link"],
        properties={"link": _text("The part of the link after #sign-in=.")},
    ),
}
"""The named schemas, which Litestar cannot derive because no handler has a parameter of these types."""

CALL_EVENT: Final = {
    "specversion": "1.0",
    "id": "e-2",
    "source": "/calls",
    "type": "conversation.updated",
    "time": "2026-11-22T10:02:00Z",
    "data": {
        "id": "call-1",
        "channel": "telephone",
        "direction": "inbound",
        "status": "completed",
        "created_at": "2026-11-22T10:00:00Z",
        "duration": 120,
        "agent_id": "ann",
        "agent_number": "+15550100",
    },
}
_RUN: Final = {
    "specversion": "1.0",
    "id": "e-3",
    "source": "/runs",
    "type": "workflow_execution.updated",
    "time": "2026-11-22T10:03:00Z",
    "data": {
        "id": "run-1",
        "status": "success",
        "created_at": "2026-11-22T10:02:30Z",
        "workflow_id": "follow-up",
    },
}
_ITEM: Final = {
    "specversion": "1.0",
    "id": "e-4",
    "source": "/setup",
    "type": "phone_number.updated",
    "time": "2026-11-22T08:00:00Z",
    "data": {"id": "+15550100", "name": "Front desk", "shared": True},
}
_DELETION: Final = {
    "specversion": "1.0",
    "id": "e-5",
    "source": "/calls",
    "type": "conversation.deleted",
    "time": "2026-11-22T11:00:00Z",
    "data": {"id": "call-1"},
}
_EVENT: Final = _ref("CloudEvent")
_EVENTS: Final = Schema(type=OpenAPIType.ARRAY, items=_EVENT)
_CALL: Final = {"call": Example(summary="A call that ended", value=CALL_EVENT)}
_ONE: Final = {
    **_CALL,
    "run": Example(summary="A workflow run that succeeded", value=_RUN),
    "phone_number": Example(summary="A phone number of the shared pool", value=_ITEM),
    "deletion": Example(summary="A call that must not count", value=_DELETION),
}
_SEVERAL: Final = {"events": Example(summary="Several events", value=[CALL_EVENT, _RUN, _ITEM])}


def _media_type(schema: Schema | Reference, examples: dict[str, Example]) -> OpenAPIMediaType:
    return OpenAPIMediaType(schema=schema, examples={**examples})


def _json(description: str, schema: Schema | Reference, **examples: Example) -> RequestBody:
    """Return the description of a required body that is JSON."""
    return RequestBody(required=True, description=description, content={PLAIN: _media_type(schema, examples)})


def _object(**properties: Schema) -> Schema:
    """Return the schema of an object that has exactly these properties."""
    return Schema(
        type=OpenAPIType.OBJECT, required=[*properties], properties={**properties}, additional_properties=False
    )


EVENTS_BODY: Final = RequestBody(
    required=True,
    description=(
        "One event, or an array of events. With the header `ce-specversion`, the body is the event's `data`, "
        "and its attributes are in `ce-` headers. `Content-Encoding` can be `gzip` or `zstd`."
    ),
    content={
        PLAIN: _media_type(Schema(one_of=[_EVENT, _EVENTS]), {**_ONE, **_SEVERAL}),
        STRUCTURED: _media_type(_EVENT, _CALL),
        BATCH: _media_type(_EVENTS, _SEVERAL),
    },
)
SNAPSHOT_BODY: Final = _json(
    "The list. `Content-Encoding` can be `gzip` or `zstd`.",
    _ref("InventorySnapshot"),
    agents=Example(
        summary="All agents",
        value={
            "time": "2026-11-22T09:00:00Z",
            "items": [{"id": "ann", "name": "Ann"}, {"id": "bob", "name": "Bob"}],
        },
    ),
)
SIGN_IN_BODY: Final = RequestBody(
    required=False,
    description="The secret of a one-time link; no body if you send a credential in the Authorization header.",
    content={
        PLAIN: _media_type(
            _ref("SignIn"), {"link": Example(summary="A one-time link", value={"link": "the-secret-of-the-link"})}
        )
    },
)
CONFIRMATION_BODY: Final = _json(
    "What the link in the e-mail has after its #.",
    _object(
        organization_id=_text("The organization."),
        address=_text("The e-mail address."),
        secret=_text("The secret of the link."),
    ),
    link=Example(
        summary="A link",
        value={"organization_id": "acme", "address": "ops@example.com", "secret": "the-secret-of-the-link"},
    ),
)
PLAN_BODY: Final = _json(
    "The plan, as in a file of plans (docs/reference/plans.md).",
    _ref("PlanContent"),
    plan=Example(
        summary="A plan with one charge",
        value={
            "name": "SMB",
            "currency": "USD",
            "effective": "2026-11",
            "fee": "10.00",
            "charges": [{"id": "voice", "name": "Voice", "meter": "voice_minutes", "price": "0.12"}],
        },
    ),
)
BUDGET_BODY: Final = _json(
    "The budget (docs/how-to/budgets.md).",
    _ref("Budget"),
    voice=Example(
        summary="Minutes of an agent",
        value={
            "name": "Outbound voice",
            "metric": "voice_minutes",
            "filter": {"agent": "a1"},
            "period": "month",
            "limit": "12000",
            "thresholds": [50, 80, 100],
        },
    ),
)
WEBHOOK_BODY: Final = _json(
    "The URL of the webhook (docs/how-to/webhooks.md).",
    _object(url=_text("An https URL.", 2_000)),
    webhook=Example(summary="A webhook", value={"url": "https://example.com/hooks/usage"}),
)
ASSIGNMENT_BODY: Final = _json(
    "The plan and its first month.",
    _ref("Assignment"),
    smb=Example(summary="A plan", value={"plan": "smb", "from": "2026-12"}),
)
