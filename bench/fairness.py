"""One organization attacks the server while others use it: how long their requests take, and the memory needed."""

import asyncio
import gzip
import tempfile
from collections.abc import Callable, Coroutine, Iterable
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import Engine

from bench.http_client import KeepAliveConnection, Latencies, get_request, post_request, run
from bench.load import LARGE
from bench.result_table import LABEL, ResultColumn, ResultTable
from bench.workload import BATCH, Workload
from talkmeter.db.migrate import migrate
from talkmeter.ledger.batch import OrgBatch
from talkmeter.ledger.writer import Writer
from tests.events import conversation
from tests.faults.memory import MIB, memory_of, watch_peak_memory
from tests.postgres import engine_for
from tests.servers import Server, running_server

CALLS: Final = 150_000
AGENTS: Final = 100_000
BREAKDOWNS: Final = 60
BODIES: Final = 12
ROUNDS: Final = 5
REQUESTS: Final = 20
"""Of each kind, in each round."""
_NESTED: Final = 450_000
_YEAR: Final = "from=2025-01-01&to=2026-01-01"
_NEIGHBOUR: Final = "neighbour"
_BREAKDOWN: Final = f"/admin/usage/breakdown?{_YEAR}&by=agent&limit=1000&interval=day&compare=previous"


class _Keys(NamedTuple):
    """The keys of the attacker and of the other organization."""

    attacker: str
    neighbour: str


def measure_fairness() -> ResultTable:
    """Measure another organization's requests alone, during hung-up breakdowns, and during hostile bodies."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        engine = stack.enter_context(engine_for(f"sqlite:///{folder / 'talkmeter.db'}"))
        _load(engine)
        server = stack.enter_context(running_server(folder))
        server.cli("orgs", "add", _NEIGHBOUR)
        keys = _Keys(*(server.cli("keys", "add", "--org", org_id, "--role", "admin") for org_id in (LARGE, _NEIGHBOUR)))
        before = memory_of(server)
        with watch_peak_memory(server) as memory:
            results = {
                "alone": run(_measure(server, keys, _nothing)),
                f"{BREAKDOWNS} hung-up breakdowns": run(_measure(server, keys, _hang_up)),
                f"{BODIES} hostile bodies": run(_measure(server, keys, _send_hostile_bodies)),
            }
    return ResultTable(
        name="fairness",
        title=f"Requests of another organization while one with {CALLS:,} calls and {AGENTS:,} agents attacks, SQLite",
        columns=(
            LABEL,
            ResultColumn("request"),
            ResultColumn("p50 ms", 1),
            ResultColumn("p99 ms", 1),
            ResultColumn("target"),
        ),
        rows=tuple(
            (attack, name, found.percentile(0.5), found.percentile(0.99), _target(attack, name))
            for attack, of_attack in results.items()
            for name, found in of_attack.items()
        ),
        note=(
            f"{ROUNDS} attacks, {REQUESTS} requests of each kind during each. "
            f"Server memory {before // MIB} MiB before, {memory.peak // MIB} MiB at most."
        ),
    )


def _target(attack: str, name: str) -> str:
    if attack == "alone":
        return ""
    return "p99 below 500" if "bodies" in attack and name == "small PUT" else "p99 below 1000"


def _load(engine: Engine) -> None:
    migrate(engine)
    writer = Writer(engine, keep_history=False)
    states = list(enumerate(Workload(CALLS, agents=AGENTS).states(0, CALLS)))
    for begin in range(0, CALLS, BATCH):
        for written in writer.submit([OrgBatch(LARGE, "bench", states[begin : begin + BATCH])]):
            written.result()
    writer.close()


async def _nothing(_server: Server, _keys: _Keys) -> None:
    """Attack with nothing."""


async def _hang_up(server: Server, keys: _Keys) -> None:
    """Ask for expensive breakdowns, and disconnect at once."""
    address = urlsplit(server.url)
    for _ in range(BREAKDOWNS):
        _, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(get_request(_BREAKDOWN, keys.attacker))
        await writer.drain()
        writer.close()


async def _send_hostile_bodies(server: Server, keys: _Keys) -> None:
    """Send small bodies that decompress to deeply nested arrays."""
    body = gzip.compress(b"[" + b"[" * _NESTED + b"]" * _NESTED + b"]")
    head = post_request(b"", keys.attacker).replace(
        b"Content-Length: 0", b"Content-Encoding: gzip\r\nContent-Length: %d" % len(body)
    )
    address = urlsplit(server.url)
    for _ in range(BODIES):
        _, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(head + body)
        await writer.drain()
        writer.close()


async def _measure(
    server: Server, keys: _Keys, attack: Callable[[Server, _Keys], Coroutine[None, None, None]]
) -> dict[str, Latencies]:
    """Return the latencies of each kind of request, sent one after another during each attack."""
    times: dict[str, list[float]] = {}
    for number in range(ROUNDS):
        await attack(server, keys)
        found = await asyncio.gather(
            *(_send_requests(server, name, requests) for name, requests in _requests(keys, number).items())
        )
        for name, milliseconds in found:
            times.setdefault(name, []).extend(milliseconds)
        # The next attack starts on an idle server.
        await asyncio.sleep(1)
    return {name: Latencies(0, milliseconds) for name, milliseconds in times.items()}


_numbers = count()


def _requests(keys: _Keys, number: int) -> dict[str, list[bytes]]:
    day = f"/admin/usage/summary?from=2026-01-01&to=2026-01-{number + 2:02}"
    put = msgspec.json.encode({"time": "2026-01-01T00:00:00Z", "items": [{"id": "agent-1"}]})
    head = (
        f"PUT /metering/inventory/agent HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {keys.neighbour}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(put)}\r\n\r\n"
    )
    return {
        "one-event POST": [
            post_request(msgspec.json.encode(conversation(f"call-{next(_numbers)}")), keys.neighbour)
            for _ in range(REQUESTS)
        ],
        "small PUT": [head.encode() + put] * REQUESTS,
        "summary": [get_request(day, keys.neighbour)] * REQUESTS,
        "readiness": [get_request("/health/ready", keys.neighbour)] * REQUESTS,
    }


async def _send_requests(server: Server, name: str, requests: Iterable[bytes]) -> tuple[str, list[float]]:
    connection = await KeepAliveConnection.open(server.url)
    times = [await connection.time(request) for request in requests]
    await connection.close()
    return name, times
