"""`talkmeter keys`: keys of organizations, senders and operators."""

from typing import TYPE_CHECKING

import click

from talkmeter import clock
from talkmeter.errors import OperationFailed
from talkmeter.period import MICROSECONDS_PER_DAY

if TYPE_CHECKING:
    from talkmeter.accounts.credentials import Credential, CredentialKind
    from talkmeter.db.audit import Action

MAX_EXPIRY_DAYS = 36_500
Expires = click.option(
    "--expires", type=click.IntRange(1, MAX_EXPIRY_DAYS), metavar="DAYS", help="Days until it expires. Default: never."
)


@click.group()
def keys() -> None:
    """Create, list and revoke the keys of organizations, senders and operators (ak_…)."""


@keys.command("add")
@click.option("--org", help="The organization the key belongs to.")
@click.option("--role", type=click.Choice(["admin", "viewer"]), help="A role: a fixed set of scopes.")
@click.option("--scope", "scopes", multiple=True, help="A scope; repeat the option for several.")
@click.option("--sender", is_flag=True, help="Create a sender key, which can only send events, for any organization.")
@click.option("--operator", "is_operator", is_flag=True, help="Create an operator key, which can only manage plans.")
@click.option("--name", help="A label for the list of keys.")
@Expires
def add(
    org: str | None,
    role: str | None,
    scopes: tuple[str, ...],
    sender: bool,
    is_operator: bool,
    name: str | None,
    expires: int | None,
) -> None:
    """Create a key and print it. It is shown only once; nothing else goes to stdout."""
    from talkmeter.accounts.credentials import CredentialKind, issue
    from talkmeter.api.auth.scopes import EVENTS_WRITE, OPERATOR_SCOPES, SCOPES
    from talkmeter.cli.database import open_database, require_organization
    from talkmeter.cli.operator import operator
    from talkmeter.db.audit import Action, record_audit
    from talkmeter.db.engine import writing

    if (org is not None) + sender + is_operator != 1:
        raise OperationFailed("Give one of --org ORG_ID, --sender or --operator.")
    if org is None and (role or scopes):
        only = f"scope {EVENTS_WRITE}" if sender else f"scopes {' and '.join(OPERATOR_SCOPES)}"
        owner = "A sender" if sender else "An operator"
        raise OperationFailed(f"{owner} key only has the {only}; leave out --role and --scope.")
    if org is not None and (role is None) == (not scopes):
        raise OperationFailed("Give either --role admin|viewer or at least one --scope.")
    if unknown := sorted(set(scopes) - set(SCOPES)):
        raise OperationFailed(f"Unknown scope {', '.join(unknown)}. Scopes: {', '.join(SCOPES)}.")
    kind = CredentialKind.ORGANIZATION
    if org is None:
        kind, scopes = (
            (CredentialKind.SENDER, (EVENTS_WRITE,)) if sender else (CredentialKind.OPERATOR, OPERATOR_SCOPES)
        )
    now = clock.now()
    with open_database() as engine:
        if org is not None:
            require_organization(engine, org)
        with writing(engine) as connection:
            issued = issue(
                connection,
                kind,
                org_id=org,
                name=name,
                role=role,
                scopes=scopes,
                grants={},
                now=now,
                expires_at=expiry(expires),
            )
            id_, detail = f"ak_{issued.credential.id}", access_of(issued.credential)
            record_audit(connection, operator(), Action.KEY_ADD, id_, now, org_id=org, detail=detail)
    click.echo(f"ak_{issued.credential.id}.{issued.secret}")
    click.echo("Copy it now: the secret is not shown again.", err=True)


@keys.command("list")
def list_() -> None:
    """List all keys, without their secrets."""
    from talkmeter.accounts.credentials import CredentialKind

    print_credentials("ak_", set(CredentialKind) - {CredentialKind.PERSONAL})


@keys.command("revoke")
@click.argument("key_id")
def revoke(key_id: str) -> None:
    """Revoke a key. Every process rejects it within 5 seconds."""
    from talkmeter.db.audit import Action

    revoke_credential("ak_", Action.KEY_REVOKE, key_id)


def expiry(days: int | None) -> int | None:
    """Return the instant `days` from now; None if the credential does not expire."""
    return None if days is None else clock.now() + days * MICROSECONDS_PER_DAY


def print_credentials(prefix: str, kinds: "set[CredentialKind]") -> None:
    """List the credentials of some kinds: id, organizations, role or scopes, created, expiry, last use and name."""
    from talkmeter.accounts.credential_uses import read_last_uses
    from talkmeter.accounts.credentials import list_credentials, read_grants
    from talkmeter.cli.database import open_database
    from talkmeter.cli.tables import print_list, require_all_readable
    from talkmeter.db.engine import reading
    from talkmeter.period import day_of, format_day

    rows = []
    with open_database() as engine, reading(engine) as connection:
        credentials, damaged = list_credentials(connection)
        last_uses = read_last_uses(connection)
        for credential in credentials:
            if credential.kind in kinds:
                grants = " ".join(f"{org_id}:{role}" for org_id, role in read_grants(connection, credential.id).items())
                organizations = credential.org_id or grants or "any organization"
                access = credential.role or credential.scopes or "-"
                created = format_day(day_of(credential.created_at))
                used = last_uses.get(credential.id)
                rows.append(
                    (
                        *(prefix + credential.id, organizations, access, created, _state(credential)),
                        *("never used" if used is None else f"used {format_day(used)}", credential.name or ""),
                    )
                )
    print_list(("id", "organizations", "role or scopes", "created", "state", "last used", "name"), rows)
    require_all_readable(damaged)


def _state(credential: "Credential") -> str:
    from talkmeter.period import format_instant

    if credential.revoked_at is not None:
        return f"revoked {format_instant(credential.revoked_at)}"
    if credential.expires_at is None:
        return "never expires"
    return ("expires " if credential.usable(clock.now()) else "expired ") + format_instant(credential.expires_at)


def access_of(credential: "Credential", role: str | None = None) -> str:
    """Return what a credential allows and its name, for the audit log."""
    named = f", named {credential.name}" if credential.name else ""
    return (role or credential.role or credential.scopes) + named


def revoke_credential(prefix: str, action: "Action", given_id: str) -> None:
    """Revoke a credential by its id, with or without prefix, or by the whole key or token."""
    from talkmeter.accounts.credentials import find_credential, read_grants
    from talkmeter.accounts.credentials import revoke as revoke_stored
    from talkmeter.cli.database import open_database
    from talkmeter.cli.operator import operator
    from talkmeter.db.audit import record_audit
    from talkmeter.db.engine import writing

    credential_id, now = given_id.removeprefix(prefix).partition(".")[0], clock.now()
    with open_database() as engine, writing(engine) as connection:
        credential = find_credential(connection, credential_id)
        if credential is None or not revoke_stored(connection, credential_id, now):
            raise OperationFailed(f"Cannot revoke {prefix}{credential_id}: it does not exist or is already revoked.")
        org_ids: list[str | None] = [*read_grants(connection, credential_id)] or [credential.org_id]
        for org_id in org_ids:
            record_audit(connection, operator(), action, prefix + credential_id, now, org_id=org_id)
    click.echo(f"{prefix}{credential_id} is revoked.")
