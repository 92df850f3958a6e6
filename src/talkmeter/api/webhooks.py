"""`/admin/usage/webhooks`: the URLs to which an organization's messages are sent."""

from typing import Annotated, Final

import msgspec
from litestar import Response, Router, delete, get, post, put
from litestar.openapi import ResponseSpec
from litestar.params import PathParameter

from talkmeter import clock
from talkmeter.accounts.connectors import SecretBox
from talkmeter.api.auth.callers import RequiresScope, actor_of, caller_of, organization_of
from talkmeter.api.auth.scopes import BILLING_MANAGE
from talkmeter.api.json_body import json_answer, read_json, service_of
from talkmeter.api.openapi import error_specs, json_spec
from talkmeter.api.parameters import query_operation, read_parameters
from talkmeter.api.problems import AnyRequest
from talkmeter.api.request_bodies import WEBHOOK_BODY
from talkmeter.db.engine import Connection
from talkmeter.errors import Unavailable, Unprocessable
from talkmeter.notify.answers import (
    SHOWN,
    StoredWebhook,
    WebhookAnswer,
    WebhookList,
    WebhookTest,
    webhook_answer,
    webhook_list,
)
from talkmeter.notify.change import put_webhook, remove_webhook, require_webhook, send_test
from talkmeter.notify.endpoints import outgoing_rules

_ID: Final = PathParameter(description="The id of the webhook, chosen by its creator: 1 to 64 of a-z, 0-9, - and _.")
_DELETED: Final = ResponseSpec(data_container=None, description="The webhook is deleted.", generate_examples=False)


class WebhookBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a webhook."""

    url: str


@get(
    "/admin/usage/webhooks",
    operation_id="listWebhooks",
    guards=[RequiresScope(BILLING_MANAGE)],
    operation_class=query_operation(),
    responses={200: json_spec(WebhookList, "The webhooks."), **error_specs(401, 403, 422)},
    summary="List the webhooks",
)
async def get_webhooks(request: AnyRequest) -> Response[bytes]:
    """Return the webhooks of the organization, each with its five newest deliveries and their attempts."""
    read_parameters(request)
    org_id = organization_of(caller_of(request))
    return json_answer(
        await service_of(request).answer(org_id, request.receive, lambda connection: webhook_list(connection, org_id))
    )


@get(
    "/admin/usage/webhooks/{webhook_id:str}",
    operation_id="getWebhook",
    guards=[RequiresScope(BILLING_MANAGE)],
    operation_class=query_operation(),
    responses={200: json_spec(WebhookAnswer, "The webhook."), **error_specs(401, 403, 404, 422)},
    summary="Get a webhook",
)
async def get_webhook(request: AnyRequest, webhook_id: Annotated[str, _ID]) -> Response[bytes]:
    """Return a webhook with its 100 newest deliveries and their attempts."""
    read_parameters(request)
    org_id = organization_of(caller_of(request))

    def read(connection: Connection) -> WebhookAnswer:
        return webhook_answer(connection, require_webhook(connection, org_id, webhook_id), SHOWN)

    return json_answer(await service_of(request).answer(org_id, request.receive, read))


@put(
    "/admin/usage/webhooks/{webhook_id:str}",
    operation_id="putWebhook",
    guards=[RequiresScope(BILLING_MANAGE)],
    operation_class=query_operation(body=WEBHOOK_BODY),
    responses={
        200: json_spec(StoredWebhook, "The webhook."),
        **error_specs(400, 401, 403, 408, 413, 415, 422, 507),
    },
    summary="Set a webhook",
)
async def put_webhook_(request: AnyRequest, webhook_id: Annotated[str, _ID]) -> Response[bytes]:
    """Add a webhook, and return its secret; or change the URL of one, which keeps its secret and is enabled again."""
    read_parameters(request)
    org_id, actor, now = organization_of(caller_of(request)), actor_of(request), clock.now()
    settings = service_of(request).settings
    try:
        body = msgspec.convert(await read_json(request), WebhookBody)
    except msgspec.ValidationError as error:
        raise Unprocessable(f'{error}. Send {{"url": "https://example.com/path"}}.') from None
    if not settings.secret_key:
        raise Unavailable("This server cannot store webhooks: its operator must set TALKMETER_SECRET_KEY.")
    box, rules = SecretBox(settings.secret_key), outgoing_rules(settings)

    def change(connection: Connection) -> StoredWebhook:
        return put_webhook(connection, box, rules, (org_id, webhook_id, body.url), actor, now)

    return json_answer(await service_of(request).change(change))


@delete(
    "/admin/usage/webhooks/{webhook_id:str}",
    operation_id="deleteWebhook",
    guards=[RequiresScope(BILLING_MANAGE)],
    operation_class=query_operation(),
    status_code=204,
    responses={204: _DELETED, **error_specs(401, 403, 404, 415, 422, 507)},
    summary="Delete a webhook",
)
async def delete_webhook_(request: AnyRequest, webhook_id: Annotated[str, _ID]) -> Response[None]:
    """Delete a webhook. Messages that it has not received yet are dropped."""
    read_parameters(request)
    org_id, actor = organization_of(caller_of(request)), actor_of(request)
    await service_of(request).change(
        lambda connection: remove_webhook(connection, org_id, webhook_id, actor, clock.now())
    )
    return Response(None, status_code=204)


@post(
    "/admin/usage/webhooks/{webhook_id:str}/test",
    operation_id="testWebhook",
    guards=[RequiresScope(BILLING_MANAGE)],
    operation_class=query_operation(),
    status_code=202,
    responses={202: json_spec(WebhookTest, "The test message."), **error_specs(401, 403, 404, 415, 422, 429, 507)},
    summary="Test a webhook",
)
async def post_test(request: AnyRequest, webhook_id: Annotated[str, _ID]) -> Response[bytes]:
    """Send a test message, at most once a minute. Its attempts are in the deliveries of the webhook."""
    read_parameters(request)
    org_id, actor, service = organization_of(caller_of(request)), actor_of(request), service_of(request)
    message_id = await service.change(lambda connection: send_test(connection, org_id, webhook_id, actor, clock.now()))
    service.deliveries.wake()
    answer = json_answer(WebhookTest(message_id))
    answer.status_code = 202
    return answer


webhooks_router = Router(
    path="/", route_handlers=[get_webhooks, get_webhook, put_webhook_, delete_webhook_, post_test], tags=["Webhooks"]
)
