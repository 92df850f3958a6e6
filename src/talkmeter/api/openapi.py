"""What the OpenAPI description cannot take from signatures: bodies that are read raw, credentials, answers."""

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
from talkmeter.api.problems import Connected, problems_documented
from talkmeter.ingest.event_types import EVENT_TYPES
from talkmeter.ingest.fields import MAX_DURATION_SEC, MAX_ID_BYTES, MAX_SOURCE_BYTES
from talkmeter.ingest.requests import BATCH, PLAIN, STRUCTURED
from talkmeter.records import Channel, Direction, Modality

_NULL: Final = OpenAPIType.NULL


def _text(description: str, longest: int = MAX_ID_BYTES) -> Schema:
    return Schema(type=OpenAPIType.STRING, min_length=1, max_length=longest, description=description)


def _optional_text(description: str) -> Schema:
    return Schema(type=[OpenAPIType.STRING, _NULL], max_length=MAX_ID_BYTES, description=description)


def _instant(description: str) -> Schema:
    return Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.DATE_TIME, description=description)


_DATA: Final = Schema(
    type=OpenAPIType.OBJECT,
    description="The record's whole current state; the required fields depend on the type.",
    required=["id"],
    properties={
        "organization_id": _optional_text("Whose record it is; may be absent with an organization key."),
        "id": _text("The record's id."),
        "channel": Schema(type=OpenAPIType.STRING, enum=list(get_args(Channel))),
        "direction": Schema(type=OpenAPIType.STRING, enum=list(get_args(Direction))),
        "status": Schema(type=OpenAPIType.STRING, description="A conversation's or a run's status."),
        "created_at": _instant("When it began."),
        "duration": Schema(
            type=[OpenAPIType.NUMBER, _NULL], minimum=0, maximum=MAX_DURATION_SEC, description="Seconds."
        ),
        "modality": Schema(type=[OpenAPIType.STRING, _NULL], enum=[*get_args(Modality), None]),
        "agent_id": _optional_text("The agent."),
        "agent_number": _optional_text("The agent's phone number."),
        "web_widget_id": _optional_text("The web widget."),
        "workflow_id": _optional_text("The workflow of a run."),
        "name": Schema(type=[OpenAPIType.STRING, _NULL], description="Display name of an inventory item."),
        "shared": Schema(type=[OpenAPIType.BOOLEAN, _NULL], description="Of a number: on the shared pool."),
        "active": Schema(type=[OpenAPIType.BOOLEAN, _NULL], description="Of a dataset."),
    },
)
_EVENT: Final = Schema(
    type=OpenAPIType.OBJECT,
    description="A CloudEvent 1.0.",
    required=["specversion", "id", "source", "type", "time", "data"],
    properties={
        "specversion": Schema(type=OpenAPIType.STRING, enum=["1.0"]),
        "id": _text("The event's id, unique within its source."),
        "source": _text("Who says so.", MAX_SOURCE_BYTES),
        "type": Schema(type=OpenAPIType.STRING, enum=sorted(EVENT_TYPES)),
        "time": _instant("When the record came into this state; of two states the later wins."),
        "sequence": Schema(type=[OpenAPIType.STRING, OpenAPIType.INTEGER, _NULL], description="Decides equal times."),
        "data": _DATA,
    },
)
_EVENTS: Final = Schema(type=OpenAPIType.ARRAY, items=_EVENT)
_ITEM_FIELDS: Final = ("id", "name", "shared", "active")
_SNAPSHOT: Final = Schema(
    type=OpenAPIType.OBJECT,
    required=["time", "items"],
    properties={
        "time": _instant("The instant the list was true."),
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
    """`POST /metering/events`: the body in each of its forms."""

    def __post_init__(self) -> None:
        """Add the body, which the handler reads raw."""
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
    """`PUT /metering/inventory/{kind}`: the body."""

    def __post_init__(self) -> None:
        """Add the body, which the handler reads raw."""
        self.request_body = RequestBody(required=True, content={PLAIN: OpenAPIMediaType(schema=_SNAPSHOT)})


@dataclass
class QueryOperation(Operation):
    """A query: a parameter that is not allowed is 422 here, so Litestar's own 400 is not described."""

    def __post_init__(self) -> None:
        """Take out what this service never answers."""
        if self.responses is not None:
            self.responses.pop("400", None)


@dataclass
class SignInOperation(Operation):
    """`POST /session`: the body of a sign-in by link; a sign-in by Authorization has none."""

    def __post_init__(self) -> None:
        """Add the body, which the handler reads raw."""
        link = Schema(type=OpenAPIType.STRING, min_length=1, description="What follows #sign-in= in the link.")
        schema = Schema(type=OpenAPIType.OBJECT, required=["link"], properties={"link": link})
        self.request_body = RequestBody(required=False, content={PLAIN: OpenAPIMediaType(schema=schema)})


def json_answer(container: type[object] | UnionType, description: str) -> ResponseSpec:
    """A JSON answer that a handler encodes by itself."""
    # A union of structs is no type to its annotation, and is described all the same.
    return ResponseSpec(data_container=cast("type[Any]", container), description=description, generate_examples=False)


def documented(*problems: int) -> dict[int, ResponseSpec]:
    """The errors an endpoint may answer with, beside those that every endpoint has."""
    return problems_documented(*problems, 500, 503)


def _hide(_connection: Connected, _handler: BaseRouteHandler) -> None:
    """Litestar's own pages load from elsewhere and answer in HTML: they are not shown."""
    raise NotFoundException


def openapi_config() -> OpenAPIConfig:
    """The description that /openapi.json serves and /docs draws."""
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
            Tag("Metering", "Events in."),
            Tag("Usage", "Answers out."),
            Tag("Session", "A browser signs in and out."),
            Tag("Operations", "For those who run it."),
        ],
    )
