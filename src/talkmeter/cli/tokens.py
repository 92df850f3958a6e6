"""`talkmeter tokens`: personal access tokens, used with the header X-Anyreach-Org."""

from typing import TYPE_CHECKING

import click

from talkmeter import clock
from talkmeter.cli.keys import Expires, access_of, expiry, print_credentials, revoke_credential
from talkmeter.errors import OperationFailed, quoted

if TYPE_CHECKING:
    from talkmeter.db.engine import Engine


@click.group()
def tokens() -> None:
    """Create, list and revoke personal access tokens (pat_…)."""


@tokens.command("add")
@click.option("--name", required=True, help="The name of the person who holds it.")
@click.option(
    "--org",
    "orgs",
    multiple=True,
    required=True,
    metavar="ORG_ID[:ROLE]",
    help="An organization it grants access to, as admin (default) or viewer; repeat the option for several.",
)
@Expires
def add(name: str, orgs: tuple[str, ...], expires: int | None) -> None:
    """Create a token and print it. It is shown only once; nothing else goes to stdout."""
    from talkmeter.accounts.credentials import CredentialKind, issue
    from talkmeter.cli.database import open_database, require_organization
    from talkmeter.cli.operator import operator
    from talkmeter.db.audit import Action, record_audit
    from talkmeter.db.engine import writing

    grants, now = dict(map(read_grant, orgs)), clock.now()
    with open_database() as engine:
        for org_id in grants:
            _check_role(engine, org_id)
            require_organization(engine, org_id)
        with writing(engine) as connection:
            issued = issue(
                connection,
                CredentialKind.PERSONAL,
                org_id=None,
                name=name,
                role=None,
                scopes=(),
                grants=grants,
                now=now,
                expires_at=expiry(expires),
            )
            for org_id, role in grants.items():
                id_, detail = f"pat_{issued.credential.id}", access_of(issued.credential, role)
                record_audit(connection, operator(), Action.TOKEN_ADD, id_, now, org_id=org_id, detail=detail)
    click.echo(f"pat_{issued.credential.id}.{issued.secret}")
    click.echo("Copy it now: the secret is not shown again.", err=True)


def _check_role(engine: "Engine", org_id: str) -> None:
    """Raise OperationFailed if an id looks like an existing organization with a role that does not exist."""
    from talkmeter.db.engine import reading
    from talkmeter.ledger.organizations import find_organization

    name, colon, role = org_id.rpartition(":")
    if not (colon and name and org_id.isprintable()):
        return
    with reading(engine) as connection:
        if find_organization(connection, org_id) is None and find_organization(connection, name) is not None:
            raise OperationFailed(f"{quoted(role)} in --org {org_id} is not a role; the roles are admin and viewer.")


@tokens.command("list")
def list_() -> None:
    """List personal access tokens, without their secrets."""
    from talkmeter.accounts.credentials import CredentialKind

    print_credentials("pat_", {CredentialKind.PERSONAL})


@tokens.command("revoke")
@click.argument("token_id")
def revoke(token_id: str) -> None:
    """Revoke a token. Every process rejects it within 5 seconds."""
    from talkmeter.db.audit import Action

    revoke_credential("pat_", Action.TOKEN_REVOKE, token_id)


def read_grant(text: str) -> tuple[str, str]:
    """Split `ORG_ID[:ROLE]`; an id may contain colons, so only a known role is split off."""
    org_id, colon, role = text.rpartition(":")
    if colon and role in ("admin", "viewer"):
        return org_id, role
    if not text:
        raise OperationFailed("--org must be ORG_ID or ORG_ID:ROLE.")
    return text, "admin"
