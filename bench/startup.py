"""From the start of a server to its first answer, and the memory that it holds after all of a workload."""

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
from bench.http_client import get, in_turn, post, run
from bench.load import LARGE, load_year
from bench.result_table import WORDS, Column, Measured
from bench.timing import alternating, ratio
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
_SUMMARY: Final = "/admin/usage/summary?"
_YEAR: Final = "from=2025-01-01&to=2026-01-02"
_READS: Final = {
    "summaries of a year": _SUMMARY,
    "breakdowns of a year by agent": "/admin/usage/breakdown?by=agent&",
    "pages of 1,000 records": "/admin/usage/records?kind=conversation&limit=1000&",
}


def measure_start(conversations: int) -> Iterable[Measured]:
    """Both tables, over the same ledgers."""
    with ExitStack() as stack:
        ledgers: dict[int, _Ledger] = {}
        for number in (SMALL, conversations):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            ledgers[number] = _Ledger(folder, number)
        found = alternating(
            {f"{number:,}": partial(first_answer, ledger) for number, ledger in ledgers.items()}, STARTS, first=1
        )
        yield Measured(
            name="startup",
            title="From the start of `talkmeter serve` to the first summary of 366 days over HTTP, SQLite",
            columns=(Column("conversations"), Column("ratio", 2), Column("seconds", 2), Column("at most", 1)),
            rows=tuple(
                (name, ratio(seconds, found[f"{SMALL:,}"]), median(seconds), 1.5) for name, seconds in found.items()
            ),
            note=f"Medians of {STARTS} alternating starts; the files are in the memory of the operating system.",
        )
        yield _memory(ledgers[conversations])


class _Ledger:
    """A loaded ledger in a folder, and a key that may do everything."""

    def __init__(self, folder: Path, conversations: int) -> None:
        self.folder = folder
        self.conversations = conversations
        self.environment = environment_for(folder, {})
        with engine_for(self.environment["TALKMETER_DATABASE_URL"]) as engine:
            load_year(engine, conversations)
        self.key = run_cli(folder, self.environment, "keys", "add", "--org", LARGE, "--role", "admin")
        self.sender = run_cli(folder, self.environment, "keys", "add", "--sender")


def first_answer(ledger: _Ledger) -> float:
    """Seconds from the start of a process to its answer; it is asked again and again until it listens."""
    port = free_port()
    command = [str(TALKMETER), "serve", "--port", str(port)]
    with (ledger.folder / "server.log").open("ab") as log:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=ledger.folder, env=ledger.environment, stdout=log, stderr=log)
    try:
        while (answer := _ask(port, ledger.key)) is None:
            assert process.poll() is None, (ledger.folder / "server.log").read_text()
            assert time.perf_counter() < started + _TIMEOUT_SEC
        seconds = time.perf_counter() - started
    finally:
        process.terminate()
        process.wait(timeout=_TIMEOUT_SEC)
    assert f'"total_calls":{ledger.conversations},'.encode() in answer, answer[:400]
    return seconds


def _ask(port: int, key: str) -> bytes | None:
    """The summary of the year; None where nobody listens yet."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request("GET", _SUMMARY + _YEAR, headers={"Authorization": f"Bearer {key}"})
        answer = connection.getresponse()
        body = answer.read()
    except ConnectionError:
        time.sleep(0.005)
        return None
    finally:
        connection.close()
    assert answer.status == 200, body
    return body


def _memory(ledger: _Ledger) -> Measured:
    """What a server holds at its start and after each kind of work, one after another."""
    work: Mapping[str, list[bytes]] = {
        f"{BATCHES} batches of {BATCH:,} events": [
            post(body, ledger.sender) for body in Workload(BATCHES * BATCH, 20).bodies(0, BATCHES)
        ],
        **{
            f"{READS} {name}": [get(path + _year(number), ledger.key) for number in range(READS)]
            for name, path in _READS.items()
        },
    }
    with running_server(ledger.folder) as server:
        run(in_turn(server.url, [get(_SUMMARY + _YEAR, ledger.key)], 1))
        rows = [("its first answer", memory_of(server) / MIB, 250)]
        for name, requests in work.items():
            run(in_turn(server.url, requests, CONNECTIONS))
            rows.append((name, memory_of(server) / MIB, 250))
    return Measured(
        name="memory",
        title=f"Memory of the server's processes with {ledger.conversations:,} conversations, after each of these",
        columns=(WORDS, Column("MiB (PSS)", 0), Column("at most", 0)),
        rows=tuple(rows),
        note=(
            f"One worker; {CONNECTIONS} connections at once; every read asks for other days. "
            "What two processes share is counted once."
        ),
    )


def _year(number: int) -> str:
    """366 days that end on another day each time, so that each answer is computed and kept."""
    end = FIRST_DAY + DAYS - number
    return f"from={format_day(end - DAYS)}&to={format_day(end)}"
