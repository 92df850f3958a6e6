"""The parts of the OpenAPI description that handlers do not declare: raw bodies, credentials, responses."""

from dataclasses import dataclass
from types import UnionType
from typing import Any, Final, cast, get_args

from litestar import Router
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.spec import (
    Components,
    OpenAPIMediaType,
    Operation,
    RequestBody,
    Schema,
    SecurityScheme,
    Tag,
)
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType

from talkmeter import __version__
from talkmeter.api.problems import AnyConnection, problem_specs
from talkmeter.ingest.event_types import EVENT_TYPES
from talkmeter.ingest.fields import MAX_DURATION_SEC, MAX_ID_BYTES, MAX_SOURCE_BYTES
from talkmeter.ingest.requests import BATCH, PLAIN, STRUCTURED
from talkmeter_client.vocabulary import Channel, Direction, Modality

_NULL: Final = OpenAPIType.NULL


def _text(description: str, max_length: int = MAX_ID_BYTES) -> Schema:
    return Schema(type=OpenAPIType.STRING, min_length=1, max_length=max_length, description=description)


def _optional_text(description: str) -> Schema:
    return Schema(type=[OpenAPIType.STRING, _NULL], max_length=MAX_ID_BYTES, description=description)


def _instant(description: str) -> Schema:
    return Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.DATE_TIME, description=description)


_DATA: Final = Schema(
    type=OpenAPIType.OBJECT,
    description="The complete current state of the record; the required fields depend on the type.",
    required=["id"],
    properties={
        "organization_id": _optional_text("The organization; optional with an organization key."),
        "id": _text("The record's id."),
        "channel": Schema(type=OpenAPIType.STRING, enum=list(get_args(Channel))),
        "direction": Schema(type=OpenAPIType.STRING, enum=list(get_args(Direction))),
        "status": Schema(type=OpenAPIType.STRING, description="The status of a conversation or run."),
        "created_at": _instant("When the conversation or run was created."),
        "duration": Schema(
            type=[OpenAPIType.NUMBER, _NULL], minimum=0, maximum=MAX_DURATION_SEC, description="Seconds."
        ),
        "modality": Schema(type=[OpenAPIType.STRING, _NULL], enum=[*get_args(Modality), None]),
        "agent_id": _optional_text("The agent."),
        "agent_number": _optional_text("The agent's phone number."),
        "web_widget_id": _optional_text("The web widget."),
        "workflow_id": _optional_text("The workflow of a run."),
        "name": Schema(type=[OpenAPIType.STRING, _NULL], description="Display name of an inventory item."),
        "shared": Schema(type=[OpenAPIType.BOOLEAN, _NULL], description="Phone number: on the shared pool."),
        "active": Schema(type=[OpenAPIType.BOOLEAN, _NULL], description="Dataset: counted as active."),
    },
)
_EVENT: Final = Schema(
    type=OpenAPIType.OBJECT,
    description="A CloudEvent 1.0.",
    required=["specversion", "id", "source", "type", "time", "data"],
    properties={
        "specversion": Schema(type=OpenAPIType.STRING, enum=["1.0"]),
        "id": _text("The event's id, unique within its source."),
        "source": _text("The sender of the event.", MAX_SOURCE_BYTES),
        "type": Schema(type=OpenAPIType.STRING, enum=sorted(EVENT_TYPES)),
        "time": _instant("When the record entered this state; it decides which state wins."),
        "sequence": Schema(
            type=[OpenAPIType.STRING, OpenAPIType.INTEGER, _NULL], description="Ranks states with the same time."
        ),
        "data": _DATA,
    },
)
_EVENTS: Final = Schema(type=OpenAPIType.ARRAY, items=_EVENT)
_ITEM_FIELDS: Final = ("id", "name", "shared", "active")
_SNAPSHOT: Final = Schema(
    type=OpenAPIType.OBJECT,
    required=["time", "items"],
    properties={
        "time": _instant("When the list was current."),
        "items": Schema(
            type=OpenAPIType.ARRAY,
            items=Schema(
                type=OpenAPIType.OBJECT,
                required=["id"],
                properties={name: (_DATA.properties or {})[name] for name in _ITEM_FIELDS},
            ),
        ),
    },
)


@dataclass
class EventsOperation(Operation):
    """`POST /metering/events`, with its body in each format."""

    def __post_init__(self) -> None:
        """Add the body, which the handler reads itself."""
        self.request_body = RequestBody(
            required=True,
            content={
                STRUCTURED: OpenAPIMediaType(schema=_EVENT),
                BATCH: OpenAPIMediaType(schema=_EVENTS),
                PLAIN: OpenAPIMediaType(schema=Schema(one_of=[_EVENT, _EVENTS])),
            },
        )


@dataclass
class SnapshotOperation(Operation):
    """`PUT /metering/inventory/{kind}`, with its body."""

    def __post_init__(self) -> None:
        """Add the body, which the handler reads itself."""
        self.request_body = RequestBody(required=True, content={PLAIN: OpenAPIMediaType(schema=_SNAPSHOT)})


@dataclass
class QueryOperation(Operation):
    """A query without Litestar's 400 response: invalid parameters are 422 here."""

    def __post_init__(self) -> None:
        """Remove the 400 response."""
        if self.responses is not None:
            self.responses.pop("400", None)


@dataclass
class SignInOperation(Operation):
    """`POST /session`, with the body for a sign-in by link; a sign-in by Authorization header has no body."""

    def __post_init__(self) -> None:
        """Add the body, which the handler reads itself."""
        link = Schema(type=OpenAPIType.STRING, min_length=1, description="The part of the link after #sign-in=.")
        schema = Schema(type=OpenAPIType.OBJECT, required=["link"], properties={"link": link})
        self.request_body = RequestBody(required=False, content={PLAIN: OpenAPIMediaType(schema=schema)})


def json_spec(container: type[object] | UnionType, description: str) -> ResponseSpec:
    """Describe a JSON response that the handler encodes itself."""
    # Litestar supports unions of structs here, although its annotation does not.
    return ResponseSpec(data_container=cast("type[Any]", container), description=description, generate_examples=False)


def error_specs(*statuses: int) -> dict[int, ResponseSpec]:
    """Describe the error responses of an endpoint; 500 and 503 are always included."""
    return problem_specs(*statuses, 500, 503)


def _hide(_connection: AnyConnection, _handler: BaseRouteHandler) -> None:
    """Hide Litestar's own documentation pages, which load scripts from other hosts."""
    raise NotFoundException


def openapi_config() -> OpenAPIConfig:
    """Return the configuration of the description that /openapi.json and /docs serve."""
    return OpenAPIConfig(
        title="Talkmeter",
        version=__version__,
        description="Exact, instant usage metering for voice and chat agents.",
        openapi_router=Router(path="/openapi", route_handlers=[], guards=[_hide], include_in_schema=False),
        render_plugins=[],
        use_handler_docstrings=True,
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(
                    type="http",
                    scheme="bearer",
                    description=(
                        "An organization key ak_<id>.<secret>, a personal access token pat_<id>.<secret>, "
                        "or a JWT of the operator's identity provider."
                    ),
                )
            }
        ),
        tags=[
            Tag("Metering", "Send events and inventory snapshots."),
            Tag("Usage", "Read usage."),
            Tag("Session", "Sign a browser in and out."),
            Tag("Operations", "Health checks and metrics."),
        ],
    )
