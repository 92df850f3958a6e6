"""`talkmeter link`: a one-time sign-in link for a browser."""

from typing import TYPE_CHECKING

import click

from talkmeter import clock
from talkmeter.settings import load_settings, public_url

if TYPE_CHECKING:
    from talkmeter.accounts.sessions import Access
    from talkmeter.db.engine import Engine


@click.command()
@click.option("--org", "org_id", required=True, help="The organization whose usage the page shows.")
@click.option(
    "--role",
    type=click.Choice(["admin", "viewer"]),
    default="admin",
    show_default=True,
    help="viewer has no access to usage; use it to see the no-access screen.",
)
@click.option(
    "--access",
    type=click.Choice(["read", "manage"]),
    default="read",
    show_default=True,
    help="manage: the page can also create and change budgets.",
)
def link(org_id: str, role: str, access: "Access") -> None:
    """Print a sign-in link that works once, within 10 minutes. Nothing else goes to stdout."""
    from talkmeter.cli.database import open_database, require_organization

    settings = load_settings()
    with open_database(settings) as engine:
        require_organization(engine, org_id)
        click.echo(new_link(engine, public_url(settings), org_id, role, access))
    click.echo("The link works once, within 10 minutes.", err=True)


def new_link(engine: "Engine", url: str, org_id: str, role: str, access: "Access") -> str:
    """Return a new sign-in link to the page; the secret follows the `#`, which browsers do not send to the server."""
    from talkmeter.accounts.sessions import create_link, hash_secret, public_id
    from talkmeter.cli.operator import operator
    from talkmeter.db.audit import Action, record_audit
    from talkmeter.db.engine import writing

    now = clock.now()
    with writing(engine) as connection:
        secret = create_link(connection, org_id, role, access, now)
        id_ = f"link {public_id(hash_secret(secret))}"
        record_audit(connection, operator(), Action.LINK_ADD, id_, now, org_id=org_id, detail=f"{role}, {access}")
    return f"{url}/organization/usage#sign-in={secret}"
