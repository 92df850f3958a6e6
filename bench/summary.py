"""The summary of 366 days over HTTP with a small and a large database, and the server's memory."""

import http.client
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from bench.load import LARGE, load_year
from bench.result_table import ResultColumn, ResultTable
from bench.workload import AGENTS
from tests.faults.memory import MIB, memory_of
from tests.postgres import engine_for
from tests.servers import environment_for, running_server

REQUESTS: Final = 300


class SummaryTiming(NamedTuple):
    """Median and 99th percentile, requests per second on one connection, and the server's memory in MiB (PSS)."""

    p50_ms: float
    p99_ms: float
    per_second: float
    server_mib: float


SUMMARY_COLUMNS: Final = (
    ResultColumn("conversations", 0),
    ResultColumn("cost ratio", 2),
    ResultColumn("p50 ms", 2),
    ResultColumn("p99 ms", 2),
    ResultColumn("requests/s", 0),
    ResultColumn("server MiB (PSS)", 0),
)


def measure_summary(conversations: int) -> ResultTable:
    """Measure the summary with two database sizes."""
    rows = []
    first: float | None = None
    for number in (10_000, conversations):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            load(folder, number)
            size = sum(path.stat().st_size for path in folder.glob("talkmeter.db*")) / number
            latency = summary_latency(folder, number)
        first = first or latency.p50_ms
        rows.append((number, latency.p50_ms / first, *latency, size))
    return ResultTable(
        name="summary",
        title="Summary of 366 days over HTTP on SQLite, one connection, answer cache off",
        columns=(*SUMMARY_COLUMNS, ResultColumn("bytes/conversation", 0)),
        rows=tuple(rows),
    )


def load(folder: Path, conversations: int, *, agents: int = AGENTS, years: int = 1) -> None:
    """Load one organization into a new database in the folder."""
    with engine_for(environment_for(folder, {})["TALKMETER_DATABASE_URL"]) as engine:
        load_year(engine, conversations, small=0, agents=agents, years=years)


def summary_latency(folder: Path, conversations: int, **settings: str) -> SummaryTiming:
    """Measure the summary of the year with a loaded database; the answer cache is off, so each is computed."""
    with running_server(folder, answer_bytes="0", **settings) as server:
        key = server.cli("keys", "add", "--org", LARGE, "--role", "admin")
        connection = http.client.HTTPConnection(urlsplit(server.url).netloc)
        path = "/admin/usage/summary?from=2025-01-01&to=2026-01-02"
        times: list[float] = []
        for _ in range(REQUESTS):
            started = time.perf_counter()
            connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
            response = connection.getresponse()
            body = response.read()
            times.append(time.perf_counter() - started)
            assert response.status == 200
            assert f'"total_calls":{conversations},'.encode() in body
        connection.close()
        memory = memory_of(server) / MIB
    times.sort()
    return SummaryTiming(
        times[len(times) // 2] * 1000, times[int(len(times) * 0.99)] * 1000, len(times) / sum(times), memory
    )
