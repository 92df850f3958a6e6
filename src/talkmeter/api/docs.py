"""`/openapi.json`, and `/docs`: the API on one HTML page that loads nothing from other hosts."""

import secrets
from hashlib import sha256
from html import escape
from typing import Final

import msgspec
from litestar import MediaType, Response, get
from litestar.openapi.spec import OpenAPI, Operation, Parameter

from talkmeter.api.etag import json_response, matches, not_modified
from talkmeter.api.problems import AnyRequest

_NONCE: Final = "__NONCE__"
_STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem }
code { font-size: .95em } h2 { margin-top: 2.5rem; border-top: 1px solid; padding-top: 1rem }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0 }
"""


class ApiDescription:
    """The OpenAPI description as JSON and as a page without its nonce, encoded once when the server starts."""

    def __init__(self, schema: OpenAPI) -> None:
        self.json = msgspec.json.encode(schema.to_schema())
        self.etag = f'"{sha256(self.json).hexdigest()[:32]}"'
        self.page = render_docs(schema, _NONCE)


@get("/openapi.json", include_in_schema=False)
async def get_openapi(request: AnyRequest) -> Response[bytes]:
    """Return the OpenAPI description, or 304 if the client has it."""
    description: ApiDescription = request.app.state.description
    if matches(request.headers.get("if-none-match", ""), description.etag):
        return not_modified(description.etag)
    return json_response(description.json, description.etag)


@get("/docs", media_type=MediaType.HTML, include_in_schema=False)
async def get_docs(request: AnyRequest) -> Response[str]:
    """Return a page with every endpoint, its parameters and its responses."""
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    description: ApiDescription = request.app.state.description
    return Response(
        content=description.page.replace(_NONCE, nonce),
        media_type=MediaType.HTML,
        headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"},
    )


def render_docs(schema: OpenAPI, nonce: str) -> str:
    """Return the page as HTML."""
    sections = "".join(
        _section(method.upper(), path, operation)
        for path, item in sorted((schema.paths or {}).items())
        for method in ("get", "post", "put", "delete")
        if isinstance(operation := getattr(item, method), Operation)
    )
    title = escape(f"{schema.info.title} {schema.info.version}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<style nonce="{nonce}">{_STYLE}</style></head><body><main><h1>{title}</h1>'
        "<p>Send <code>Authorization: Bearer ak_…</code> or <code>pat_…</code>. Errors are "
        "<code>application/problem+json</code> with one sentence in <code>detail</code>. "
        'The machine-readable description is <a href="/openapi.json">/openapi.json</a>.</p>'
        f"{sections}</main></body></html>"
    )


def _section(method: str, path: str, operation: Operation) -> str:
    parameters = [parameter for parameter in operation.parameters or [] if isinstance(parameter, Parameter)]
    rows = "".join(
        f"<tr><td><code>{escape(parameter.name)}</code></td><td>{escape(str(parameter.param_in))}"
        f"{', required' if parameter.required else ''}</td><td>{escape(parameter.description or '')}</td></tr>"
        for parameter in parameters
    )
    table = f"<table><tr><th>parameter</th><th>in</th><th></th></tr>{rows}</table>" if rows else ""
    bodies = ", ".join(f"<code>{escape(type_)}</code>" for type_ in getattr(operation.request_body, "content", {}))
    responses = ", ".join(
        f"{escape(status)} {escape(getattr(response, 'description', ''))}"
        for status, response in sorted((operation.responses or {}).items())
    )
    return (
        f"<section><h2><code>{method} {escape(path)}</code></h2><p>{escape(operation.description or '')}</p>"
        f"{table}{f'<p>Body: {bodies}.</p>' if bodies else ''}<p>Responses: {responses}.</p></section>"
    )
