"""`POST /metering/hooks/{provider}/{connector_id}`: messages of voice and chat stacks, proved, stored and counted.

The address says whose a message is, and its signature that the stack sent it; nothing else is asked for. It is answered
when what it brought is on disk, with the status that the stack wants to hear.
"""

import asyncio
from typing import Annotated, Final

from litestar import Response, Router, post
from litestar.background_tasks import BackgroundTask
from litestar.openapi import ResponseSpec
from litestar.params import PathParameter

from talkmeter import clock
from talkmeter.accounts.connectors import Connector, SecretBox, find_connector
from talkmeter.api.body import read_body
from talkmeter.api.openapi import documented
from talkmeter.api.problems import AnyRequest
from talkmeter.api.service import Service
from talkmeter.db.engine import Connection
from talkmeter.errors import NotAuthenticated, NotFound, UnsupportedMediaType
from talkmeter.ingest.connectors.provider import Ignored, Message, NotVerified, Provider
from talkmeter.ingest.connectors.registry import PROVIDERS
from talkmeter.ingest.connectors.to_batch import to_batch
from talkmeter.settings import public_url

HOOKS_PATH: Final = "/metering/hooks"
_TAKEN: Final = ResponseSpec(
    data_container=None, description="As 200, for stacks that want to hear this.", generate_examples=False
)


@post(
    HOOKS_PATH + "/{provider:str}/{connector_id:str}",
    status_code=200,
    responses={204: _TAKEN, **documented(400, 401, 404, 408, 413, 415, 507)},
    summary="Take a stack's message",
)
async def post_hook(
    request: AnyRequest,
    provider: Annotated[str, PathParameter(description="The stack, such as twilio.")],
    connector_id: Annotated[str, PathParameter(description="The connector that 'talkmeter connectors add' made.")],
) -> Response[bytes]:
    """Take what a stack tells of a call, chat or run; the body is the stack's own."""
    service: Service = request.app.state.service
    connector, stack = await _connector(service, provider, connector_id)
    if request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMediaType("A stack's message is taken as it was signed: without Content-Encoding.")
    with service.intake.holding(connector.org_id) as hold:
        body = await read_body(request, service.settings, hold)
        message = _message(request, service, body)
        try:
            stack.verify(message, SecretBox(service.settings.secret_key).decrypt(connector))
        except NotVerified as error:
            service.outcomes.note(connector.id, "rejected")
            await service.outcomes.flush(service.change)
            raise NotAuthenticated(f"{not_verified(provider)} {error}") from None
        await _take(service, connector, stack, message)
    return Response(
        content=b"",
        status_code=stack.status,
        media_type="text/plain",
        background=BackgroundTask(service.outcomes.flush, service.change),
    )


def not_verified(provider: str) -> str:
    """Return the beginning of the error for a webhook whose signature is invalid."""
    return f"Could not verify that this message came from {provider}:"


async def _connector(service: Service, provider: str, connector_id: str) -> tuple[Connector, Provider]:
    """The connector of an address; one that is disabled, or of another stack, is as good as none."""

    def find(connection: Connection) -> Connector | None:
        return find_connector(connection, connector_id)

    stack = PROVIDERS.get(provider)
    connector = await service.read(find) if stack is not None else None
    if stack is None or connector is None or connector.provider != provider or connector.disabled_at is not None:
        raise NotFound("There is no connector at this address; 'talkmeter connectors list' shows those there are.")
    return connector, stack


def _message(request: AnyRequest, service: Service, body: bytes) -> Message:
    raw_path: bytes = request.scope["raw_path"]
    query = request.scope["query_string"]
    path = raw_path.partition(b"?")[0] + (b"?" + query if query else b"")
    return Message(
        method=request.method,
        url=public_url(service.settings) + path.decode("latin-1"),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
        received_at=clock.now(),
    )


async def _take(service: Service, connector: Connector, stack: Provider, message: Message) -> None:
    work = await service.decode(lambda: to_batch(connector, stack, message))
    if isinstance(work, Ignored):
        service.outcomes.note_ignored(connector.id, work.type)
        return
    [written] = await asyncio.wrap_future(service.writer.submit({connector.org_id: work}))
    for outcome, events in written.bins().items():
        if events:
            service.outcomes.note(connector.id, outcome, events)


hooks_router = Router(path="/", route_handlers=[post_hook], tags=["Metering"])
