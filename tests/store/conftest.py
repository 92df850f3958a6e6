"""A ledger for each test of what ledgers do: on SQLite, on PostgreSQL, and on a Citus cluster where there is one.

A file is each test's own. A server has one database for a whole run, which is emptied before each test of a ledger.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile

import psycopg
import pytest

from talkmeter.db import tables
from tests.postgres import CITUS, DATABASES, SERVERS, new_database
from tests.store.ledger import FileLedger, Ledger

EMPTY = "; ".join(f"DELETE FROM {table.name}" for table in tables.metadata.sorted_tables if table is not tables.meta)


@pytest.fixture(scope="session")
def citus() -> str:
    """The address of a cluster's coordinator."""
    return os.environ[CITUS]


@pytest.fixture(scope="session")
def shared_postgresql(postgres: str) -> Iterator[str]:
    """The address of the one database of a whole run."""
    with new_database(postgres) as url:
        yield url


@pytest.fixture(scope="session")
def shared_citus(citus: str) -> Iterator[str]:
    """The address of the one database of a whole run."""
    with new_database(citus) as url:
        yield url


@contextmanager
def emptied(url: str) -> Iterator[Ledger]:
    """A ledger in a database that may hold what an earlier test left."""
    ledger = Ledger(url)
    with psycopg.connect(url) as connection:
        connection.execute(EMPTY)
    yield ledger
    ledger.close()


@pytest.fixture(scope="session")
def migrated_file(memory: Path) -> Path:
    """An empty ledger, to be copied: making its tables takes longer than most tests."""
    ledger = FileLedger(memory / "migrated.db")
    ledger.close()
    return ledger.path


@pytest.fixture
def file_ledger(migrated_file: Path, tmp_path: Path) -> Iterator[FileLedger]:
    """A ledger in a file, for what only SQLite has."""
    ledger = FileLedger(Path(copyfile(migrated_file, tmp_path / "ledger.db")))
    yield ledger
    ledger.close()


@pytest.fixture(params=SERVERS)
def server_ledger(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """A ledger on a server, for what only servers have."""
    with emptied(request.getfixturevalue(f"shared_{request.param}")) as ledger:
        yield ledger


@pytest.fixture(params=DATABASES)
def ledger(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """A ledger on each database."""
    if request.param == "sqlite":
        yield request.getfixturevalue("file_ledger")
        return
    with emptied(request.getfixturevalue(f"shared_{request.param}")) as ledger:
        yield ledger


@pytest.fixture(params=SERVERS)
def server_address(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a database on a server that is a test's own and has no table."""
    server = request.getfixturevalue("postgres" if request.param == "postgresql" else "citus")
    with new_database(server) as url:
        yield url


@pytest.fixture(params=DATABASES)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database that is a test's own and has no table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'new.db'}"
        return
    server = request.getfixturevalue("postgres" if request.param == "postgresql" else "citus")
    with new_database(server) as url:
        yield url
