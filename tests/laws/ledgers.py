"""The real ledger in SQLite or PostgreSQL, driven as the server does it: request bodies in, answers out."""

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
from talkmeter.counting import DAILY_COUNTERS, Counters
from talkmeter.db.billing_tables import default_plan, plan_version
from talkmeter.db.engine import open_engine, reading, writing
from talkmeter.db.migrate import database_id, migrate
from talkmeter.db.tables import DISTRIBUTED, organization_directory, organization_parent, quarantine, usage_daily
from talkmeter.ingest.cloudevents import Sender
from talkmeter.ingest.inventory import read_kind, read_snapshot
from talkmeter.ingest.receipt import Receipt, make_receipt
from talkmeter.ingest.requests import BATCH, PLAIN, STRUCTURED, group_by_organization, read_request
from talkmeter.ledger.batch import BatchResult, OrgBatch
from talkmeter.ledger.verify import verify_organization
from talkmeter.ledger.writer import Writer
from talkmeter.period import Present, Window
from talkmeter.records import Kind, RecordKey
from talkmeter.usage.all_organizations import list_usage
from talkmeter.usage.breakdown import read_breakdown
from talkmeter.usage.breakdown_query import BreakdownOptions, breakdown_query
from talkmeter.usage.compare import Mode
from talkmeter.usage.export import Export, ExportType, write_export
from talkmeter.usage.filtered import ValueFilter
from talkmeter.usage.filtered_summary import read_any_summary
from talkmeter.usage.filters import Filter
from talkmeter.usage.history import read_history
from talkmeter.usage.intervals import Interval
from talkmeter.usage.records import read_records
from talkmeter.usage.revision import read_revision
from talkmeter.usage.series import read_series, series_query
from talkmeter.usage.subtree import read_member_organizations, with_members
from talkmeter.usage.summary import read_summary, summary_query
from tests.citus_plugin import TEST_STATEMENT
from tests.laws.histories import DEFAULT_CUTS, Cuts
from tests.laws.model import QUERIED_AT, RESULTS, STALE_BEFORE, HistoryItem, Json, RawEvent, RawSnapshot
from tests.laws.strategies import ORG

MAX_EVENTS = 10_000
NOW = Present(QUERIED_AT, STALE_BEFORE)
ORG_SENDER = Sender("key-of-acme", ORG)
PLATFORM_SENDER = Sender("key-of-a-platform", None)

TotalKey = tuple[str, int, str]
Totals = dict[TotalKey, tuple[int, ...]]


class IngestRequest(NamedTuple):
    """One request body: consecutive events, or one snapshot."""

    items: tuple[HistoryItem, ...]
    headers: dict[str, str]
    body: bytes


def count_results(*receipts: Receipt) -> Counter[str]:
    """Return the number of events in receipts by result."""
    return Counter({name: sum(getattr(receipt, name) for receipt in receipts) for name in RESULTS})


def make_requests(history: Sequence[HistoryItem], cuts: Cuts) -> Iterator[IngestRequest]:
    """Cut a history into requests; each snapshot is its own request."""
    sizes, forms = cycle(cuts.sizes), cycle(cuts.forms)
    remaining, size = list(history), next(sizes)
    while remaining:
        events = next((i for i, item in enumerate(remaining) if isinstance(item, RawSnapshot)), len(remaining))
        items = [remaining.pop(0) for _ in range(max(1, min(size, events)))]
        size = next(sizes)
        yield _make_request(tuple(items), next(forms))


def _make_request(items: tuple[HistoryItem, ...], form: str) -> IngestRequest:
    first = items[0]
    alone = len(items) == 1 and not (isinstance(first, RawEvent) and first.broken)
    if isinstance(first, RawSnapshot) or (form == "alone" and alone):
        return IngestRequest(items, {"content-type": STRUCTURED}, b" " + first.raw + b"\n")
    if form == "binary" and alone:
        event = json.loads(first.raw)
        data = msgspec.json.decode(first.raw, type=dict[str, msgspec.Raw])["data"]
        headers = {
            f"ce-{name}": quote(str(value)) for name, value in event.items() if name != "data" and value is not None
        }
        return IngestRequest(items, {"content-type": PLAIN, **headers}, bytes(data))
    type_ = BATCH if form == "batch" else f"{PLAIN}; charset=utf-8"
    return IngestRequest(items, {"content-type": type_}, b"[" + b" ,\n".join(item.raw for item in items) + b"]")


def plain_json(answer: object) -> Json:
    """Return an answer as a client decodes it."""
    decoded: Json = msgspec.json.decode(msgspec.json.encode(answer))
    return decoded


class LawLedger:
    """An empty ledger: ingest histories, then query answers."""

    def __init__(self, engine: Engine, writer: Writer) -> None:
        self.engine = engine
        self._writer = writer

    def ingest(
        self, history: Sequence[HistoryItem], cuts: Cuts = DEFAULT_CUTS, sender: Sender = ORG_SENDER
    ) -> list[tuple[IngestRequest, Receipt]]:
        """Ingest a history and return the receipt of each request."""
        submitted = self.submit(history, cuts, sender)
        futures = list(submitted) if cuts.together else submitted
        return [(request, make_receipt(future.result() for future in of_request)) for request, of_request in futures]

    def submit(
        self, history: Sequence[HistoryItem], cuts: Cuts, sender: Sender
    ) -> Iterator[tuple[IngestRequest, list[Future[BatchResult]]]]:
        """Queue the requests of a history lazily: each when the caller takes it from the iterator."""
        for request in make_requests(history, cuts):
            yield request, self._writer.submit(_read(request, sender))

    def summary(
        self,
        start: int,
        end: int,
        org_id: str = ORG,
        filter_: ValueFilter | None = None,
        *,
        subtree: bool = False,
        mode: Mode = "none",
    ) -> Json:
        """Return the summary of [start, end) without `last_event_at` and `changed_at`, which depend on arrival time."""
        with reading(self.engine) as connection:
            query = summary_query(org_id, Window(start, end), NOW, mode, filter_, subtree=subtree)
            answer = read_any_summary(connection, *with_members(connection, query))
        summary = plain_json(answer)
        del summary["last_event_at"]
        for day in summary["daily"]:
            del day["changed_at"]
        return summary

    def breakdown(self, start: int, end: int, split: BreakdownOptions, now: Present = NOW, org_id: str = ORG) -> Json:
        """Return the breakdown of [start, end)."""
        with reading(self.engine) as connection:
            query, revision = with_members(connection, breakdown_query(org_id, Window(start, end), now, split))
            return plain_json(read_breakdown(connection, query, revision, key="laws"))

    def members(self, org_id: str) -> dict[str, str | None]:
        """Return the organizations of a subtree with their parents."""
        with reading(self.engine) as connection:
            found = read_member_organizations(connection, org_id).organizations
        return {member.organization_id: member.parent_id for member in found}

    def series(
        self,
        start: int,
        end: int,
        interval: Interval,
        filter_: ValueFilter | None = None,
        mode: Mode = "none",
        now: Present = NOW,
    ) -> Json:
        """Return the series of [start, end)."""
        query = series_query(ORG, Window(start, end), now, interval, mode, filter_)
        with reading(self.engine) as connection:
            return plain_json(read_series(connection, query))

    def comparison(self, start: int, end: int, mode: Mode, now: Present) -> Json | None:
        """Return the comparison in the summary of [start, end)."""
        with reading(self.engine) as connection:
            revision = read_revision(connection, ORG, now)
            summary = plain_json(read_summary(connection, summary_query(ORG, Window(start, end), now, mode), revision))
        comparison: Json | None = summary["comparison"]
        return comparison

    def records(self, start: int, end: int, filter_: Filter, limit: int) -> tuple[list[Json], Json]:
        """Return all records of [start, end) that match a filter, read page by page, and their totals."""
        window, cursor, records, totals = Window(start, end), None, [], None
        while True:
            with reading(self.engine) as connection:
                revision = read_revision(connection, ORG, NOW)
                page = plain_json(
                    read_records(
                        connection, ORG, window, filter_, revision, NOW, key="laws", limit=limit, cursor=cursor
                    )
                )
            assert not page["changed"]
            assert (page["totals"] is None) == (cursor is not None)
            records += page["records"]
            totals, cursor = totals or page["totals"], page["next_cursor"]
            assert len(page["records"]) <= limit
            if cursor is None:
                assert totals is not None
                return records, totals

    def export(
        self, start: int, end: int, of: ExportType, query: Filter | BreakdownOptions | ValueFilter | None = None
    ) -> list[Json]:
        """Return the rows of an export of [start, end)."""
        out = BytesIO()
        with reading(self.engine) as connection:
            export = Export(of, "jsonl", Window(start, end), query)
            write_export(connection, ORG, export, NOW, out, lambda: None)
        return [json.loads(line) for line in out.getvalue().splitlines()]

    def history(self, kind: Kind, id_: str) -> list[Json]:
        """Return the states of a record, the winning state first."""
        with reading(self.engine) as connection:
            states: list[Json] = plain_json(read_history(connection, ORG, RecordKey(kind, id_), None))["states"]
        return states

    def etag(self, start: int, end: int, org_id: str = ORG) -> str:
        """Return the ETag of an organization's summary of [start, end)."""
        with reading(self.engine) as connection:
            revision = read_revision(connection, org_id, NOW)
            query = summary_query(org_id, Window(start, end), NOW)
            return make_etag(database_id(connection), query, revision, plans_revision="")

    def verify(self, org_id: str = ORG, *, repair: bool = False) -> list[str]:
        """Return the differences that `talkmeter verify` prints."""
        return [difference.sentence for difference in verify_organization(self.engine, org_id, repair=repair)]

    def quarantined_organizations(self) -> list[str]:
        """Return the organizations that have quarantined events."""
        with reading(self.engine) as connection:
            return list(connection.scalars(select(quarantine.c.org_id).distinct(), execution_options=TEST_STATEMENT))

    @contextmanager
    def open_file(self) -> Iterator[sqlite3.Connection]:
        """Open the file with sqlite3 alone, without Talkmeter's engine (SQLite ledgers only)."""
        connection = sqlite3.connect(str(self.engine.url.database))
        try:
            with connection:
                yield connection
        finally:
            connection.close()

    def totals(self, org_id: str = ORG) -> Totals:
        """Return the daily totals in the table, without rows of zeros."""
        with reading(self.engine) as connection:
            query = select(usage_daily).where(usage_daily.c.org_id == org_id)
            rows = connection.execute(query, execution_options=TEST_STATEMENT).fetchall()
        return {
            (row.dimension, row.day, row.value): amounts
            for row in rows
            if any(amounts := tuple(getattr(row, name) for name in DAILY_COUNTERS))
        }

    def platform(self, first: int, end: int) -> dict[str, Counters]:
        """Return the usage of all organizations that have some on the days [first, end)."""
        with reading(self.engine) as connection:
            return {one.org_id: one.counters for one in list_usage(connection, first, end, "") if any(one.counters)}


def _read(request: IngestRequest, sender: Sender) -> list[OrgBatch]:
    first = request.items[0]
    if isinstance(first, RawSnapshot):
        assert sender.org_id is not None
        states, watermark = read_snapshot(read_kind(first.kind), request.body, sender.org_id, MAX_EVENTS)
        return group_by_organization(states, sender, watermark)
    return group_by_organization(read_request(request.headers, request.body, sender, MAX_EVENTS), sender)


class Ledgers(Protocol):
    """A place for one ledger at a time that can be emptied repeatedly."""

    def empty(self, *, keep_history: bool = True) -> AbstractContextManager[LawLedger]:
        """Yield an empty ledger with its own writer."""


@contextmanager
def _start_writer(engine: Engine, *, keep_history: bool) -> Iterator[LawLedger]:
    writer = Writer(engine, keep_history=keep_history, max_events=MAX_EVENTS)
    try:
        yield LawLedger(engine, writer)
    finally:
        writer.close()


class FileLedgers:
    """Ledgers in a SQLite file."""

    def __init__(self, folder: Path) -> None:
        self._path, self._empty = folder / "ledger.db", folder / "empty.db"
        engine = open_engine(f"sqlite:///{self._empty}")
        migrate(engine)
        engine.dispose()
        self._engine = open_engine(f"sqlite:///{self._path}")

    @contextmanager
    def empty(self, *, keep_history: bool = True) -> Iterator[LawLedger]:
        """Yield an empty ledger in the file."""
        shutil.copyfile(self._empty, self._path)
        try:
            with _start_writer(self._engine, keep_history=keep_history) as ledger:
                yield ledger
        finally:
            self._engine.dispose()


class ServerLedgers:
    """Ledgers in a PostgreSQL database."""

    def __init__(self, url: str) -> None:
        self._engine = open_engine(url)
        migrate(self._engine)

    @contextmanager
    def empty(self, *, keep_history: bool = True) -> Iterator[LawLedger]:
        """Yield an empty ledger in the database."""
        with writing(self._engine) as connection:
            for table in (*DISTRIBUTED, organization_directory, organization_parent, plan_version, default_plan):
                connection.execute(delete(table), execution_options=TEST_STATEMENT)
        with _start_writer(self._engine, keep_history=keep_history) as ledger:
            yield ledger

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()
