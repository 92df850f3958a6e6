"""Low-level HTTP for misbehaving clients: bodies that are slow, truncated, endless or not read."""

import http.client
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from tests.api.organizations import EVENTS, PLAIN
from tests.servers import Server

WAIT_TIMEOUT_SEC = 25
"""Less than the default body timeout of 30 s."""


@dataclass(frozen=True)
class Upload:
    """A POST whose headers are sent; the body follows in chunks."""

    connection: http.client.HTTPConnection
    chunked: bool

    def send(self, chunk: bytes) -> None:
        """Send a chunk of the body."""
        self.connection.send(b"%x\r\n%s\r\n" % (len(chunk), chunk) if self.chunked else chunk)

    def truncate(self) -> None:
        """Close the sending side before the announced end of the body."""
        self.connection.sock.shutdown(socket.SHUT_WR)

    def response(self) -> httpx.Response:
        """Wait for the response."""
        response = self.connection.getresponse()
        return httpx.Response(response.status, headers=response.getheaders(), content=response.read())


@contextmanager
def upload(server: Server, key: str, size: int | None, path: str = EVENTS) -> Iterator[Upload]:
    """Start a POST (of events) with a Content-Length of `size` bytes, or with chunked encoding if it is None."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)
    try:
        connection.putrequest("POST", path)
        length = ("Transfer-Encoding", "chunked") if size is None else ("Content-Length", str(size))
        for name, value in (("Authorization", f"Bearer {key}"), ("Content-Type", PLAIN), length):
            connection.putheader(name, value)
        connection.endheaders()
        yield Upload(connection, chunked=size is None)
    finally:
        connection.close()


def wait_until_held(client: httpx.Client, min_bytes: int, max_bytes: int) -> None:
    """Wait until the metrics report that the server holds this many bytes of bodies."""
    deadline = time.monotonic() + WAIT_TIMEOUT_SEC
    while time.monotonic() < deadline:
        lines = client.get("/metrics").text.splitlines()
        held = next(float(line.split()[1]) for line in lines if line.startswith("talkmeter_queue_bytes "))
        if min_bytes <= held <= max_bytes:
            return
    raise AssertionError(f"the server did not hold {min_bytes} to {max_bytes} bytes within {WAIT_TIMEOUT_SEC} s")


@dataclass(frozen=True)
class Download:
    """A response whose headers were read, but not its body."""

    response: http.client.HTTPResponse
    connection: http.client.HTTPConnection

    def read(self, size: int | None = None) -> bytes:
        """Read `size` bytes of the body, or the rest of it."""
        return self.response.read(size)

    def abort(self) -> None:
        """Close the connection without reading the rest."""
        self.response.close()
        self.connection.close()


@contextmanager
def download(server: Server, key: str, path: str) -> Iterator[Download]:
    """GET a path and read only the headers of the response; a small receive buffer holds back most of the body."""
    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(address.netloc, timeout=60)
    connection.sock = socket.socket()
    try:
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.sock.settimeout(60)
        connection.sock.connect((address.hostname, address.port))
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}", "Connection": "close"})
        yield Download(connection.getresponse(), connection)
    finally:
        connection.close()
