"""`POST /metering/events` and `PUT /metering/inventory/{kind}`; a 200 response means that the events are on disk."""

import asyncio
from functools import partial
from typing import Annotated, Final

import msgspec
from litestar import Response, Router, post, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import PathParameter

from talkmeter.api.auth.callers import RequiresScope, caller_of, organization_of
from talkmeter.api.auth.scopes import EVENTS_WRITE
from talkmeter.api.body import body_limits, read_body
from talkmeter.api.openapi import error_specs, json_spec, operation_with
from talkmeter.api.problems import AnyRequest
from talkmeter.api.request_bodies import EVENTS_BODY, SNAPSHOT_BODY
from talkmeter.api.service import Service
from talkmeter.errors import Unprocessable, UnsupportedMediaType, quoted
from talkmeter.ingest.cloudevents import Sender
from talkmeter.ingest.inventory import read_kind, read_snapshot
from talkmeter.ingest.receipt import Receipt, make_receipt
from talkmeter.ingest.requests import PLAIN, group_by_organization, media_type, read_request, request_media_type
from talkmeter.ledger.batch import BatchResult, OrgBatch
from talkmeter.ledger.organizations import existing_organizations
from talkmeter.ledger.refused import refuse_unknown
from talkmeter.records import INVENTORY_KINDS

_RESPONSES: Final[dict[int, ResponseSpec]] = {
    200: json_spec(Receipt, "The result for each event, after all of them are on disk."),
    **error_specs(400, 401, 403, 408, 413, 415, 422, 507),
}


@post(
    "/metering/events",
    status_code=200,
    guards=[RequiresScope(EVENTS_WRITE)],
    operation_id="sendEvents",
    operation_class=operation_with(body=EVENTS_BODY),
    responses=_RESPONSES,
    summary="Send events",
)
async def post_events(request: AnyRequest) -> Response[bytes]:
    """Store and count CloudEvents: one (structured or binary), a batch, or plain JSON (one event or an array)."""
    service: Service = request.app.state.service
    caller = caller_of(request)
    sender = Sender(caller.credential_id, caller.org_id)
    headers = {name: request.headers[name] for name in request.headers}
    request_media_type(headers)

    def decode(body: bytes) -> list[OrgBatch]:
        return group_by_organization(read_request(headers, body, sender, service.settings.max_events), sender)

    payer = caller.org_id or caller.credential_id
    with service.intake.reservation(payer) as reserve:
        body = await read_body(request, body_limits(service.settings), reserve)
        batches = await service.decode(payer, body, partial(decode, body))
        del body
        if service.settings.known_organizations_only:
            batches = await _refuse_unknown_organizations(service, batches)
        return await _write(service, batches)


@put(
    "/metering/inventory/{kind:str}",
    status_code=200,
    guards=[RequiresScope(EVENTS_WRITE)],
    operation_id="replaceInventory",
    operation_class=operation_with(body=SNAPSHOT_BODY),
    responses=_RESPONSES,
    summary="Replace the inventory of one kind",
)
async def put_inventory(
    request: AnyRequest,
    kind: Annotated[
        str, PathParameter(description="The kind of the items.", schema_extra={"enum": [*INVENTORY_KINDS]})
    ],
) -> Response[bytes]:
    """Replace the items of one kind with the full list as of `time`; other items are removed unless they are newer."""
    service: Service = request.app.state.service
    caller = caller_of(request)
    org_id = organization_of(caller)
    kind_ = read_kind(kind)
    if media_type(request.headers.get("content-type", PLAIN)) != PLAIN:
        raise UnsupportedMediaType(f"A snapshot's Content-Type must be {PLAIN}.")
    sender = Sender(caller.credential_id, org_id)
    with service.intake.reservation(org_id) as reserve:
        body = await read_body(request, body_limits(service.settings), reserve)
        states, watermark = await service.decode(
            org_id, body, lambda: read_snapshot(kind_, body, org_id, service.settings.max_events)
        )
        if service.settings.known_organizations_only and not await _known(service, {org_id}):
            raise Unprocessable(f"Organization {quoted(org_id)} does not exist (TALKMETER_KNOWN_ORGANIZATIONS_ONLY).")
        return await _write(service, group_by_organization(states, sender, watermark))


async def _refuse_unknown_organizations(service: Service, batches: list[OrgBatch]) -> list[OrgBatch]:
    """Return the batches with the events of organizations that do not exist refused."""
    known = await _known(service, {batch.org_id for batch in batches if batch.org_id})
    return [batch if batch.org_id in known or not batch.org_id else refuse_unknown(batch) for batch in batches]


async def _known(service: Service, org_ids: set[str]) -> set[str]:
    return await service.look_up(lambda connection: existing_organizations(connection, org_ids))


async def _write(service: Service, batches: list[OrgBatch]) -> Response[bytes]:
    """Submit the batches of one request to the writer, and respond once all are on disk."""
    written: list[BatchResult] = []
    futures = map(asyncio.wrap_future, service.writer.submit(batches))
    for result in await asyncio.gather(*futures, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
        written.append(result)
    return Response(content=msgspec.json.encode(make_receipt(written)), media_type=PLAIN)


metering_router = Router(path="/", route_handlers=[post_events, put_inventory], tags=["Metering"])
