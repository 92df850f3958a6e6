"""Every error as `application/problem+json` with one plain sentence in `detail` (RFC 9457); the one renderer."""

from http import HTTPStatus
from typing import Annotated, Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.exceptions import (
    ClientException,
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)
from litestar.openapi import ResponseSpec

from talkmeter.errors import TalkmeterError

MEDIA_TYPE = "application/problem+json"
_log = structlog.get_logger()

AnyRequest = Request[object, object, State]
Connected = ASGIConnection[Any, Any, Any, Any]


class Problem(msgspec.Struct, frozen=True):
    """What went wrong, for programs (`status`) and for people (`detail`)."""

    title: str
    status: int
    detail: Annotated[str, msgspec.Meta(description="One plain sentence: what was wrong, where, what is allowed.")]
    type: str = "about:blank"


def problem_response(status: HTTPStatus, detail: str, headers: dict[str, str] | None = None) -> Response[bytes]:
    """The one shape of every error."""
    problem = Problem(title=status.phrase, status=status.value, detail=detail)
    return Response(
        content=msgspec.json.encode(problem), status_code=status.value, media_type=MEDIA_TYPE, headers=headers
    )


def problems_documented(*statuses: int) -> dict[int, ResponseSpec]:
    """The errors of an endpoint, for its OpenAPI description."""
    return {
        status: ResponseSpec(
            data_container=Problem,
            media_type=MEDIA_TYPE,
            generate_examples=False,
            description=HTTPStatus(status).phrase,
        )
        for status in statuses
    }


def render_talkmeter_error(_request: AnyRequest, error: TalkmeterError) -> Response[bytes]:
    """Our own errors say everything themselves."""
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("request refused", status=error.status.value, detail=error.detail)
    return problem_response(error.status, error.public_detail, error.headers)


def render_http_exception(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    """Litestar's errors in our words."""
    headers = dict(error.headers or {})
    match error:
        case NotFoundException():
            return problem_response(
                HTTPStatus.NOT_FOUND, "There is nothing at this address; see /docs for what there is."
            )
        case MethodNotAllowedException():
            allowed = _allowed(headers)
            detail = f"{request.method} is not allowed at this address; allowed: {allowed}."
            return problem_response(HTTPStatus.METHOD_NOT_ALLOWED, detail, {"Allow": allowed})
        case ValidationException():
            return problem_response(HTTPStatus.UNPROCESSABLE_ENTITY, _validation_sentence(error))
        case ClientException() if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            return problem_response(HTTPStatus(error.status_code), error.detail, headers)
        case _:
            return render_unexpected(request, error)


def render_unexpected(request: AnyRequest, error: Exception) -> Response[bytes]:
    """A fault of ours: logged in full, told without a detail of the inside."""
    _log.error("a request failed", method=request.method, exc_info=error)
    return problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, "The server failed to answer; the fault is in its log.")


def _allowed(headers: dict[str, str]) -> str:
    """The methods of an address; whatever answers GET answers HEAD."""
    told = next((value for name, value in headers.items() if name.lower() == "allow"), "")
    methods = {method.strip() for method in told.split(",")}
    return ", ".join(sorted(methods | {"HEAD"} if "GET" in methods else methods))


def _validation_sentence(error: ValidationException) -> str:
    extra = error.extra if isinstance(error.extra, list) else []
    said = [f"'{one.get('key')}': {one.get('message')}" for one in extra if isinstance(one, dict)]
    return f"A parameter is not allowed: {'; '.join(said)}." if said else error.detail
