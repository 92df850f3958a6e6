"""`talkmeter connectors`: where stacks send their messages, and what they sign them with."""

import os
from typing import TYPE_CHECKING

import click

from talkmeter import clock
from talkmeter.errors import Refused
from talkmeter.settings import load_settings, public_url

if TYPE_CHECKING:
    from talkmeter.accounts.connectors import Connector
    from talkmeter.db.engine import Engine

SecretOption = click.option(
    "--secret-env",
    required=True,
    metavar="NAME",
    help="The environment variable that holds the secret the stack signs with.",
)


@click.group()
def connectors() -> None:
    """Connectors: take the messages of Twilio, Vapi, Retell and others as they are."""


@connectors.command("add")
@click.option("--org", required=True, help="The organization whose calls they are.")
@click.option("--provider", required=True, help="The stack, such as twilio; 'signed' takes our own events.")
@SecretOption
def add(org: str, provider: str, secret_env: str) -> None:
    """Make a connector; the address to give to the stack is printed, alone on stdout."""
    from talkmeter.accounts.connectors import SecretBox, add_connector
    from talkmeter.api.hooks import HOOKS_PATH
    from talkmeter.cli.database import opened, require_organization
    from talkmeter.db.engine import writing
    from talkmeter.ingest.connectors.registry import PROVIDERS

    if provider not in PROVIDERS:
        raise Refused(f"There is no provider '{provider}'; there are: {', '.join(PROVIDERS)}.")
    settings = load_settings()
    locked = SecretBox(settings.secret_key).lock([_secret(secret_env)])
    with opened(settings) as engine:
        require_organization(engine, org)
        with writing(engine) as connection:
            id_ = add_connector(connection, org, provider, locked, clock.now())
    click.echo(f"{public_url(settings)}{HOOKS_PATH}/{provider}/{id_}")


@connectors.command("list")
def list_() -> None:
    """A line for each connector: id, provider, organization, and whether it is used. Never a secret."""
    from talkmeter.accounts.connectors import list_connectors
    from talkmeter.cli.database import opened
    from talkmeter.db.engine import reading

    with opened() as engine, reading(engine) as connection:
        for one in list_connectors(connection):
            used = "in use" if one.disabled_at is None else "disabled"
            click.echo(f"{one.id}  {one.provider:<10}  {one.org_id}  {used}")


@connectors.command("show")
@click.argument("connector_id")
def show(connector_id: str) -> None:
    """The address of a connector, what became of its messages on each of the last 7 days, and whether it is silent."""
    from talkmeter.api.hooks import HOOKS_PATH
    from talkmeter.cli.database import opened
    from talkmeter.db.engine import reading
    from talkmeter.ledger.connector_outcomes import read_daily_outcomes
    from talkmeter.period import day_of, format_day, format_instant
    from talkmeter.usage.connectors import DAYS, read_connectors

    settings, now = load_settings(), clock.now()
    with opened(settings) as engine:
        one = require_connector(engine, connector_id)
        with reading(engine) as connection:
            tallies = read_daily_outcomes(connection, one.id, day_of(now) - DAYS + 1)
            all_of_organization = read_connectors(connection, one.org_id, now).connectors
    [health] = (health for health in all_of_organization if health.id == one.id)
    click.echo(f"{public_url(settings)}{HOOKS_PATH}/{one.provider}/{one.id}")
    state = "in use" if health.disabled_at is None else f"disabled at {health.disabled_at}"
    click.echo(f"{one.provider} of {one.org_id}, made {health.created_at}, {state}")
    for tally in tallies:
        last = f"last {format_instant(tally.last_at)}  {tally.detail}".rstrip()
        click.echo(f"{format_day(tally.day)}  {tally.outcome:<11}  {tally.messages:>7,}  {last}")
    if not tallies:
        click.echo(f"Nothing has come in the last {DAYS} days.")
    click.echo(f"Open conversations: {health.open_conversations:,}.")
    if health.silent_hours is not None:
        click.echo(f"Silent for {health.silent_hours:,} hours although messages came every day before.")


@connectors.command("disable")
@click.argument("connector_id")
def disable(connector_id: str) -> None:
    """Let a connector take no more messages; what it brought stays."""
    from talkmeter.accounts.connectors import disable_connector
    from talkmeter.cli.database import opened
    from talkmeter.db.engine import writing

    with opened() as engine:
        one = require_connector(engine, connector_id)
        with writing(engine) as connection:
            changed = disable_connector(connection, one.id, clock.now())
    click.echo("It is disabled." if changed else "It was disabled already.")


@connectors.command("rotate")
@click.argument("connector_id")
@SecretOption
def rotate(connector_id: str, secret_env: str) -> None:
    """Give a connector a new secret; the one before it stays valid until the next rotation."""
    from talkmeter.accounts.connectors import SecretBox, keep_secrets
    from talkmeter.cli.database import opened
    from talkmeter.db.engine import writing

    settings = load_settings()
    box, secret = SecretBox(settings.secret_key), _secret(secret_env)
    with opened(settings) as engine:
        one = require_connector(engine, connector_id)
        before = box.unlock(one)[0]
        if before == secret:
            raise Refused(f"{secret_env} holds the secret that the connector has already.")
        with writing(engine) as connection:
            keep_secrets(connection, one.id, box.lock([secret, before]))
    click.echo("Both secrets are valid now; rotate again with the new one's successor to end the old one.")


@connectors.command("test")
@click.argument("connector_id")
def test(connector_id: str) -> None:
    """Send a signed message that is not counted to a connector's public address, and say what came of it."""
    from talkmeter.accounts.connectors import SecretBox
    from talkmeter.cli.connector_check import try_connector
    from talkmeter.cli.database import opened

    settings = load_settings()
    with opened(settings) as engine:
        one = require_connector(engine, connector_id)
    secret = SecretBox(settings.secret_key).unlock(one)[0]
    click.echo(try_connector(one, public_url(settings), secret))


@connectors.command("prefer")
@click.argument("side", type=click.Choice(["agent", "carrier"]))
@click.option("--org", required=True, help="The organization.")
def prefer(side: str, org: str) -> None:
    """Where an agent stack and a carrier tell of one call: which of them is counted (agent, unless said otherwise)."""
    from talkmeter.cli.database import opened, require_organization
    from talkmeter.db.engine import writing
    from talkmeter.ledger.batch import SIDES
    from talkmeter.ledger.call_links import prefer_side
    from talkmeter.ledger.verify import link_anew

    with opened() as engine:
        require_organization(engine, org)
        with writing(engine) as connection:
            prefer_side(connection, org, SIDES[side])
        changed = link_anew(engine, org)
    click.echo(f"The {side}'s side is counted; {changed:,} conversations changed.")


def _secret(variable: str) -> str:
    secret = os.environ.get(variable, "")
    if not secret:
        raise Refused(f"The environment variable {variable} is not set; it must hold the secret the stack signs with.")
    return secret


def require_connector(engine: "Engine", connector_id: str) -> "Connector":
    """The connector of an id. Refused where there is none."""
    from talkmeter.accounts.connectors import find_connector
    from talkmeter.db.engine import reading

    with reading(engine) as connection:
        found = find_connector(connection, connector_id)
    if found is None:
        raise Refused(f"There is no connector {connector_id}; 'talkmeter connectors list' shows those there are.")
    return found
