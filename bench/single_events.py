"""Requests with one event each: throughput with group commit, compared with requests without events."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from bench.http_client import Latencies, post_request, run, send_all, single_events
from bench.result_table import LABEL, ResultColumn, ResultTable
from bench.timing import interleaved, ratio
from bench.workload import Workload
from tests.servers import running_server

SENDERS: Final = 64
EVENTS: Final = 4_000
_BASELINE: Final = "empty list: authentication and parsing only"
_TARGET_RATIO: Final = 0.35
_TARGET_P99_MS: Final = 100
_HISTORY: Final = {"0": "one event, history off", "": "one event, history on"}


def measure_single_events(rounds: int) -> ResultTable:
    """Measure requests with one event and requests with an empty list on the same server."""
    # Every round, including the warm-up, sends new events.
    events = list(single_events(Workload(EVENTS * (rounds + 1))))
    with ExitStack() as stack:
        measurements: dict[str, Callable[[], Latencies]] = {}
        for history_days, name in _HISTORY.items():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            server = stack.enter_context(running_server(folder, history_days=history_days))
            key = server.cli("keys", "add", "--sender")
            measurements.setdefault(_BASELINE, partial(_send, server.url, [post_request(b"[]", key)] * EVENTS))
            measurements[name] = partial(_send_next, server.url, _rounds(events, key))
        results = interleaved(measurements, rounds, warmup=1)
    rates = {name: [latencies.per_second for latencies in runs] for name, runs in results.items()}
    return ResultTable(
        name="single-events",
        title=(
            f"One event per request over HTTP, durable, {SENDERS} concurrent senders, SQLite; "
            "compared with an empty list sent to the same server"
        ),
        columns=(
            LABEL,
            ResultColumn("ratio", 2),
            ResultColumn("target", 2),
            ResultColumn("requests/s", 0),
            ResultColumn("p50 ms", 1),
            ResultColumn("p99 ms", 1),
            ResultColumn("p99 target", 0),
        ),
        rows=tuple(
            (
                name,
                ratio(rates[name], rates[_BASELINE]),
                None if name == _BASELINE else _TARGET_RATIO,
                median(rates[name]),
                median(latencies.percentile(0.5) for latencies in runs),
                median(latencies.percentile(0.99) for latencies in runs),
                None if name == _BASELINE else _TARGET_P99_MS,
            )
            for name, runs in results.items()
        ),
        note=f"Medians of {rounds} interleaved runs of {EVENTS:,} requests. The senders share one process.",
    )


def _send(url: str, requests: list[bytes]) -> Latencies:
    return run(send_all(url, requests, SENDERS))


def _send_next(url: str, rounds: Iterator[list[bytes]]) -> Latencies:
    return _send(url, next(rounds))


def _rounds(events: list[bytes], key: str) -> Iterator[list[bytes]]:
    """Yield the requests of each round."""
    for begin in range(0, len(events), EVENTS):
        yield [post_request(event, key) for event in events[begin : begin + EVENTS]]
