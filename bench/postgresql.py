"""PostgreSQL: ingest compared with COPY, alternative insert methods, statements per batch, and the summary."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

import psycopg
from sqlalchemy import Engine

from bench.ingest import acknowledged_rate
from bench.load import load_year
from bench.postgresql_inserts import INSERT_METHODS, InsertMethod, copy_rate, insert_rate
from bench.result_table import LABEL, ResultColumn, ResultTable
from bench.statement_count import count_statements
from bench.summary import SUMMARY_COLUMNS, SummaryTiming, summary_latency
from bench.timing import interleaved, ratio
from bench.workload import BATCH, Workload
from talkmeter.db.migrate import migrate
from tests.postgres import engine_for, new_database, postgres_server

_COPY: Final = "COPY, conversation rows only"
_EVENTS: Final = "over one year in time order, UUID ids, 50 agents, 20 numbers, one organization"


def measure_postgresql(conversations: int, batches: int, rounds: int) -> Iterator[ResultTable]:
    """Yield every table, measured on one temporary PostgreSQL server."""
    with tempfile.TemporaryDirectory() as name, postgres_server(Path(name)) as server:
        with psycopg.connect(server) as connection:
            release = connection.info.server_version // 10_000
        yield _ingest(server, release, batches, rounds)
        yield _organizations(server, release, batches, rounds)
        yield _insert_methods(server, batches, rounds)
        yield _statements(server)
        yield _summaries(server, conversations)


def _ingest(server: str, release: int, batches: int, rounds: int) -> ResultTable:
    def over_http(workers: str, history_days: str) -> float:
        with _database(server) as (folder, url, _):
            settings = {"database_url": url, "workers": workers, "history_days": history_days}
            return acknowledged_rate(folder, Workload(batches * BATCH), settings=settings)

    def copy() -> float:
        with _database(server) as (_, _, engine):
            return copy_rate(engine, batches)

    measurements: dict[str, Callable[[], float]] = {
        _COPY: copy,
        "HTTP, 1 worker, history off": partial(over_http, "1", "0"),
        "HTTP, 1 worker, history on": partial(over_http, "1", ""),
        "HTTP, 2 workers, history on": partial(over_http, "2", ""),
    }
    results = interleaved(measurements, rounds)
    return ResultTable(
        name="postgresql-ingest",
        title=f"Durable ingest into PostgreSQL {release}: {batches} batches of 1,000 events, {_EVENTS}, 2 connections",
        columns=(LABEL, ResultColumn("ratio", 2), ResultColumn("events/s", 0)),
        rows=tuple((name, ratio(rates, results[_COPY]), median(rates)) for name, rates in results.items()),
        note=(
            "The baseline is psycopg's COPY into the same table with the same indexes and durability, 1,000 rows per "
            f"transaction. Medians of {rounds} interleaved runs."
        ),
    )


def _organizations(server: str, release: int, batches: int, rounds: int) -> ResultTable:
    def over_http(organizations: int, batch: int, connections: int) -> float:
        with _database(server) as (folder, url, _):
            workload = Workload(batches * BATCH, organizations)
            settings = {"database_url": url}
            return acknowledged_rate(folder, workload, batch=batch, connections=connections, settings=settings)

    large, small = (BATCH, 4), (25, 16)
    measurements = {
        "1 organization, batches of 1,000, 4 connections": partial(over_http, 1, *large),
        "200 organizations, batches of 1,000, 4 connections": partial(over_http, 200, *large),
        "1 organization, batches of 25, 16 connections": partial(over_http, 1, *small),
        "2,000 organizations, batches of 25, 16 connections": partial(over_http, 2_000, *small),
    }
    results = interleaved(measurements, rounds)
    baseline = results[next(iter(results))]
    return ResultTable(
        name="postgresql-organizations",
        title=f"Many organizations, PostgreSQL {release}: {batches * BATCH:,} events over HTTP, history on",
        columns=(LABEL, ResultColumn("ratio", 2), ResultColumn("events/s", 0)),
        rows=tuple((name, ratio(rates, baseline), median(rates)) for name, rates in results.items()),
        note=f"The events of a batch belong to different organizations in turn. Medians of {rounds} interleaved runs.",
    )


def _insert_methods(server: str, batches: int, rounds: int) -> ResultTable:
    def insert(method: InsertMethod) -> float:
        with _database(server) as (_, _, engine):
            return insert_rate(engine, method, batches)

    results = interleaved({name: partial(insert, method) for name, method in INSERT_METHODS.items()}, rounds)
    baseline = results[next(iter(results))]
    return ResultTable(
        name="postgresql-inserts",
        title=f"Insert methods on PostgreSQL, inserts only, history on: {batches} batches of 1,000 events, {_EVENTS}",
        columns=(LABEL, ResultColumn("ratio", 2), ResultColumn("events/s", 0)),
        rows=tuple((name, ratio(rates, baseline), median(rates)) for name, rates in results.items()),
        note=(
            f"Conversations, history and daily totals, one transaction per batch. Medians of {rounds} interleaved runs."
        ),
    )


def _statements(server: str) -> ResultTable:
    with _database(server) as (_, _, engine):
        counts = [count_statements(engine, events) for events in (1_000, 2_000, 5_000)]
    names = list(dict.fromkeys(table for count in counts for table in count.inserts))
    return ResultTable(
        name="postgresql-statements",
        title="Statements per batch on PostgreSQL: new events of one organization, 1,000 per day, history on",
        columns=tuple(ResultColumn(name, 0) for name in ("events", "statements", "reads", *names)),
        rows=tuple(
            (count.events, count.total, count.reads, *(count.inserts.get(name, 0) for name in names))
            for count in counts
        ),
        note="The columns after `reads` count the INSERT statements for each table, of up to 1,000 rows each.",
    )


def _summaries(server: str, conversations: int) -> ResultTable:
    rows: list[tuple[int, SummaryTiming]] = []
    for number in (10_000, conversations):
        with _database(server) as (folder, url, engine):
            load_year(engine, number)
            rows.append((number, summary_latency(folder, number, database_url=url)))
    first = rows[0][1].p50_ms
    return ResultTable(
        name="postgresql-summary",
        title="Summary of 366 days over HTTP on PostgreSQL, one connection, answer cache off",
        columns=SUMMARY_COLUMNS,
        rows=tuple((number, latency.p50_ms / first, *latency) for number, latency in rows),
        note="The database also holds 200 organizations with 50 conversations each.",
    )


@contextmanager
def _database(server: str) -> Iterator[tuple[Path, str, Engine]]:
    """Yield a temporary folder and a new, empty, migrated database."""
    with tempfile.TemporaryDirectory() as name, new_database(server) as url, engine_for(url) as engine:
        migrate(engine)
        yield Path(name), url, engine
