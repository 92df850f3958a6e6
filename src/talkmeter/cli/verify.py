"""`talkmeter verify`: prove that every daily total is what its records add up to."""

import sys

import click


@click.command()
@click.option("--org", "org_id", help="One organization; default: all.")
@click.option("--repair", is_flag=True, help="Rewrite what differs from the records.")
def verify(org_id: str | None, repair: bool) -> None:
    """Recompute every daily total and every winning state; exit status 1 where one differs."""
    from talkmeter.cli.database import opened, require_organization
    from talkmeter.db.engine import reading
    from talkmeter.ledger.organizations import list_organizations
    from talkmeter.ledger.verify import verify_organization

    found = mended = 0
    with opened() as engine:
        if org_id is not None:
            require_organization(engine, org_id)
            org_ids = [org_id]
        else:
            with reading(engine) as connection:
                org_ids = [organization.org_id for organization in list_organizations(connection)]
        for one in org_ids:
            for difference in verify_organization(engine, one, repair=repair):
                found += 1
                mended += repair and difference.mendable
                click.echo(f"{difference.org_id}: {difference.sentence}")
    checked = f"{len(org_ids)} organization{'' if len(org_ids) == 1 else 's'}"
    if not found:
        click.echo(f"{checked} verified: every daily total is the sum of its records.")
        return
    repaired = f", {mended} repaired" if repair else "; --repair mends what can be mended"
    click.echo(f"{checked} checked: {found} difference{'' if found == 1 else 's'} found{repaired}.")
    sys.exit(1)
