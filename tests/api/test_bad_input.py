"""Malformed and oversized bodies are rejected with a sentence, at low cost and without harming the server."""

import gzip
import json
import os
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.organizations import (
    BATCH,
    EVENTS,
    PLAIN,
    STRUCTURED,
    OrganizationClient,
    client_of,
    counts_of,
    error_of,
    receipt_of,
)
from tests.events import conversation
from tests.servers import Server

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MEBIBYTE = 1 << 20
MAX_BODY = 16 * MEBIBYTE
MAX_GROWTH_KIB = 100 * 1024
"""The maximum memory growth: twice the body limit (chunks and joined body), and overhead of the allocator."""
MAX_CPU_SEC = 3

reads_proc = pytest.mark.skipif(sys.platform != "linux", reason="memory and CPU time are measured in /proc")


@pytest.fixture(autouse=True)
def _no_server_errors(server: Server) -> Iterator[None]:
    log_size = len(server.log())
    yield
    with client_of(server, None) as anonymous:
        assert anonymous.get("/health/ready").status_code == 200
    log = server.log()[log_size:]
    assert "Traceback" not in log
    assert '"level": "error"' not in log


def good_batch(events: int) -> bytes:
    return json.dumps([conversation(f"call-{number}") for number in range(events)]).encode()


class Memory:
    """The peak memory of a server's processes since this object was made."""

    def __init__(self, server: Server) -> None:
        pid = server.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        self._processes = [Path(f"/proc/{process_id}") for process_id in (str(pid), *children)]
        for process in self._processes:
            (process / "clear_refs").write_text("5")  # resets the peak
        self._before = self._peak_kib()

    def growth_kib(self) -> int:
        return self._peak_kib() - self._before

    def _peak_kib(self) -> int:
        lines = [line for process in self._processes for line in (process / "status").read_text().splitlines()]
        return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


NOT_AN_EVENT = {
    "nothing": b"",
    "white space": b" \n ",
    "text": b"hello",
    "half an object": b'{"specversion": "1.0", "id":',
    "half an array": b'[{"id": 1}, ',
    "brackets that do not match": b'[{"id": 1]}',
    "two arrays": b"[] []",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a string that does not end": b'{"id": "call',
    "a string in an array that does not end": b'[NaN, "call]',
    "a trailing comma": b'{"id": "1",}',
    "a form": b"id=call-1&status=completed",
    "UTF-16": '{"id": "call-1"}'.encode("utf-16"),
    "a number": b"5",
    "a string": b'"event"',
    "null": b"null",
}


@pytest.mark.parametrize("content_type", [PLAIN, STRUCTURED, BATCH])
@pytest.mark.parametrize("body", NOT_AN_EVENT.values(), ids=NOT_AN_EVENT)
def test_body_without_an_event_is_rejected(org: OrganizationClient, body: bytes, content_type: str) -> None:
    error_of(org.post(body, content_type), 400)


@pytest.mark.parametrize("body", [b"[]", b'[{"id": "1"}]'], ids=["empty", "of one"])
def test_array_is_not_a_structured_event(org: OrganizationClient, body: bytes) -> None:
    error_of(org.post(body, STRUCTURED), 400)


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/xml",
        "application",
        "json",
        ";",
        "*/*",
        "a" * 5_000,
    ],
)
def test_unsupported_content_type_is_rejected_with_the_allowed_ones(org: OrganizationClient, content_type: str) -> None:
    sentence = error_of(org.post(good_batch(1), content_type), 415)
    assert all(allowed in sentence for allowed in (PLAIN, STRUCTURED, BATCH))
    assert len(sentence) < 300


@pytest.mark.parametrize("encoding", ["br", "deflate", "compress", "gzip, gzip", "gzip, zstd", "utf-8", "x" * 5_000])
def test_unsupported_content_encoding_is_rejected_with_the_allowed_ones(org: OrganizationClient, encoding: str) -> None:
    sentence = error_of(org.post(good_batch(1), Content_Encoding=encoding), 415)
    assert "gzip" in sentence
    assert "zstd" in sentence
    assert len(sentence) < 300


BROKEN = {
    "gzip truncated in the middle": ("gzip", gzip.compress(good_batch(100))[:-20]),
    "gzip truncated in its checksum": ("gzip", gzip.compress(good_batch(100))[:-1]),
    "gzip with a wrong checksum": ("gzip", gzip.compress(good_batch(1))[:-8] + b"\0\0\0\0\0\0\0\0"),
    "gzip with trailing data": ("gzip", gzip.compress(good_batch(1)) + b"and more"),
    "zlib declared as gzip": ("gzip", zlib.compress(good_batch(1))),
    "JSON declared as gzip": ("gzip", good_batch(1)),
    "zstd truncated in the middle": ("zstd", zstd.compress(good_batch(100))[:-20]),
    "JSON declared as zstd": ("zstd", good_batch(1)),
    "zstd with a window of 1 GiB": ("zstd", b"\x28\xb5\x2f\xfd\x00\xa0\x01\x00\x00"),
}


@pytest.mark.parametrize(("encoding", "body"), BROKEN.values(), ids=BROKEN)
def test_broken_compression_is_rejected_and_counts_nothing(org: OrganizationClient, encoding: str, body: bytes) -> None:
    assert encoding in error_of(org.post(body, BATCH, Content_Encoding=encoding), 400)
    assert org.calls() == 0


def in_chunks(body: bytes) -> Iterator[bytes]:
    return (body[begin : begin + 65_536] for begin in range(0, len(body), 65_536))


def test_body_at_the_limit_is_accepted_and_one_more_byte_is_rejected(org: OrganizationClient) -> None:
    batch = good_batch(2)
    fits = batch + b" " * (MAX_BODY - len(batch))
    assert receipt_of(org.post(fits, BATCH))["accepted"] == 2
    for content in (fits + b" ", in_chunks(fits + b" ")):
        refused = org.client.post(EVENTS, content=content, headers={"Content-Type": BATCH})
        assert str(MAX_BODY) in error_of(refused, 413)


ZEROS = bytes(64 * MEBIBYTE)
BOMBS = {
    "gzip": ("gzip", gzip.compress(ZEROS)),
    "gzip of a thousand members": ("gzip", gzip.compress(bytes(MEBIBYTE)) * 1_000),
    "zstd": ("zstd", zstd.compress(ZEROS)),
    "zstd of a thousand frames": ("zstd", zstd.compress(bytes(MEBIBYTE)) * 1_000),
}


@reads_proc
@pytest.mark.parametrize(("encoding", "bomb"), BOMBS.values(), ids=BOMBS)
def test_compression_bomb_is_rejected_before_it_fills_memory(
    org: OrganizationClient, encoding: str, bomb: bytes
) -> None:
    assert len(bomb) < 2 * MEBIBYTE
    memory = Memory(org.server)
    assert "decoded" in error_of(org.post(bomb, BATCH, Content_Encoding=encoding), 413)
    assert memory.growth_kib() < MAX_GROWTH_KIB


@reads_proc
def test_ten_compression_bombs_use_no_more_memory_than_one(org: OrganizationClient) -> None:
    memory = Memory(org.server)
    for _ in range(10):
        error_of(org.post(BOMBS["gzip"][1], BATCH, Content_Encoding="gzip"), 413)
    assert memory.growth_kib() < MAX_GROWTH_KIB


@reads_proc
@pytest.mark.parametrize("first", [b"1", b"NaN"])
def test_array_of_millions_is_rejected_before_it_fills_memory(org: OrganizationClient, first: bytes) -> None:
    body = gzip.compress(b"[" + first + b",1" * (8 * MEBIBYTE - 4) + b"]")
    memory = Memory(org.server)
    assert "events" in error_of(org.post(body, BATCH, Content_Encoding="gzip"), 413)
    assert memory.growth_kib() < MAX_GROWTH_KIB


def test_ten_thousand_events_are_accepted_and_one_more_is_rejected(org: OrganizationClient) -> None:
    small = b'{"specversion":"1.0","id":"1","source":"s","type":"t"}'
    refused = org.post(b"[" + b",".join([small] * 10_001) + b"]")
    assert "10000" in error_of(refused, 413)
    assert counts_of(receipt_of(org.post(b"[" + b",".join([small] * 10_000) + b"]"))) == (0, 0, 0, 0, 10_000)


def test_deeply_nested_element_does_not_affect_the_others(org: OrganizationClient) -> None:
    good = [json.dumps(conversation(f"call-{number}")).encode() for number in range(2)]
    for deep in (b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000):
        bad = b'{"specversion":"1.0","id":"deep","data":%s}' % deep
        receipt = receipt_of(org.post(b"[%s,%s,%s]" % (good[0], bad, good[1])))
        assert [entry["index"] for entry in receipt["quarantined"]] == [1]
        assert receipt["quarantined"][0]["detail"] == "The event is nested too deeply."
    assert org.calls() == 2


@pytest.mark.parametrize("body", [b"[" * 200_000, b"[" * 100_000 + b"]" * 99_999, b'{"a":' * 200_000])
def test_unclosed_brackets_are_rejected(org: OrganizationClient, body: bytes) -> None:
    error_of(org.post(body), 400)


def test_unterminated_long_string_is_rejected_quickly(org: OrganizationClient) -> None:
    """Searching for its end from each quote would take minutes; the client waits 10 seconds."""
    body = b'[NaN,"' + b'\\"' * 40_000 + b"]"
    answer = org.client.post(EVENTS, content=body, headers={"Content-Type": PLAIN}, timeout=60)
    error_of(answer, 400)


MANY_LISTS = b'[{"id":"1","data":[' + b"[1]," * (4 * MEBIBYTE - 20) + b"NaN]}]"
EXPENSIVE = {
    "an event of millions of lists": gzip.compress(MANY_LISTS),
    "millions of brackets without end": gzip.compress(b"[" * (MAX_BODY - 1)),
    "hundreds of thousands of empty gzip members": gzip.compress(b"") * 700_000,
}


@reads_proc
@pytest.mark.parametrize("body", EXPENSIVE.values(), ids=EXPENSIVE)
def test_no_body_uses_much_cpu_time(org: OrganizationClient, body: bytes) -> None:
    """All senders share one CPU; ten thousand good events use less than half a second of it."""
    before = cpu_sec(org.server)
    assert org.post(body, Content_Encoding="gzip").status_code in {200, 400, 413}
    assert cpu_sec(org.server) - before < MAX_CPU_SEC


def cpu_sec(server: Server) -> float:
    """Return the CPU time that the server has used."""
    pid = server.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    fields = [Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split() for child in children]
    return sum(int(ticks) for values in fields for ticks in values[11:13]) / os.sysconf("SC_CLK_TCK")
