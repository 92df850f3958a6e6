"""`talkmeter webhooks`: the URLs that receive an organization's messages, and the deliveries."""

from typing import TYPE_CHECKING

import click

from talkmeter import clock
from talkmeter.errors import OperationFailed
from talkmeter.settings import Settings, load_settings

if TYPE_CHECKING:
    from talkmeter.db.engine import Engine
    from talkmeter.notify.answers import AttemptAnswer, WebhookAnswer

OrganizationOption = click.option("--org", required=True, help="The organization's id.")


@click.group()
def webhooks() -> None:
    """Manage webhooks, which receive messages such as 'budget.crossed'."""


@webhooks.command("list")
@OrganizationOption
def list_(org: str) -> None:
    """List the webhooks of an organization."""
    from talkmeter.cli.database import open_database, require_organization
    from talkmeter.cli.tables import print_list
    from talkmeter.db.engine import reading
    from talkmeter.notify.answers import webhook_list

    with open_database() as engine:
        require_organization(engine, org)
        with reading(engine) as connection:
            listed = webhook_list(connection, org).webhooks
    print_list(("id", "url", "state"), [(webhook.id, webhook.url, _state(webhook)) for webhook in listed])


@webhooks.command("set")
@click.argument("webhook_id")
@click.argument("url")
@OrganizationOption
def set_(webhook_id: str, url: str, org: str) -> None:
    """Add a webhook and print its signing secret, or change the URL of one and enable it again."""
    from talkmeter.accounts.connectors import SecretBox
    from talkmeter.cli.database import change_organization
    from talkmeter.cli.operator import operator
    from talkmeter.notify.change import put_webhook
    from talkmeter.notify.endpoints import outgoing_rules

    settings = load_settings()
    box, rules = SecretBox(settings.secret_key), outgoing_rules(settings)
    with change_organization(org, settings) as connection:
        stored = put_webhook(connection, box, rules, (org, webhook_id, url), operator(), clock.now())
    if stored.secret is None:
        click.echo(f"Webhook {webhook_id} has this URL now, and keeps its secret.", err=True)
        return
    click.echo(stored.secret)
    click.echo("Copy the secret now: it is not shown again.", err=True)


@webhooks.command("delete")
@click.argument("webhook_id")
@OrganizationOption
def delete(webhook_id: str, org: str) -> None:
    """Delete a webhook. Messages that it has not received yet are dropped."""
    from talkmeter.cli.database import change_organization
    from talkmeter.cli.operator import operator
    from talkmeter.notify.change import remove_webhook

    with change_organization(org) as connection:
        remove_webhook(connection, org, webhook_id, operator(), clock.now())
    click.echo(f"Webhook {webhook_id} is deleted.")


@webhooks.command("test")
@click.argument("webhook_id")
@OrganizationOption
def test(webhook_id: str, org: str) -> None:
    """Send a test message from this machine and print the result. At most once a minute."""
    from talkmeter.cli.database import open_database, require_organization

    settings = load_settings()
    with open_database(settings) as engine:
        require_organization(engine, org)
        click.echo(send_test(engine, settings, org, webhook_id))


def send_test(engine: "Engine", settings: Settings, org: str, webhook_id: str) -> str:
    """Send a test message and return the result as a sentence. Raises OperationFailed if it was not delivered."""
    from talkmeter.cli.operator import operator
    from talkmeter.notify.attempts import Sender
    from talkmeter.notify.direct import deliver_test

    outcome = deliver_test(engine, Sender(settings), org, webhook_id, operator())
    if outcome.error is not None:
        answered = "" if outcome.status is None else f" (status {outcome.status})"
        raise OperationFailed(f"Not delivered: {outcome.error}{answered}, after {outcome.duration_ms:,} ms.")
    return f"Delivered: status {outcome.status}, after {outcome.duration_ms:,} ms."


@webhooks.command("deliveries")
@click.argument("webhook_id")
@OrganizationOption
def deliveries(webhook_id: str, org: str) -> None:
    """List the newest deliveries of a webhook with their attempts."""
    from talkmeter.cli.database import open_database, require_organization
    from talkmeter.cli.tables import print_list
    from talkmeter.db.engine import reading
    from talkmeter.notify.answers import SHOWN, webhook_answer
    from talkmeter.notify.change import require_webhook

    with open_database() as engine:
        require_organization(engine, org)
        with reading(engine) as connection:
            shown = webhook_answer(connection, require_webhook(connection, org, webhook_id), SHOWN)
    rows = [
        (delivery.message_id, delivery.type, delivery.state, *_attempt(attempt))
        for delivery in shown.deliveries
        for attempt in (delivery.attempts or (None,))
    ]
    print_list(("message", "type", "state", "attempt", "at", "ms", "status", "error"), rows)


def _attempt(attempt: "AttemptAnswer | None") -> tuple[str, ...]:
    if attempt is None:
        return ("-",) * 5
    fields = (attempt.number, attempt.at, attempt.duration_ms, attempt.status, attempt.error)
    return tuple("-" if field is None else str(field) for field in fields)


def _state(webhook: "WebhookAnswer") -> str:
    if webhook.disabled_at is not None:
        return f"disabled at {webhook.disabled_at}"
    return "in use" if webhook.failing_since is None else f"failing since {webhook.failing_since}"
