"""The summary over HTTP (304, cached, recomputed), compared with servers that return a constant response."""

import http.client
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from sqlalchemy import Engine

from bench.baselines.constant_server import constant_server
from bench.load import LARGE, load_year
from bench.result_table import LABEL, ResultColumn, ResultTable
from bench.timing import interleaved, ratio
from talkmeter.db.engine import transaction
from talkmeter.ledger.organization_rows import lock_organization, renew_revision
from tests.postgres import engine_for
from tests.servers import running_server

REQUESTS: Final = 20
RUNS_PER_ROUND: Final = 10
_CONVERSATIONS: Final = 50_000
_WINDOWS: Final = {
    "year": "/admin/usage/summary?from=2025-01-01&to=2026-01-02",
    "month": "/admin/usage/summary?from=2025-06-01&to=2025-07-01",
}
_LITESTAR: Final = "Litestar, the same bytes as a constant"
_GRANIAN: Final = "Granian without a framework, the same constant"


class _Request(NamedTuple):
    """One request on a keep-alive connection, and the expected status."""

    connection: http.client.HTTPConnection
    path: str
    headers: dict[str, str]
    status: int


def measure_http(rounds: int) -> list[ResultTable]:
    """Return one table for the year and one for the month."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        engine = stack.enter_context(engine_for(f"sqlite:///{folder / 'talkmeter.db'}"))
        load_year(engine, _CONVERSATIONS)
        server = stack.enter_context(running_server(folder))
        key = server.cli("keys", "add", "--org", LARGE, "--role", "admin")
        connection = http.client.HTTPConnection(urlsplit(server.url).netloc)
        stack.callback(connection.close)
        return [
            _measure_window(window, _Request(connection, path, {"Authorization": f"Bearer {key}"}, 200), engine, rounds)
            for window, path in _WINDOWS.items()
        ]


def _measure_window(window: str, request: _Request, engine: Engine, rounds: int) -> ResultTable:
    content, _ = _send(request)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        constant = {
            name: http.client.HTTPConnection(stack.enter_context(constant_server(app, content, folder)))
            for name, app in ((_LITESTAR, "litestar_app"), (_GRANIAN, "bare_app"))
        }
        for connection in constant.values():
            stack.callback(connection.close)
            assert _send(_Request(connection, "/", {}, 200))[0] == content
        measurements: dict[str, Callable[[], float]] = {
            name: partial(_time, _Request(connection, "/", {}, 200)) for name, connection in constant.items()
        }
        measurements["unchanged, If-None-Match matches: 304"] = partial(_time_not_modified, request)
        measurements["unchanged, answer cache: 200"] = partial(_time, request)
        measurements["changed before each request, recomputed: 200"] = partial(
            _time, request, partial(_change_revision, engine)
        )
        results = interleaved(measurements, rounds * RUNS_PER_ROUND, warmup=1)
    return ResultTable(
        name=f"http-{window}",
        title=f"The summary of a {window} over HTTP, {len(content):,} bytes, one connection, SQLite",
        columns=(LABEL, ResultColumn("ratio to Litestar", 2), ResultColumn("p50 ms", 2), ResultColumn("requests/s", 0)),
        rows=tuple(
            (name, ratio(times, results[_LITESTAR]), median(times), 1000 / median(times))
            for name, times in results.items()
        ),
        note=(
            f"{_CONVERSATIONS:,} conversations; medians of {rounds * RUNS_PER_ROUND} interleaved runs of "
            f"{REQUESTS} requests."
        ),
    )


def _time_not_modified(request: _Request) -> float:
    """Return the median milliseconds of requests with the current ETag in If-None-Match."""
    _, etag = _send(request)
    return _time(request._replace(headers={**request.headers, "If-None-Match": etag}, status=304))


def _time(request: _Request, before: Callable[[], object] | None = None) -> float:
    """Return the median milliseconds of a request after one warm-up; `before` runs before each request, untimed."""
    times = []
    for _ in range(REQUESTS + 1):
        if before is not None:
            before()
        started = time.perf_counter()
        _send(request)
        times.append((time.perf_counter() - started) * 1000)
    return median(times[1:])


def _send(request: _Request) -> tuple[bytes, str]:
    """Send a request and return the body and the ETag."""
    request.connection.request("GET", request.path, headers=request.headers)
    response = request.connection.getresponse()
    body = response.read()
    assert response.status == request.status, body
    return body, response.headers.get("ETag", "")


def _change_revision(engine: Engine) -> None:
    """Give the organization a new revision, as every write does that can change an answer."""
    with transaction(engine) as connection:
        renew_revision(connection, LARGE, lock_organization(connection, LARGE).last_event_at)
