"""`POST /metering/hooks/{provider}/{connector_id}`: webhooks of voice and chat providers.

The URL identifies the connector and its organization; the signature proves that the provider sent the message. No other
credential is needed. The response is sent once the data is on disk, with the status that the provider expects.
"""

import asyncio
from typing import Annotated, Final

from litestar import Response, Router, post
from litestar.background_tasks import BackgroundTask
from litestar.openapi import ResponseSpec
from litestar.params import PathParameter

from talkmeter import clock
from talkmeter.accounts.connectors import Connector, find_connector
from talkmeter.api.body import BodyLimits, body_limits, read_body
from talkmeter.api.hook_bodies import HOOK_BODY
from talkmeter.api.openapi import error_specs, operation_with
from talkmeter.api.problems import AnyRequest
from talkmeter.api.service import Service
from talkmeter.db.engine import Connection
from talkmeter.errors import NotAuthenticated, NotFound, UnsupportedMediaType
from talkmeter.ingest.connectors.provider import Ignored, Message, NotVerified, Provider
from talkmeter.ingest.connectors.registry import PROVIDERS
from talkmeter.ingest.connectors.to_batch import to_batch
from talkmeter.settings import public_url

HOOKS_PATH: Final = "/metering/hooks"
MAX_HOOK_BYTES: Final = 1 << 20
HOOK_TIMEOUT_SEC: Final = 10
"""Providers send a message at once; a slow sender should not hold the memory for long."""
_STORED: Final = {
    200: ResponseSpec(
        data_container=None, description="The message is on disk; the body is empty.", generate_examples=False
    ),
    204: ResponseSpec(
        data_container=None, description="Same as 200, for providers that expect 204.", generate_examples=False
    ),
}


@post(
    HOOKS_PATH + "/{provider:str}/{connector_id:str}",
    status_code=200,
    operation_id="receiveWebhook",
    operation_class=operation_with(body=HOOK_BODY),
    responses={**_STORED, **error_specs(400, 401, 404, 408, 413, 415, 507)},
    summary="Receive a webhook",
)
async def post_hook(
    request: AnyRequest,
    provider: Annotated[str, PathParameter(description="The provider.", schema_extra={"enum": [*PROVIDERS]})],
    connector_id: Annotated[str, PathParameter(description="The id from 'talkmeter connectors add'.")],
) -> Response[bytes]:
    """Store and count the call, chat or run in a provider's message of at most 1 MiB, in the provider's own format."""
    service: Service = request.app.state.service
    connector, adapter = await _find_connector(service, provider, connector_id)
    if request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMediaType("A webhook must not have a Content-Encoding: its signature covers the plain body.")
    # Anyone can send an unverified message, so it must not use the memory and the threads of the organization.
    sender = f"connector {connector.id}"
    with service.unverified.reservation(sender) as reserve:
        allowed = body_limits(service.settings)
        limits = BodyLimits(min(allowed.max_bytes, MAX_HOOK_BYTES), min(allowed.timeout_sec, HOOK_TIMEOUT_SEC))
        message = _message(request, service, await read_body(request, limits, reserve), connector.org_id)
        secrets = service.secrets.decrypt(connector)
        try:
            await service.decode(sender, message.body, lambda: adapter.verify(message, secrets))
        except NotVerified as error:
            service.outcomes.add(connector.id, "rejected")
            await service.outcomes.flush(service.change)
            raise NotAuthenticated(f"{not_verified(provider)} {error}") from None
    with service.intake.reservation(connector.org_id) as reserve:
        reserve(len(message.body))
        await _write(service, connector, adapter, message)
    return Response(
        content=b"",
        status_code=adapter.status,
        media_type="text/plain",
        background=BackgroundTask(service.outcomes.flush, service.change),
    )


def not_verified(provider: str) -> str:
    """Return the beginning of the error for a webhook whose signature is invalid."""
    return f"Could not verify that this message came from {provider}:"


async def _find_connector(service: Service, provider: str, connector_id: str) -> tuple[Connector, Provider]:
    """Return the connector of a URL. Raises NotFound if it does not exist, is disabled, or has another provider."""

    def find(connection: Connection) -> Connector | None:
        return find_connector(connection, connector_id)

    adapter = PROVIDERS.get(provider)
    connector = await service.look_up(find) if adapter is not None else None
    if adapter is None or connector is None or connector.provider != provider or connector.disabled_at is not None:
        raise NotFound("No connector has this URL; 'talkmeter connectors list' shows the existing ones.")
    return connector, adapter


def _message(request: AnyRequest, service: Service, body: bytes, org_id: str) -> Message:
    raw_path: bytes = request.scope["raw_path"]
    query = request.scope["query_string"]
    path = raw_path.partition(b"?")[0] + (b"?" + query if query else b"")
    return Message(
        method=request.method,
        url=public_url(service.settings) + path.decode("latin-1"),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
        received_at=clock.now(),
        org_id=org_id,
    )


async def _write(service: Service, connector: Connector, adapter: Provider, message: Message) -> None:
    result = await service.decode(connector.org_id, message.body, lambda: to_batch(connector, adapter, message))
    if isinstance(result, Ignored):
        service.outcomes.add_ignored(connector.id, result.type)
        return
    [written] = service.writer.submit([result.batch])
    for outcome, events in (await asyncio.wrap_future(written)).counts().items():
        if events:
            service.outcomes.add(connector.id, outcome, events, result.assumed)


hooks_router = Router(path="/", route_handlers=[post_hook], tags=["Metering"])
