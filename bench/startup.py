"""The time from starting a server to its first response, and its memory after a workload."""

import http.client
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from bench.dataset import DAYS, FIRST_DAY
from bench.http_client import get_request, post_request, run, send_all
from bench.load import LARGE, load_year
from bench.result_table import LABEL, ResultColumn, ResultTable
from bench.timing import interleaved, ratio
from bench.workload import BATCH, Workload
from talkmeter.period import format_day
from tests.faults.memory import MIB, memory_of
from tests.postgres import engine_for
from tests.servers import TALKMETER, environment_for, free_port, run_cli, running_server

SMALL: Final = 10_000
STARTS: Final = 7
BATCHES: Final = 40
READS: Final = 200
CONNECTIONS: Final = 4
_TIMEOUT_SEC: Final = 60
_TARGET_SEC: Final = 1.5
_TARGET_MIB: Final = 250
_SUMMARY: Final = "/admin/usage/summary?"
_YEAR: Final = "from=2025-01-01&to=2026-01-02"
_READS: Final = {
    "summaries of a year": _SUMMARY,
    "breakdowns of a year by agent": "/admin/usage/breakdown?by=agent&",
    "pages of 1,000 records": "/admin/usage/records?kind=conversation&limit=1000&",
}


def measure_startup(conversations: int) -> Iterable[ResultTable]:
    """Yield both tables, measured on the same databases."""
    with ExitStack() as stack:
        databases: dict[int, _Database] = {}
        for number in (SMALL, conversations):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            databases[number] = _Database(folder, number)
        results = interleaved(
            {f"{number:,}": partial(time_to_first_response, database) for number, database in databases.items()},
            STARTS,
            warmup=1,
        )
        yield ResultTable(
            name="startup",
            title="Time from starting `talkmeter serve` to the first summary of 366 days over HTTP, SQLite",
            columns=(
                ResultColumn("conversations"),
                ResultColumn("ratio", 2),
                ResultColumn("seconds", 2),
                ResultColumn("target", 1),
            ),
            rows=tuple(
                (name, ratio(seconds, results[f"{SMALL:,}"]), median(seconds), _TARGET_SEC)
                for name, seconds in results.items()
            ),
            note=f"Medians of {STARTS} interleaved starts. The database files are in the page cache.",
        )
        yield _memory_table(databases[conversations])


class _Database:
    """A loaded database in a folder, with an admin key and a sender key."""

    def __init__(self, folder: Path, conversations: int) -> None:
        self.folder = folder
        self.conversations = conversations
        self.environment = environment_for(folder, {})
        with engine_for(self.environment["TALKMETER_DATABASE_URL"]) as engine:
            load_year(engine, conversations)
        self.admin_key = run_cli(folder, self.environment, "keys", "add", "--org", LARGE, "--role", "admin")
        self.sender_key = run_cli(folder, self.environment, "keys", "add", "--sender")


def time_to_first_response(database: _Database) -> float:
    """Return the seconds from starting the server to its first response; the request is repeated until then."""
    port = free_port()
    command = [str(TALKMETER), "serve", "--port", str(port)]
    with (database.folder / "server.log").open("ab") as log:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=database.folder, env=database.environment, stdout=log, stderr=log)
    try:
        while (body := _request_year(port, database.admin_key)) is None:
            assert process.poll() is None, (database.folder / "server.log").read_text()
            assert time.perf_counter() < started + _TIMEOUT_SEC
        seconds = time.perf_counter() - started
    finally:
        process.terminate()
        process.wait(timeout=_TIMEOUT_SEC)
    assert f'"total_calls":{database.conversations},'.encode() in body, body[:400]
    return seconds


def _request_year(port: int, key: str) -> bytes | None:
    """Return the summary of the year, or None if the server does not listen yet."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request("GET", _SUMMARY + _YEAR, headers={"Authorization": f"Bearer {key}"})
        response = connection.getresponse()
        body = response.read()
    except ConnectionError:
        time.sleep(0.005)
        return None
    finally:
        connection.close()
    assert response.status == 200, body
    return body


def _memory_table(database: _Database) -> ResultTable:
    """Measure the server's memory after its first response and after each workload."""
    workloads: Mapping[str, list[bytes]] = {
        f"{BATCHES} batches of {BATCH:,} events": [
            post_request(body, database.sender_key) for body in Workload(BATCHES * BATCH, 20).bodies(0, BATCHES)
        ],
        **{
            f"{READS} {name}": [get_request(path + _year(number), database.admin_key) for number in range(READS)]
            for name, path in _READS.items()
        },
    }
    with running_server(database.folder) as server:
        run(send_all(server.url, [get_request(_SUMMARY + _YEAR, database.admin_key)], 1))
        rows = [("first response", memory_of(server) / MIB, _TARGET_MIB)]
        for name, requests in workloads.items():
            run(send_all(server.url, requests, CONNECTIONS))
            rows.append((name, memory_of(server) / MIB, _TARGET_MIB))
    return ResultTable(
        name="memory",
        title=f"Server memory with {database.conversations:,} conversations, after each workload in turn",
        columns=(LABEL, ResultColumn("MiB (PSS)", 0), ResultColumn("target", 0)),
        rows=tuple(rows),
        note=(
            f"One worker; {CONNECTIONS} concurrent connections; every read requests a different window. "
            "PSS counts memory that processes share once."
        ),
    )


def _year(number: int) -> str:
    """Return 366 days that end on a different day for each number, so that every answer is computed and cached."""
    end = FIRST_DAY + DAYS - number
    return f"from={format_day(end - DAYS)}&to={format_day(end)}"
