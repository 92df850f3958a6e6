"""`talkmeter migrate`: bring the database to this version."""

import click

from talkmeter.settings import load_settings


@click.command()
def migrate() -> None:
    """Bring the database to this version (a SQLite file is also migrated by whatever opens it)."""
    from talkmeter.db.engine import open_engine
    from talkmeter.db.migrate import NEWEST
    from talkmeter.db.migrate import migrate as bring_up

    engine = open_engine(load_settings().database_url)
    changed = bring_up(engine)
    click.echo(f"The database {'is now' if changed else 'was already'} at schema version {NEWEST}.")
    engine.dispose()
