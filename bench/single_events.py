"""Events that come one to a request: what group commit makes of them, beside a request that brings nothing."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from bench.http_client import Times, in_turn, post, run, single_events
from bench.result_table import WORDS, Column, Measured
from bench.timing import alternating, ratio
from bench.workload import Workload
from tests.servers import running_server

SENDERS: Final = 64
EVENTS: Final = 4_000
_NOTHING: Final = "an empty list: credentials checked, body read, nothing to write"
_HISTORY: Final = {"0": "one event, history off", "": "one event, history on"}


def measure_single(rounds: int) -> Measured:
    """Requests of one event against requests of none, on the same server."""
    # Every round sends events that the ledger does not know, and so does the one before the first.
    events = list(single_events(Workload(EVENTS * (rounds + 1))))
    with ExitStack() as stack:
        measures: dict[str, Callable[[], Times]] = {}
        for history_days, name in _HISTORY.items():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            server = stack.enter_context(running_server(folder, history_days=history_days))
            key = server.cli("keys", "add", "--sender")
            measures.setdefault(_NOTHING, partial(_send, server.url, [post(b"[]", key)] * EVENTS))
            measures[name] = partial(_send_next, server.url, _portions(events, key))
        found = alternating(measures, rounds, first=1)
    rates = {name: [times.per_second for times in all_times] for name, all_times in found.items()}
    return Measured(
        name="single-events",
        title=(
            f"One event to a request over HTTP, durable, {SENDERS} senders at once, SQLite; "
            "against a request with an empty list to the same server"
        ),
        columns=(
            WORDS,
            Column("ratio", 2),
            Column("at least", 2),
            Column("requests/s", 0),
            Column("p50 ms", 1),
            Column("p99 ms", 1),
            Column("p99 at most", 0),
        ),
        rows=tuple(
            (
                name,
                ratio(rates[name], rates[_NOTHING]),
                None if name == _NOTHING else 0.35,
                median(rates[name]),
                median(times.at(0.5) for times in all_times),
                median(times.at(0.99) for times in all_times),
                None if name == _NOTHING else 100,
            )
            for name, all_times in found.items()
        ),
        note=f"Medians of {rounds} alternating runs of {EVENTS:,} requests; the senders share one process.",
    )


def _send(url: str, requests: list[bytes]) -> Times:
    return run(in_turn(url, requests, SENDERS))


def _send_next(url: str, portions: Iterator[list[bytes]]) -> Times:
    return _send(url, next(portions))


def _portions(events: list[bytes], key: str) -> Iterator[list[bytes]]:
    """The requests of each round."""
    for begin in range(0, len(events), EVENTS):
        yield [post(event, key) for event in events[begin : begin + EVENTS]]
