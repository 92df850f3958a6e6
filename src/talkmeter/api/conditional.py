"""Answers an organization's query with an ETag, or 304 if the caller has the answer already."""

from typing import Final

from litestar import Response
from litestar.openapi import ResponseSpec

from talkmeter import clock, period
from talkmeter.api.answers import Answer
from talkmeter.api.compression import accepted_coding
from talkmeter.api.etag import Query, json_response, not_modified
from talkmeter.api.headers import header_values
from talkmeter.api.problems import AnyRequest
from talkmeter.api.service import Service
from talkmeter.db.engine import Connection
from talkmeter.period import Present

NOT_MODIFIED: Final = ResponseSpec(
    data_container=None, description="Not modified: the cached response is current.", generate_examples=False
)


async def answer_query(request: AnyRequest, query: Query) -> Response[bytes]:
    """Answer a query with an ETag, from the cache or the database; 304 if the caller's ETag is current."""
    service: Service = request.app.state.service
    if_none_match = b",".join(header_values(request, b"if-none-match")).decode("latin-1")
    coding = accepted_coding(request)

    def answer(connection: Connection) -> Answer:
        return service.answers.answer(connection, query, if_none_match, coding)

    etag, encoded = await service.answer(query.org_id, request.receive, answer)
    return not_modified(etag) if encoded is None else json_response(encoded, etag)


def present_of(request: AnyRequest) -> Present:
    """Return the time of a query."""
    service: Service = request.app.state.service
    return period.present(clock.now(), service.settings.stale_hours)
