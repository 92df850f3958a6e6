"""Durable events a second over HTTP, beside `executemany` of the winning conversation rows alone."""

import http.client
import json
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from bench.workload import BATCH, Workload
from talkmeter.ledger.rows import row_of
from talkmeter.ledger.tables import conversation
from tests.servers import running_server

CONNECTIONS: Final = 2


def executemany_rate(folder: Path, batches: int) -> float:
    """Rows a second into the conversation table alone: same columns, indexes and durability, 1 000 a transaction."""
    workload = Workload(batches * BATCH)
    rows = [row_of(state, 0) for state in workload.states(0, batches * BATCH)]
    connection = sqlite3.connect(folder / "executemany.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(str(CreateTable(conversation).compile(dialect=sqlite.dialect())))
    for index in conversation.indexes:
        connection.execute(str(CreateIndex(index).compile(dialect=sqlite.dialect())))
    insert = str(conversation.insert().compile(dialect=sqlite.dialect()))
    started = time.perf_counter()
    for begin in range(0, len(rows), BATCH):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(insert, rows[begin : begin + BATCH])
        connection.execute("COMMIT")
    seconds = time.perf_counter() - started
    connection.close()
    return len(rows) / seconds


def http_rate(folder: Path, batches: int, organizations: int = 1, **settings: str) -> tuple[float, float]:
    """Events a second that the server acknowledges, and bytes of database per conversation afterwards."""
    workload = Workload(batches * BATCH, organizations)
    bodies = workload.bodies(0, batches)
    with running_server(folder, **settings) as server:
        for org_id in workload.organizations[:1]:
            server.cli("orgs", "add", org_id)
        key = server.cli("keys", "add", "--sender")
        started = time.perf_counter()
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            accepted = sum(pool.map(lambda part: _post_all(server.url, key, part), _shares(bodies)))
        seconds = time.perf_counter() - started
    assert accepted == batches * BATCH, accepted
    size = sum(path.stat().st_size for path in folder.glob("talkmeter.db*"))
    return accepted / seconds, size / accepted


def _shares(bodies: list[bytes]) -> list[list[bytes]]:
    return [bodies[number::CONNECTIONS] for number in range(CONNECTIONS)]


def _post_all(url: str, key: str, bodies: list[bytes]) -> int:
    """Post bodies one after another on one connection; how many events were accepted."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    accepted = 0
    for body in bodies:
        connection.request("POST", "/metering/events", body, headers)
        answer = connection.getresponse()
        receipt = json.loads(answer.read())
        assert answer.status == 200, receipt
        accepted += receipt["accepted"]
    connection.close()
    return accepted
