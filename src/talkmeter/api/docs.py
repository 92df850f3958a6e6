"""`/openapi.json`, and `/docs`: the API on one HTML page that loads nothing from other hosts."""

import json
import re
import secrets
from hashlib import sha256
from html import escape
from typing import Final

import msgspec
from litestar import MediaType, Response, get
from litestar.openapi.spec import (
    Example,
    OpenAPI,
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    Parameter,
    Reference,
    RequestBody,
    Schema,
)
from litestar.openapi.spec.enums import OpenAPIType

from talkmeter.api.compression import CODINGS, Coding, accepted_coding, compress
from talkmeter.api.etag import json_response, matches, not_modified
from talkmeter.api.problems import AnyRequest

_NONCE: Final = "__NONCE__"
_CODE: Final = re.compile("`([^`]+)`")
_STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
code { font-size: .95em } li code { overflow-wrap: anywhere }
h2 { margin-top: 2.5rem; border-top: 1px solid; padding-top: 1rem }
section { overflow-x: auto } table { border-collapse: collapse; width: 100% }
p { white-space: pre-line } pre { overflow-x: auto } td:last-child { width: 45%; min-width: 16rem }
td, th { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0 }
"""


class ApiDescription:
    """The OpenAPI description as JSON and as a page without its nonce, encoded once when the server starts."""

    def __init__(self, description: OpenAPI) -> None:
        self.json = msgspec.json.encode(description.to_schema())
        self.encoded = {coding: compress(self.json, coding) for coding in (None, *CODINGS)}
        self._hash = sha256(self.json).hexdigest()[:32]
        self.page = render_docs(description, _NONCE)

    def etag(self, coding: Coding | None) -> str:
        """Return the ETag of the JSON for a client that accepts a coding."""
        return f'"{self._hash}-{coding or "identity"}"'


@get("/openapi.json", include_in_schema=False)
async def get_openapi(request: AnyRequest) -> Response[bytes]:
    """Return the OpenAPI description, or 304 if the client has it."""
    description: ApiDescription = request.app.state.description
    coding = accepted_coding(request)
    etag = description.etag(coding)
    if matches(request.headers.get("if-none-match", ""), etag):
        return not_modified(etag)
    return json_response(description.encoded[coding], etag)


@get("/docs", media_type=MediaType.HTML, include_in_schema=False)
async def get_docs(request: AnyRequest) -> Response[str]:
    """Return a page with every endpoint, its parameters and its responses."""
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    description: ApiDescription = request.app.state.description
    return Response(
        content=description.page.replace(_NONCE, nonce),
        media_type=MediaType.HTML,
        headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"},
    )


def render_docs(description: OpenAPI, nonce: str) -> str:
    """Return the page as HTML: every operation, then every schema."""
    operations = [
        (f"{method.upper()} {path}", operation)
        for path, item in (description.paths or {}).items()
        for method in ("get", "post", "put", "delete")
        if isinstance(operation := getattr(item, method), Operation)
    ]
    contents = [
        f'<a href="#{operation.operation_id}"><code>{escape(endpoint)}</code></a> {_prose(operation.summary)}'
        for endpoint, operation in operations
    ]
    schemas = sorted((description.components.schemas or {}).items())
    title = escape(f"{description.info.title} {description.info.version}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        # Without an icon, browsers request /favicon.ico, which the policy forbids.
        '<link rel="icon" href="data:,">'
        f'<style nonce="{nonce}">{_STYLE}</style></head><body><main><h1>{title}</h1>'
        f"<p>{_prose(description.info.description)} "
        'The machine-readable description is <a href="/openapi.json">/openapi.json</a>.</p>'
        f"{_list(contents)}{''.join(_section(*operation) for operation in operations)}"
        f"<h2>Schemas</h2>{''.join(_schema(name, schema) for name, schema in schemas)}</main></body></html>"
    )


def _section(endpoint: str, operation: Operation) -> str:
    parameters = [
        (
            parameter.name,
            escape(parameter.param_in) + (", required" if parameter.required else ""),
            _type(parameter.schema),
            parameter.description,
        )
        for parameter in operation.parameters or []
        if isinstance(parameter, Parameter)
    ]
    successes, errors = (
        [
            (f"{status} {_prose(response.description)}", _content(response.content))
            for status, response in sorted((operation.responses or {}).items())
            if isinstance(response, OpenAPIResponse) and (status >= "400") is are_errors
        ]
        for are_errors in (False, True)
    )
    responses = [text + content for text, content in successes]
    if errors:
        responses.append(", ".join(text for text, _ in errors) + errors[0][1])
    return (
        f'<section id="{operation.operation_id}"><h2><code>{escape(endpoint)}</code></h2>'
        f"<p>{_prose(operation.description)} Operation: <code>{operation.operation_id}</code>.</p>"
        f"{_table(('parameter', 'in', 'type', ''), parameters)}{_body(operation.request_body)}"
        f"<h3>Responses</h3>{_list(responses)}</section>"
    )


def _body(body: RequestBody | Reference | None) -> str:
    if not isinstance(body, RequestBody):
        return ""
    examples = "".join(
        f"<details><summary>{_prose(example.summary)} (<code>{media_type}</code>)</summary>"
        f"<pre>{escape(json.dumps(example.value, indent=2))}</pre></details>"
        for media_type, content in body.content.items()
        for example in (content.examples or {}).values()
        if isinstance(example, Example)
    )
    required = "" if body.required else ", optional"
    types = _list([_content({name: content}) for name, content in body.content.items()])
    return f"<h3>Body{required}</h3><p>{_prose(body.description)}</p>{types}{examples}"


def _content(content: dict[str, OpenAPIMediaType] | None) -> str:
    """Return the media types, each with its type."""
    return ",".join(
        f" <code>{escape(name)}</code>: {_type(media_type.schema)}" for name, media_type in (content or {}).items()
    )


def _schema(name: str, schema: Schema | Reference) -> str:
    if not isinstance(schema, Schema):
        return ""
    required = schema.required or ()
    fields = [
        (field, "required" if field in required else "", _type(value), getattr(value, "description", None))
        for field, value in (schema.properties or {}).items()
    ]
    body = _table(("field", "", "type", ""), fields) or f"<p>{_type(schema)}</p>"
    return f'<section id="{name}"><h3>{name}</h3><p>{_prose(schema.description)}</p>{body}</section>'


def _table(head: tuple[str, ...], rows: list[tuple[str, str, str, str | None]]) -> str:
    """Return a table, or nothing if it has no rows."""
    cells = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{place}</td><td>{type_}</td><td>{_prose(text)}</td></tr>"
        for name, place, type_, text in rows
    )
    return cells and f"<table><tr>{''.join(f'<th>{name}</th>' for name in head)}</tr>{cells}</table>"


def _list(items: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>"


def _type(schema: Schema | Reference | None) -> str:
    """Return the type of a value as HTML, with links to named schemas."""
    match schema:
        case Reference(ref=ref):
            name = ref.rpartition("/")[2]
            text = f'<a href="#{name}">{name}</a>'
        case Schema(one_of=[*options]) | Schema(any_of=[*options]) | Schema(all_of=[*options]):
            text = " or ".join(map(_type, options))
        case Schema(enum=[*values]):
            text = ", ".join(f"<code>{escape(str(value))}</code>" for value in values if value is not None)
        case Schema(const=str(value)):
            text = f"<code>{escape(value)}</code>"
        case Schema(type=OpenAPIType.ARRAY, items=items):
            text = f"array of {_type(items)}"
        case Schema(type=OpenAPIType.OBJECT, additional_properties=Schema() | Reference() as value):
            text = f"object of {_type(value)}"
        case Schema(type=[*types]):
            text = " or ".join(type_.value for type_ in types)
        case Schema(type=OpenAPIType() as type_, format=format_, minimum=minimum, maximum=maximum, default=default):
            bounds = "" if maximum is None else f" from {minimum:g} to {maximum:g}"
            bounds += "" if default is None else f", default {escape(str(default))}"
            text = f"{type_.value}{f' ({format_.value})' if format_ else ''}{bounds}"
        case _:
            text = ""
    return text


def _prose(text: str | None) -> str:
    """Return a description as HTML; text in backticks is code."""
    return _CODE.sub(r"<code>\1</code>", escape(text or ""))
