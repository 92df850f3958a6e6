"""`talkmeter migrate`: migrate the database to this version."""

import click

from talkmeter import clock
from talkmeter.settings import load_settings


@click.command()
def migrate() -> None:
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
    engine.dispose()
