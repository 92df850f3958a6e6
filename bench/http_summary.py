"""The summary over HTTP against servers of a constant answer: told it is unchanged, asked again, computed anew."""

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
from bench.result_table import WORDS, Column, Measured
from bench.timing import alternating, ratio
from talkmeter import clock
from talkmeter.ledger.engine import transaction
from talkmeter.ledger.write import lock_organization, renew_revision
from tests.postgres import engine_for
from tests.servers import running_server

REQUESTS: Final = 20
TURNS: Final = 10
_CONVERSATIONS: Final = 50_000
_WINDOWS: Final = {
    "year": "/admin/usage/summary?from=2025-01-01&to=2026-01-02",
    "month": "/admin/usage/summary?from=2025-06-01&to=2025-07-01",
}
_LITESTAR: Final = "Litestar, the same bytes, constant"
_GRANIAN: Final = "Granian alone, the same bytes, constant"


class _Request(NamedTuple):
    """One request of a kept connection, and the status it must get."""

    connection: http.client.HTTPConnection
    path: str
    headers: dict[str, str]
    status: int


def measure_http(rounds: int) -> list[Measured]:
    """A table for the year and one for the month."""
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


def _measure_window(window: str, asking: _Request, engine: Engine, rounds: int) -> Measured:
    content, _ = _ask(asking)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        constant = {
            name: http.client.HTTPConnection(stack.enter_context(constant_server(app, content, folder)))
            for name, app in ((_LITESTAR, "litestar_app"), (_GRANIAN, "bare_app"))
        }
        for connection in constant.values():
            stack.callback(connection.close)
            assert _ask(_Request(connection, "/", {}, 200))[0] == content
        measures: dict[str, Callable[[], float]] = {
            name: partial(_time, _Request(connection, "/", {}, 200)) for name, connection in constant.items()
        }
        measures["unchanged, and the caller says which answer it has: 304"] = partial(_time_unchanged, asking)
        measures["unchanged: 200"] = partial(_time, asking)
        measures["changed before each request: 200, computed anew"] = partial(_time, asking, partial(_change, engine))
        found = alternating(measures, rounds * TURNS, first=1)
    return Measured(
        name=f"http-{window}",
        title=f"The summary of a {window} over HTTP, {len(content):,} bytes, one connection, SQLite",
        columns=(WORDS, Column("times Litestar", 2), Column("p50 ms", 2), Column("requests/s", 0)),
        rows=tuple(
            (name, ratio(times, found[_LITESTAR]), median(times), 1000 / median(times)) for name, times in found.items()
        ),
        note=f"{_CONVERSATIONS:,} conversations; medians of {rounds * TURNS} alternating runs of {REQUESTS} requests.",
    )


def _time_unchanged(asking: _Request) -> float:
    """Median milliseconds where the caller names the answer that it was given just before."""
    _, etag = _ask(asking)
    return _time(asking._replace(headers={**asking.headers, "If-None-Match": etag}, status=304))


def _time(request: _Request, before: Callable[[], object] | None = None) -> float:
    """Median milliseconds of a request, after one that is not counted; `before` runs before each, untimed."""
    times = []
    for _ in range(REQUESTS + 1):
        if before is not None:
            before()
        started = time.perf_counter()
        _ask(request)
        times.append((time.perf_counter() - started) * 1000)
    return median(times[1:])


def _ask(request: _Request) -> tuple[bytes, str]:
    """The body and the ETag."""
    request.connection.request("GET", request.path, headers=request.headers)
    answer = request.connection.getresponse()
    body = answer.read()
    assert answer.status == request.status, body
    return body, answer.headers.get("ETag", "")


def _change(engine: Engine) -> None:
    """A new revision of the organization, as every write that can change an answer makes one."""
    with transaction(engine) as connection:
        renew_revision(connection, LARGE, lock_organization(connection, LARGE, clock.now()))
