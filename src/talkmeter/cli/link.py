"""`talkmeter link`: a one-time sign-in link for a browser."""

from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from talkmeter import clock
from talkmeter.errors import OperationFailed
from talkmeter.settings import load_settings, public_url

if TYPE_CHECKING:
    from talkmeter.accounts.sessions import Access
    from talkmeter.db.engine import Engine


@click.command()
@click.option("--org", "org_id", help="The organization whose usage the page shows.")
@click.option("--operator", "is_operator", is_flag=True, help="Show all organizations, and only read them.")
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
@click.pass_context
def link(context: click.Context, org_id: str | None, role: str, access: "Access", *, is_operator: bool) -> None:
    """Print a sign-in link that works once, within 10 minutes. Nothing else goes to stdout."""
    from talkmeter.accounts.sessions import EVERY_ORGANIZATION, OPERATOR
    from talkmeter.cli.database import open_database, require_organization

    if (org_id is None) != is_operator:
        raise OperationFailed("Give either --org ORG_ID or --operator.")
    options = (context.get_parameter_source(name) for name in ("role", "access"))
    if is_operator and any(source is not ParameterSource.DEFAULT for source in options):
        raise OperationFailed("An operator's link can only read; leave out --role and --access.")
    settings = load_settings()
    with open_database(settings) as engine:
        if org_id is None:
            org_id, role = EVERY_ORGANIZATION, OPERATOR
        else:
            require_organization(engine, org_id)
        click.echo(new_link(engine, public_url(settings), org_id, role, access))
    click.echo("The link works once, within 10 minutes.", err=True)


def new_link(engine: "Engine", url: str, org_id: str, role: str, access: "Access") -> str:
    """Return a new sign-in link to the page; the secret follows the `#`, which browsers do not send to the server."""
    from talkmeter.accounts.sessions import OPERATOR, create_link, hash_secret, public_id
    from talkmeter.cli.operator import operator
    from talkmeter.db.audit import Action, record_audit
    from talkmeter.db.engine import writing

    now = clock.now()
    with writing(engine) as connection:
        secret = create_link(connection, org_id, role, access, now)
        id_ = f"link {public_id(hash_secret(secret))}"
        detail = f"{role}, {access}"
        record_audit(connection, operator(), Action.LINK_ADD, id_, now, org_id=org_id or None, detail=detail)
    path = "/operator" if role == OPERATOR else "/organization/usage"
    return f"{url}{path}#sign-in={secret}"
