"""Raw HTTP requests for bodies that arrive slowly, stop halfway, never end, or are not read."""

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
    """A POST request whose headers are sent; its body follows in pieces."""

    connection: http.client.HTTPConnection
    chunked: bool

    def send(self, piece: bytes) -> None:
        """Send a piece of the body."""
        self.connection.send(b"%x\r\n%s\r\n" % (len(piece), piece) if self.chunked else piece)

    def end(self) -> None:
        """Stop sending, even if the announced length has not been reached."""
        self.connection.sock.shutdown(socket.SHUT_WR)

    def answer(self) -> httpx.Response:
        """Wait for the answer."""
        response = self.connection.getresponse()
        return httpx.Response(response.status, headers=response.getheaders(), content=response.read())


@contextmanager
def upload(server: Server, key: str, size: int | None) -> Iterator[Upload]:
    """Start to send events in a body of `size` announced bytes (None: chunked, without an end)."""
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
    """A response whose headers have been read, but not its body."""

    response: http.client.HTTPResponse
    connection: http.client.HTTPConnection

    def read(self, size: int | None = None) -> bytes:
        """Read `size` bytes of the body, or all remaining ones."""
        return self.response.read(size)

    def leave(self) -> None:
        """Close the connection without reading the rest."""
        self.response.close()
        self.connection.close()


@contextmanager
def download(server: Server, key: str, path: str) -> Iterator[Download]:
    """Request a path and read only the headers of the response; the receive buffer has room for 4 KiB of its body."""
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
