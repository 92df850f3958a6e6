"""Ledger fixtures on SQLite, on PostgreSQL, and on a Citus cluster if one is configured.

Each test gets its own SQLite file. A server has one database per test run, which is emptied before each test.
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
    """URL of the Citus coordinator."""
    return os.environ[CITUS]


@pytest.fixture(scope="session")
def shared_postgresql(postgres: str) -> Iterator[str]:
    """URL of the PostgreSQL database of this test run."""
    with new_database(postgres) as url:
        yield url


@pytest.fixture(scope="session")
def shared_citus(citus: str) -> Iterator[str]:
    """URL of the Citus database of this test run."""
    with new_database(citus) as url:
        yield url


@contextmanager
def emptied(url: str) -> Iterator[Ledger]:
    """Empty a database that earlier tests used, and yield a ledger in it."""
    ledger = Ledger(url)
    with psycopg.connect(url) as connection:
        connection.execute(EMPTY)
    yield ledger
    ledger.close()


@pytest.fixture(scope="session")
def migrated_file(memory: Path) -> Path:
    """An empty ledger to copy, because creating the tables takes longer than most tests."""
    ledger = FileLedger(memory / "migrated.db")
    ledger.close()
    return ledger.path


@pytest.fixture
def file_ledger(migrated_file: Path, tmp_path: Path) -> Iterator[FileLedger]:
    """A ledger on SQLite, for tests of SQLite only."""
    ledger = FileLedger(Path(copyfile(migrated_file, tmp_path / "ledger.db")))
    yield ledger
    ledger.close()


@pytest.fixture(params=SERVERS)
def server_ledger(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """A ledger on each server, for tests of servers only."""
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
    """URL of a new database without tables on each server."""
    server = request.getfixturevalue("postgres" if request.param == "postgresql" else "citus")
    with new_database(server) as url:
        yield url


@pytest.fixture(params=DATABASES)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a new database without tables, on each engine."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'new.db'}"
        return
    server = request.getfixturevalue("postgres" if request.param == "postgresql" else "citus")
    with new_database(server) as url:
        yield url
