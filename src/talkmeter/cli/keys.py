"""`talkmeter keys`: organization keys and sender keys."""

import click

from talkmeter import clock
from talkmeter.errors import Refused
from talkmeter.period import MICROSECONDS_PER_DAY

MAX_DAYS = 36_500
Expires = click.option(
    "--expires", type=click.IntRange(1, MAX_DAYS), metavar="DAYS", help="Days until it expires; default: never."
)


@click.group()
def keys() -> None:
    """Organization keys (ak_…) and sender keys: make, list, revoke."""


@keys.command("add")
@click.option("--org", help="The organization the key belongs to.")
@click.option("--role", type=click.Choice(["admin", "viewer"]), help="A bundle of scopes.")
@click.option("--scope", "scopes", multiple=True, help="One scope; may be given more than once.")
@click.option("--sender", is_flag=True, help="A key that may send events of any organization, and nothing else.")
@click.option("--name", help="A name for people.")
@Expires
def add(
    org: str | None,
    role: str | None,
    scopes: tuple[str, ...],
    sender: bool,
    name: str | None,
    expires: int | None,
) -> None:
    """Make a key; its secret is printed this once, alone on stdout."""
    from talkmeter.accounts.credentials import CredentialKind, issue
    from talkmeter.api.auth.scopes import EVENTS_WRITE, SCOPES
    from talkmeter.cli.database import opened, require_organization
    from talkmeter.db.engine import writing

    if sender == (org is not None):
        raise Refused("Give either --org ORG_ID or --sender.")
    if sender and (role or scopes):
        raise Refused("A sender key has the scope events:write and no other; leave out --role and --scope.")
    if not sender and (role is None) == (not scopes):
        raise Refused("Give the key either --role admin|viewer or at least one --scope.")
    if unknown := sorted(set(scopes) - set(SCOPES)):
        raise Refused(f"There is no scope {', '.join(unknown)}; scopes are: {', '.join(SCOPES)}.")
    with opened() as engine:
        if org is not None:
            require_organization(engine, org)
        with writing(engine) as connection:
            issued = issue(
                connection,
                CredentialKind.SENDER if sender else CredentialKind.ORGANIZATION,
                org_id=org,
                name=name,
                role=role,
                scopes=(EVENTS_WRITE,) if sender else scopes,
                grants={},
                now=clock.now(),
                expires_at=expiry(expires),
            )
    click.echo(f"ak_{issued.credential.id}.{issued.secret}")
    click.echo("This is the only time the secret is shown.", err=True)


@keys.command("list")
def list_() -> None:
    """List organization and sender keys; never their secrets."""
    from talkmeter.accounts.credentials import CredentialKind

    print_credentials("ak_", {CredentialKind.ORGANIZATION.value, CredentialKind.SENDER.value})


@keys.command("revoke")
@click.argument("key_id")
def revoke(key_id: str) -> None:
    """Revoke a key; within 5 seconds every process refuses it."""
    revoke_credential("ak_", key_id)


def expiry(days: int | None) -> int | None:
    """The instant a credential ends, `days` from now."""
    return None if days is None else clock.now() + days * MICROSECONDS_PER_DAY


def print_credentials(prefix: str, kinds: set[str]) -> None:
    """A line for each credential of the kinds: id, whose, what it may, until when."""
    from talkmeter.accounts.credentials import grants_of, list_credentials
    from talkmeter.cli.database import opened
    from talkmeter.db.engine import reading
    from talkmeter.period import format_instant

    with opened() as engine, reading(engine) as connection:
        for one in list_credentials(connection):
            if one.kind.value not in kinds:
                continue
            grants = grants_of(connection, one.id)
            whose = one.org_id or " ".join(f"{org}:{role}" for org, role in grants.items()) or "any organization"
            state = "never expires"
            if one.revoked_at is not None:
                state = f"revoked {format_instant(one.revoked_at)}"
            elif one.expires_at is not None:
                state = ("expires " if one.usable(clock.now()) else "expired ") + format_instant(one.expires_at)
            click.echo(
                "\t".join((prefix + one.id, whose, one.role or one.scopes or "-", state, one.name or "")).rstrip()
            )


def revoke_credential(prefix: str, given: str) -> None:
    """Revoke by id; the id may be given with its prefix, or as the whole token."""
    from talkmeter.accounts.credentials import revoke as revoke_stored
    from talkmeter.cli.database import opened
    from talkmeter.db.engine import writing

    credential_id = given.removeprefix(prefix).partition(".")[0]
    with opened() as engine, writing(engine) as connection:
        if not revoke_stored(connection, credential_id, clock.now()):
            raise Refused(f"{prefix}{credential_id} cannot be revoked: it is unknown, or was revoked before.")
    click.echo(f"{prefix}{credential_id} is revoked.")
