"""Opens the database of the settings for one command; a SQLite file is made by whichever opens it first."""

from collections.abc import Iterator
from contextlib import contextmanager

from talkmeter.errors import Refused
from talkmeter.ledger.engine import Engine, open_engine, reading
from talkmeter.ledger.migrate import migrate
from talkmeter.ledger.organizations import organization_exists
from talkmeter.settings import Settings, load_settings


@contextmanager
def opened(settings: Settings | None = None) -> Iterator[Engine]:
    """The database, at this program's version."""
    engine = open_engine((settings or load_settings()).database_url)
    try:
        migrate(engine)
        yield engine
    finally:
        engine.dispose()


def require_organization(engine: Engine, org_id: str) -> None:
    """Refuse an organization that the directory does not know."""
    with reading(engine) as connection:
        if not organization_exists(connection, org_id):
            raise Refused(f"There is no organization '{org_id}' here; 'talkmeter orgs add {org_id}' makes it.")
