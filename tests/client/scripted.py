"""A small real HTTP server that gives scripted responses and records the requests it receives."""

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

TIMEOUT_SEC: Final = 60


@dataclass
class ReceivedRequest:
    """One request; `at` is when it arrived, in seconds of the monotonic clock."""

    at: float
    events: list[Json]
    size: int
    headers: dict[str, str]

    @property
    def ids(self) -> list[object]:
        """The ids of its events."""
        return [event["id"] for event in self.events]


class ScriptedHandler(BaseHTTPRequestHandler):
    """Handles one connection."""

    protocol_version = "HTTP/1.1"

    @property
    def scripted_server(self) -> "ScriptedServer":
        """The server with the script."""
        assert isinstance(self.server, _HttpServer)
        return self.server.scripted_server

    def do_POST(self) -> None:
        """Record the request and give the next response."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = ReceivedRequest(time.monotonic(), json.loads(body), len(body), dict(self.headers))
        self.scripted_server.respond(self, request)

    def send(self, status: int, body: bytes, **headers: str) -> None:
        """Send a complete response."""
        self.send_response(status)
        for name, value in {"content_length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name in the base class
        """Log nothing."""


Response = Callable[[ScriptedHandler, ReceivedRequest], None]


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    scripted_server: "ScriptedServer"

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore errors: clients disconnect as part of the tests."""


@dataclass
class ScriptedServer:
    """A server that gives its responses in order, and the last one again and again."""

    url: str
    responses: list[Response]
    requests: list[ReceivedRequest] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    stopped: threading.Event = field(default_factory=threading.Event)

    def respond(self, handler: ScriptedHandler, request: ReceivedRequest) -> None:
        """Give the next response."""
        with self.changed:
            response = self.responses[min(len(self.requests), len(self.responses) - 1)]
            self.requests.append(request)
            self.changed.notify_all()
        response(handler, request)

    def wait_for(self, number: int) -> list[ReceivedRequest]:
        """Wait for this number of requests and return them."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.requests) >= number, TIMEOUT_SEC), "no such request came"
            return list(self.requests)


@contextmanager
def scripted(*responses: Response) -> Iterator[ScriptedServer]:
    """Run a server with these responses."""
    server = _HttpServer(("127.0.0.1", 0), ScriptedHandler)
    server.scripted_server = ScriptedServer(f"http://127.0.0.1:{server.server_address[1]}", list(responses))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.scripted_server
    finally:
        server.scripted_server.stopped.set()
        server.shutdown()
        server.server_close()
        thread.join()


def receipt(handler: ScriptedHandler, request: ReceivedRequest) -> None:
    """Accept all events."""
    receipt = {"accepted": len(request.events), "duplicate": 0, "conflicting": 0, "stale": 0, "quarantined": []}
    handler.send(200, json.dumps(receipt).encode(), content_type="application/json")


def http_error(code: int, detail: str = "Not now.", **headers: str) -> Response:
    """Return an error in Talkmeter's format."""

    def response(handler: ScriptedHandler, request: ReceivedRequest) -> None:
        handler.send(code, json.dumps({"detail": detail, "status": code}).encode(), **headers)

    return response


def raw_response(code: int, body: bytes) -> Response:
    """Return a response with any body."""
    return lambda handler, request: handler.send(code, body)


def connection_reset(handler: ScriptedHandler, request: ReceivedRequest) -> None:
    """Reset the connection without a response."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def invalid_http(handler: ScriptedHandler, request: ReceivedRequest) -> None:
    """Send bytes that are not HTTP."""
    handler.wfile.write(b"\x00\xff garbage\r\n\r\n")
    handler.close_connection = True


def truncated(handler: ScriptedHandler, request: ReceivedRequest) -> None:
    """Close the connection in the middle of the body."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"accepted": 1')
    handler.close_connection = True


def endless(handler: ScriptedHandler, request: ReceivedRequest) -> None:
    """Send a body that never ends."""
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b" " * 65_536)


def no_response(handler: ScriptedHandler, request: ReceivedRequest) -> None:
    """Send nothing while the server runs."""
    handler.scripted_server.stopped.wait()
    handler.close_connection = True
