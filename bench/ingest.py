"""Durable ingest over HTTP, compared with `executemany` of the conversation rows only."""

import http.client
import json
import sqlite3
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from bench.result_table import LABEL, ResultColumn, ResultTable
from bench.timing import interleaved, ratio
from bench.workload import BATCH, Workload
from talkmeter.db.tables import conversation
from talkmeter.ledger.rows import record_row
from tests.servers import running_server

CONNECTIONS: Final = 2
BASELINE: Final = "executemany, conversation rows only"


def measure_ingest(batches: int, rounds: int) -> ResultTable:
    """Measure events per second and bytes per conversation."""

    def baseline(folder: Path) -> tuple[float, float | None]:
        return executemany_rate(folder, batches), None

    def over_http(organizations: int, history_days: str, folder: Path) -> tuple[float, float | None]:
        return http_rate(folder, batches, organizations, history_days=history_days)

    measurements: dict[str, Callable[[Path], tuple[float, float | None]]] = {
        BASELINE: baseline,
        "HTTP, history off": partial(over_http, 1, "0"),
        "HTTP, history on": partial(over_http, 1, ""),
        "HTTP, history on, 200 organizations": partial(over_http, 200, ""),
    }
    results = interleaved(
        {name: partial(_in_temporary_folder, measure) for name, measure in measurements.items()}, rounds
    )
    baseline_rates = [rate for rate, _ in results[BASELINE]]
    rows = []
    for name, runs in results.items():
        rates, sizes = [rate for rate, _ in runs], [size for _, size in runs if size is not None]
        rows.append((name, ratio(rates, baseline_rates), median(rates), median(sizes) if sizes else None))
    return ResultTable(
        name="ingest",
        title=(
            f"Durable ingest into SQLite: {batches} batches of 1,000 events over one year in time order, UUID ids, "
            f"50 agents, 20 numbers, {CONNECTIONS} connections"
        ),
        columns=(LABEL, ResultColumn("ratio", 2), ResultColumn("events/s", 0), ResultColumn("bytes/conversation", 0)),
        rows=tuple(rows),
        note=f"The baseline is one table with the same indexes and durability. Medians of {rounds} interleaved runs.",
    )


def _in_temporary_folder(measure: Callable[[Path], tuple[float, float | None]]) -> tuple[float, float | None]:
    with tempfile.TemporaryDirectory() as folder:
        return measure(Path(folder))


def executemany_rate(
    folder: Path, batches: int, *, rows_per_transaction: int = BATCH, pragmas: Collection[str] = ()
) -> float:
    """Return rows per second into the conversation table only, with its columns and indexes, durable.

    `pragmas` are additional SQLite settings.
    """
    workload = Workload(batches * BATCH)
    rows = [record_row(state, 0) for state in workload.states(0, batches * BATCH)]
    connection = sqlite3.connect(folder / "executemany.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(str(CreateTable(conversation).compile(dialect=sqlite.dialect())))
    for index in conversation.indexes:
        connection.execute(str(CreateIndex(index).compile(dialect=sqlite.dialect())))
    insert = str(conversation.insert().compile(dialect=sqlite.dialect()))
    started = time.perf_counter()
    for begin in range(0, len(rows), rows_per_transaction):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(insert, rows[begin : begin + rows_per_transaction])
        connection.execute("COMMIT")
    seconds = time.perf_counter() - started
    connection.close()
    return len(rows) / seconds


def http_rate(folder: Path, batches: int, organizations: int = 1, **settings: str) -> tuple[float, float]:
    """Return acknowledged events per second, and the bytes of database per conversation afterwards."""
    workload = Workload(batches * BATCH, organizations)
    rate = acknowledged_rate(folder, workload, settings=settings)
    size = sum(path.stat().st_size for path in folder.glob("talkmeter.db*"))
    return rate, size / workload.total


def acknowledged_rate(
    folder: Path, workload: Workload, *, settings: Mapping[str, str], connections: int = CONNECTIONS, batch: int = BATCH
) -> float:
    """Return the events per second that a server acknowledges while a workload is sent over several connections."""
    bodies = workload.bodies(0, workload.total // batch, batch)
    with running_server(folder, **settings) as server:
        for org_id in workload.organizations[:1]:
            server.cli("orgs", "add", org_id)
        key = server.cli("keys", "add", "--sender")
        started = time.perf_counter()
        shares = [bodies[number::connections] for number in range(connections)]
        with ThreadPoolExecutor(connections) as pool:
            accepted = sum(pool.map(lambda share: _post_all(server.url, key, share), shares))
        seconds = time.perf_counter() - started
    assert accepted == len(bodies) * batch, accepted
    return accepted / seconds


def _post_all(url: str, key: str, bodies: list[bytes]) -> int:
    """Post bodies one after another on one connection and return the number of accepted events."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    accepted = 0
    for body in bodies:
        connection.request("POST", "/metering/events", body, headers)
        response = connection.getresponse()
        receipt = json.loads(response.read())
        assert response.status == 200, receipt
        accepted += receipt["accepted"]
    connection.close()
    return accepted
