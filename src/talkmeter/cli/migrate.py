"""`talkmeter migrate`: migrate the database to this version."""

from typing import TYPE_CHECKING

import click

from talkmeter import clock
from talkmeter.settings import load_settings

if TYPE_CHECKING:
    from talkmeter.db.engine import Engine


@click.command()
@click.option("--fill", is_flag=True, help="Compute billed durations of existing usage now, instead of in a server.")
def migrate(*, fill: bool) -> None:
    """Migrate the database to this version. SQLite files are also migrated by every command that opens them."""
    from talkmeter.cli.database import require_file
    from talkmeter.db.engine import open_engine, writing
    from talkmeter.db.migrate import migrate as migrate_database
    from talkmeter.db.schema import NEWEST
    from talkmeter.ledger.organizations import add_unlisted_organizations

    engine = open_engine(load_settings().database_url)
    require_file(engine)
    changed = migrate_database(engine)
    with writing(engine) as connection:
        for org_id in add_unlisted_organizations(connection, clock.now()):
            click.echo(f"Added organization {org_id}, which has usage, to the list of organizations.")
    click.echo(f"The database {'is now' if changed else 'was already'} at schema version {NEWEST}.")
    if fill:
        _fill(engine)
    else:
        _hint(engine)
    engine.dispose()


def _hint(engine: "Engine") -> None:
    from talkmeter.db.engine import reading
    from talkmeter.ledger.billed_durations import billed_durations_filled

    with reading(engine) as connection:
        filled = billed_durations_filled(connection)
    if not filled:
        click.echo(
            "The servers compute the billed durations of existing usage in the background; without a server, run "
            "'talkmeter migrate --fill'."
        )


def _fill(engine: "Engine") -> None:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from talkmeter.ledger.billed_durations import fill_billed_durations

    columns = (TextColumn("billed durations"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = None
        for step in fill_billed_durations(engine):
            if task is None:
                task = progress.add_task("", total=step.organizations)
            progress.update(task, completed=step.filled)
