"""Sets, deletes and tests webhooks, with their entries in the audit log."""

from sqlalchemy import Connection

from talkmeter.accounts.connectors import SecretBox
from talkmeter.db.audit import Action, Actor, record_audit
from talkmeter.errors import NotFound, TooManyRequests, Unprocessable, quoted
from talkmeter.notify.answers import StoredWebhook
from talkmeter.notify.deliveries import add_deliveries
from talkmeter.notify.endpoints import OutgoingRules, read_endpoint
from talkmeter.notify.messages import TEST, Message, Ping, message_id
from talkmeter.notify.webhooks import (
    Webhook,
    begin_test,
    check_webhook_id,
    delete_webhook,
    find_webhook,
    set_webhook,
)
from talkmeter.period import format_instant


def put_webhook(
    connection: Connection, box: SecretBox, rules: OutgoingRules, webhook: tuple[str, str, str], actor: Actor, now: int
) -> StoredWebhook:
    """Set a webhook: (organization, id, URL). The answer has the secret if it is new.

    An existing one gets the URL, keeps its secret, and is enabled. Raises Unprocessable if nothing may be sent to the
    URL.
    """
    org_id, id_, url = webhook
    check_webhook_id(id_)
    endpoint = read_endpoint(url, rules)
    secret = set_webhook(connection, box, org_id, id_, url, now)
    # The path may contain a secret.
    record_audit(connection, actor, Action.WEBHOOK_SET, id_, now, org_id=org_id, detail=endpoint.origin)
    return StoredWebhook(id_, url, secret)


def require_webhook(connection: Connection, org_id: str, id_: str) -> Webhook:
    """Return a webhook. Raises NotFound if it does not exist."""
    webhook = find_webhook(connection, org_id, id_)
    if webhook is None:
        raise NotFound(f"Webhook {quoted(id_)} does not exist.")
    return webhook


def remove_webhook(connection: Connection, org_id: str, id_: str, actor: Actor, now: int) -> None:
    """Delete a webhook. Raises NotFound if it does not exist."""
    require_webhook(connection, org_id, id_)
    delete_webhook(connection, org_id, id_)
    record_audit(connection, actor, Action.WEBHOOK_DELETE, id_, now, org_id=org_id)


def send_test(connection: Connection, org_id: str, id_: str, actor: Actor, now: int) -> str:
    """Store a test message to a webhook, and return its id.

    Raises NotFound, Unprocessable if the webhook is disabled, or TooManyRequests in the minute after another test.
    """
    webhook = require_webhook(connection, org_id, id_)
    if webhook.disabled_at is not None:
        raise Unprocessable(
            f"Webhook {quoted(id_)} was disabled at {format_instant(webhook.disabled_at)}; set it again to enable it."
        )
    if not begin_test(connection, org_id, id_, now):
        raise TooManyRequests("A webhook can be tested once a minute; try again later.")
    message = Message(TEST, format_instant(now), Ping(organization_id=org_id, webhook_id=id_))
    id_of_message = message_id(org_id, TEST, id_, str(now))
    add_deliveries(connection, org_id, id_of_message, message, [id_], [], now)
    record_audit(connection, actor, Action.WEBHOOK_TEST, id_, now, org_id=org_id)
    return id_of_message
