"""Lists of calls as the stacks serve them, by a small real HTTP server: filters, pages, keys, and faults."""

import json
import socket
import struct
import threading
import time
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

ACCOUNT: Final = "AC00000000000000000000000000000001"
Call = dict[str, Any]


class Asked(NamedTuple):
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    authorization: str | None
    at: float


class Answer(NamedTuple):
    """What is answered."""

    status: int
    body: Any


@dataclass
class Stack:
    """A stack's API: its calls, the most that a page of it holds, and the answers that come before those by rule."""

    key: str
    rule: "Callable[[Stack, Asked], Answer]"
    calls: list[Call] = field(default_factory=list)
    most: int = 2
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    plays: "deque[Play]" = field(default_factory=deque)

    def pages(self) -> list[Asked]:
        """The requests for pages, not for single calls."""
        return [one for one in self.asked if "list" in one.path or one.path.endswith(("/Calls.json", "/call"))]


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a question for a page or a call."""
        self.respond()

    def do_POST(self) -> None:
        """Answer a question for a page."""
        self.respond()

    def respond(self) -> None:
        """Answer by the next of the script, else by the rule."""
        assert isinstance(self.server, Listening)
        stack = self.server.stack
        length = int(self.headers.get("Content-Length") or 0)
        parts = urlsplit(self.path)
        body = json.loads(self.rfile.read(length)) if length else None
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        asked = Asked(
            self.command, unquote(parts.path), query, body, self.headers.get("Authorization"), time.monotonic()
        )
        stack.asked.append(asked)
        if stack.plays:
            stack.plays.popleft()(self)
            return
        answer = stack.rule(stack, asked)
        self.answer(answer.status, json.dumps(answer.body).encode())

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        """A whole answer."""
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  it is called that
        """Say nothing."""


Play = Callable[[Handler], None]


class Listening(ThreadingHTTPServer):
    """The server under it all."""

    daemon_threads = True
    stack: Stack

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that is cut is part of the script."""


@contextmanager
def serving(stack: Stack) -> Iterator[Stack]:
    """The stack's API on a port of its own."""
    server = Listening(("127.0.0.1", 0), Handler)
    server.stack = stack
    stack.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield stack
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def twilio(stack: Stack, asked: Asked) -> Answer:
    """`Calls.json` and `Calls/{sid}.json`, the newest first, by pages with a `next_page_uri`."""
    basic = b64encode(f"{ACCOUNT}:{stack.key}".encode()).decode()
    if asked.authorization != f"Basic {basic}":
        return Answer(401, {"code": 20003, "message": f"Authenticate with {asked.authorization}", "status": 401})
    account = f"/2010-04-01/Accounts/{ACCOUNT}/Calls"
    if asked.path != f"{account}.json":
        sid = asked.path.removeprefix(f"{account}/").removesuffix(".json")
        found = [call for call in stack.calls if call["sid"] == sid]
        return Answer(200, found[0]) if found else Answer(404, {"code": 20404, "status": 404})
    bounds = [datetime.fromisoformat(asked.query[name]) for name in ("StartTime>", "StartTime<")]
    within = [
        call
        for call in stack.calls
        if bounds[0] <= parsedate_to_datetime(call["start_time"] or call["date_created"]) <= bounds[1]
    ]
    within.sort(key=lambda call: parsedate_to_datetime(call["date_created"]), reverse=True)
    begin = int(asked.query.get("Page", "0")) * stack.most
    page = within[begin : begin + stack.most]
    more = begin + len(page) < len(within)
    place = {"Page": str(int(asked.query.get("Page", "0")) + 1), "PageToken": f"PA{begin}"}
    after = f"{account}.json?{urlencode(asked.query | place)}"
    return Answer(200, {"calls": page, "page_size": stack.most, "next_page_uri": after if more else None})


def vapi(stack: Stack, asked: Asked) -> Answer:
    """`GET /call`, the newest first, without a cursor, and `GET /call/{id}`."""
    if asked.authorization != f"Bearer {stack.key}":
        return Answer(401, {"message": "Invalid Key.", "statusCode": 401})
    if asked.path != "/call":
        found = [call for call in stack.calls if call["id"] == asked.path.removeprefix("/call/")]
        return Answer(200, found[0]) if found else Answer(404, {"message": "Not found."})
    compared: dict[str, Callable[[datetime, datetime], bool]] = {
        "Ge": lambda left, right: left >= right,
        "Le": lambda left, right: left <= right,
        "Lt": lambda left, right: left < right,
    }
    within = [
        call
        for call in stack.calls
        if all(
            compared[name[-2:]](datetime.fromisoformat(call[name[:-2]]), datetime.fromisoformat(bound))
            for name, bound in asked.query.items()
            if name != "limit"
        )
    ]
    within.sort(key=lambda call: datetime.fromisoformat(call["createdAt"]), reverse=True)
    return Answer(200, within[: int(asked.query["limit"])])


def retell(stack: Stack, asked: Asked) -> Answer:
    """`POST /v3/list-calls` with a key for the next page, and `GET /v2/get-call/{id}`."""
    if asked.authorization != f"Bearer {stack.key}":
        return Answer(401, {"status": "error", "message": "Unauthorized"})
    if asked.path != "/v3/list-calls":
        found = [call for call in stack.calls if call["call_id"] == asked.path.removeprefix("/v2/get-call/")]
        return Answer(200, found[0]) if found else Answer(404, {"status": "error"})
    wanted = asked.body["filter_criteria"]["start_timestamp"]
    assert (wanted["type"], wanted["op"], asked.body["sort_order"]) == ("range", "bt", "ascending")
    low, high = wanted["value"]
    within = [call for call in stack.calls if low <= call.get("start_timestamp", -1) <= high]
    within.sort(key=lambda call: call["start_timestamp"])
    begin = int(asked.body.get("pagination_key", "0"))
    page = within[begin : begin + min(stack.most, asked.body["limit"])]
    more = begin + len(page) < len(within)
    return Answer(200, {"items": page, "has_more": more} | ({"pagination_key": str(begin + len(page))} if more else {}))


def refused(status: int, **headers: str) -> Play:
    """An answer with a status and nothing in it."""
    return lambda handler: handler.answer(status, b"{}", **headers)


def said(body: bytes, **headers: str) -> Play:
    """Any bytes."""
    return lambda handler: handler.answer(200, body, **headers)


def reset(handler: Handler) -> None:
    """The connection breaks off without an answer."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def broken_off(handler: Handler) -> None:
    """An answer that ends before its end."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"calls": [')
    handler.close_connection = True


def endless(handler: Handler) -> None:
    """An answer without an end."""
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b" " * 65_536)
