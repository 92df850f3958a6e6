"""The real ledger on a real SQLite file, driven as the server drives it: bytes in, summary out."""

import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from io import BytesIO
from itertools import cycle
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import quote

import msgspec
from sqlalchemy import Engine, delete, select

from talkmeter.api.etag import make_etag
from talkmeter.db.engine import open_engine, reading, writing
from talkmeter.db.migrate import database_id, migrate
from talkmeter.db.tables import DISTRIBUTED, organization_directory, quarantine, usage_daily
from talkmeter.ingest.cloudevents import Sender
from talkmeter.ingest.inventory import read_kind, read_snapshot
from talkmeter.ingest.receipt import Receipt, make_receipt
from talkmeter.ingest.requests import BATCH, PLAIN, STRUCTURED, group_by_organization, read_request
from talkmeter.ledger.batch import BatchResult
from talkmeter.ledger.verify import verify_organization
from talkmeter.ledger.writer import OrgBatches, Writer
from talkmeter.period import Present, Window
from talkmeter.records import Kind, RecordKey
from talkmeter.usage.breakdown import Split, read_breakdown
from talkmeter.usage.compare import Mode
from talkmeter.usage.export import Export, ExportType, write_export
from talkmeter.usage.filters import Filter
from talkmeter.usage.history import read_history
from talkmeter.usage.records import read_records
from talkmeter.usage.revision import read_revision
from talkmeter.usage.summary import read_summary
from tests.citus_plugin import TEST_STATEMENT
from tests.laws.histories import PLAINLY, Cuts
from tests.laws.model import ASKED_AT, BINS, SILENT_BEFORE, Event, Item, Json, Snapshot
from tests.laws.strategies import ORG

MOST = 10_000
NOW = Present(ASKED_AT, SILENT_BEFORE)
OWNER = Sender("key-of-acme", ORG)
ANYONE = Sender("key-of-a-platform", None)

TotalKey = tuple[str, int, str]
Totals = dict[TotalKey, tuple[int, ...]]


class Request(NamedTuple):
    """Some consecutive events as one body, or one snapshot."""

    items: tuple[Item, ...]
    headers: dict[str, str]
    body: bytes


def bins_of(*receipts: Receipt) -> Counter[str]:
    """How many events ended in each bin."""
    return Counter({name: sum(getattr(receipt, name) for receipt in receipts) for name in BINS})


def make_requests(history: Sequence[Item], cuts: Cuts) -> Iterator[Request]:
    """Cut a history into requests; a snapshot is one by itself."""
    sizes, forms = cycle(cuts.sizes), cycle(cuts.forms)
    waiting, size = list(history), next(sizes)
    while waiting:
        ahead = next((place for place, item in enumerate(waiting) if isinstance(item, Snapshot)), len(waiting))
        taken = [waiting.pop(0) for _ in range(max(1, min(size, ahead)))]
        size = next(sizes)
        yield _make_request(tuple(taken), next(forms))


def _make_request(items: tuple[Item, ...], form: str) -> Request:
    first = items[0]
    alone = len(items) == 1 and not (isinstance(first, Event) and first.broken)
    if isinstance(first, Snapshot) or (form == "alone" and alone):
        return Request(items, {"content-type": STRUCTURED}, b" " + first.raw + b"\n")
    if form == "binary" and alone:
        event = json.loads(first.raw)
        data = msgspec.json.decode(first.raw, type=dict[str, msgspec.Raw])["data"]
        headers = {
            f"ce-{name}": quote(str(value)) for name, value in event.items() if name != "data" and value is not None
        }
        return Request(items, {"content-type": PLAIN, **headers}, bytes(data))
    type_ = BATCH if form == "batch" else f"{PLAIN}; charset=utf-8"
    return Request(items, {"content-type": type_}, b"[" + b" ,\n".join(item.raw for item in items) + b"]")


def plain_json(answer: object) -> Json:
    """An answer as it goes over the wire."""
    read: Json = msgspec.json.decode(msgspec.json.encode(answer))
    return read


class Ledger:
    """An empty ledger to be told things and asked for answers."""

    def __init__(self, engine: Engine, writer: Writer) -> None:
        self.engine = engine
        self._writer = writer

    def tell(
        self, history: Sequence[Item], cuts: Cuts = PLAINLY, sender: Sender = OWNER
    ) -> list[tuple[Request, Receipt]]:
        """Send a history; the receipt of each request."""
        sending = self.send(history, cuts, sender)
        waiting = list(sending) if cuts.together else sending
        return [(request, make_receipt(written.result())) for request, written in waiting]

    def send(
        self, history: Sequence[Item], cuts: Cuts, sender: Sender
    ) -> Iterator[tuple[Request, Future[list[BatchResult]]]]:
        """Put the requests of a history into the queue, one by one as they are taken."""
        for request in make_requests(history, cuts):
            yield request, self._writer.submit(_read(request, sender))

    def summary(self, start: int, end: int, org_id: str = ORG) -> Json:
        """The answer for [start, end), without the one field that tells of arrival."""
        with reading(self.engine) as connection:
            answer = read_summary(connection, org_id, Window(start, end), read_revision(connection, org_id, NOW), NOW)
        summary = plain_json(answer)
        del summary["last_event_at"]
        for day in summary["daily"]:
            del day["changed_at"]
        return summary

    def breakdown(self, start: int, end: int, split: Split, now: Present = NOW) -> Json:
        """The breakdown of [start, end)."""
        with reading(self.engine) as connection:
            return plain_json(read_breakdown(connection, ORG, Window(start, end), split, now))

    def compared(self, start: int, end: int, mode: Mode, now: Present) -> Json | None:
        """The comparison of the summary of [start, end)."""
        with reading(self.engine) as connection:
            revision = read_revision(connection, ORG, now)
            summary = plain_json(read_summary(connection, ORG, Window(start, end), revision, now, mode))
        comparison: Json | None = summary["comparison"]
        return comparison

    def records(self, start: int, end: int, wanted: Filter, limit: int) -> tuple[list[Json], Json]:
        """Every record of [start, end) that a filter keeps, by as many pages as it takes; and the totals."""
        window, cursor, found, totals = Window(start, end), None, [], None
        while True:
            with reading(self.engine) as connection:
                revision = read_revision(connection, ORG, NOW)
                page = plain_json(
                    read_records(connection, ORG, window, wanted, revision, NOW, key="laws", limit=limit, cursor=cursor)
                )
            assert not page["changed"]
            assert (page["totals"] is None) == (cursor is not None)
            found += page["records"]
            totals, cursor = totals or page["totals"], page["next_cursor"]
            assert len(page["records"]) <= limit
            if cursor is None:
                assert totals is not None
                return found, totals

    def exported(self, start: int, end: int, of: ExportType, subject: Filter | Split | None = None) -> list[Json]:
        """The rows of an export of [start, end)."""
        out = BytesIO()
        with reading(self.engine) as connection:
            export = Export(of, "jsonl", Window(start, end), subject)
            write_export(connection, ORG, export, NOW, out, lambda: None)
        return [json.loads(line) for line in out.getvalue().splitlines()]

    def history(self, kind: Kind, id_: str) -> list[Json]:
        """The states of a record, the winning one first."""
        with reading(self.engine) as connection:
            states: list[Json] = plain_json(read_history(connection, ORG, RecordKey(kind, id_), None))["states"]
        return states

    def etag(self, start: int, end: int, org_id: str = ORG) -> str:
        """The ETag of an organization's summary of [start, end)."""
        with reading(self.engine) as connection:
            revision = read_revision(connection, org_id, NOW)
            return make_etag(database_id(connection), org_id, revision, "summary", start, end)

    def verify(self, org_id: str = ORG, *, repair: bool = False) -> list[str]:
        """What `talkmeter verify` finds."""
        return [found.sentence for found in verify_organization(self.engine, org_id, repair=repair)]

    def quarantined(self) -> list[str]:
        """The organizations that have anything in quarantine."""
        with reading(self.engine) as connection:
            return list(connection.scalars(select(quarantine.c.org_id).distinct(), execution_options=TEST_STATEMENT))

    @contextmanager
    def plain(self) -> Iterator[sqlite3.Connection]:
        """The file as anyone may open it; of ledgers in files."""
        connection = sqlite3.connect(str(self.engine.url.database))
        try:
            with connection:
                yield connection
        finally:
            connection.close()

    def totals(self, org_id: str = ORG) -> Totals:
        """The daily totals as they stand in the file, those that are not all zero."""
        with reading(self.engine) as connection:
            own = select(usage_daily).where(usage_daily.c.org_id == org_id)
            rows = connection.execute(own, execution_options=TEST_STATEMENT).fetchall()
        return {
            (dimension, day, value): tuple(counters)
            for _, dimension, day, value, *counters, _changed_at in rows
            if any(counters)
        }


def _read(request: Request, sender: Sender) -> OrgBatches:
    first = request.items[0]
    if isinstance(first, Snapshot):
        assert sender.org_id is not None
        states, floor = read_snapshot(read_kind(first.kind), request.body, sender.org_id, MOST)
        return group_by_organization(states, sender, floor)
    return group_by_organization(read_request(request.headers, request.body, sender, MOST), sender)


class Ledgers(Protocol):
    """Makes an empty ledger again and again, in the same place: one at a time."""

    def empty(self, *, keep_history: bool = True) -> AbstractContextManager[Ledger]:
        """An empty ledger with a writer of its own."""


@contextmanager
def _written_to(engine: Engine, *, keep_history: bool) -> Iterator[Ledger]:
    writer = Writer(engine, keep_history=keep_history, max_events=MOST)
    try:
        yield Ledger(engine, writer)
    finally:
        writer.close()


class FileLedgers:
    """Ledgers in SQLite."""

    def __init__(self, folder: Path) -> None:
        self._path, self._empty = folder / "ledger.db", folder / "empty.db"
        made = open_engine(f"sqlite:///{self._empty}")
        migrate(made)
        made.dispose()
        self._engine = open_engine(f"sqlite:///{self._path}")

    @contextmanager
    def empty(self, *, keep_history: bool = True) -> Iterator[Ledger]:
        """An empty ledger in a file."""
        shutil.copyfile(self._empty, self._path)
        try:
            with _written_to(self._engine, keep_history=keep_history) as ledger:
                yield ledger
        finally:
            self._engine.dispose()


class ServerLedgers:
    """Ledgers in PostgreSQL."""

    def __init__(self, url: str) -> None:
        self._engine = open_engine(url)
        migrate(self._engine)

    @contextmanager
    def empty(self, *, keep_history: bool = True) -> Iterator[Ledger]:
        """An empty ledger in the server's database."""
        with writing(self._engine) as connection:
            for table in (*DISTRIBUTED, organization_directory):
                connection.execute(delete(table), execution_options=TEST_STATEMENT)
        with _written_to(self._engine, keep_history=keep_history) as ledger:
            yield ledger

    def close(self) -> None:
        """Let go of the server."""
        self._engine.dispose()
