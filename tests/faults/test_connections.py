"""Connections by the thousand that say nothing: the server answers others meanwhile, and lets go of them.

All tests try it with some more than a thousand of them; `make faults` with five thousand.
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
    read_response,
    reset,
)
from tests.postgres import engine_for
from tests.servers import Server, running_server

CONNECTIONS: Final = rounds(1_200, 5_000)
FILES_BESIDE: Final = 500
HEAD_TIMEOUT_SEC: Final = 2
FEW_FILES: Final = 400

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(autouse=True)
def _room_for_the_connections() -> Iterator[None]:
    """Both ends of the connections need a file descriptor each: as many as the machine allows, for server and test."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = before[1]
    needed = CONNECTIONS + FILES_BESIDE
    assert most == resource.RLIM_INFINITY or most >= needed, (
        f"this test needs {needed} file descriptors and the hard limit is {most}; raise it (ulimit -Hn)"
    )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, most))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def wait_until(true: Callable[[], bool], what: str) -> float:
    """Wait until something is true; the seconds it took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() < began + WAIT_TIMEOUT_SEC, f"{what} for {WAIT_TIMEOUT_SEC} s"
        time.sleep(0.05)
    return time.monotonic() - began


def ask_anew(server: Server, key: str, id_: str) -> tuple[list[Json], float]:
    """Send a call and ask for the summary, each on a new connection; the call, and the seconds of both."""
    call = conversation(id_, created_at="2024-03-01T10:00:00Z")
    headers = {"Authorization": f"Bearer {key}"}
    began = time.monotonic()
    sent = local_http.post(f"{server.url}/metering/events", json=[call], headers=headers, timeout=WAIT_TIMEOUT_SEC)
    assert sent.json()["accepted"] == 1, sent.text
    asked = local_http.get(f"{server.url}/admin/usage/summary", headers=headers, timeout=WAIT_TIMEOUT_SEC)
    assert asked.status_code == httpx.codes.OK, asked.text
    return [call], time.monotonic() - began


def test_idle_connections_by_the_thousand_hold_up_nobody_and_are_let_go(
    tmp_path: Path, report_fault: ReportFault
) -> None:
    with running_server(tmp_path) as server, engine_for(server.environment["TALKMETER_DATABASE_URL"]) as engine:
        key = server.key(ORG)
        # Connections of the database are opened with the first questions.
        told, _ = ask_anew(server, key, "before")
        sender = server.sender_key()
        with running_senders(server.url, sender) as senders, background_reader(server) as reader, ExitStack() as held:
            senders.wait_for_more()
            before, memory_before = open_files(server), memory_of(server) / MIB
            idle = [held.enter_context(connect(server)) for _ in range(CONNECTIONS)]
            wait_until(lambda: open_files(server) >= before + CONNECTIONS - 50, "the server does not take them all")
            senders.wait_for_more()
            more, took = ask_anew(server, key, "meanwhile")
            told += more
            grown = memory_of(server) / MIB - memory_before
            for place, one in enumerate(idle):
                reset(one) if place % 2 else one.close()
            wait_until(lambda: open_files(server) <= before + 50, "the server keeps connections that have gone")
            senders.wait_for_more()
        settled = open_files(server)
        assert settled <= before + 10
        found = check_ledger(engine, senders.journal + told)
        assert "Traceback" not in server.log()
    report_fault(
        "concurrent idle connections",
        "sqlite",
        CONNECTIONS,
        f"{found}; a new connection's call and summary took {took:.2f} s, the longest summary {reader.longest:.2f} s; "
        f"{memory_before:.0f} MiB, and {grown:.0f} more with the connections; file descriptors released",
    )


def test_a_connection_that_says_nothing_or_not_enough_is_closed_in_time(
    tmp_path: Path, report_fault: ReportFault
) -> None:
    begun = b"GET /health/live HTTP/1.1\r\nHost: talkmeter\r\n"
    said: dict[str, bytes] = {
        "nothing": b"",
        "the first letter of HTTP/2": b"P",
        "the beginning of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "half a head": begun,
        "a whole request, and nothing after it": begun + b"\r\n",
        "a whole request and half of another": begun + b"\r\n" + begun,
    }
    with running_server(tmp_path, head_timeout_sec=str(HEAD_TIMEOUT_SEC)) as server:
        before = open_files(server)
        with ExitStack() as held:
            began = time.monotonic()
            open_ = {what: held.enter_context(connect(server)) for what in said}
            for what, one in open_.items():
                one.sendall(said[what])
            answers = {what: read_response(one) for what, one in open_.items()}
            took = time.monotonic() - began
        assert took < HEAD_TIMEOUT_SEC + MAX_RESPONSE_SEC
        answered = {what: answer.split(b" ")[1] for what, answer in answers.items() if answer}
        assert {what: code for what, code in answered.items() if code != b"400"} == {
            "a whole request, and nothing after it": b"200",
            "a whole request and half of another": b"200",
        }
        wait_until(lambda: open_files(server) <= before, "the server keeps connections that it has closed")
        assert "Traceback" not in server.log()
    report_fault("idle connections, incomplete request headers", "sqlite", len(said), f"all closed within {took:.1f} s")


@pytest.mark.parametrize("bound", ["setting", "file descriptors"])
def test_connections_beyond_the_bound_wait_their_turn_and_take_nothing_from_the_database(
    bound: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report_fault: ReportFault
) -> None:
    settings = {"head_timeout_sec": str(HEAD_TIMEOUT_SEC)}
    if bound == "setting":
        settings["connections"] = "100"
    else:
        few = tmp_path / "talkmeter-with-few-files"
        few.write_text(f'#!/bin/sh\nulimit -n {FEW_FILES} && exec "{servers.TALKMETER}" "$@"\n')
        few.chmod(0o700)
        monkeypatch.setattr(servers, "TALKMETER", few)
    with (
        running_server(tmp_path, **settings) as server,
        engine_for(server.environment["TALKMETER_DATABASE_URL"]) as engine,
    ):
        assert ("TALKMETER_CONNECTIONS" in server.log()) == (bound == "file descriptors")
        told, _ = ask_anew(server, server.key(ORG), "before")
        with running_senders(server.url, server.sender_key()) as senders:
            senders.wait_for_more()
            with ExitStack() as held:
                for _ in range(2 * FEW_FILES):
                    held.enter_context(connect(server))
                # They go, a bound of them after the other, as each has been idle for its time.
                senders.wait_for_more()
                assert max(map(open_files_of, processes_of(server))) < FEW_FILES
            senders.wait_for_more()
        found = check_ledger(engine, senders.journal + told)
        assert "Traceback" not in server.log()
        assert '"level": "error"' not in server.log()
    report_fault(f"more connections than the limit ({bound})", "sqlite", 2 * FEW_FILES, found)
