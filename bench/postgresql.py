"""The ledger on PostgreSQL: events in beside raw COPY, other ways to insert, statements of a batch, the summary."""

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
from bench.postgresql_inserts import WAYS_IN, WayIn, copy_rate, insert_rate
from bench.result_table import WORDS, Column, Measured
from bench.statement_count import statements_of
from bench.summary import SUMMARY_COLUMNS, Latency, summary_latency
from bench.timing import alternating, ratio
from bench.workload import BATCH, Workload
from talkmeter.ledger.migrate import migrate
from tests.postgres import engine_for, new_database, postgres_server

_COPY: Final = "COPY of the rows alone"
_EVENTS: Final = "spread over a year in time order, UUID ids, 50 agents, 20 numbers, one organization"


def measure_postgresql(conversations: int, batches: int, rounds: int) -> Iterator[Measured]:
    """Every table, on one server of PostgreSQL that is gone afterwards."""
    with tempfile.TemporaryDirectory() as name, postgres_server(Path(name)) as server:
        with psycopg.connect(server) as connection:
            release = connection.info.server_version // 10_000
        yield _events_in(server, release, batches, rounds)
        yield _ways_in(server, batches, rounds)
        yield _statements(server)
        yield _summaries(server, conversations)


def _events_in(server: str, release: int, batches: int, rounds: int) -> Measured:
    def over_http(workers: str, history_days: str) -> float:
        with _database(server) as (folder, url, _):
            workload = Workload(batches * BATCH)
            return acknowledged_rate(folder, workload, database_url=url, workers=workers, history_days=history_days)

    def copied() -> float:
        with _database(server) as (_, _, engine):
            return copy_rate(engine, batches)

    measures: dict[str, Callable[[], float]] = {
        _COPY: copied,
        "HTTP, 1 worker, history off": partial(over_http, "1", "0"),
        "HTTP, 1 worker, history on": partial(over_http, "1", ""),
        "HTTP, 2 workers, history on": partial(over_http, "2", ""),
    }
    found = alternating(measures, rounds)
    return Measured(
        name="postgresql-ingest",
        title=f"Durable ingest into PostgreSQL {release}: {batches} batches of 1 000 events, {_EVENTS}, 2 connections",
        columns=(WORDS, Column("ratio", 2), Column("events/s", 0)),
        rows=tuple((name, ratio(rates, found[_COPY]), median(rates)) for name, rates in found.items()),
        note=(
            "Against psycopg's COPY into the same table with the same indexes, 1 000 rows a transaction, "
            f"as durable; medians of {rounds} alternating runs."
        ),
    )


def _ways_in(server: str, batches: int, rounds: int) -> Measured:
    def inserted(way_in: WayIn) -> float:
        with _database(server) as (_, _, engine):
            return insert_rate(engine, way_in, batches)

    found = alternating({name: partial(inserted, way_in) for name, way_in in WAYS_IN.items()}, rounds)
    first = next(iter(found))
    return Measured(
        name="postgresql-inserts",
        title=f"The inserts of a batch alone, history on: {batches} batches of 1 000 events, {_EVENTS}",
        columns=(WORDS, Column("ratio", 2), Column("events/s", 0)),
        rows=tuple((name, ratio(rates, found[first]), median(rates)) for name, rates in found.items()),
        note=f"Conversations, history and daily totals, a transaction a batch; medians of {rounds} alternating runs.",
    )


def _statements(server: str) -> Measured:
    with _database(server) as (_, _, engine):
        sent = [statements_of(engine, events) for events in (1_000, 2_000, 5_000)]
    names = list(dict.fromkeys(table for one in sent for table in one.inserting))
    return Measured(
        name="postgresql-statements",
        title="Statements of one batch on PostgreSQL: new events of one organization, 1 000 to a day, history on",
        columns=tuple(Column(name, 0) for name in ("events", "statements", "reading", *names)),
        rows=tuple(
            (one.events, one.statements, one.reading, *(one.inserting.get(name, 0) for name in names)) for one in sent
        ),
        note="The columns after the third: inserts into each table, each of up to 1 000 rows.",
    )


def _summaries(server: str, conversations: int) -> Measured:
    rows: list[tuple[int, Latency]] = []
    for number in (10_000, conversations):
        with _database(server) as (folder, url, engine):
            load_year(engine, number)
            rows.append((number, summary_latency(folder, number, database_url=url)))
    first = rows[0][1].p50_ms
    return Measured(
        name="postgresql-summary",
        title="Summary of 366 days over HTTP on PostgreSQL, one connection, computed anew each time",
        columns=SUMMARY_COLUMNS,
        rows=tuple((number, one.p50_ms / first, *one) for number, one in rows),
        note="Beside the year of one organization there are 200 small ones.",
    )


@contextmanager
def _database(server: str) -> Iterator[tuple[Path, str, Engine]]:
    """A folder, and an empty ledger in a database of its own."""
    with tempfile.TemporaryDirectory() as name, new_database(server) as url, engine_for(url) as engine:
        migrate(engine)
        yield Path(name), url, engine
