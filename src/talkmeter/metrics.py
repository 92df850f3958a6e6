"""The Prometheus metrics that `/metrics` shows. They have no organization labels.

The workers of one server share their values through files in a folder, so that any worker can report the sum.
"""

import os
from functools import cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

disable_created_metrics()  # type: ignore[no-untyped-call]

_SHARED_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable with the folder that workers share values through; `talkmeter serve` sets it before this import."""
REGISTRY: Final = CollectorRegistry()
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

EVENTS: Final = Counter("talkmeter_events", "Events by outcome.", ["outcome"], registry=REGISTRY)
QUARANTINE_OVERFLOW: Final = Counter(
    "talkmeter_quarantine_overflow",
    "Events not kept because their organization's quarantine was full.",
    registry=REGISTRY,
)
QUEUE_EVENTS: Final = Gauge(
    "talkmeter_queue_events", "Events in the write queue.", registry=REGISTRY, multiprocess_mode="livesum"
)
QUEUE_BYTES: Final = Gauge(
    "talkmeter_queue_bytes", "Bytes of request bodies in memory.", registry=REGISTRY, multiprocess_mode="livesum"
)
LOCKED_CONNECTORS: Final = Gauge(
    "talkmeter_locked_connectors",
    "Connectors whose secrets cannot be decrypted with TALKMETER_SECRET_KEY.",
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
COMMIT_SECONDS: Final = Histogram(
    "talkmeter_commit_seconds",
    "Duration of one write transaction, including the commit.",
    buckets=_SECONDS,
    registry=REGISTRY,
)
COMMIT_EVENTS: Final = Histogram(
    "talkmeter_commit_events", "Events in one write transaction.", buckets=(1, 10, 100, 1000, 10000), registry=REGISTRY
)
_REQUEST_SECONDS: Final = Histogram(
    "talkmeter_request_seconds",
    "Duration of one request by method, route and status.",
    ["method", "route", "status"],
    buckets=_SECONDS,
    registry=REGISTRY,
)


@cache
def request_seconds(method: str, route: str, status: int) -> Histogram:
    """Return the histogram of one kind of request; the number of kinds is small, since routes are fixed."""
    return _REQUEST_SECONDS.labels(method, route, str(status))


def exposition() -> bytes:
    """Return the metrics of all workers in Prometheus text format."""
    if _SHARED_FOLDER not in os.environ:
        return generate_latest(REGISTRY)
    shared = CollectorRegistry()
    MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
    return generate_latest(shared)
