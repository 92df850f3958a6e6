"""Lock a database so that the server's writer must wait, change it from outside, and wait for the write queue."""

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from sqlalchemy.engine import make_url

from tests import local_http
from tests.faults.senders import WAIT_TIMEOUT_SEC
from tests.servers import Server

_WAITING: Final = re.compile(r"^talkmeter_queue_events (\S+)$", re.MULTILINE)


@contextmanager
def write_lock(url: str, org_id: str) -> Iterator[None]:
    """Hold SQLite's write lock, or lock an organization's row on PostgreSQL, until the block ends."""
    address = make_url(url)
    if address.drivername == "sqlite":
        file = sqlite3.connect(str(address.database), isolation_level=None, timeout=WAIT_TIMEOUT_SEC)
        try:
            file.execute("BEGIN IMMEDIATE")
            yield
            file.execute("ROLLBACK")
        finally:
            file.close()
        return
    with psycopg.connect(url) as session:
        row = session.execute("SELECT 1 FROM organization WHERE org_id = %s FOR UPDATE", (org_id,)).fetchone()
        assert row is not None
        yield
        session.rollback()


def execute(url: str, *statements: str) -> None:
    """Run statements on a database, one by one."""
    address = make_url(url)
    if address.drivername == "sqlite":
        file = sqlite3.connect(str(address.database), isolation_level=None, timeout=WAIT_TIMEOUT_SEC)
        for statement in statements:
            file.execute(statement)
        file.close()
        return
    with psycopg.connect(url, autocommit=True) as session:
        for statement in statements:
            session.execute(statement.encode())


def queued_events(server: Server) -> int:
    """Return how many events are in the server's write queue."""
    found = _WAITING.search(local_http.get(f"{server.url}/metrics", timeout=30).text)
    return int(float(found[1])) if found else 0


def wait_until_queued(server: Server, events: int) -> None:
    """Wait until the server's write queue has at least this many events."""
    deadline = time.monotonic() + WAIT_TIMEOUT_SEC
    while (waiting := queued_events(server)) < events:
        assert time.monotonic() < deadline, f"only {waiting} of {events} events are queued"
