"""Large request heads of anyone, without a credential: they take no memory that stays."""

import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.faults.memory import MIB, memory_of
from tests.servers import running_server

REQUESTS = 100
MAX_GROWTH_MIB = 20
HEADS = {
    "cookies": "GET /session HTTP/1.1\r\nHost: x\r\nCookie: u={n};" + ";".join(f"{n:x}=%41" for n in range(3_400)),
    "query": "GET /admin/usage/summary?u={n}&" + "&".join(f"{n:x}=1" for n in range(5_000)) + " HTTP/1.1\r\nHost: x",
}


def first_line(url: str, head: str) -> bytes:
    """Send a request head and return the first line of the response."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as client:
        client.sendall(head.encode() + b"\r\n\r\n")
        return client.recv(65_536).partition(b"\r\n")[0]


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_large_heads_leave_no_memory_behind(tmp_path: Path, head: str) -> None:
    with running_server(tmp_path) as server:
        before = memory_of(server)
        answers = {first_line(server.url, head.replace("{n}", str(number))) for number in range(REQUESTS)}
        growth = (memory_of(server) - before) // MIB

    assert answers <= {b"HTTP/1.1 200 OK", b"HTTP/1.1 401 Unauthorized"}
    assert growth < MAX_GROWTH_MIB


def test_heads_over_the_limit_are_rejected(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        answer = first_line(server.url, f"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Long: {'x' * 100_000}")

    assert answer == b"HTTP/1.1 431 Request Header Fields Too Large"
