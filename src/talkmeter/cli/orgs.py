"""`talkmeter orgs`: the directory of organizations."""

import click

from talkmeter import clock


@click.group()
def orgs() -> None:
    """Add and list organizations."""


@orgs.command("add")
@click.argument("org_id")
@click.option("--name", help="A display name.")
def add(org_id: str, name: str | None) -> None:
    """Add an organization, or rename it if it exists."""
    from talkmeter.cli.database import open_database
    from talkmeter.cli.operator import operator
    from talkmeter.db.audit import Action, record_audit
    from talkmeter.db.engine import writing
    from talkmeter.errors import OperationFailed
    from talkmeter.ingest.fields import FieldError, read_id, read_name
    from talkmeter.ledger.organizations import add_organization, organization_exists

    try:
        read_id("The organization's id", org_id)
    except FieldError as error:
        raise OperationFailed(error.detail) from None
    now, new_name = clock.now(), read_name(name)
    with open_database(create=True) as engine, writing(engine) as connection:
        exists = organization_exists(connection, org_id)
        add_organization(connection, org_id, new_name, now)
        if not exists or new_name is not None:
            action = Action.ORGANIZATION_RENAME if exists else Action.ORGANIZATION_ADD
            record_audit(connection, operator(), action, org_id, now, org_id=org_id, detail=new_name or "")
    click.echo(f"Organization {org_id} is ready.")


@orgs.command("list")
def list_() -> None:
    """List all organizations."""
    from talkmeter.cli.database import open_database
    from talkmeter.cli.tables import print_list
    from talkmeter.db.engine import reading
    from talkmeter.ledger.organizations import list_organizations

    with open_database() as engine, reading(engine) as connection:
        rows = [(organization.org_id, organization.name or "") for organization in list_organizations(connection)]
    print_list(("id", "name"), rows)
