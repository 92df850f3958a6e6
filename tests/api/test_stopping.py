"""Whatever ends the server or its disk, what it acknowledged is stored: a polite stop, a kill, a disk without room."""

import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from itertools import count
from pathlib import Path

import httpx
import pytest

from tests import local_http
from tests.api.organizations import (
    EVENTS,
    SUMMARY,
    Answer,
    assert_error,
    bins,
    client_of,
    make_credential,
    receipt_of,
    refusal_of,
)
from tests.connectors.metering_server import metering_server
from tests.events import conversation
from tests.faults.locks import write_lock
from tests.servers import Server, launch_server, start_server, stop_server

ORG_ID = "org-1"
SENDERS = 8
CALLS_OF_A_REQUEST = 3
REQUESTS_BEFORE_THE_END = 100
MAX_FILE = 300_000
WAIT_TIMEOUT_SEC = 60


class Load:
    """Senders that go on sending calls until the server is gone, and remember what was acknowledged."""

    def __init__(self, server: Server, key: str) -> None:
        self._server = server
        self._key = key
        self._enough = threading.Semaphore(0)
        self._senders = ThreadPoolExecutor(SENDERS)
        self._sending = [self._senders.submit(self._send, number) for number in range(SENDERS)]

    def wait_until_it_flows(self) -> None:
        for _ in range(REQUESTS_BEFORE_THE_END):
            assert self._enough.acquire(timeout=60)

    def acknowledged(self) -> set[str]:
        """The ids of the calls of every request that was answered with a receipt, once the server is gone."""
        self._senders.shutdown()
        return {call for sending in self._sending for call in sending.result()}

    def _send(self, sender: int) -> set[str]:
        acknowledged: set[str] = set()
        with client_of(self._server, self._key) as client:
            for number in count():
                calls = [f"call-{sender}-{number}-{one}" for one in range(CALLS_OF_A_REQUEST)]
                try:
                    answer = client.post(EVENTS, json=[conversation(call, duration=1) for call in calls])
                except httpx.TransportError:
                    return acknowledged
                if answer.status_code == 503:
                    assert "again" in refusal_of(answer, 503)
                    continue
                assert bins(receipt_of(answer)) == (CALLS_OF_A_REQUEST, 0, 0, 0, 0)
                acknowledged.update(calls)
                self._enough.release()
        raise AssertionError("unreachable")


def summary_of(server: Server) -> Answer:
    arguments = ("summary", "--org", ORG_ID, "--from", "2026-03-01", "--to", "2026-03-02", "--json")
    summary: Answer = json.loads(server.cli(*arguments))
    return summary


def stored_calls(server: Server) -> set[str]:
    with closing(sqlite3.connect(server.folder / "talkmeter.db")) as connection:
        return {id_ for (id_,) in connection.execute("SELECT id FROM conversation")}


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_what_was_acknowledged_is_counted_when_the_server_ends_under_load(tmp_path: Path, how: signal.Signals) -> None:
    server = start_server(tmp_path, {})
    try:
        key = make_credential(server, org_id=ORG_ID, role="admin")
        load = Load(server, key)
        load.wait_until_it_flows()
    finally:
        exit_code = stop_server(server, how)
    acknowledged = load.acknowledged()
    assert len(acknowledged) >= REQUESTS_BEFORE_THE_END * CALLS_OF_A_REQUEST

    stored = stored_calls(server)
    if how is signal.SIGKILL:
        assert exit_code == -signal.SIGKILL
        assert acknowledged <= stored
    else:
        assert exit_code == 0
        assert acknowledged == stored
        assert "all accepted events are on disk" in server.log()
    assert "1 organization verified" in server.cli("verify")
    summary = summary_of(server)
    assert summary["total_calls"] == len(stored)
    assert summary["voice_duration_ms"] == 1_000 * len(stored)


def test_a_server_that_was_killed_starts_again_and_takes_the_same_events_as_duplicates(tmp_path: Path) -> None:
    server = start_server(tmp_path, {})
    key = make_credential(server, org_id=ORG_ID, role="admin")
    calls = [conversation(f"call-{number}") for number in range(100)]
    with client_of(server, key) as client:
        assert receipt_of(client.post(EVENTS, json=calls))["accepted"] == 100
    stop_server(server, signal.SIGKILL)

    again = start_server(tmp_path, {})
    try:
        with client_of(again, key) as client:
            assert bins(receipt_of(client.post(EVENTS, json=calls))) == (0, 100, 0, 0, 0)
    finally:
        assert stop_server(again) == 0
    assert summary_of(again)["total_calls"] == 100


@pytest.mark.skipif(sys.platform != "linux", reason="a server's workers are looked up in /proc")
def test_a_worker_that_is_told_again_and_again_to_stop_stops(tmp_path: Path) -> None:
    server = start_server(tmp_path, {})
    (worker,) = workers_of(server)
    server.process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + WAIT_TIMEOUT_SEC
    try:
        with suppress(ProcessLookupError):
            while time.monotonic() < deadline:
                os.kill(worker, signal.SIGTERM)
        exit_code = server.process.wait(timeout=WAIT_TIMEOUT_SEC)
    finally:
        stop_server(server, signal.SIGKILL)
    assert exit_code == 0
    assert "all accepted events are on disk" in server.log()


@pytest.mark.skipif(sys.platform != "linux", reason="a server's workers are looked up in /proc")
@pytest.mark.parametrize(("how", "exit_code"), [(signal.SIGTERM, 0), (signal.SIGKILL, 1)], ids=["finished", "killed"])
def test_the_exit_code_says_whether_a_worker_finished_that_heard_of_the_stop_first(
    tmp_path: Path, how: signal.Signals, exit_code: int
) -> None:
    server = start_server(tmp_path, {})
    (worker,) = workers_of(server)
    try:
        server.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: state_of(server.process.pid) == "T")
        server.process.send_signal(signal.SIGTERM)
        os.kill(worker, how)
        wait_until(lambda: state_of(worker) in {"Z", ""})
        server.process.send_signal(signal.SIGCONT)
        assert server.process.wait(timeout=WAIT_TIMEOUT_SEC) == exit_code
    finally:
        stop_server(server, signal.SIGKILL)
    assert ("all accepted events are on disk" in server.log()) is (exit_code == 0)


@pytest.mark.skipif(sys.platform != "linux", reason="a server's workers are looked up in /proc")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_told_to_stop_while_it_starts_stops(tmp_path: Path, how: signal.Signals) -> None:
    server = launch_server(tmp_path, {})
    try:
        wait_until(lambda: workers_of(server))
        server.process.send_signal(how)
        assert server.process.wait(timeout=WAIT_TIMEOUT_SEC) == 0
    finally:
        stop_server(server, signal.SIGKILL)


BETWEEN_TWO_RUNS = """
import os, signal, threading
from talkmeter.cli.worker import make_loop

loop = make_loop()
heard = loop.create_future()
loop.add_signal_handler(signal.SIGTERM, heard.set_result, "heard")
enough = threading.Event()

async def start() -> None:
    threading.Thread(target=enough.wait, daemon=True).start()

loop.run_until_complete(start())
os.kill(os.getpid(), signal.SIGTERM)
loop.call_later(60, enough.set)
print(loop.run_until_complete(heard))
"""


def test_a_stop_that_a_worker_is_told_while_its_loop_does_not_run_is_heard() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BETWEEN_TWO_RUNS],
        capture_output=True,
        text=True,
        timeout=2 * WAIT_TIMEOUT_SEC,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "heard\n", "")


def test_a_server_that_cannot_write_what_is_left_at_its_end_says_so(tmp_path: Path) -> None:
    with metering_server(tmp_path) as running:
        hook, server = running.connect("signed", "a secret that nobody signs with"), running.server
        with write_lock(server.environment["TALKMETER_DATABASE_URL"], hook.org_id):
            # That a message was refused is counted, but cannot be written while somebody else holds the file.
            assert local_http.post(hook.url, content=b"{}").status_code == 503
            assert stop_server(server) == 1
        assert "The database is busy" in server.log()
        assert "all accepted events are on disk" not in server.log()


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of a file's size is set from outside")
def test_a_disk_that_takes_nothing_more_is_told_and_the_same_request_is_taken_later(tmp_path: Path) -> None:
    server = start_server(tmp_path, {})
    try:
        key = make_credential(server, org_id=ORG_ID, role="admin")
        calls = [conversation(f"call-{number}") for number in range(3_000)]
        with client_of(server, key) as client:
            limit_files(server, MAX_FILE)
            refused = client.post(EVENTS, json=calls)
            assert refused.status_code in {503, 507}
            assert_error(refused, refused.status_code)
            window = {"from": "2026-03-01", "to": "2026-03-02"}
            assert client.get(SUMMARY, params=window).json()["total_calls"] == 0
            limit_files(server, resource.RLIM_INFINITY)
            assert bins(receipt_of(client.post(EVENTS, json=calls))) == (3_000, 0, 0, 0, 0)
    finally:
        os.killpg(server.process.pid, signal.SIGINT)  # as Ctrl-C in a terminal: to all its processes
        exit_code = server.process.wait(timeout=60)
    assert exit_code == 0
    assert "Traceback" not in server.log()
    assert summary_of(server)["total_calls"] == 3_000


def workers_of(server: Server) -> list[int]:
    """The process ids of a server's workers."""
    pid = server.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def state_of(process: int) -> str:
    """What the system says of a process: T, it is stopped; Z, it has ended and its exit code is left; empty, gone."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def wait_until(condition: Callable[[], object]) -> None:
    """Check again and again until it holds, for a minute at most."""
    deadline = time.monotonic() + WAIT_TIMEOUT_SEC
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def limit_files(server: Server, size: int) -> None:
    """Let no file that the server writes grow beyond `size` bytes."""
    for worker in workers_of(server):
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
