"""A proxy in front of a server, at the address that stacks are given: it hands on, or does what proxies do wrong."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Final, NamedTuple

import httpx

from tests import local_http


class Answer(NamedTuple):
    """What is answered."""

    status: int
    body: bytes = b""
    content_type: str = "text/html"
    location: str = ""


Handing = Callable[[str, dict[str, str], bytes], Answer]
"""Takes a path, headers and a body."""


class Front:
    """A server on a free port that answers what `handing` says; it hangs where that raises TimeoutError."""

    def __init__(self, port: int) -> None:
        """Nothing is handed on yet."""
        self.url: Final = f"http://127.0.0.1:{port}"
        self.handing: Handing = lambda *_: Answer(502)
        self.over: Final = Event()


def handed_on_to(url: str) -> Handing:
    """To a server, as it came."""

    def handing(path: str, headers: dict[str, str], body: bytes) -> Answer:
        answer = local_http.post(url + path, content=body, headers=httpx.Headers(headers, encoding="latin-1"))
        return Answer(answer.status_code, answer.content, answer.headers.get("content-type", ""))

    return handing


@contextmanager
def front() -> Iterator[Front]:
    """A front, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                answer = standing.handing(self.path, dict(self.headers.items()), body)
            except TimeoutError:
                standing.over.wait(30)
                return
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            if answer.status != 204:
                self.send_header("Content-Length", str(len(answer.body)))
            if answer.location:
                self.send_header("Location", answer.location)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        standing = Front(server.server_port)
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield standing
        finally:
            standing.over.set()
            server.shutdown()
            thread.join()
