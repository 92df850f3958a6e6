"""Truncated requests, broken connections and slow clients: nothing of an incomplete request is counted.

`make test` sends 60 truncated requests on each database, `make faults` 2,000.
"""

import gzip
import json
import random
import select
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final, NamedTuple

import httpx
import pytest

from talkmeter.db.migrate import migrate
from tests import local_http
from tests.events import Json
from tests.faults.background_reader import MAX_RESPONSE_SEC, background_reader
from tests.faults.fault_table import ReportFault
from tests.faults.rounds import rounds
from tests.faults.senders import ORG, check_ledger, random_batch, running_senders
from tests.faults.sockets import (
    connect,
    end_sending,
    open_files,
    read_response,
    request_head,
    reset,
    wait_for_open_files,
)
from tests.postgres import engine_for
from tests.servers import Server, running_server

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TRUNCATED: Final = rounds(60, 2_000)
RESETS: Final = rounds(20, 1_000)
SLOW_CLIENTS: Final = rounds(40, 400)
TIMEOUT_SEC: Final = 3
MORE_THAN_SOCKET_BUFFERS: Final = 4_000_000
ENCODINGS: Final[dict[str, Callable[[bytes], bytes]]] = {"": bytes, "gzip": gzip.compress, "zstd": zstd.compress}

pytestmark = pytest.mark.timeout(120 + TRUNCATED)


class Truncated(NamedTuple):
    """A request, how many of its bytes are sent, and how the connection ends after them."""

    request: bytes
    cut: int
    ending: str


def framed(body: bytes, chunk: int | None) -> bytes:
    """Return a body as it is sent: unchanged, or in chunks of this many bytes and the final chunk."""
    if chunk is None:
        return body
    pieces = [body[begin : begin + chunk] for begin in range(0, len(body), chunk)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def truncate(rng: random.Random, key: str, name: str) -> Truncated:
    """Return a request truncated at random, often in its last bytes."""
    encoding = rng.choice(list(ENCODINGS))
    body = ENCODINGS[encoding](json.dumps(random_batch(rng, name), ensure_ascii=False).encode())
    chunk = rng.choice((None, 7, 1_000, len(body)))
    wire = framed(body, chunk)
    left = rng.choice((rng.randrange(len(wire)), max(len(wire) - rng.randrange(1, 8), 0)))
    lines = (f"Content-Encoding: {encoding}",) if encoding else ()
    head = request_head(key, None if chunk else len(body), f"X-Anyreach-Org: {ORG}", *lines)
    if chunk is None and rng.random() < 0.5:
        # The truncated body is complete to HTTP: Content-Length is its length.
        part = body[:left]
        return Truncated(request_head(key, len(part), f"X-Anyreach-Org: {ORG}", *lines) + part, 1 << 30, "stays")
    return Truncated(head + wire, len(head) + left, rng.choice(("ends", "closes", "resets")))


def send_truncated(server: Server, truncated: Truncated) -> int | None:
    """Send the truncated request; return the status of the response, or None if there is none."""
    connection = connect(server)
    with connection:
        connection.sendall(truncated.request[: truncated.cut])
        if truncated.ending == "closes":
            return None
        if truncated.ending == "resets":
            reset(connection)
            return None
        end_sending(connection)
        answer = read_response(connection)
    return int(answer.split(b" ", 2)[1]) if answer else None


def assert_no_server_error(server: Server) -> None:
    log = server.log()
    assert "Traceback" not in log
    assert '"level": "error"' not in log


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_nothing_of_a_truncated_request_is_counted(
    database: str, tmp_path: Path, request: pytest.FixtureRequest, report_fault: ReportFault
) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    if database == "postgresql":
        url = request.getfixturevalue("postgres_database")
    rng = random.Random(TRUNCATED)
    answers: Counter[str] = Counter()
    with engine_for(url) as engine:
        migrate(engine)
        with running_server(tmp_path, database_url=url) as server:
            key = server.sender_key()
            with running_senders(server.url, key) as senders:
                senders.wait_for_more()
                before = open_files(server)
                for number in range(TRUNCATED):
                    status = send_truncated(server, truncate(rng, key, f"truncated-{number}"))
                    assert status is None or 400 <= status < 500, status
                    answers[str(status or "no response")] += 1
                senders.wait_for_more()
            wait_for_open_files(server, before + 20)
            assert_no_server_error(server)
        found = check_ledger(engine, senders.journal)
    assert answers["400"] > 0
    statuses = ", ".join(f"{status}: {count}" for status, count in sorted(answers.items()))
    report_fault(
        "torn and truncated bodies (JSON, gzip, zstd; length, chunks)", database, TRUNCATED, f"{found} ({statuses})"
    )


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_request_retried_after_a_lost_connection_is_counted_once(
    database: str, tmp_path: Path, request: pytest.FixtureRequest, report_fault: ReportFault
) -> None:
    """The first request may have been stored, read in part, or never received."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    if database == "postgresql":
        url = request.getfixturevalue("postgres_database")
    rng = random.Random(RESETS)
    retried: list[Json] = []
    repeated = 0
    with engine_for(url) as engine:
        migrate(engine)
        with running_server(tmp_path, database_url=url) as server:
            key = server.sender_key()
            headers = {"Authorization": f"Bearer {key}", "X-Anyreach-Org": ORG}
            with (
                running_senders(server.url, key) as senders,
                local_http.client(base_url=server.url, headers=headers) as client,
            ):
                for number in range(RESETS):
                    events = random_batch(rng, f"cut-{number}")
                    # Every other request is larger than the socket buffers, so that a part of it may be lost.
                    body = json.dumps(events).encode() + b" " * rng.choice((0, MORE_THAN_SOCKET_BUFFERS))
                    cut_off(server, request_head(key, len(body), f"X-Anyreach-Org: {ORG}") + body, rng)
                    answer = client.post("/metering/events", json=events, timeout=60)
                    assert answer.status_code == httpx.codes.OK, answer.text
                    repeated += answer.json()["accepted"] == 0
                    retried += events
                senders.wait_for_more()
            assert_no_server_error(server)
        found = check_ledger(engine, senders.journal + retried)
    report_fault("connection lost before the response", database, RESETS, f"{found}; {repeated} were already stored")


def cut_off(server: Server, request: bytes, rng: random.Random) -> None:
    """Send a request and reset the connection, at once or while it may be in progress."""
    connection = connect(server)
    connection.sendall(request)
    select.select([connection], [], [], rng.choice((0, 0.001, 0.005, 0.05)))
    reset(connection)


BROKEN: Final = {
    "chunk size that is not a number": (b"Transfer-Encoding: chunked", b"zz\r\n[]\r\n0\r\n\r\n"),
    "chunk longer than any memory": (b"Transfer-Encoding: chunked", b"ffffffffffffffff\r\n[]"),
    "chunk size that is too large": (b"Transfer-Encoding: chunked", b"fffffffffffffffffffff\r\n[]"),
    "chunk without its end of line": (b"Transfer-Encoding: chunked", b"2\r\n[]2\r\n"),
    "length below zero": (b"Content-Length: -1", b"[]"),
    "length that is not a number": (b"Content-Length: two", b"[]"),
    "two lengths": (b"Content-Length: 2\r\nContent-Length: 3", b"[] "),
    "length that is too large": (b"Content-Length: 99999999999999999999999", b"[]"),
    "length of five thousand digits": (b"Content-Length: " + b"0" * 5_000 + b"1", b"["),
    "length in other digits": (b"Content-Length: \xb2", b"["),
    "chunks and a length": (b"Transfer-Encoding: chunked\r\nContent-Length: 2", b"1\r\n[\r\n0\r\n\r\n"),
    "chunks and a length in other digits": (
        b"Transfer-Encoding: chunked\r\nContent-Length: \xb2",
        b"1\r\n[\r\n0\r\n\r\n",
    ),
    "a length in other digits and chunks": (
        b"Content-Length: \xb2\r\nTransfer-Encoding: chunked",
        b"1\r\n[\r\n0\r\n\r\n",
    ),
    "header without a colon": (b"Content-Length: 2\r\nnonsense", b"[]"),
    "header that does not end": (b"X-Long: " + b"a" * 1_000_000, b""),
    "thousands of headers": (b"".join(b"X-%d: 1\r\n" % number for number in range(5_000)) + b"X: 1", b""),
    "header with a zero byte": (b"X-Zero: a\x00b", b""),
    "noise": (b"\xff\xfe\x00" * 1_000, b""),
}


def test_invalid_http_is_refused_and_counts_nothing(tmp_path: Path, report_fault: ReportFault) -> None:
    head = b"POST /metering/events HTTP/1.1\r\nHost: talkmeter\r\nContent-Type: application/json\r\n"
    answers: dict[str, bytes] = {}
    with running_server(tmp_path) as server, engine_for(server.environment["TALKMETER_DATABASE_URL"]) as engine:
        key = server.sender_key()
        with running_senders(server.url, key) as senders:
            for what, (lines, body) in BROKEN.items():
                with connect(server) as connection:
                    sent = head + f"Authorization: Bearer {key}\r\n".encode() + lines + b"\r\n\r\n" + body
                    # The server may close the connection before everything is sent.
                    with suppress(ConnectionError):
                        connection.sendall(sent)
                    end_sending(connection)
                    answers[what] = read_response(connection)
            senders.wait_for_more()
        assert {
            what: answer for what, answer in answers.items() if answer and not answer.startswith(b"HTTP/1.1 4")
        } == {}
        assert_no_server_error(server)
        found = check_ledger(engine, senders.journal)
    report_fault("input that is not HTTP", "sqlite", len(BROKEN), found)


class SlowClient:
    """A client that sends a few bytes now and then, until the server closes the connection."""

    def __init__(self, server: Server, start: bytes, next_bytes: bytes) -> None:
        self.connection = connect(server)
        self.began = time.monotonic()
        self.answer = b""
        self._next_bytes = next_bytes
        self.connection.sendall(start)
        self.connection.setblocking(False)

    def send_a_little(self) -> bool:
        """Send the next bytes; return False once the server has closed the connection."""
        try:
            self.connection.send(self._next_bytes)
            while part := self.connection.recv(65_536):
                self.answer += part
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        return False


def slow_client(server: Server, key: str, number: int) -> SlowClient:
    """Return a client that is slow in its head, body, chunks or compressed body, in turn."""
    head = request_head(key, 10**6, f"X-Anyreach-Org: {ORG}")
    chunks = request_head(key, None, f"X-Anyreach-Org: {ORG}")
    packed = request_head(key, 10**6, f"X-Anyreach-Org: {ORG}", "Content-Encoding: gzip")
    kinds = (
        (head[:40], b"a"),
        (head + b"[", b" "),
        (chunks + b"1\r\n[\r\n", b"1\r\n \r\n"),
        (packed + gzip.compress(b"[" * 1_000)[:20], b"\x00"),
    )
    return SlowClient(server, *kinds[number % len(kinds)])


def test_slow_clients_are_disconnected_and_delay_no_other_client(tmp_path: Path, report_fault: ReportFault) -> None:
    timeouts = {"head_timeout_sec": str(TIMEOUT_SEC), "body_timeout_sec": str(TIMEOUT_SEC)}
    lasted: list[float] = []
    statuses: Counter[str] = Counter()
    with (
        running_server(tmp_path, **timeouts) as server,
        engine_for(server.environment["TALKMETER_DATABASE_URL"]) as engine,
        ExitStack() as connections,
    ):
        key = server.sender_key()
        with running_senders(server.url, key) as senders, background_reader(server) as reader:
            senders.wait_for_more()
            before = open_files(server)
            remaining = [slow_client(server, key, number) for number in range(SLOW_CLIENTS)]
            for client in remaining:
                connections.enter_context(client.connection)
            while remaining:
                senders.wait_for_more()
                for client in list(remaining):
                    if not client.send_a_little():
                        remaining.remove(client)
                        lasted.append(time.monotonic() - client.began)
                        status = client.answer.split(b" ", 2)[1].decode() if client.answer else "no response"
                        statuses[status] += 1
                assert all(
                    time.monotonic() - client.began < TIMEOUT_SEC + 2 * MAX_RESPONSE_SEC for client in remaining
                ), statuses
            senders.wait_for_more()
        wait_for_open_files(server, before + 10)
        assert_no_server_error(server)
        found = check_ledger(engine, senders.journal)
    assert set(statuses) <= {"408", "400", "no response"}
    report_fault(
        f"clients that send one byte at a time (limit {TIMEOUT_SEC} s)",
        "sqlite",
        SLOW_CLIENTS,
        f"{found}; the last was disconnected after {max(lasted):.1f} s, the longest summary {reader.longest:.2f} s",
    )
