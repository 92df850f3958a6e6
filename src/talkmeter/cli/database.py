"""Open the database for one command.

`serve`, `demo`, `orgs add` and the target of `copy` create a SQLite file; every command migrates one that exists. A
PostgreSQL database is only migrated by `talkmeter migrate`, so that `serve` needs no permission to change tables.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from talkmeter.db.engine import (
    Connection,
    Engine,
    database_file,
    migrates_automatically,
    open_engine,
    reading,
    writing,
)
from talkmeter.db.migrate import migrate, require_current
from talkmeter.errors import OperationFailed, quoted
from talkmeter.ledger.organizations import find_organization
from talkmeter.settings import Settings, load_settings


@contextmanager
def open_database(settings: Settings | None = None, *, bulk: bool = False, create: bool = False) -> Iterator[Engine]:
    """Open the database and check its schema version; `bulk` is passed to `open_engine`.

    Raises OperationFailed if it is a SQLite file that does not exist, unless `create`.
    """
    engine = open_engine((settings or load_settings()).database_url, bulk=bulk)
    try:
        if not create:
            require_file(engine)
        if migrates_automatically(engine):
            migrate(engine)
        else:
            require_current(engine)
        yield engine
    finally:
        engine.dispose()


@contextmanager
def change_organization(org_id: str, settings: Settings | None = None) -> Iterator[Connection]:
    """Open the database in a transaction that changes an organization. Raises OperationFailed as its two parts do."""
    with open_database(settings) as engine:
        require_organization(engine, org_id)
        with writing(engine) as connection:
            yield connection


def require_file(engine: Engine) -> None:
    """Raise OperationFailed if the database is a SQLite file that does not exist or is empty.

    Otherwise a command in the wrong folder would report success about a new database.
    """
    file = database_file(engine)
    if file is not None and not (file.exists() and file.stat().st_size):
        raise OperationFailed(
            f"There is no database at {file}. Run the command in the folder of the database, or set "
            "TALKMETER_DATABASE_URL; 'talkmeter serve' and 'talkmeter orgs add' create a database."
        )


def require_organization(engine: Engine, org_id: str) -> None:
    """Raise OperationFailed if the organization does not exist or is closed."""
    try:
        org_id.encode()
    except UnicodeEncodeError:
        raise OperationFailed(f"The organization's id is not UTF-8: {quoted(org_id)}.") from None
    with reading(engine) as connection:
        found = find_organization(connection, org_id)
    if found is None:
        raise OperationFailed(f"Organization '{org_id}' does not exist; 'talkmeter orgs add {org_id}' creates it.")
    if found.closed is not None:
        into = "" if found.merged_into is None else f" into '{found.merged_into}'"
        raise OperationFailed(f"Organization '{org_id}' is closed ({found.closed}{into}).")
