"""`talkmeter copy`: copy a ledger to another database and verify the copy."""

from typing import TYPE_CHECKING

import click

from talkmeter import clock
from talkmeter.errors import OperationFailed

if TYPE_CHECKING:
    from talkmeter.db.engine import Engine
    from talkmeter.period import Window


@click.command("copy")
@click.option("--from", "source_url", required=True, help="The ledger to copy: sqlite:///FILE or postgresql://…")
@click.option(
    "--to", "target_url", required=True, help="An empty database: sqlite:///FILE, or a migrated postgresql://…"
)
def copy(source_url: str, target_url: str) -> None:
    """Copy a ledger to another database. Stop all servers first. After an interruption, repeat the command."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from talkmeter.cli.database import open_database
    from talkmeter.ledger import copy
    from talkmeter.settings import load_settings, require_no_password

    require_no_password("--from", source_url)
    require_no_password("--to", target_url)
    with (
        open_database(load_settings(database_url=source_url)) as source,
        open_database(load_settings(database_url=target_url), create=True) as target,
    ):
        before = copy.read_revisions(source)
        counts = copy.count_rows(source)
        copy.begin_copy(source, target, before)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as progress:
            tasks = {name: progress.add_task(name, total=number) for name, number in counts.items() if number}
            for step in copy.copy_rows(source, target):
                if step.table in tasks:
                    progress.update(tasks[step.table], completed=step.rows)
        if copy.read_revisions(source) != before or copy.count_rows(source) != counts:
            raise OperationFailed(
                "The ledger changed while it was copied: stop all servers and senders, and copy again "
                "to an empty database."
            )
        _compare_counts(counts, copy.count_rows(target))
        months = _compare_summaries(source, target, sorted(before))
        copy.finish_copy(target)
    rows = sum(counts.values())
    click.echo(f"{rows:,} rows copied. All summaries are equal (organizations: {len(before):,}, months: {months:,}).")


def _compare_counts(source: dict[str, int], target: dict[str, int]) -> None:
    for name, number in source.items():
        if target[name] != number:
            raise OperationFailed(
                f"The table {name} has {number:,} rows in the ledger and {target[name]:,} in the copy: copy again "
                "to an empty database."
            )


def _compare_summaries(source: "Engine", target: "Engine", org_ids: list[str]) -> int:
    """Compare the summaries of all organizations for each month, and return how many were compared."""
    from talkmeter.db.engine import reading
    from talkmeter.period import format_instant, present
    from talkmeter.usage.revision import Revision
    from talkmeter.usage.summary import read_summary, summary_query

    now = present(clock.now(), 24)
    compared = 0
    for org_id in org_ids:
        for month in _months(source, org_id):
            with reading(source) as old, reading(target) as new:
                expected, copied = (
                    read_summary(side, summary_query(org_id, month, now), Revision("", None)) for side in (old, new)
                )
            if expected != copied:
                raise OperationFailed(
                    f"The summary of {org_id} from {format_instant(month.start)} differs in the copy."
                )
            compared += 1
    return compared


def _months(engine: "Engine", org_id: str) -> "list[Window]":
    """Return every month with usage of the organization, or the current month if it has none."""
    from talkmeter.db.engine import reading
    from talkmeter.period import MICROSECONDS_PER_DAY, month_to_date, months_of, present
    from talkmeter.usage.days import read_usage

    now = month_to_date(clock.now())
    with reading(engine) as connection:
        first, last = read_usage(connection, org_id, now, present(clock.now(), stale_hours=1)).active
    if first is None or last is None:
        return [now]
    return months_of(first * MICROSECONDS_PER_DAY, (last + 1) * MICROSECONDS_PER_DAY)
