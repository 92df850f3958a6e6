"""Render every error as `application/problem+json` with one sentence in `detail` (RFC 9457)."""

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
AnyConnection = ASGIConnection[Any, Any, Any, Any]


class Problem(msgspec.Struct, frozen=True):
    """An error: `status` is for programs, `detail` for people."""

    title: str
    status: int
    detail: Annotated[str, msgspec.Meta(description="One plain sentence: what was wrong, where, what is allowed.")]
    type: str = "about:blank"


def problem_response(status: HTTPStatus, detail: str, headers: dict[str, str] | None = None) -> Response[bytes]:
    """Return an error response."""
    return problem_answer(Problem(title=status.phrase, status=status.value, detail=detail), headers)


def problem_answer(problem: Problem, headers: dict[str, str] | None = None) -> Response[bytes]:
    """Return an error response with a problem, or with a struct that has more fields."""
    return Response(
        content=msgspec.json.encode(problem), status_code=problem.status, media_type=MEDIA_TYPE, headers=headers
    )


def problem_specs(*statuses: int, problem: type[Problem] = Problem) -> dict[int, ResponseSpec]:
    """Return the OpenAPI specs of error responses by status."""
    return {
        status: ResponseSpec(
            data_container=problem,
            media_type=MEDIA_TYPE,
            generate_examples=False,
            description=HTTPStatus(status).phrase,
        )
        for status in statuses
    }


def render_talkmeter_error(_request: AnyRequest, error: TalkmeterError) -> Response[bytes]:
    """Render a Talkmeter error; its detail is written for the caller."""
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("request refused", status=error.status.value, detail=error.log_detail)
    return problem_response(error.status, error.public_detail, error.headers)


def render_http_exception(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    """Render a Litestar exception, with the wording of Talkmeter."""
    headers = dict(error.headers or {})
    match error:
        case NotFoundException():
            return problem_response(HTTPStatus.NOT_FOUND, "Nothing exists at this URL; see /docs for the endpoints.")
        case MethodNotAllowedException():
            allowed = _allowed_methods(headers)
            detail = f"{request.method} is not allowed at this URL; allowed: {allowed}."
            return problem_response(HTTPStatus.METHOD_NOT_ALLOWED, detail, {"Allow": allowed})
        case ValidationException():
            return problem_response(HTTPStatus.UNPROCESSABLE_ENTITY, _validation_sentence(error))
        case ClientException() if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            return problem_response(HTTPStatus(error.status_code), error.detail, headers)
        case _:
            return render_unexpected(request, error)


def render_unexpected(request: AnyRequest, error: Exception) -> Response[bytes]:
    """Log an unexpected exception in full, and return a 500 response without internal details."""
    _log.error("request failed", method=request.method, exc_info=error)
    return problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, "The request failed; the server's log has the error.")


def _allowed_methods(headers: dict[str, str]) -> str:
    """Return the methods of the Allow header, with HEAD if GET is allowed."""
    allow = next((value for name, value in headers.items() if name.lower() == "allow"), "")
    methods = {method.strip() for method in allow.split(",")}
    return ", ".join(sorted(methods | {"HEAD"} if "GET" in methods else methods))


def _validation_sentence(error: ValidationException) -> str:
    extra = error.extra if isinstance(error.extra, list) else []
    invalid = [f"'{entry.get('key')}': {entry.get('message')}" for entry in extra if isinstance(entry, dict)]
    return f"Invalid parameter {'; '.join(invalid)}." if invalid else error.detail
