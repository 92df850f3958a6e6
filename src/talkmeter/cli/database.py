"""Open the database for one command.

The first command that opens a SQLite file creates and migrates it. A PostgreSQL database is only migrated by
`talkmeter migrate`, so that `serve` needs no permission to change tables.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from talkmeter.db.engine import Engine, migrates_automatically, open_engine, reading
from talkmeter.db.migrate import migrate, require_current
from talkmeter.errors import OperationFailed, quoted
from talkmeter.ledger.organizations import organization_exists
from talkmeter.settings import Settings, load_settings


@contextmanager
def open_database(settings: Settings | None = None, *, bulk: bool = False) -> Iterator[Engine]:
    """Open the database and check its schema version; `bulk` is passed to `open_engine`."""
    engine = open_engine((settings or load_settings()).database_url, bulk=bulk)
    try:
        if migrates_automatically(engine):
            migrate(engine)
        else:
            require_current(engine)
        yield engine
    finally:
        engine.dispose()


def require_organization(engine: Engine, org_id: str) -> None:
    """Raise OperationFailed if the organization does not exist."""
    try:
        org_id.encode()
    except UnicodeEncodeError:
        raise OperationFailed(f"The organization's id is not UTF-8: {quoted(org_id)}.") from None
    with reading(engine) as connection:
        if not organization_exists(connection, org_id):
            raise OperationFailed(f"Organization '{org_id}' does not exist; 'talkmeter orgs add {org_id}' creates it.")
