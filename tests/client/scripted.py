"""A small real HTTP server that answers by a script, and remembers what it was sent and when."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from tests.events import Json

PATIENCE_SEC: Final = 30


@dataclass
class Posted:
    """One request."""

    at: float
    events: list[Json]
    size: int
    headers: dict[str, str]

    @property
    def ids(self) -> list[object]:
        """The ids of its events."""
        return [event["id"] for event in self.events]


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"

    @property
    def script(self) -> "Scripted":
        """What the server goes by."""
        assert isinstance(self.server, Listening)
        return self.server.scripted

    def do_POST(self) -> None:
        """Remember the request and play the next answer of the script; the last one again and again."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        posted = Posted(time.monotonic(), json.loads(body), len(body), dict(self.headers))
        self.script.play(self, posted)

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        """A whole answer."""
        self.send_response(status)
        for name, value in {"content_length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  it is called that
        """Say nothing."""


Play = Callable[[Handler, Posted], None]


class Listening(ThreadingHTTPServer):
    """The server under it all."""

    daemon_threads = True
    scripted: "Scripted"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is part of the script."""


@dataclass
class Scripted:
    """A server with a script."""

    url: str
    plays: list[Play]
    posted: list[Posted] = field(default_factory=list)
    moved: threading.Condition = field(default_factory=threading.Condition)
    over: threading.Event = field(default_factory=threading.Event)

    def play(self, handler: Handler, posted: Posted) -> None:
        """Answer a request."""
        with self.moved:
            play = self.plays[min(len(self.posted), len(self.plays) - 1)]
            self.posted.append(posted)
            self.moved.notify_all()
        play(handler, posted)

    def wait_for(self, number: int) -> list[Posted]:
        """The requests, when there are so many."""
        with self.moved:
            assert self.moved.wait_for(lambda: len(self.posted) >= number, PATIENCE_SEC), "no such request came"
            return list(self.posted)


@contextmanager
def scripted(*plays: Play) -> Iterator[Scripted]:
    """A server that answers the first request by the first play, and so on."""
    server = Listening(("127.0.0.1", 0), Handler)
    server.scripted = Scripted(f"http://127.0.0.1:{server.server_address[1]}", list(plays))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.scripted
    finally:
        server.scripted.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def receipt(handler: Handler, posted: Posted) -> None:
    """All accepted."""
    bins = {"accepted": len(posted.events), "duplicate": 0, "conflicting": 0, "stale": 0, "quarantined": []}
    handler.answer(200, json.dumps(bins).encode(), content_type="application/json")


def status(code: int, detail: str = "Not now.", **headers: str) -> Play:
    """A problem in Talkmeter's shape."""

    def play(handler: Handler, posted: Posted) -> None:
        handler.answer(code, json.dumps({"detail": detail, "status": code}).encode(), **headers)

    return play


def said(code: int, body: bytes) -> Play:
    """Any bytes."""
    return lambda handler, posted: handler.answer(code, body)


def reset(handler: Handler, posted: Posted) -> None:
    """The connection breaks off without an answer."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def no_http(handler: Handler, posted: Posted) -> None:
    """An answer that is none."""
    handler.wfile.write(b"\x00\xff garbage\r\n\r\n")
    handler.close_connection = True


def broken_off(handler: Handler, posted: Posted) -> None:
    """An answer that ends before its end."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"accepted": 1')
    handler.close_connection = True


def endless(handler: Handler, posted: Posted) -> None:
    """An answer without an end."""
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b" " * 65_536)


def silent(handler: Handler, posted: Posted) -> None:
    """No answer as long as the server lives."""
    handler.script.over.wait()
    handler.close_connection = True
