"""A Stripe server: localstripe behind a proxy that keeps and forgets idempotency keys, and fails as networks do.

localstripe has no idempotency keys, and its fields for the period of an item have other names. The proxy adds the keys
as Stripe documents them, and renames the fields.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import msgspec

from tests import local_http

KEY: Final = "sk_test_51SecretOfTheTests"
_LOCALSTRIPE: Final = """
import socket
from aiohttp import web
from localstripe.resources import store
from localstripe.server import app

store.dump_to_disk = lambda: None
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
web.run_app(app, sock=listener, print=None, access_log=None)
"""
_RENAMED: Final = {"period[start]": "period_start", "period[end]": "period_end"}
_IDEMPOTENCY_ERROR: Final = b'{"error": {"type": "idempotency_error", "message": "Other parameters."}}'
Item = dict[str, Any]
Params = dict[str, str]


class StripeRequest(NamedTuple):
    """A request that the proxy received."""

    method: str
    path: str
    params: Params
    headers: dict[str, str]


class Answer(NamedTuple):
    """A response; a status of 0 closes the connection instead."""

    status: int
    body: bytes = b""
    location: str = ""


CUT: Final = Answer(0)
Forward = Callable[[], Answer]
Fault = Callable[[Forward], Answer]
"""What happens to a request: it may be forwarded or not, and answered or not."""


def cut_before(_: Forward) -> Answer:
    """Close the connection before Stripe gets the request."""
    return CUT


def cut_after(forward: Forward) -> Answer:
    """Close the connection after Stripe has carried out the request."""
    forward()
    return CUT


def error_before(_: Forward) -> Answer:
    """Answer 500 without creating anything."""
    return Answer(500, b'{"error": {"type": "api_error", "message": "Sorry."}}')


def busy(_: Forward) -> Answer:
    """Answer 429, before the request is carried out."""
    return Answer(429, b'{"error": {"type": "invalid_request_error", "message": "Slow down."}}')


class StripeProxy:
    """The proxy: its URL, what it received, and the faults of requests by their number, from 1."""

    def __init__(self, port: int, upstream: str) -> None:
        self.url: Final = f"http://127.0.0.1:{port}"
        self.upstream: Final = upstream
        self.requests: Final[list[StripeRequest]] = []
        self.faults: Final[dict[int, Fault]] = {}
        self.keeps_keys = True
        self._saved: Final[dict[str, tuple[Params, Answer]]] = {}
        self._lock: Final = Lock()

    def forget_keys(self) -> None:
        """Forget all idempotency keys, as Stripe may do after 24 hours."""
        self._saved.clear()

    def reset(self) -> None:
        """Forget the requests so far; numbers begin at 1 again."""
        self.requests.clear()
        self.faults.clear()
        self.keeps_keys = True

    def add_customer(self) -> str:
        """Create a customer at Stripe and return its id."""
        return str(self._call("POST", "/v1/customers", {"description": "A customer"})["id"])

    def items(self, customer: str) -> list[Item]:
        """Return the invoice items of a customer."""
        items: list[Item] = self._call("GET", "/v1/invoiceitems", {"customer": customer, "limit": "100"})["data"]
        return items

    def amounts(self, customer: str) -> list[tuple[str, int]]:
        """Return (line, amount) of the invoice items of a customer, sorted."""
        return sorted((item["metadata"]["talkmeter_charge"], item["amount"]) for item in self.items(customer))

    def _call(self, method: str, path: str, params: Params) -> dict[str, Any]:
        answer = self._forward(StripeRequest(method, path, params, {"Authorization": f"Bearer {KEY}"}))
        assert answer.status == 200, answer
        decoded: dict[str, Any] = msgspec.json.decode(answer.body)
        return decoded

    def answer(self, request: StripeRequest) -> Answer:
        """Answer a request, with the fault of its number."""
        with self._lock:
            self.requests.append(request)
            fault = self.faults.get(len(self.requests))

        def forward() -> Answer:
            return self._forward_once(request)

        return forward() if fault is None else fault(forward)

    def _forward_once(self, request: StripeRequest) -> Answer:
        """Forward a request, or return the saved answer to its idempotency key."""
        key = request.headers.get("Idempotency-Key", "")
        if request.method != "POST" or not key or not self.keeps_keys:
            return self._forward(request)
        with self._lock:
            if key not in self._saved:
                self._saved[key] = request.params, self._forward(request)
            params, saved = self._saved[key]
        return saved if params == request.params else Answer(400, _IDEMPOTENCY_ERROR)

    def _forward(self, request: StripeRequest) -> Answer:
        params = {_RENAMED.get(name, name): value for name, value in request.params.items()}
        params.pop("created[gte]", None)
        headers = {"Authorization": request.headers["Authorization"]}
        sent = {"params": params} if request.method == "GET" else {"data": params}
        response = local_http.request(request.method, self.upstream + request.path, headers=headers, **sent)
        return Answer(response.status_code, response.content)


@contextmanager
def running_stripe() -> Iterator[StripeProxy]:
    """Run localstripe and the proxy until the block ends."""
    with subprocess.Popen([sys.executable, "-c", _LOCALSTRIPE], stdout=subprocess.PIPE, cwd=Path("/")) as process:
        try:
            assert process.stdout is not None
            upstream = f"http://127.0.0.1:{int(process.stdout.readline())}"
            with _running_proxy(upstream) as proxy:
                yield proxy
        finally:
            process.kill()


@contextmanager
def _running_proxy(upstream: str) -> Iterator[StripeProxy]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def do_GET(self) -> None:
            self._answer(urlsplit(self.path).query)

        def _answer(self, params: str) -> None:
            path = urlsplit(self.path).path
            headers = dict(self.headers.items())
            answer = proxy.answer(StripeRequest(self.command, path, dict(parse_qsl(params)), headers))
            if answer == CUT:
                self.close_connection = True
                return
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer.body)))
            if answer.location:
                self.send_header("Location", answer.location)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        proxy = StripeProxy(server.server_port, upstream)
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()
