"""`talkmeter connectors`: the addresses that providers send webhooks to, and the secrets they sign with."""

import os
from typing import TYPE_CHECKING

import click

from talkmeter import clock
from talkmeter.errors import OperationFailed
from talkmeter.settings import load_settings, public_url

if TYPE_CHECKING:
    from talkmeter.accounts.connectors import Connector
    from talkmeter.db.engine import Engine

SecretOption = click.option(
    "--secret-env",
    metavar="NAME",
    help="The environment variable that holds the secret the provider signs with.",
)
GenerateOption = click.option(
    "--generate", is_flag=True, help="Make a new secret and print it on stderr; only for 'signed'."
)


@click.group()
def connectors() -> None:
    """Manage connectors, which receive webhooks of Twilio, Vapi, Retell and other providers."""


@connectors.command("add")
@click.option("--org", required=True, help="The organization that the calls belong to.")
@click.option("--provider", required=True, help="The provider, such as twilio; 'signed' is for signed CloudEvents.")
@SecretOption
@GenerateOption
def add(org: str, provider: str, secret_env: str | None, generate: bool) -> None:
    """Add a connector and print the address to enter at the provider; nothing else goes to stdout."""
    from talkmeter.accounts.connectors import SecretBox, add_connector
    from talkmeter.api.hooks import HOOKS_PATH
    from talkmeter.cli.database import change_organization
    from talkmeter.cli.operator import operator
    from talkmeter.db.audit import Action, record_audit
    from talkmeter.ingest.connectors.registry import PROVIDERS

    if provider not in PROVIDERS:
        raise OperationFailed(f"Unknown provider '{provider}'. Providers: {', '.join(PROVIDERS)}.")
    settings = load_settings()
    box, secret = SecretBox(settings.secret_key), _new_secret(provider, secret_env, generate=generate)
    encrypted = box.encrypt([secret])
    with change_organization(org, settings) as connection:
        now = clock.now()
        id_ = add_connector(connection, org, provider, encrypted, now)
        record_audit(connection, operator(), Action.CONNECTOR_ADD, id_, now, org_id=org, detail=provider)
    click.echo(f"{public_url(settings)}{HOOKS_PATH}/{provider}/{id_}")
    if generate:
        _print_secret(secret)


@connectors.command("list")
def list_() -> None:
    """List all connectors, without their secrets."""
    from talkmeter.accounts.connectors import list_connectors
    from talkmeter.cli.database import open_database
    from talkmeter.cli.tables import print_list, require_all_readable
    from talkmeter.db.engine import reading

    with open_database() as engine, reading(engine) as connection:
        listed, damaged = list_connectors(connection)
    rows = [
        (connector.id, connector.provider, connector.org_id, "disabled" if connector.disabled_at else "in use")
        for connector in listed
    ]
    print_list(("id", "provider", "organization", "state"), rows)
    require_all_readable(damaged)


@connectors.command("show")
@click.argument("connector_id")
def show(connector_id: str) -> None:
    """Show the address of a connector, its webhooks of the last 7 days by outcome, and whether it is silent."""
    from talkmeter.api.hooks import HOOKS_PATH
    from talkmeter.cli.database import open_database
    from talkmeter.cli.tables import print_table
    from talkmeter.db.engine import reading
    from talkmeter.ledger.connector_outcomes import read_daily_outcomes
    from talkmeter.period import day_of, format_day, format_instant
    from talkmeter.usage.connectors import DAYS, read_connectors

    settings, now = load_settings(), clock.now()
    with open_database(settings) as engine:
        connector = require_connector(engine, connector_id)
        with reading(engine) as connection:
            outcomes = read_daily_outcomes(connection, connector.id, day_of(now) - DAYS + 1)
            connectors_of_org = read_connectors(connection, connector.org_id, now).connectors
    [health] = (health for health in connectors_of_org if health.id == connector.id)
    click.echo(f"{public_url(settings)}{HOOKS_PATH}/{connector.provider}/{connector.id}")
    state = "in use" if health.disabled_at is None else f"disabled at {health.disabled_at}"
    click.echo(f"{connector.provider} of {connector.org_id}, added {health.created_at}, {state}")
    if outcomes:
        rows = [
            (format_day(row.day), row.outcome, f"{row.messages:,}", format_instant(row.last_at), row.detail)
            for row in outcomes
        ]
        print_table(("day", "outcome", "webhooks", "last", "type"), rows, numbers=("webhooks",))
    else:
        click.echo(f"No webhooks in the last {DAYS} days.")
    click.echo(f"Open conversations: {health.open_conversations:,}.")
    if health.silent_hours is not None:
        click.echo(f"Silent for {health.silent_hours:,} hours, although webhooks arrived every day before.")


@connectors.command("disable")
@click.argument("connector_id")
def disable(connector_id: str) -> None:
    """Stop accepting webhooks of a connector. What was counted stays."""
    from talkmeter.accounts.connectors import disable_connector
    from talkmeter.cli.database import open_database
    from talkmeter.cli.operator import operator
    from talkmeter.db.audit import Action, record_audit
    from talkmeter.db.engine import writing

    with open_database() as engine:
        connector, now = require_connector(engine, connector_id), clock.now()
        with writing(engine) as connection:
            changed = disable_connector(connection, connector.id, now)
            if changed:
                record_audit(
                    connection, operator(), Action.CONNECTOR_DISABLE, connector.id, now, org_id=connector.org_id
                )
    click.echo(f"Connector {connector.id} {'is now' if changed else 'was already'} disabled.")


@connectors.command("rotate")
@click.argument("connector_id")
@SecretOption
@GenerateOption
def rotate(connector_id: str, secret_env: str | None, generate: bool) -> None:
    """Set a new secret. The previous one stays valid until the next rotation, if it can be decrypted."""
    from talkmeter.accounts.connectors import SecretBox, update_secrets
    from talkmeter.cli.database import open_database
    from talkmeter.cli.operator import operator
    from talkmeter.db.audit import Action, record_audit
    from talkmeter.db.engine import writing
    from talkmeter.errors import SecretUnreadable

    settings = load_settings()
    box = SecretBox(settings.secret_key)
    with open_database(settings) as engine:
        connector = require_connector(engine, connector_id)
        secret = _new_secret(connector.provider, secret_env, generate=generate)
        try:
            previous = box.decrypt(connector)[:1]
        except SecretUnreadable:
            previous = []
        if previous == [secret]:
            raise OperationFailed(f"{secret_env} holds the connector's current secret; set it to the new one.")
        with writing(engine) as connection:
            update_secrets(connection, connector.id, box.encrypt([secret, *previous]))
            record_audit(
                connection, operator(), Action.CONNECTOR_ROTATE, connector.id, clock.now(), org_id=connector.org_id
            )
    if previous:
        click.echo("The new and the previous secret are both valid until the next rotation.")
    else:
        click.echo("The new secret is valid. The previous one could not be decrypted and is not valid any more.")
    if generate:
        _print_secret(secret)


@connectors.command("reencrypt")
def reencrypt() -> None:
    """Encrypt all secrets, of webhooks too, with the first key of TALKMETER_SECRET_KEY; the others can be removed."""
    from talkmeter.accounts.connectors import SecretBox, list_connectors, replace_secrets
    from talkmeter.cli.database import open_database
    from talkmeter.cli.operator import operator
    from talkmeter.cli.tables import require_all_readable
    from talkmeter.db.audit import Action, record_audit
    from talkmeter.db.engine import writing
    from talkmeter.errors import SecretUnreadable
    from talkmeter.notify.webhooks import list_all_webhooks
    from talkmeter.notify.webhooks import reencrypt as reencrypt_webhook

    settings = load_settings()
    box, unreadable, changed, changed_webhooks = SecretBox(settings.secret_key), [], 0, 0
    with open_database(settings) as engine, writing(engine) as connection:
        stored, damaged = list_connectors(connection)
        for connector in stored:
            try:
                secrets = box.decrypt(connector)
            except SecretUnreadable as error:
                unreadable.append(error.detail)
                continue
            if not box.is_current(connector.secrets):
                replace_secrets(connection, connector, box.encrypt(secrets))
                record_audit(
                    connection,
                    operator(),
                    Action.CONNECTOR_REENCRYPT,
                    connector.id,
                    clock.now(),
                    org_id=connector.org_id,
                )
                changed += 1
        webhooks = list_all_webhooks(connection)
        for webhook in webhooks:
            try:
                if not reencrypt_webhook(connection, box, webhook):
                    continue
            except SecretUnreadable as error:
                unreadable.append(error.detail)
                continue
            record_audit(
                connection, operator(), Action.WEBHOOK_REENCRYPT, webhook.id, clock.now(), org_id=webhook.org_id
            )
            changed_webhooks += 1
    for sentence in unreadable:
        click.echo(sentence, err=True)
    click.echo(f"Encrypted again: {changed:,} of {len(stored):,} connectors.")
    if webhooks:
        click.echo(f"Encrypted again: {changed_webhooks:,} of {len(webhooks):,} webhooks.")
    if unreadable:
        raise OperationFailed("Not all secrets could be decrypted: see above. Keep the old keys.")
    require_all_readable(damaged)
    click.echo("The first key decrypts all secrets; the others are not needed any more.")


@connectors.command("test")
@click.argument("connector_id")
def test(connector_id: str) -> None:
    """Send a signed test webhook to a connector's public address and print the result. It is not counted."""
    from talkmeter.accounts.connectors import SecretBox
    from talkmeter.cli.connector_check import check_connector
    from talkmeter.cli.database import open_database

    settings = load_settings()
    with open_database(settings) as engine:
        connector = require_connector(engine, connector_id)
    secret = SecretBox(settings.secret_key).decrypt(connector)[0]
    click.echo(check_connector(connector, public_url(settings), secret))


@connectors.command("prefer")
@click.argument("side", type=click.Choice(["agent", "carrier"]))
@click.option("--org", required=True, help="The organization's id.")
def prefer(side: str, org: str) -> None:
    """Choose which record counts if an agent provider and a carrier report the same call. Default: agent."""
    from talkmeter.cli.database import open_database, require_organization
    from talkmeter.cli.operator import operator
    from talkmeter.db.audit import Action, record_audit
    from talkmeter.db.engine import writing
    from talkmeter.ledger.batch import SIDES
    from talkmeter.ledger.call_links import set_preferred_side
    from talkmeter.ledger.verify import relink_all

    with open_database() as engine:
        require_organization(engine, org)
        with writing(engine) as connection:
            set_preferred_side(connection, org, SIDES[side])
            record_audit(connection, operator(), Action.CONNECTOR_PREFER, side, clock.now(), org_id=org)
        changed = relink_all(engine, org)
    click.echo(f"The {side}'s record counts now; {changed:,} conversations changed.")


def _new_secret(provider: str, variable: str | None, *, generate: bool) -> str:
    """Return a generated secret, or the one in the variable. Raises OperationFailed if its form is wrong."""
    from talkmeter.ingest.connectors.registry import PROVIDERS

    if generate == (variable is not None):
        raise OperationFailed("Give either --secret-env NAME or --generate.")
    make, form = PROVIDERS[provider].make_secret, PROVIDERS[provider].secret_form
    if variable is None:
        if make is None:
            raise OperationFailed(f"--generate is only for 'signed'; use the secret that {provider} signs with.")
        return make()
    secret = _secret(variable)
    if secret != secret.strip():
        raise OperationFailed(f"The secret in {variable} begins or ends with a space or a line break; remove it.")
    if form is not None and not form.matches(secret):
        raise OperationFailed(f"The secret in {variable} cannot be of {provider}: it must be {form.words}.")
    return secret


def _print_secret(secret: str) -> None:
    click.echo(f"Secret: {secret}\nCopy it now: it is not shown again.", err=True)


def _secret(variable: str) -> str:
    secret = os.environ.get(variable, "")
    if not secret:
        raise OperationFailed(
            f"The environment variable {variable} is not set; set it to the secret that the provider signs with."
        )
    return secret


def require_connector(engine: "Engine", connector_id: str) -> "Connector":
    """Return a connector. Raises OperationFailed if it does not exist."""
    from talkmeter.accounts.connectors import find_connector
    from talkmeter.db.engine import reading

    with reading(engine) as connection:
        found = find_connector(connection, connector_id)
    if found is None:
        raise OperationFailed(f"Connector '{connector_id}' does not exist; 'talkmeter connectors list' lists all.")
    return found
