"""A reverse proxy in front of a server: it forwards requests, or fails as proxies do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Final, NamedTuple

import httpx

from tests import local_http


class ProxyResponse(NamedTuple):
    """A response of the proxy."""

    status: int
    body: bytes = b""
    content_type: str = "text/html"
    location: str = ""


Handle = Callable[[str, dict[str, str], bytes], ProxyResponse]
"""Takes a path, headers and a body."""


class Drip(Exception):
    """Send these bytes, then one more every 50 ms for 10 seconds."""

    def __init__(self, start: bytes) -> None:
        super().__init__()
        self.start = start


class Proxy:
    """A server on a free port that responds with what `handle` returns. It hangs if that raises TimeoutError."""

    def __init__(self, port: int) -> None:
        self.url: Final = f"http://127.0.0.1:{port}"
        self.handle: Handle = lambda *_: ProxyResponse(502)
        self.stopped: Final = Event()


def forward_to(url: str) -> Handle:
    """Return a function that forwards requests unchanged."""

    def handle(path: str, headers: dict[str, str], body: bytes) -> ProxyResponse:
        response = local_http.post(url + path, content=body, headers=httpx.Headers(headers, encoding="latin-1"))
        return ProxyResponse(response.status_code, response.content, response.headers.get("content-type", ""))

    return handle


@contextmanager
def running_proxy() -> Iterator[Proxy]:
    """Run a proxy until the block ends."""

    class ProxyHandler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                response = proxy.handle(self.path, dict(self.headers.items()), body)
            except TimeoutError:
                proxy.stopped.wait(30)
                return
            except Drip as drip:
                with suppress(ConnectionError):
                    self.wfile.write(drip.start)
                    for _ in range(200):
                        if proxy.stopped.wait(0.05):
                            break
                        self.wfile.write(b"x")
                self.close_connection = True
                return
            self.send_response(response.status)
            self.send_header("Content-Type", response.content_type)
            if response.status != 204:
                self.send_header("Content-Length", str(len(response.body)))
            if response.location:
                self.send_header("Location", response.location)
            self.end_headers()
            self.wfile.write(response.body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), ProxyHandler) as server:
        proxy = Proxy(server.server_port)
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.stopped.set()
            server.shutdown()
            thread.join()
