"""HTTP by hand, for what no polite client does: bodies that come slowly, stop half way, never end or are not read."""

import http.client
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from tests.api.organizations import EVENTS, PLAIN
from tests.servers import Server


@dataclass(frozen=True)
class Upload:
    """A POST whose head is sent; its body follows in pieces."""

    connection: http.client.HTTPConnection
    chunked: bool

    def send(self, piece: bytes) -> None:
        """Send a piece of the body."""
        self.connection.send(b"%x\r\n%s\r\n" % (len(piece), piece) if self.chunked else piece)

    def end(self) -> None:
        """Say that nothing more will come, though more was announced."""
        self.connection.sock.shutdown(socket.SHUT_WR)

    def answer(self) -> httpx.Response:
        """Wait for the answer."""
        response = self.connection.getresponse()
        return httpx.Response(response.status, headers=response.getheaders(), content=response.read())


@contextmanager
def upload(server: Server, key: str, size: int | None) -> Iterator[Upload]:
    """Begin to send events in a body that is announced to have `size` bytes (None: in chunks, without end)."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)
    try:
        connection.putrequest("POST", EVENTS)
        length = ("Transfer-Encoding", "chunked") if size is None else ("Content-Length", str(size))
        for name, value in (("Authorization", f"Bearer {key}"), ("Content-Type", PLAIN), length):
            connection.putheader(name, value)
        connection.endheaders()
        yield Upload(connection, chunked=size is None)
    finally:
        connection.close()


@dataclass(frozen=True)
class Download:
    """An answer of which the head was read; the body waits until it is asked for."""

    response: http.client.HTTPResponse
    connection: http.client.HTTPConnection

    def read(self, size: int | None = None) -> bytes:
        """Read so many bytes of the body, or all that are left."""
        return self.response.read(size)

    def leave(self) -> None:
        """Go away without reading the rest."""
        self.response.close()
        self.connection.close()


@contextmanager
def download(server: Server, key: str, path: str) -> Iterator[Download]:
    """Ask for a path and read no more than the head of the answer; little of the rest fits on the way."""
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
