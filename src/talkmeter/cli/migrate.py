"""`talkmeter migrate`: migrate the database to this version."""

import click

from talkmeter.settings import load_settings


@click.command()
def migrate() -> None:
    """Migrate the database to this version. SQLite files are also migrated by every command that opens them."""
    from talkmeter.db.engine import open_engine
    from talkmeter.db.migrate import NEWEST
    from talkmeter.db.migrate import migrate as migrate_database

    engine = open_engine(load_settings().database_url)
    changed = migrate_database(engine)
    click.echo(f"The database {'is now' if changed else 'was already'} at schema version {NEWEST}.")
    engine.dispose()
