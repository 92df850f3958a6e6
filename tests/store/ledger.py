"""A real ledger on any database: events are written by the Writer, figures are read by `usage`."""

import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Engine, RootTransaction, event, text

from talkmeter.db.engine import open_engine, reading, transaction, writing
from talkmeter.db.migrate import migrate
from talkmeter.ingest.cloudevents import Sender, read_event
from talkmeter.ingest.inventory import read_kind, read_snapshot
from talkmeter.ingest.receipt import Receipt, make_receipt
from talkmeter.ingest.requests import group_by_organization
from talkmeter.ledger.batch import BatchResult, OrgBatch
from talkmeter.ledger.verify import verify_organization
from talkmeter.ledger.writer import Writer
from talkmeter.period import Present, present, read_instant, read_window
from talkmeter.usage.revision import Revision, read_revision
from talkmeter.usage.summary import Summary, read_summary, summary_query
from tests.citus_plugin import TEST_STATEMENT
from tests.events import Json
from tests.postgres import engine_for

ORG = "acme"
MAX_EVENTS = 40_000
NOW = present(read_instant("2026-03-15T12:00:00Z"), 24)


def make_batches(*events: Json | bytes, org_id: str | None = ORG) -> list[OrgBatch]:
    """Return the batches of a request with these events; `org_id` None means a sender key."""
    sender = Sender(f"key of {org_id}", org_id)
    raw_events = (event if isinstance(event, bytes) else msgspec.json.encode(event) for event in events)
    return group_by_organization([read_event(raw, sender) for raw in raw_events], sender)


def make_snapshot(kind: str, time: str, *ids: str) -> list[OrgBatch]:
    """Return the batches of an inventory snapshot of one kind."""
    body = msgspec.json.encode({"time": time, "items": [{"id": id_} for id_ in ids]})
    states, watermark = read_snapshot(read_kind(kind), body, ORG, MAX_EVENTS)
    return group_by_organization(states, Sender("key", ORG), watermark)


def receipt_of(futures: Sequence[Future[BatchResult]], timeout_sec: float) -> Receipt:
    """Wait for the batches of a request and return its receipt."""
    return make_receipt(future.result(timeout_sec) for future in futures)


class Ledger:
    """A migrated database. `rows`, `execute`, `damage` and `locked` use plain SQL, as other programs would."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine: Engine = open_engine(url)
        migrate(self.engine)

    @contextmanager
    def writer(self, *, keep_history: bool = True, max_events: int = MAX_EVENTS) -> Iterator[Writer]:
        """Yield a writer and close it at the end."""
        writer = Writer(self.engine, keep_history=keep_history, max_events=max_events)
        try:
            yield writer
        finally:
            writer.close()

    def send(self, *events: Json | bytes, org_id: str | None = ORG, keep_history: bool = True) -> Receipt:
        """Write events as one request."""
        return self.write(make_batches(*events, org_id=org_id), keep_history=keep_history)

    def write(self, batches: list[OrgBatch], *, keep_history: bool = True) -> Receipt:
        """Write the batches of one request."""
        with self.writer(keep_history=keep_history) as writer:
            return receipt_of(writer.submit(batches), 30)

    def summary(
        self, from_: str = "2026-03-01", to: str = "2026-04-01", org_id: str = ORG, now: Present = NOW
    ) -> Summary:
        """Return the summary of a window, March 2026 by default."""
        with reading(self.engine) as connection:
            revision = read_revision(connection, org_id, now)
            return read_summary(connection, summary_query(org_id, read_window(from_, to, now.now), now), revision)

    def revision(self, org_id: str = ORG) -> Revision:
        """Return an organization's revision."""
        with reading(self.engine) as connection:
            return read_revision(connection, org_id, NOW)

    def verify(self, org_id: str = ORG, *, repair: bool = False) -> list[str]:
        """Return the sentence of each discrepancy."""
        return [found.sentence for found in verify_organization(self.engine, org_id, repair=repair)]

    @contextmanager
    def executed(self) -> Iterator[list[str]]:
        """Collect the statements that the program executes in the block."""
        statements: list[str] = []

        def collect(*arguments: object) -> None:
            statements.append(str(arguments[2]))

        event.listen(self.engine, "before_cursor_execute", collect)
        yield statements
        event.remove(self.engine, "before_cursor_execute", collect)

    def rows(self, query: str, **parameters: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with reading(self.engine) as connection:
            result = connection.execute(text(query), parameters, execution_options=TEST_STATEMENT)
            return [tuple(row) for row in result]

    def execute(self, statement: str, **parameters: object) -> int:
        """Execute a statement that changes tables or rows; return the number of rows."""
        with writing(self.engine) as connection:
            return connection.execute(text(statement), parameters, execution_options=TEST_STATEMENT).rowcount

    def damage(self, statement: str, **parameters: object) -> None:
        """Change exactly one row."""
        assert self.execute(statement, **parameters) == 1

    @contextmanager
    def locked(self) -> Iterator[RootTransaction]:
        """Lock out writers, but not readers, by another connection; yield its transaction, to end the lock early."""
        with engine_for(self.url) as engine, transaction(engine) as other:
            if engine.dialect.name == "postgresql":
                other.execute(text("LOCK TABLE organization IN EXCLUSIVE MODE"), execution_options=TEST_STATEMENT)
            lock = other.get_transaction()
            assert lock is not None
            yield lock

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


class FileLedger(Ledger):
    """A ledger in an SQLite file."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"sqlite:///{path}")
        self.path = path

    @contextmanager
    def raw_connection(self) -> Iterator[sqlite3.Connection]:
        """Yield an sqlite3 connection to the file in autocommit mode."""
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        try:
            yield connection
        finally:
            connection.close()


def write_statements(statements: list[str]) -> list[str]:
    """Return the statements that write."""
    return [statement for statement in statements if not statement.startswith(("SELECT", "BEGIN", "PRAGMA"))]
