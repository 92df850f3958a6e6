"""Reads JSON bodies of small requests that change something, and encodes their answers."""

from typing import Final

import msgspec
from litestar import Response

from talkmeter.api.auth.callers import caller_of
from talkmeter.api.body import BodyLimits, read_body, require_json
from talkmeter.api.compression import Encoded
from talkmeter.api.etag import json_response
from talkmeter.api.problems import AnyRequest
from talkmeter.api.service import Service
from talkmeter.errors import BadRequest

MAX_BODY_BYTES: Final = 1_000_000


async def read_json(request: AnyRequest) -> object:
    """Return the decoded body. Raises UnsupportedMediaType or BadRequest if it is not JSON, and as `read_body` does."""
    service = service_of(request)
    limits = BodyLimits(MAX_BODY_BYTES, service.settings.body_timeout_sec)
    require_json(request)
    with service.intake.reservation(caller_of(request).credential_id) as reserve:
        body = await read_body(request, limits, reserve)
        try:
            decoded: object = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise BadRequest("The body is not JSON.") from None
    return decoded


def json_answer(answer: object, etag: str | None = None) -> Response[bytes]:
    """Return a 200 response."""
    return json_response(Encoded(msgspec.json.encode(answer)), etag)


def service_of(request: AnyRequest) -> Service:
    """Return the services of the process."""
    service: Service = request.app.state.service
    return service
