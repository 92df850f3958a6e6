"""`talkmeter orgs`: the directory of organizations."""

import sys
from collections.abc import Iterable

import click

from talkmeter import clock
from talkmeter.errors import OperationFailed, quoted

Yes = click.option("--yes", is_flag=True, help="Do it; without it, the command only prints what it would change.")


@click.group()
def orgs() -> None:
    """Add, list, rename, merge and delete organizations, and set whom their statements are billed to."""


@orgs.command("add")
@click.argument("org_id")
@click.option("--name", help="A display name.")
@click.option("--parent", "parent_id", help="The organization above it, which can see its usage; '' for none.")
@click.option("--yes", is_flag=True, help="Accept an unusual id without a question.")
def add(org_id: str, name: str | None, parent_id: str | None, yes: bool) -> None:
    """Add an organization, or rename or move it if it exists. Opens one that was merged or deleted."""
    from talkmeter.cli.database import open_database
    from talkmeter.cli.operator import operator
    from talkmeter.db.audit import Action, record_audit
    from talkmeter.db.engine import reading, writing
    from talkmeter.ingest.fields import FieldError, read_id, read_name
    from talkmeter.ledger.closing import reopen
    from talkmeter.ledger.organizations import add_organization, find_organization, list_organizations
    from talkmeter.ledger.parents import set_parent

    try:
        read_id("The organization's id", org_id)
    except FieldError as error:
        raise OperationFailed(error.detail) from None
    now, new_name = clock.now(), read_name(name)
    with open_database(create=True) as engine:
        with reading(engine) as connection:
            existing = [organization.org_id for organization in list_organizations(connection)]
        if org_id not in existing and not yes:
            _confirm(org_id, existing)
        with writing(engine) as connection:
            exists = find_organization(connection, org_id) is not None
            reopened = reopen(connection, org_id)
            add_organization(connection, org_id, new_name, now)
            if not exists or reopened or new_name is not None:
                renamed = Action.ORGANIZATION_REOPEN if reopened else Action.ORGANIZATION_RENAME
                action = renamed if exists else Action.ORGANIZATION_ADD
                record_audit(connection, operator(), action, org_id, now, org_id=org_id, detail=new_name or "")
            if parent_id is not None and set_parent(connection, org_id, parent_id or None, now):
                action = Action.ORGANIZATION_PARENT
                record_audit(connection, operator(), action, org_id, now, org_id=org_id, detail=parent_id)
    click.echo(f"Organization {org_id} is ready.")


def _confirm(org_id: str, existing: Iterable[str]) -> None:
    """Ask about an id that may be misspelled. Raises OperationFailed if no one can answer, or the answer is no."""
    doubt = _doubt(org_id, existing)
    if doubt is None:
        return
    sentence = f"The id '{org_id}' {doubt}, and events must name it exactly like this"
    if not sys.stdin.isatty():
        raise OperationFailed(f"{sentence}; to add it, repeat the command with --yes.")
    if not click.confirm(f"{sentence}. Add it?", err=True):
        raise OperationFailed("Nothing was added.")


def _doubt(org_id: str, existing: Iterable[str]) -> str | None:
    """Return what is unusual about a new id, or None."""
    for other in existing:
        if _folded(other) == _folded(org_id):
            return f"differs only in spelling from '{other}'"
    if any(character.isspace() for character in org_id):
        return "contains a space"
    if org_id != org_id.lower():
        return "contains capital letters"
    if not (org_id[0].isalnum() and org_id[-1].isalnum()):
        return "begins or ends with punctuation"
    return None


def _folded(org_id: str) -> str:
    """Return an id without capitals, and without the spaces and the punctuation around it."""
    around = "".join(character for character in org_id if not character.isalnum())
    return org_id.casefold().strip(around) or org_id


@orgs.command("stripe-customer")
@click.argument("org_id")
@click.argument("customer", required=False)
def stripe_customer(org_id: str, customer: str | None) -> None:
    """Set the Stripe customer (cus_...) that an organization's statements are billed to; without one, print it."""
    from talkmeter.billing.push_store import is_customer, read_customer, set_customer
    from talkmeter.cli.database import open_database, require_organization
    from talkmeter.cli.operator import operator
    from talkmeter.db.audit import Action, record_audit
    from talkmeter.db.engine import reading, writing

    with open_database() as engine:
        require_organization(engine, org_id)
        if customer is None:
            with reading(engine) as connection:
                click.echo(read_customer(connection, org_id) or f"Organization {org_id} has no Stripe customer.")
            return
        if not is_customer(customer):
            raise OperationFailed(f"A Stripe customer looks like cus_NffrFeUfNV2Hib, not {quoted(customer)}.")
        with writing(engine) as connection:
            set_customer(connection, org_id, customer)
            action = Action.ORGANIZATION_CUSTOMER
            record_audit(connection, operator(), action, customer, clock.now(), org_id=org_id)
    click.echo(f"Statements of {org_id} are billed to {customer}.")


@orgs.command("list")
def list_() -> None:
    """List all organizations."""
    from talkmeter.cli.database import open_database
    from talkmeter.cli.tables import print_list
    from talkmeter.db.engine import reading
    from talkmeter.ledger.organizations import list_organizations
    from talkmeter.ledger.parents import read_parents

    with open_database() as engine, reading(engine) as connection:
        parents = read_parents(connection)
        rows = [
            (
                known.org_id,
                known.name or "",
                " into ".join(filter(None, (known.closed, known.merged_into))),
                parents.get(known.org_id, ""),
            )
            for known in list_organizations(connection)
        ]
    print_list(("id", "name", "closed", "parent"), rows)


@orgs.command("rename")
@click.argument("org_id")
@click.argument("name")
def rename(org_id: str, name: str) -> None:
    """Set the display name of an organization; '' removes it. To change the id, merge into a new organization."""
    from talkmeter.cli.database import change_organization
    from talkmeter.cli.operator import operator
    from talkmeter.db.audit import Action, record_audit
    from talkmeter.ingest.fields import read_name
    from talkmeter.ledger.organizations import rename_organization

    new_name, action = read_name(name), Action.ORGANIZATION_RENAME
    with change_organization(org_id) as connection:
        rename_organization(connection, org_id, new_name)
        record_audit(connection, operator(), action, org_id, clock.now(), org_id=org_id, detail=new_name or "")
    click.echo(f"Organization {org_id} has {'no name' if new_name is None else f'the name {new_name}'}.")


@orgs.command("merge")
@click.argument("org_id", metavar="A")
@click.option("--into", "target", required=True, metavar="B", help="The organization that gets everything of A.")
@Yes
def merge(org_id: str, target: str, yes: bool) -> None:
    """Merge organization A into B, as if all events of A had been sent for B.

    A is closed first. Its keys, links, grants and sessions end; its connectors then belong to B. If the command is
    interrupted, repeat it.
    """
    from talkmeter.cli.closing import merge_organization

    merge_organization(org_id, target, yes=yes)


@orgs.command("delete")
@click.argument("org_id")
@Yes
def delete(org_id: str, yes: bool) -> None:
    """Delete everything of an organization: usage, history, quarantine, credentials and connectors.

    Its id stays closed, so that late events do not create it again. If the command is interrupted, repeat it.
    """
    from talkmeter.cli.closing import delete_organization

    delete_organization(org_id, yes=yes)
