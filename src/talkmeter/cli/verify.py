"""`talkmeter verify`: check that every daily total equals the sum of its records."""

import sys
from typing import TYPE_CHECKING

import click

from talkmeter import clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from talkmeter.db.engine import Engine
    from talkmeter.ledger.verify import Discrepancy


@click.command()
@click.option("--org", "org_id", help="Only this organization. Default: all.")
@click.option("--repair", is_flag=True, help="Correct daily totals and states that differ.")
def verify(org_id: str | None, repair: bool) -> None:
    """Recompute every daily total and winning state. Exit status 1 if any differs."""
    from talkmeter.cli.database import open_database, require_organization
    from talkmeter.cli.operator import operator
    from talkmeter.db.audit import Action, record_audit
    from talkmeter.db.engine import reading, writing
    from talkmeter.ledger.organizations import (
        Closed,
        add_unlisted_organizations,
        list_organizations,
        unlisted_organizations,
    )

    found = repaired = 0
    with open_database() as engine:
        for sentence in _damages(engine, everything=org_id is None):
            found += 1
            click.echo(sentence)
        if org_id is not None:
            require_organization(engine, org_id)
            org_ids = [org_id]
        else:
            with reading(engine) as connection:
                unlisted = unlisted_organizations(connection)
                listed = list_organizations(connection)
            # Tables of an organization that is being deleted cannot agree.
            listed_ids = [known.org_id for known in listed if known.closed is not Closed.DELETING]
            org_ids = sorted([*unlisted, *listed_ids])
            for id_ in unlisted:
                found += 1
                click.echo(f"{id_}: has usage but is missing from the list of organizations")
            if repair and unlisted:
                with writing(engine) as connection:
                    repaired += len(add_unlisted_organizations(connection, clock.now()))
        if repair:
            # Each repair is its own transaction, so the entry is written before the first one.
            with writing(engine) as connection:
                record_audit(connection, operator(), Action.LEDGER_REPAIR, "verify", clock.now(), org_id=org_id)
        for id_ in org_ids:
            for difference in _verify_organization(engine, id_, repair=repair):
                found += 1
                repaired += repair and difference.repairable
                click.echo(f"{id_}: {difference.sentence}")
    checked = f"{len(org_ids)} organization{'' if len(org_ids) == 1 else 's'}"
    if not found:
        click.echo(f"{checked} verified: every daily total is the sum of its records.")
        return
    hint = f", {repaired} repaired" if repair else "; --repair corrects them where possible"
    click.echo(f"{checked} checked: {found} difference{'' if found == 1 else 's'} found{hint}.")
    sys.exit(1)


def _verify_organization(engine: "Engine", org_id: str, *, repair: bool) -> "Iterator[Discrepancy]":
    """Yield every difference of an organization, after a line about records that were deleted because of their age."""
    from talkmeter.billing.verify import statement_problems
    from talkmeter.db.engine import reading
    from talkmeter.ledger.organization_rows import read_records_from
    from talkmeter.ledger.verify import Discrepancy, verify_organization
    from talkmeter.period import format_day

    with reading(engine) as connection:
        records_from = read_records_from(connection, org_id)
        problems = list(statement_problems(connection, org_id))
    if records_from:
        click.echo(
            f"{org_id}: records before {format_day(records_from)} were deleted (TALKMETER_RETENTION_DAYS); "
            "the daily totals of earlier days stay and cannot be checked."
        )
    yield from verify_organization(engine, org_id, repair=repair)
    yield from (Discrepancy(org_id, problem, repairable=False) for problem in problems)


def _damages(engine: "Engine", *, everything: bool) -> "Iterator[str]":
    """Yield a sentence for each damaged page or index and, for `everything`, each damaged row outside the ledger."""
    from talkmeter.cli.row_decoders import table_decoders
    from talkmeter.db.engine import has_one_writer, reading, translate_errors
    from talkmeter.db.migrate import database_id
    from talkmeter.db.sqlite import check_file
    from talkmeter.errors import Damaged
    from talkmeter.ledger.stored_rows import damaged_rows

    if has_one_writer(engine):
        try:
            with translate_errors():
                clauses = check_file(engine)
        except Damaged as error:
            yield error.detail
        else:
            yield from (f"the database file: {clause}." for clause in clauses)
            if clauses:
                yield "the database file: --repair keeps damaged pages. Restore a backup, or use 'talkmeter recover'."
    if everything:
        yield from (error.detail for error in damaged_rows(engine, table_decoders()))
        try:
            with reading(engine) as connection:
                database_id(connection)
        except Damaged as error:
            yield error.detail
