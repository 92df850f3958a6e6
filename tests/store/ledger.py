"""A real ledger on any database, told of events through the Writer and looked at through the doors of `usage`."""

import sqlite3
from collections.abc import Iterator
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
from talkmeter.ledger.verify import verify_organization
from talkmeter.ledger.writer import OrgBatches, Writer
from talkmeter.period import Present, present, read_instant, read_window
from talkmeter.usage.revision import Revision, read_revision
from talkmeter.usage.summary import Summary, read_summary
from tests.citus_plugin import TEST_STATEMENT
from tests.events import Json
from tests.postgres import engine_for

ORG = "acme"
MAX_EVENTS = 40_000
NOW = present(read_instant("2026-03-15T12:00:00Z"), 24)


def works_of(*events: Json | bytes, org_id: str | None = ORG) -> OrgBatches:
    """Events of one request as the writer takes them; None: from a sender of any organization."""
    sender = Sender(f"key of {org_id}", org_id)
    raw = (event if isinstance(event, bytes) else msgspec.json.encode(event) for event in events)
    return group_by_organization([read_event(one, sender) for one in raw], sender)


def snapshot_of(kind: str, time: str, *ids: str) -> OrgBatches:
    """A snapshot of one inventory kind."""
    body = msgspec.json.encode({"time": time, "items": [{"id": id_} for id_ in ids]})
    states, floor = read_snapshot(read_kind(kind), body, ORG, MAX_EVENTS)
    return group_by_organization(states, Sender("key", ORG), floor)


class Ledger:
    """A migrated database; `rows`, `change`, `damage` and `held` are what anybody may do to it behind our back."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine: Engine = open_engine(url)
        migrate(self.engine)

    @contextmanager
    def writer(self, *, keep_history: bool = True, max_events: int = MAX_EVENTS) -> Iterator[Writer]:
        """A writer, closed at the end."""
        writer = Writer(self.engine, keep_history=keep_history, max_events=max_events)
        try:
            yield writer
        finally:
            writer.close()

    def tell(self, *events: Json | bytes, org_id: str | None = ORG, keep_history: bool = True) -> Receipt:
        """Write events as one request."""
        return self.write(works_of(*events, org_id=org_id), keep_history=keep_history)

    def write(self, works: OrgBatches, *, keep_history: bool = True) -> Receipt:
        """Write one request."""
        with self.writer(keep_history=keep_history) as writer:
            return make_receipt(writer.submit(works).result(timeout=30))

    def summary(
        self, from_: str = "2026-03-01", to: str = "2026-04-01", org_id: str = ORG, now: Present = NOW
    ) -> Summary:
        """What the page shows."""
        with reading(self.engine) as connection:
            revision = read_revision(connection, org_id, now)
            return read_summary(connection, org_id, read_window(from_, to, now.now), revision, now)

    def revision(self, org_id: str = ORG) -> Revision:
        """What answers depend on."""
        with reading(self.engine) as connection:
            return read_revision(connection, org_id, NOW)

    def verify(self, org_id: str = ORG, *, repair: bool = False) -> list[str]:
        """Every difference, as a sentence."""
        return [one.sentence for one in verify_organization(self.engine, org_id, repair=repair)]

    @contextmanager
    def sent(self) -> Iterator[list[str]]:
        """The statements that the program sends meanwhile."""
        statements: list[str] = []

        def note(*arguments: object) -> None:
            statements.append(str(arguments[2]))

        event.listen(self.engine, "before_cursor_execute", note)
        yield statements
        event.remove(self.engine, "before_cursor_execute", note)

    def rows(self, query: str, **parameters: object) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with reading(self.engine) as connection:
            found = connection.execute(text(query), parameters, execution_options=TEST_STATEMENT)
            return [tuple(row) for row in found]

    def change(self, statement: str, **parameters: object) -> int:
        """Change tables or their rows; how many rows it were."""
        with writing(self.engine) as connection:
            return connection.execute(text(statement), parameters, execution_options=TEST_STATEMENT).rowcount

    def damage(self, statement: str, **parameters: object) -> None:
        """Change exactly one row."""
        assert self.change(statement, **parameters) == 1

    @contextmanager
    def held(self) -> Iterator[RootTransaction]:
        """Held against every writer, but no reader, by another connection: until it rolls back or the block ends."""
        with engine_for(self.url) as engine, transaction(engine) as other:
            if engine.dialect.name == "postgresql":
                other.execute(text("LOCK TABLE organization IN EXCLUSIVE MODE"), execution_options=TEST_STATEMENT)
            holding = other.get_transaction()
            assert holding is not None
            yield holding

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()


class FileLedger(Ledger):
    """A ledger in a file of SQLite."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"sqlite:///{path}")
        self.path = path

    @contextmanager
    def plain(self) -> Iterator[sqlite3.Connection]:
        """The file as sqlite3 opens it; every statement commits by itself."""
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        try:
            yield connection
        finally:
            connection.close()


def writes_of(statements: list[str]) -> list[str]:
    """Those that write."""
    return [one for one in statements if not one.startswith(("SELECT", "BEGIN", "PRAGMA"))]
