"""Requests that the network tears, and clients that dawdle: nothing of what did not arrive whole is counted.

Sixty torn requests on each database run with all tests; `make faults` tears two thousand.
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
from tests.faults.sockets import connect, end_sending, open_files, read_response, request_head, reset
from tests.postgres import engine_for
from tests.servers import Server, running_server

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TORN: Final = rounds(60, 2_000)
RESETS: Final = rounds(20, 1_000)
DAWDLERS: Final = rounds(40, 400)
TIMEOUT_SEC: Final = 3
MORE_THAN_FITS: Final = 4_000_000
ENCODINGS: Final[dict[str, Callable[[bytes], bytes]]] = {"": bytes, "gzip": gzip.compress, "zstd": zstd.compress}

pytestmark = pytest.mark.timeout(120 + TORN)


class Torn(NamedTuple):
    """A request of which a part is sent: all that it would be, where it is cut, and how its sender leaves."""

    whole: bytes
    cut: int
    leaves: str


def framed(body: bytes, chunk: int | None) -> bytes:
    """A body as it goes over the wire: as it is, or in chunks of so many bytes and with their end."""
    if chunk is None:
        return body
    pieces = [body[begin : begin + chunk] for begin in range(0, len(body), chunk)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def tear(chance: random.Random, key: str, name: str) -> Torn:
    """A request torn somewhere, often in its last bytes, where little is missing."""
    encoding = chance.choice(list(ENCODINGS))
    body = ENCODINGS[encoding](json.dumps(random_batch(chance, name), ensure_ascii=False).encode())
    chunk = chance.choice((None, 7, 1_000, len(body)))
    wire = framed(body, chunk)
    left = chance.choice((chance.randrange(len(wire)), max(len(wire) - chance.randrange(1, 8), 0)))
    lines = (f"Content-Encoding: {encoding}",) if encoding else ()
    head = request_head(key, None if chunk else len(body), f"X-Anyreach-Org: {ORG}", *lines)
    if chunk is None and chance.random() < 0.5:
        # What was cut is whole to HTTP: its length is that of the part.
        part = body[:left]
        return Torn(request_head(key, len(part), f"X-Anyreach-Org: {ORG}", *lines) + part, 1 << 30, "stays")
    return Torn(head + wire, len(head) + left, chance.choice(("ends", "closes", "resets")))


def send_torn(server: Server, torn: Torn) -> int | None:
    """Send what is left of a request; the status of the answer, None where there was none."""
    connection = connect(server)
    with connection:
        connection.sendall(torn.whole[: torn.cut])
        if torn.leaves == "closes":
            return None
        if torn.leaves == "resets":
            reset(connection)
            return None
        end_sending(connection)
        answer = read_response(connection)
    return int(answer.split(b" ", 2)[1]) if answer else None


def assert_no_fault_of_its_own(server: Server) -> None:
    log = server.log()
    assert "Traceback" not in log
    assert '"level": "error"' not in log


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_nothing_of_a_torn_request_is_counted_and_it_is_no_fault_of_the_server(
    database: str, tmp_path: Path, request: pytest.FixtureRequest, report_fault: ReportFault
) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    if database == "postgresql":
        url = request.getfixturevalue("postgres_database")
    chance = random.Random(TORN)
    answers: Counter[str] = Counter()
    with engine_for(url) as engine:
        migrate(engine)
        with running_server(tmp_path, database_url=url) as server:
            key = server.sender_key()
            with running_senders(server.url, key) as senders:
                senders.wait_for_more()
                before = open_files(server)
                for number in range(TORN):
                    status = send_torn(server, tear(chance, key, f"torn-{number}"))
                    assert status is None or 400 <= status < 500, status
                    answers[str(status or "no response")] += 1
                senders.wait_for_more()
            assert open_files(server) <= before + 20
            assert_no_fault_of_its_own(server)
        found = check_ledger(engine, senders.journal)
    assert answers["400"] > 0
    said = ", ".join(f"{status}: {count}" for status, count in sorted(answers.items()))
    report_fault("torn and truncated bodies (JSON, gzip, zstd; length, chunks)", database, TORN, f"{found} ({said})")


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_sender_cut_off_before_its_answer_sends_again_and_is_counted_once(
    database: str, tmp_path: Path, request: pytest.FixtureRequest, report_fault: ReportFault
) -> None:
    """Nobody knows what became of the first request: it may have been stored, half read or never seen."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    if database == "postgresql":
        url = request.getfixturevalue("postgres_database")
    chance = random.Random(RESETS)
    again: list[Json] = []
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
                    events = random_batch(chance, f"cut-{number}")
                    # One in two is larger than what fits on the way, so that a part of it may be lost.
                    body = json.dumps(events).encode() + b" " * chance.choice((0, MORE_THAN_FITS))
                    cut_off(server, request_head(key, len(body), f"X-Anyreach-Org: {ORG}") + body, chance)
                    answer = client.post("/metering/events", json=events, timeout=20)
                    assert answer.status_code == httpx.codes.OK, answer.text
                    repeated += answer.json()["accepted"] == 0
                    again += events
                senders.wait_for_more()
            assert_no_fault_of_its_own(server)
        found = check_ledger(engine, senders.journal + again)
    report_fault("connection lost before the response", database, RESETS, f"{found}; {repeated} were already stored")


def cut_off(server: Server, request: bytes, chance: random.Random) -> None:
    """Send a whole request and break the connection off, at once or at a moment at which it may be under way."""
    connection = connect(server)
    connection.sendall(request)
    select.select([connection], [], [], chance.choice((0, 0.001, 0.005, 0.05)))
    reset(connection)


BROKEN: Final = {
    "chunk that is no number": (b"Transfer-Encoding: chunked", b"zz\r\n[]\r\n0\r\n\r\n"),
    "chunk longer than any memory": (b"Transfer-Encoding: chunked", b"ffffffffffffffff\r\n[]"),
    "chunk of a number too large": (b"Transfer-Encoding: chunked", b"fffffffffffffffffffff\r\n[]"),
    "chunk without its end of line": (b"Transfer-Encoding: chunked", b"2\r\n[]2\r\n"),
    "length below zero": (b"Content-Length: -1", b"[]"),
    "length that is no number": (b"Content-Length: two", b"[]"),
    "two lengths": (b"Content-Length: 2\r\nContent-Length: 3", b"[] "),
    "length beyond any number": (b"Content-Length: 99999999999999999999999", b"[]"),
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


def test_what_is_no_http_is_refused_and_counts_nothing(tmp_path: Path, report_fault: ReportFault) -> None:
    head = b"POST /metering/events HTTP/1.1\r\nHost: talkmeter\r\nContent-Type: application/json\r\n"
    answers: dict[str, bytes] = {}
    with running_server(tmp_path) as server, engine_for(server.environment["TALKMETER_DATABASE_URL"]) as engine:
        key = server.sender_key()
        with running_senders(server.url, key) as senders:
            for what, (lines, body) in BROKEN.items():
                with connect(server) as connection:
                    sent = head + f"Authorization: Bearer {key}\r\n".encode() + lines + b"\r\n\r\n" + body
                    # A server that has seen enough breaks off before all is sent.
                    with suppress(ConnectionError):
                        connection.sendall(sent)
                    end_sending(connection)
                    answers[what] = read_response(connection)
            senders.wait_for_more()
        assert {what: one for what, one in answers.items() if one and not one.startswith(b"HTTP/1.1 4")} == {}
        assert_no_fault_of_its_own(server)
        found = check_ledger(engine, senders.journal)
    report_fault("input that is not HTTP", "sqlite", len(BROKEN), found)


class Dawdler:
    """A client that sends a byte now and then, for as long as the server lets it."""

    def __init__(self, server: Server, begun: bytes, goes_on: bytes) -> None:
        self.connection = connect(server)
        self.began = time.monotonic()
        self.answer = b""
        self._goes_on = goes_on
        self.connection.sendall(begun)
        self.connection.setblocking(False)

    def send_a_little(self) -> bool:
        """Send the next byte, or bytes that belong together; False once the server has ended the connection."""
        try:
            self.connection.send(self._goes_on)
            while part := self.connection.recv(65_536):
                self.answer += part
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        return False


def dawdlers_of(server: Server, key: str, number: int) -> Dawdler:
    """One of each kind in turn: slow in its head, in its body, in its chunks, in its compressed body."""
    head = request_head(key, 10**6, f"X-Anyreach-Org: {ORG}")
    chunks = request_head(key, None, f"X-Anyreach-Org: {ORG}")
    packed = request_head(key, 10**6, f"X-Anyreach-Org: {ORG}", "Content-Encoding: gzip")
    kinds = (
        (head[:40], b"a"),
        (head + b"[", b" "),
        (chunks + b"1\r\n[\r\n", b"1\r\n \r\n"),
        (packed + gzip.compress(b"[" * 1_000)[:20], b"\x00"),
    )
    return Dawdler(server, *kinds[number % len(kinds)])


def test_clients_that_dawdle_are_given_up_in_time_and_hold_up_nobody(tmp_path: Path, report_fault: ReportFault) -> None:
    timeouts = {"head_timeout_sec": str(TIMEOUT_SEC), "body_timeout_sec": str(TIMEOUT_SEC)}
    lasted: list[float] = []
    said: Counter[str] = Counter()
    with (
        running_server(tmp_path, **timeouts) as server,
        engine_for(server.environment["TALKMETER_DATABASE_URL"]) as engine,
        ExitStack() as held,
    ):
        key = server.sender_key()
        with running_senders(server.url, key) as senders, background_reader(server) as reader:
            senders.wait_for_more()
            before = open_files(server)
            left = [dawdlers_of(server, key, number) for number in range(DAWDLERS)]
            for one in left:
                held.enter_context(one.connection)
            while left:
                senders.wait_for_more()
                for one in list(left):
                    if not one.send_a_little():
                        left.remove(one)
                        lasted.append(time.monotonic() - one.began)
                        said[one.answer.split(b" ", 2)[1].decode() if one.answer else "no response"] += 1
                assert all(time.monotonic() - one.began < TIMEOUT_SEC + 2 * MAX_RESPONSE_SEC for one in left), said
            senders.wait_for_more()
        assert open_files(server) <= before + 10
        assert_no_fault_of_its_own(server)
        found = check_ledger(engine, senders.journal)
    assert set(said) <= {"408", "400", "no response"}
    report_fault(
        f"clients that send one byte at a time (limit {TIMEOUT_SEC} s)",
        "sqlite",
        DAWDLERS,
        f"{found}; the last was disconnected after {max(lasted):.1f} s, the longest summary {reader.longest:.2f} s",
    )
