"""The parts of the OpenAPI description that handlers do not declare: raw bodies, credentials, responses."""

from dataclasses import dataclass
from types import UnionType
from typing import Any, Final, cast

import msgspec
from litestar import Litestar, Router
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.spec import (
    Components,
    Operation,
    Parameter,
    RequestBody,
    Schema,
    SecurityScheme,
    Tag,
)
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from litestar.plugins import OpenAPISchemaPlugin
from litestar.routes import HTTPRoute
from litestar.typing import FieldDefinition

from talkmeter import __version__
from talkmeter.api.auth.callers import ORGANIZATION_HEADER, ORGANIZATION_PARAMETER, RequiresScope
from talkmeter.api.auth.scopes import OPERATOR_SCOPES
from talkmeter.api.problems import MEDIA_TYPE as PROBLEM_TYPE
from talkmeter.api.problems import AnyConnection, problem_specs
from talkmeter.api.request_bodies import SCHEMAS

BEARER: Final = "bearer"


def organization_parameters(description: str) -> tuple[Parameter, Parameter]:
    """Return the two parameters that name an organization."""
    text = Schema(type=OpenAPIType.STRING)
    same = f"The same as the header {ORGANIZATION_HEADER}."
    return (
        Parameter(name=ORGANIZATION_HEADER, param_in="header", schema=text, description=description),
        Parameter(name=ORGANIZATION_PARAMETER, param_in="query", schema=text, description=same),
    )


def operation_with(*parameters: Parameter, body: RequestBody | None = None) -> type[Operation]:
    """Return the OpenAPI operation class of a handler that reads these parameters and this body itself."""

    @dataclass
    class OperationWith(Operation):
        """An operation with parameters and a body that Litestar does not know."""

        def __post_init__(self) -> None:
            self.parameters = [*(self.parameters or ()), *parameters] or None
            self.request_body = body

    return OperationWith


@dataclass
class QueryOperation(Operation):
    """A query without Litestar's 400 response: invalid parameters are 422 here, but a body may be no JSON."""

    def __post_init__(self) -> None:
        """Remove the 400 response of an operation without a body."""
        if self.responses is not None and self.request_body is None:
            self.responses.pop("400", None)


def json_spec(container: type[object] | UnionType, description: str) -> ResponseSpec:
    """Describe a JSON response that the handler encodes itself."""
    # Litestar supports unions of structs here, although its annotation does not.
    return ResponseSpec(data_container=cast("type[Any]", container), description=description, generate_examples=False)


def error_specs(*statuses: int) -> dict[int, ResponseSpec]:
    """Describe the error responses of an endpoint; 500 and 503 are always included."""
    return problem_specs(*statuses, 500, 503)


class FormattedTextPlugin(OpenAPISchemaPlugin):
    """Describes the text types of `period`, which have a format, such as InstantText."""

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        """Return whether a field is a text with a format."""
        return field_definition.annotation is str and _format_of(field_definition) is not None

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: object) -> Schema:  # noqa: ARG002
        """Return the schema of a text with a format."""
        return Schema(type=OpenAPIType.STRING, format=_format_of(field_definition))


def _format_of(field: FieldDefinition) -> OpenAPIFormat | None:
    formats = (
        (item.extra_json_schema or {}).get("format") for item in field.metadata if isinstance(item, msgspec.Meta)
    )
    return next((OpenAPIFormat(format_) for format_ in formats if format_ is not None), None)


def complete_description(app: Litestar) -> None:
    """Add what Litestar cannot derive: the schemas of the bodies, and what the guards read from a request."""
    organization = organization_parameters("The organization; required if the credential has access to several.")
    description = app.openapi_schema
    description.components.schemas = {**(description.components.schemas or {}), **SCHEMAS}
    for route in app.routes:
        item = (description.paths or {}).get(route.path_format)
        for method, (handler, _) in route.route_handler_map.items() if isinstance(route, HTTPRoute) else ():
            operation = getattr(item, method.lower(), None)
            scopes = [guard.scope for guard in handler.resolve_guards() if isinstance(guard, RequiresScope)]
            if operation is not None and scopes:
                of_organization = () if set(OPERATOR_SCOPES).intersection(scopes) else organization
                operation.parameters = [*(operation.parameters or ()), *of_organization] or None
                operation.security = [{BEARER: []}]


def _hide(_connection: AnyConnection, _handler: BaseRouteHandler) -> None:
    """Hide Litestar's own documentation pages, which load scripts from other hosts."""
    raise NotFoundException


def openapi_config() -> OpenAPIConfig:
    """Return the configuration of the description that /openapi.json and /docs serve."""
    return OpenAPIConfig(
        title="Talkmeter",
        version=__version__.partition("+")[0],
        description=(
            "Exact, instant usage metering for voice and chat agents. Send `Authorization: Bearer ak_…` or `pat_…`. "
            f"Errors are `{PROBLEM_TYPE}` with one sentence in `detail`."
        ),
        openapi_router=Router(path="/openapi", route_handlers=[], guards=[_hide], include_in_schema=False),
        render_plugins=[],
        use_handler_docstrings=True,
        components=Components(
            security_schemes={
                BEARER: SecurityScheme(
                    type="http",
                    scheme="bearer",
                    description=(
                        "An organization or operator key ak_<id>.<secret>, a personal access token pat_<id>.<secret>, "
                        "or a JWT of the operator's identity provider."
                    ),
                )
            }
        ),
        tags=[
            Tag("Metering", "Send events and inventory snapshots."),
            Tag("Usage", "Read usage."),
            Tag("Operator", "Read the usage of all organizations, with an operator key."),
            Tag("Plans", "Manage plans and prices, with an operator key."),
            Tag("Webhooks", "Manage the webhooks that messages are sent to."),
            Tag("Session", "Sign a browser in and out."),
            Tag("Operations", "Health checks and metrics."),
        ],
    )
