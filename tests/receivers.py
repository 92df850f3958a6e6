"""A receiver of webhooks on this machine: it records every request, and answers as a test wants."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

Behave = Callable[[socket.socket], None]
"""Answers a request that was read."""


class Received(NamedTuple):
    """A request: the target of its first line, its headers with lower-case names, and its body."""

    target: str
    headers: dict[str, str]
    body: bytes


def answer(status: int = 204, *lines: str, body: bytes = b"") -> Behave:
    """Answer with a status, header lines and a body."""
    head = "\r\n".join([f"HTTP/1.1 {status} X", *lines, f"Content-Length: {len(body)}", "", ""])
    return lambda connection: connection.sendall(head.encode() + body)


def garbage(connection: socket.socket) -> None:
    """Answer something that is not HTTP."""
    connection.sendall(b"\x00\xff SMTP ready\r\n\r\n" * 100)


def close(connection: socket.socket) -> None:
    """Close the connection without an answer."""
    connection.shutdown(socket.SHUT_RDWR)


class Receiver:
    """A server on a loopback address. `behave` answers each request; it may be replaced at any time."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self.behave: Behave = answer()
        self.received: list[Received] = []
        self.connections = 0
        self.closing = threading.Event()
        self._tls = tls
        self._listener = socket.create_server((host, port), backlog=128)
        self.host, self.port = self._listener.getsockname()[:2]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def origin(self) -> str:
        """The URL without a path."""
        return f"{'https' if self._tls else 'http'}://{self.host}:{self.port}"

    def hang(self, _connection: socket.socket) -> None:
        """Answer nothing until the receiver is closed."""
        self.closing.wait()

    def drip(self, connection: socket.socket) -> None:
        """Answer a byte of an endless header every 50 ms."""
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while not self.closing.wait(0.05):
            connection.sendall(b"x")

    def flood(self, connection: socket.socket) -> None:
        """Answer with a body that does not end."""
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
        while not self.closing.is_set():
            connection.sendall(b"x" * 65_536)

    def close(self) -> None:
        """Stop; connections are refused from now on."""
        self.closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with plain, suppress(OSError, EOFError):
            connection = self._tls.wrap_socket(plain, server_side=True) if self._tls else plain
            with connection, connection.makefile("rb") as stream:
                target = stream.readline().decode("latin-1").partition(" ")[2].partition(" ")[0]
                headers: dict[str, str] = {}
                while (raw := stream.readline()).strip():
                    name, _, value = raw.decode("latin-1").partition(":")
                    headers[name.lower()] = value.strip()
                length = int(headers.get("content-length", "0"))
                body = stream.read(length)
                # A sender that is killed leaves a part of a request.
                if target and raw and len(body) == length:
                    self.received.append(Received(target, headers, body))
                self.behave(connection)


@contextmanager
def receiver(host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Yield a receiver on a free port, or on the one that is given."""
    server = Receiver(host, port, tls)
    try:
        yield server
    finally:
        server.close()
