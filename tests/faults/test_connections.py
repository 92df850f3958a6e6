"""Thousands of idle connections: the server answers other clients meanwhile, and closes the idle ones.

`make test` opens 1,200, `make faults` 5,000.
"""

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests import local_http, servers
from tests.events import Json, conversation
from tests.faults.background_reader import MAX_RESPONSE_SEC, background_reader
from tests.faults.fault_table import ReportFault
from tests.faults.memory import MIB, memory_of, processes_of
from tests.faults.rounds import rounds
from tests.faults.senders import ORG, check_ledger, running_senders
from tests.faults.sockets import (
    WAIT_TIMEOUT_SEC,
    connect,
    open_files,
    open_files_of,
    open_sockets,
    read_response,
    reset,
    wait_for_open_files,
)
from tests.postgres import engine_for
from tests.servers import Server, running_server

CONNECTIONS: Final = rounds(1_200, 5_000)
OTHER_FILES: Final = 500
HEAD_TIMEOUT_SEC: Final = 2
FEW_FILES: Final = 400

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(autouse=True)
def _file_descriptors() -> Iterator[None]:
    """Raise the limit of file descriptors: each end of a connection needs one."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    hard_limit = before[1]
    needed = CONNECTIONS + OTHER_FILES
    assert hard_limit == resource.RLIM_INFINITY or hard_limit >= needed, (
        f"this test needs {needed} file descriptors and the hard limit is {hard_limit}; raise it (ulimit -Hn)"
    )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard_limit))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def wait_until(condition: Callable[[], bool], failure: str) -> float:
    """Wait until a condition holds; return the seconds it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + WAIT_TIMEOUT_SEC, f"{failure} for {WAIT_TIMEOUT_SEC} s"
        time.sleep(0.05)
    return time.monotonic() - began


def send_and_summarize(server: Server, key: str, id_: str) -> tuple[list[Json], float]:
    """Send a call and get the summary, each on a new connection; return the call and the seconds of both."""
    call = conversation(id_, created_at="2024-03-01T10:00:00Z")
    headers = {"Authorization": f"Bearer {key}"}
    began = time.monotonic()
    sent = local_http.post(f"{server.url}/metering/events", json=[call], headers=headers, timeout=WAIT_TIMEOUT_SEC)
    assert sent.json()["accepted"] == 1, sent.text
    summary = local_http.get(f"{server.url}/admin/usage/summary", headers=headers, timeout=WAIT_TIMEOUT_SEC)
    assert summary.status_code == httpx.codes.OK, summary.text
    return [call], time.monotonic() - began


def test_idle_connections_delay_no_other_client_and_are_closed(tmp_path: Path, report_fault: ReportFault) -> None:
    with running_server(tmp_path) as server, engine_for(server.environment["TALKMETER_DATABASE_URL"]) as engine:
        key = server.key(ORG)
        # The server opens its database connections with the first requests.
        calls, _ = send_and_summarize(server, key, "before")
        sender = server.sender_key()
        with (
            running_senders(server.url, sender) as senders,
            background_reader(server) as reader,
            ExitStack() as stack,
        ):
            senders.wait_for_more()
            before, memory_before = open_files(server), memory_of(server) / MIB
            idle = [stack.enter_context(connect(server)) for _ in range(CONNECTIONS)]
            wait_until(lambda: open_files(server) >= before + CONNECTIONS - 50, "not all connections are accepted")
            senders.wait_for_more()
            more, took = send_and_summarize(server, key, "meanwhile")
            calls += more
            grown = memory_of(server) / MIB - memory_before
            for place, connection in enumerate(idle):
                reset(connection) if place % 2 else connection.close()
            wait_for_open_files(server, before + 50)
            senders.wait_for_more()
        wait_for_open_files(server, before + 10)
        found = check_ledger(engine, senders.journal + calls)
        assert "Traceback" not in server.log()
    report_fault(
        "concurrent idle connections",
        "sqlite",
        CONNECTIONS,
        f"{found}; a new connection's call and summary took {took:.2f} s, the longest summary {reader.longest:.2f} s; "
        f"{memory_before:.0f} MiB, and {grown:.0f} more with the connections; file descriptors released",
    )


def test_idle_and_incomplete_connections_are_closed_in_time(tmp_path: Path, report_fault: ReportFault) -> None:
    incomplete = b"GET /health/live HTTP/1.1\r\nHost: talkmeter\r\n"
    requests: dict[str, bytes] = {
        "nothing": b"",
        "the first letter of HTTP/2": b"P",
        "the beginning of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "incomplete headers": incomplete,
        "one complete request": incomplete + b"\r\n",
        "a complete request and an incomplete one": incomplete + b"\r\n" + incomplete,
    }
    with running_server(tmp_path, head_timeout_sec=str(HEAD_TIMEOUT_SEC)) as server:
        before = open_sockets(server)
        with ExitStack() as stack:
            began = time.monotonic()
            opened = {what: stack.enter_context(connect(server)) for what in requests}
            for what, connection in opened.items():
                connection.sendall(requests[what])
            responses = {what: read_response(connection) for what, connection in opened.items()}
            took = time.monotonic() - began
        assert took < HEAD_TIMEOUT_SEC + MAX_RESPONSE_SEC
        statuses = {what: response.split(b" ")[1] for what, response in responses.items() if response}
        assert {what: status for what, status in statuses.items() if status != b"400"} == {
            "one complete request": b"200",
            "a complete request and an incomplete one": b"200",
        }
        wait_until(lambda: open_sockets(server) <= before, "not all connections are closed")
        assert "Traceback" not in server.log()
    report_fault(
        "idle connections, incomplete request headers", "sqlite", len(requests), f"all closed within {took:.1f} s"
    )


@pytest.mark.parametrize("limit", ["setting", "file descriptors"])
def test_connections_over_the_limit_wait_and_do_not_starve_the_database(
    limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report_fault: ReportFault
) -> None:
    settings = {"head_timeout_sec": str(HEAD_TIMEOUT_SEC)}
    if limit == "setting":
        settings["connections"] = "100"
    else:
        script = tmp_path / "talkmeter-with-few-files"
        script.write_text(f'#!/bin/sh\nulimit -n {FEW_FILES} && exec "{servers.TALKMETER}" "$@"\n')
        script.chmod(0o700)
        monkeypatch.setattr(servers, "TALKMETER", script)
    with (
        running_server(tmp_path, **settings) as server,
        engine_for(server.environment["TALKMETER_DATABASE_URL"]) as engine,
    ):
        assert ("TALKMETER_CONNECTIONS" in server.log()) == (limit == "file descriptors")
        calls, _ = send_and_summarize(server, server.key(ORG), "before")
        with running_senders(server.url, server.sender_key()) as senders:
            senders.wait_for_more()
            with ExitStack() as stack:
                for _ in range(2 * FEW_FILES):
                    stack.enter_context(connect(server))
                # The server accepts as many as the limit, closes them as idle, and accepts the next ones.
                senders.wait_for_more()
                assert max(map(open_files_of, processes_of(server))) < FEW_FILES
            senders.wait_for_more()
        found = check_ledger(engine, senders.journal + calls)
        assert "Traceback" not in server.log()
        assert '"level": "error"' not in server.log()
    report_fault(f"more connections than the limit ({limit})", "sqlite", 2 * FEW_FILES, found)
