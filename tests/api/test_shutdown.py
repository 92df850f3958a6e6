"""Acknowledged events are stored even if the server is stopped or killed, or its disk is full."""

import json
import os
import resource
import signal
import sqlite3
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
    client_of,
    counts_of,
    error_of,
    make_credential,
    receipt_of,
)
from tests.connectors.metering_server import metering_server
from tests.events import conversation
from tests.faults.locks import write_lock
from tests.servers import WAIT_TIMEOUT_SEC, Server, launch_server, start_server, stop_server, wait_until

ORG_ID = "org-1"
SENDERS = 8
CALLS_PER_REQUEST = 3
MIN_REQUESTS = 100
MAX_FILE_BYTES = 300_000


class Load:
    """Senders that send calls until the server has exited, and record which ones it acknowledged."""

    def __init__(self, server: Server, key: str) -> None:
        self._server = server
        self._key = key
        self._acknowledged_requests = threading.Semaphore(0)
        self._senders = ThreadPoolExecutor(SENDERS)
        self._futures = [self._senders.submit(self._send, number) for number in range(SENDERS)]

    def wait_for_requests(self) -> None:
        for _ in range(MIN_REQUESTS):
            assert self._acknowledged_requests.acquire(timeout=60)

    def acknowledged(self) -> set[str]:
        """Wait until the server has exited and return the ids of all acknowledged calls."""
        self._senders.shutdown()
        return {call for future in self._futures for call in future.result()}

    def _send(self, sender: int) -> set[str]:
        acknowledged: set[str] = set()
        with client_of(self._server, self._key) as client:
            for number in count():
                calls = [f"call-{sender}-{number}-{i}" for i in range(CALLS_PER_REQUEST)]
                try:
                    answer = client.post(EVENTS, json=[conversation(call, duration=1) for call in calls])
                except httpx.TransportError:
                    return acknowledged
                if answer.status_code == 503:
                    assert "again" in error_of(answer, 503)
                    continue
                assert counts_of(receipt_of(answer)) == (CALLS_PER_REQUEST, 0, 0, 0, 0)
                acknowledged.update(calls)
                self._acknowledged_requests.release()
        raise AssertionError("unreachable")


def summary_of(server: Server) -> Answer:
    arguments = ("summary", "--org", ORG_ID, "--from", "2026-03-01", "--to", "2026-03-02", "--json")
    summary: Answer = json.loads(server.cli(*arguments))
    return summary


def stored_calls(server: Server) -> set[str]:
    with closing(sqlite3.connect(server.folder / "talkmeter.db")) as connection:
        return {id_ for (id_,) in connection.execute("SELECT id FROM conversation")}


@pytest.mark.parametrize("signal_", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_acknowledged_events_are_counted_if_the_server_ends_under_load(tmp_path: Path, signal_: signal.Signals) -> None:
    server = start_server(tmp_path, {})
    try:
        key = make_credential(server, org_id=ORG_ID, role="admin")
        load = Load(server, key)
        load.wait_for_requests()
    finally:
        exit_code = stop_server(server, signal_)
    acknowledged = load.acknowledged()
    assert len(acknowledged) >= MIN_REQUESTS * CALLS_PER_REQUEST

    stored = stored_calls(server)
    if signal_ is signal.SIGKILL:
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


def test_killed_server_restarts_and_reports_the_same_events_as_duplicates(tmp_path: Path) -> None:
    server = start_server(tmp_path, {})
    key = make_credential(server, org_id=ORG_ID, role="admin")
    calls = [conversation(f"call-{number}") for number in range(100)]
    with client_of(server, key) as client:
        assert receipt_of(client.post(EVENTS, json=calls))["accepted"] == 100
    stop_server(server, signal.SIGKILL)

    again = start_server(tmp_path, {})
    try:
        with client_of(again, key) as client:
            assert counts_of(receipt_of(client.post(EVENTS, json=calls))) == (0, 100, 0, 0, 0)
    finally:
        assert stop_server(again) == 0
    assert summary_of(again)["total_calls"] == 100


@pytest.mark.skipif(sys.platform != "linux", reason="finds the workers in /proc")
def test_worker_that_gets_repeated_stop_signals_stops(tmp_path: Path) -> None:
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


@pytest.mark.skipif(sys.platform != "linux", reason="finds the workers in /proc")
@pytest.mark.parametrize(
    ("signal_", "exit_code"), [(signal.SIGTERM, 0), (signal.SIGKILL, 1)], ids=["finished", "killed"]
)
def test_exit_code_shows_whether_a_worker_that_stopped_first_had_finished(
    tmp_path: Path, signal_: signal.Signals, exit_code: int
) -> None:
    server = start_server(tmp_path, {})
    (worker,) = workers_of(server)
    try:
        server.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: state_of(server.process.pid) == "T")
        server.process.send_signal(signal.SIGTERM)
        os.kill(worker, signal_)
        wait_until(lambda: state_of(worker) in {"Z", ""})
        server.process.send_signal(signal.SIGCONT)
        assert server.process.wait(timeout=WAIT_TIMEOUT_SEC) == exit_code
    finally:
        stop_server(server, signal.SIGKILL)
    assert ("all accepted events are on disk" in server.log()) is (exit_code == 0)


@pytest.mark.skipif(sys.platform != "linux", reason="finds the workers in /proc")
@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["to the supervisor", "to all processes"])
@pytest.mark.parametrize("signal_", [signal.SIGTERM, signal.SIGINT])
def test_server_that_gets_a_stop_signal_while_starting_stops(
    tmp_path: Path, signal_: signal.Signals, send: Callable[[int, int], None]
) -> None:
    server = launch_server(tmp_path, {})
    try:
        wait_until(lambda: workers_of(server))
        send(server.process.pid, signal_)
        assert server.process.wait(timeout=WAIT_TIMEOUT_SEC) == 0
    finally:
        stop_server(server, signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="finds the workers in /proc")
def test_killed_only_worker_stops_the_server_with_an_error(tmp_path: Path) -> None:
    server = start_server(tmp_path, {})
    try:
        (killed,) = workers_of(server)
        os.kill(killed, signal.SIGKILL)
        assert server.process.wait(timeout=WAIT_TIMEOUT_SEC) == 1
    finally:
        stop_server(server, signal.SIGKILL)
    assert "talkmeter: A worker process ended unexpectedly" in server.log()


@pytest.mark.skipif(sys.platform != "linux", reason="finds the workers in /proc")
def test_killed_worker_of_several_is_restarted(tmp_path: Path) -> None:
    server = start_server(tmp_path, {"workers": "2"})
    try:
        key = server.key(ORG_ID)
        wait_until(lambda: server.log().count('"started"') == 2)
        killed, other = workers_of(server)
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: killed not in workers_of(server) and len(workers_of(server)) == 2)
        assert other in workers_of(server)
        wait_until(lambda: server.log().count('"started"') == 3)
        with client_of(server, key) as client:
            assert receipt_of(client.post(EVENTS, json=[conversation()]))["accepted"] == 1
    finally:
        exit_code = stop_server(server)
    assert exit_code == 0
    lines = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
    assert [(line["event"], line["exit_code"]) for line in lines if line["level"] == "error"] == [
        ("worker process ended; it will be restarted", -signal.SIGKILL)
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="finds the workers in /proc")
def test_worker_that_ends_again_and_again_stops_the_server(tmp_path: Path) -> None:
    server = start_server(tmp_path, {"workers": "2"})
    try:
        _, other = workers_of(server)

        def kill_others() -> bool:
            for worker in {*workers_of(server)} - {other}:
                with suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
            return server.process.poll() is not None

        wait_until(kill_others)
        assert server.process.returncode == 1
        assert state_of(other) == ""
    finally:
        stop_server(server, signal.SIGKILL)
    assert server.log().count("worker process ended; it will be restarted") == 4
    assert "talkmeter: A worker process ended 5 times within 60 s of its start" in server.log()
    assert server.log().count("all accepted events are on disk") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="finds the workers in /proc")
def test_stop_signal_while_a_worker_waits_for_its_restart_stops_the_server(tmp_path: Path) -> None:
    server = start_server(tmp_path, {"workers": "2"})
    try:
        os.kill(workers_of(server)[0], signal.SIGKILL)
        wait_until(lambda: "it will be restarted" in server.log())
    finally:
        exit_code = stop_server(server)
    assert exit_code == 1
    assert server.log().count("all accepted events are on disk") == 1


@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["to the supervisor", "to all processes"])
def test_clean_stop_of_several_workers_logs_no_error(tmp_path: Path, send: Callable[[int, int], None]) -> None:
    server = start_server(tmp_path, {"workers": "3"})
    try:
        load = Load(server, server.key(ORG_ID))
        load.wait_for_requests()
        send(server.process.pid, signal.SIGTERM)
        exit_code = server.process.wait(timeout=WAIT_TIMEOUT_SEC)
    finally:
        stop_server(server, signal.SIGKILL)
    assert exit_code == 0
    assert load.acknowledged() <= stored_calls(server)
    address, *lines = server.log().splitlines()
    assert address == f"Talkmeter listens on {server.url}"
    assert {json.loads(line)["level"] for line in lines} == {"info"}
    assert server.log().count("all accepted events are on disk") == 3


@pytest.mark.skipif(sys.platform != "linux", reason="finds the workers in /proc")
def test_closing_the_terminal_does_not_stop_the_server(tmp_path: Path) -> None:
    server = start_server(tmp_path, {})
    workers = workers_of(server)
    try:
        os.killpg(server.process.pid, signal.SIGHUP)
        assert local_http.get(f"{server.url}/health/ready").is_success
        assert workers_of(server) == workers
    finally:
        exit_code = stop_server(server)
    assert exit_code == 0


def test_host_may_be_a_name(tmp_path: Path) -> None:
    server = start_server(tmp_path, {"host": "localhost"})
    assert stop_server(server) == 0


def test_server_that_cannot_write_its_last_changes_exits_with_an_error(tmp_path: Path) -> None:
    with metering_server(tmp_path) as running:
        hook, server = running.connect("signed", "an unused secret"), running.server
        with write_lock(server.environment["TALKMETER_DATABASE_URL"], hook.org_id):
            # The rejected message is counted, but the count cannot be stored while the database is locked.
            assert local_http.post(hook.url, content=b"{}").status_code == 503
            assert stop_server(server) == 1
        assert "The database is busy" in server.log()
        assert "all accepted events are on disk" not in server.log()


@pytest.mark.skipif(sys.platform != "linux", reason="uses prlimit to limit the size of files")
def test_full_disk_is_reported_and_the_same_request_succeeds_later(tmp_path: Path) -> None:
    server = start_server(tmp_path, {})
    try:
        key = make_credential(server, org_id=ORG_ID, role="admin")
        calls = [conversation(f"call-{number}") for number in range(3_000)]
        with client_of(server, key) as client:
            limit_files(server, MAX_FILE_BYTES)
            rejected = client.post(EVENTS, json=calls)
            assert rejected.status_code in {503, 507}
            assert_error(rejected, rejected.status_code)
            window = {"from": "2026-03-01", "to": "2026-03-02"}
            assert client.get(SUMMARY, params=window).json()["total_calls"] == 0
            limit_files(server, resource.RLIM_INFINITY)
            assert counts_of(receipt_of(client.post(EVENTS, json=calls))) == (3_000, 0, 0, 0, 0)
    finally:
        os.killpg(server.process.pid, signal.SIGINT)  # to all its processes, as Ctrl-C in a terminal does
        exit_code = server.process.wait(timeout=60)
    assert exit_code == 0
    assert "Traceback" not in server.log()
    assert summary_of(server)["total_calls"] == 3_000


def workers_of(server: Server) -> list[int]:
    """Return the process ids of a server's workers; none if it has ended."""
    pid = server.process.pid
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def state_of(process: int) -> str:
    """Return the state of a process: T (stopped), Z (ended, but not yet reaped), or an empty string (gone)."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def limit_files(server: Server, size: int) -> None:
    """Limit the size of every file that the server writes to `size` bytes."""
    for worker in workers_of(server):
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
