"""Opens the database of the settings for one command.

A SQLite file is made, and brought to this version, by whichever command opens it first; a server's database is brought
there by `talkmeter migrate` alone, so that a program that serves needs no right to change tables.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from talkmeter.db.engine import Engine, migrates_itself, open_engine, reading
from talkmeter.db.migrate import migrate, require_current
from talkmeter.errors import Refused, shown
from talkmeter.ledger.organizations import organization_exists
from talkmeter.settings import Settings, load_settings


@contextmanager
def opened(settings: Settings | None = None, *, bulk: bool = False) -> Iterator[Engine]:
    """The database, at this program's version; `bulk` as of `open_engine`."""
    engine = open_engine((settings or load_settings()).database_url, bulk=bulk)
    try:
        if migrates_itself(engine):
            migrate(engine)
        else:
            require_current(engine)
        yield engine
    finally:
        engine.dispose()


def require_organization(engine: Engine, org_id: str) -> None:
    """Refuse an organization that the directory does not know."""
    try:
        org_id.encode()
    except UnicodeEncodeError:
        raise Refused(f"The organization's id is not UTF-8: {shown(org_id)}.") from None
    with reading(engine) as connection:
        if not organization_exists(connection, org_id):
            raise Refused(f"There is no organization '{org_id}' here; 'talkmeter orgs add {org_id}' makes it.")
