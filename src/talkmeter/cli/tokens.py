"""`talkmeter tokens`: personal access tokens, which name their organization with each request."""

import click

from talkmeter import clock
from talkmeter.errors import Refused


@click.group()
def tokens() -> None:
    """Personal access tokens (pat_…): make, list, revoke."""


@tokens.command("add")
@click.option("--name", required=True, help="Whose token it is.")
@click.option(
    "--org",
    "orgs",
    multiple=True,
    required=True,
    metavar="ORG_ID[:ROLE]",
    help="An organization it reaches; role admin (default) or viewer. May be given more than once.",
)
@click.option(
    "--expires", type=click.IntRange(1, 36_500), metavar="DAYS", help="Days until it expires; default: never."
)
def add(name: str, orgs: tuple[str, ...], expires: int | None) -> None:
    """Make a token; its secret is printed this once, alone on stdout."""
    from talkmeter.accounts.credentials import CredentialKind, issue
    from talkmeter.cli.database import opened, require_organization
    from talkmeter.cli.keys import expiry
    from talkmeter.db.engine import writing

    grants = dict(map(read_grant, orgs))
    with opened() as engine:
        for org_id in grants:
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
                now=clock.now(),
                expires_at=expiry(expires),
            )
    click.echo(f"pat_{issued.credential.id}.{issued.secret}")
    click.echo("This is the only time the secret is shown.", err=True)


@tokens.command("list")
def list_() -> None:
    """List personal access tokens; never their secrets."""
    from talkmeter.accounts.credentials import CredentialKind
    from talkmeter.cli.keys import print_credentials

    print_credentials("pat_", {CredentialKind.PERSONAL.value})


@tokens.command("revoke")
@click.argument("token_id")
def revoke(token_id: str) -> None:
    """Revoke a token; within 5 seconds every process refuses it."""
    from talkmeter.cli.keys import revoke_credential

    revoke_credential("pat_", token_id)


def read_grant(text: str) -> tuple[str, str]:
    """`ORG_ID[:ROLE]` as organization and role; an id may hold colons, so only a known role is split off."""
    org_id, colon, role = text.rpartition(":")
    if colon and role in ("admin", "viewer"):
        return org_id, role
    if not text:
        raise Refused("--org must be ORG_ID or ORG_ID:ROLE.")
    return text, "admin"
