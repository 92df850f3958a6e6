"""What the API and the command line say about webhooks, their deliveries and attempts."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta
from sqlalchemy import Connection

from talkmeter.db.notify_tables import PENDING
from talkmeter.notify.deliveries import WEBHOOK, Attempt, DeliveryHistory, read_target
from talkmeter.notify.messages import decode_message
from talkmeter.notify.webhooks import Webhook, list_webhooks
from talkmeter.period import InstantText, format_instant

LISTED: Final = 5
"""The number of deliveries of each webhook in a list."""
SHOWN: Final = 100
"""The number of deliveries of one webhook."""


class AttemptAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt of a delivery."""

    number: int
    at: InstantText
    duration_ms: Annotated[
        int | None, Meta(description="null: the attempt is running, or the server was interrupted during it.")
    ]
    status: Annotated[int | None, Meta(description="The status of the answer; null: there was no answer.")]
    error: Annotated[str | None, Meta(description="The class of the error; null: none.")]


class DeliveryAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A message to one receiver."""

    message_id: Annotated[str, Meta(description="The value of the header webhook-id.")]
    type: str
    created_at: InstantText
    state: Annotated[str, Meta(description="pending, delivered, failed (after three days), or dropped.")]
    next_at: Annotated[InstantText | None, Meta(description="When the next attempt is due; null: never.")]
    attempts: list[AttemptAnswer]


class WebhookAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook, with its newest deliveries first."""

    id: str
    url: str
    created_at: InstantText
    failing_since: Annotated[InstantText | None, Meta(description="null: the last attempt succeeded.")]
    disabled_at: Annotated[
        InstantText | None, Meta(description="null: in use. It is disabled after five days of failure.")
    ]
    deliveries: list[DeliveryAnswer]


class WebhookList(msgspec.Struct, frozen=True):
    """The webhooks of an organization, oldest first."""

    webhooks: list[WebhookAnswer]


class StoredWebhook(msgspec.Struct, frozen=True):
    """A webhook that was set."""

    id: str
    url: str
    secret: Annotated[
        str | None, Meta(description="The signing secret of a new webhook, shown only now; null: it existed already.")
    ]


class WebhookTest(msgspec.Struct, frozen=True):
    """A test message that will be sent at once."""

    message_id: str


def webhook_answer(connection: Connection, webhook: Webhook, deliveries: int) -> WebhookAnswer:
    """Return a webhook with up to a number of its deliveries."""
    histories = read_target(connection, webhook.org_id, WEBHOOK, webhook.id, deliveries)
    return WebhookAnswer(
        id=webhook.id,
        url=webhook.url,
        created_at=format_instant(webhook.created_at),
        failing_since=_instant(webhook.failing_since),
        disabled_at=_instant(webhook.disabled_at),
        deliveries=[delivery_answer(history) for history in histories],
    )


def webhook_list(connection: Connection, org_id: str) -> WebhookList:
    """Return the webhooks of an organization, each with a few deliveries."""
    return WebhookList([webhook_answer(connection, webhook, LISTED) for webhook in list_webhooks(connection, org_id)])


def delivery_answer(history: DeliveryHistory) -> DeliveryAnswer:
    """Return a delivery and its attempts."""
    delivery = history.delivery
    return DeliveryAnswer(
        message_id=delivery.message_id,
        type=decode_message(delivery.body).type,
        created_at=format_instant(delivery.created_at),
        state=delivery.state,
        next_at=format_instant(delivery.next_at) if delivery.state == PENDING else None,
        attempts=[_attempt_answer(attempt) for attempt in history.attempts],
    )


def _attempt_answer(attempt: Attempt) -> AttemptAnswer:
    return AttemptAnswer(
        number=attempt.number,
        at=format_instant(attempt.at),
        duration_ms=attempt.duration_ms,
        status=attempt.status,
        error=attempt.error,
    )


def _instant(instant: int | None) -> InstantText | None:
    return None if instant is None else format_instant(instant)
