"""Merge and delete organizations: a preview, then the change in many short transactions, with progress."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import click

from talkmeter import clock

if TYPE_CHECKING:
    from talkmeter.db.engine import Engine

_PREVIEW = "Nothing was changed. Repeat the command with --yes to do it."


def merge_organization(source: str, target: str, *, yes: bool) -> None:
    """Merge an organization into another one, or print what that would change. Raises OperationFailed if it cannot."""
    from talkmeter.accounts.access import end_access, move_connectors
    from talkmeter.cli.database import open_database
    from talkmeter.cli.operator import operator
    from talkmeter.db.engine import reading, writing
    from talkmeter.ledger.closing import begin_merge, check_merge, finish_merge
    from talkmeter.ledger.merge import merge_usage

    with open_database() as engine:
        with reading(engine) as connection:
            check_merge(connection, source, target)
        counts = _count(engine, source)
        if not yes:
            _preview(
                counts,
                f"Rows of {source} that would be moved to {target} (records of the same id: the higher rank wins):",
                {"connector": "moved", "credential": "revoked"},
                "moved",
            )
            return
        with writing(engine) as connection:
            begin_merge(connection, source, target, operator(), clock.now())
            end_access(connection, source, clock.now())
            move_connectors(connection, source, target)
        _run(merge_usage(engine, source, target), sum(counts.values()), f"Merging {source}")
        with writing(engine) as connection:
            finish_merge(connection, source, target, operator(), clock.now())
    click.echo(f"Organization {source} is merged into {target}. Its keys are revoked and its id is closed.")


def delete_organization(org_id: str, *, yes: bool) -> None:
    """Delete everything of an organization, or print what that would delete. Raises OperationFailed if it cannot."""
    from talkmeter.accounts.access import delete_access, end_access
    from talkmeter.cli.database import open_database
    from talkmeter.cli.operator import operator
    from talkmeter.db.engine import reading, writing
    from talkmeter.ledger.closing import begin_delete, check_delete, finish_delete
    from talkmeter.ledger.delete import delete_usage

    with open_database() as engine:
        with reading(engine) as connection:
            check_delete(connection, org_id)
        counts = _count(engine, org_id)
        if not yes:
            _preview(counts, f"Rows of {org_id} that would be deleted:", {}, "deleted")
            return
        with writing(engine) as connection:
            begin_delete(connection, org_id, operator(), clock.now())
            end_access(connection, org_id, clock.now())
            delete_access(connection, org_id)
        _run(delete_usage(engine, org_id), sum(counts.values()), f"Deleting {org_id}")
        with writing(engine) as connection:
            finish_delete(connection, org_id, operator(), clock.now())
    click.echo(f"Organization {org_id} is deleted. Its id is closed; 'talkmeter orgs add' opens it again, empty.")


def _count(engine: "Engine", org_id: str) -> dict[str, int]:
    from talkmeter.accounts.access import count_access_rows
    from talkmeter.db.engine import reading
    from talkmeter.ledger.closing import count_usage_rows

    with reading(engine) as connection:
        return {**count_usage_rows(connection, org_id), **count_access_rows(connection, org_id)}


def _preview(counts: Mapping[str, int], head: str, actions: Mapping[str, str], default: str) -> None:
    from talkmeter.cli.tables import print_table
    from talkmeter.ledger.closing import USAGE_TABLES

    usage = {table.name for table in USAGE_TABLES}
    click.echo(head)
    rows = [
        (name, f"{number:,}", actions.get(name, default if name in usage else "deleted"))
        for name, number in counts.items()
    ]
    print_table(("table", "rows", "change"), rows, numbers=("rows",))
    click.echo(_PREVIEW)


def _run(steps: Iterator[int], total: int, description: str) -> None:
    """Take all steps, with a progress bar on stderr."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(description, total=total)
        for rows in steps:
            progress.update(task, advance=rows)
