"""A small HTTP server that lists calls as the APIs of the providers do: filters, pages, keys, and faults."""

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


class ApiRequest(NamedTuple):
    """A request to the API."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    authorization: str | None
    at: float


class ApiResponse(NamedTuple):
    """A response with a JSON body."""

    status: int
    body: Any


@dataclass
class FakeApi:
    """An API: its key, its calls, its page size, and scripted responses that come before the normal ones."""

    key: str
    respond: "Callable[[FakeApi, ApiRequest], ApiResponse]"
    calls: list[Call] = field(default_factory=list)
    page_size: int = 2
    url: str = ""
    requests: list[ApiRequest] = field(default_factory=list)
    script: "deque[Script]" = field(default_factory=deque)

    def pages(self) -> list[ApiRequest]:
        """Return the requests for pages, without those for single calls."""
        return [
            request
            for request in self.requests
            if "list" in request.path or request.path.endswith(("/Calls.json", "/call"))
        ]


class ApiHandler(BaseHTTPRequestHandler):
    """Handles a connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Respond to a request for a page or a call."""
        self.respond()

    def do_POST(self) -> None:
        """Respond to a request for a page."""
        self.respond()

    def respond(self) -> None:
        """Send the next scripted response, else the normal one."""
        assert isinstance(self.server, ApiServer)
        api = self.server.api
        length = int(self.headers.get("Content-Length") or 0)
        parts = urlsplit(self.path)
        body = json.loads(self.rfile.read(length)) if length else None
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        request = ApiRequest(
            self.command, unquote(parts.path), query, body, self.headers.get("Authorization"), time.monotonic()
        )
        api.requests.append(request)
        if api.script:
            api.script.popleft()(self)
            return
        response = api.respond(api, request)
        self.send(response.status, json.dumps(response.body).encode())

    def send(self, status: int, body: bytes, **headers: str) -> None:
        """Send a complete response."""
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's name
        """Log nothing."""


Script = Callable[[ApiHandler], None]


class ApiServer(ThreadingHTTPServer):
    """The HTTP server of an API."""

    daemon_threads = True
    api: FakeApi

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore connections that a script closes."""


@contextmanager
def running_api(api: FakeApi) -> Iterator[FakeApi]:
    """Run an API on a free port."""
    server = ApiServer(("127.0.0.1", 0), ApiHandler)
    server.api = api
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def twilio(api: FakeApi, request: ApiRequest) -> ApiResponse:
    """Respond to `Calls.json`, newest call first, in pages with a `next_page_uri`, and to `Calls/{sid}.json`."""
    basic = b64encode(f"{ACCOUNT}:{api.key}".encode()).decode()
    if request.authorization != f"Basic {basic}":
        return ApiResponse(401, {"code": 20003, "message": f"Authenticate with {request.authorization}", "status": 401})
    account = f"/2010-04-01/Accounts/{ACCOUNT}/Calls"
    if request.path != f"{account}.json":
        sid = request.path.removeprefix(f"{account}/").removesuffix(".json")
        found = [call for call in api.calls if call["sid"] == sid]
        return ApiResponse(200, found[0]) if found else ApiResponse(404, {"code": 20404, "status": 404})
    bounds = [datetime.fromisoformat(request.query[name]) for name in ("StartTime>", "StartTime<")]
    within = [
        call
        for call in api.calls
        if bounds[0] <= parsedate_to_datetime(call["start_time"] or call["date_created"]) <= bounds[1]
    ]
    within.sort(key=lambda call: parsedate_to_datetime(call["date_created"]), reverse=True)
    begin = int(request.query.get("Page", "0")) * api.page_size
    page = within[begin : begin + api.page_size]
    more = begin + len(page) < len(within)
    place = {"Page": str(int(request.query.get("Page", "0")) + 1), "PageToken": f"PA{begin}"}
    after = f"{account}.json?{urlencode(request.query | place)}"
    return ApiResponse(200, {"calls": page, "page_size": api.page_size, "next_page_uri": after if more else None})


def vapi(api: FakeApi, request: ApiRequest) -> ApiResponse:
    """Respond to `GET /call`, newest call first, without a cursor, and to `GET /call/{id}`."""
    if request.authorization != f"Bearer {api.key}":
        return ApiResponse(401, {"message": "Invalid Key.", "statusCode": 401})
    if request.path != "/call":
        found = [call for call in api.calls if call["id"] == request.path.removeprefix("/call/")]
        return ApiResponse(200, found[0]) if found else ApiResponse(404, {"message": "Not found."})
    compared: dict[str, Callable[[datetime, datetime], bool]] = {
        "Ge": lambda left, right: left >= right,
        "Le": lambda left, right: left <= right,
        "Lt": lambda left, right: left < right,
    }
    within = [
        call
        for call in api.calls
        if all(
            compared[name[-2:]](datetime.fromisoformat(call[name[:-2]]), datetime.fromisoformat(bound))
            for name, bound in request.query.items()
            if name != "limit"
        )
    ]
    within.sort(key=lambda call: datetime.fromisoformat(call["createdAt"]), reverse=True)
    return ApiResponse(200, within[: int(request.query["limit"])])


def retell(api: FakeApi, request: ApiRequest) -> ApiResponse:
    """Respond to `POST /v3/list-calls`, with a key for the next page, and to `GET /v2/get-call/{id}`."""
    if request.authorization != f"Bearer {api.key}":
        return ApiResponse(401, {"status": "error", "message": "Unauthorized"})
    if request.path != "/v3/list-calls":
        found = [call for call in api.calls if call["call_id"] == request.path.removeprefix("/v2/get-call/")]
        return ApiResponse(200, found[0]) if found else ApiResponse(404, {"status": "error"})
    wanted = request.body["filter_criteria"]["start_timestamp"]
    assert (wanted["type"], wanted["op"], request.body["sort_order"]) == ("range", "bt", "ascending")
    low, high = wanted["value"]
    within = [call for call in api.calls if low <= call.get("start_timestamp", -1) <= high]
    within.sort(key=lambda call: call["start_timestamp"])
    begin = int(request.body.get("pagination_key", "0"))
    page = within[begin : begin + min(api.page_size, request.body["limit"])]
    more = begin + len(page) < len(within)
    return ApiResponse(
        200, {"items": page, "has_more": more} | ({"pagination_key": str(begin + len(page))} if more else {})
    )


def status(status: int, **headers: str) -> Script:
    """Send a status with an empty object."""
    return lambda handler: handler.send(status, b"{}", **headers)


def content(body: bytes, **headers: str) -> Script:
    """Send any bytes."""
    return lambda handler: handler.send(200, body, **headers)


def reset(handler: ApiHandler) -> None:
    """Reset the connection without a response."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def truncated(handler: ApiHandler) -> None:
    """Send a response that is shorter than its Content-Length."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"calls": [')
    handler.close_connection = True


def endless(handler: ApiHandler) -> None:
    """Send a response that never ends."""
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b" " * 65_536)
