"""The Prometheus metrics that `/metrics` shows. They have no organization labels.

The workers of one server share their values through files in a folder, so that any worker can report the sum. What is
read from the database or the operating system when it is asked for is a `Family`.
"""

import os
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
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
DATABASE_CONNECTIONS: Final = Gauge(
    "talkmeter_database_connections", "Database connections in use.", registry=REGISTRY, multiprocess_mode="livesum"
)
QUERIES: Final = Gauge(
    "talkmeter_queries",
    "Queries of organizations, running or waiting.",
    ["state"],
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
CONNECTOR_MESSAGES: Final = Counter(
    "talkmeter_connector_messages", "Messages of a connector by outcome.", ["connector", "outcome"], registry=REGISTRY
)
BUDGET_CROSSINGS: Final = Counter(
    "talkmeter_budget_crossings", "Thresholds of budgets that were reached.", registry=REGISTRY
)
BUDGET_DELAY: Final = Gauge(
    "talkmeter_budget_delay_seconds",
    "How long the organization whose budgets wait longest for their evaluation has waited.",
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
DELIVERIES: Final = Counter(
    "talkmeter_deliveries",
    "Attempts to deliver a message by channel, and by the state of its delivery afterwards.",
    ["channel", "state"],
    registry=REGISTRY,
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


class Family(NamedTuple):
    """A gauge whose values are found when `/metrics` is requested."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


BUILD: Final = Family(
    "talkmeter_build_info", "Always 1; the version, and the kind of database.", ("version", "database")
)
DATABASE_UP: Final = Family("talkmeter_database_up", "Whether the database could be read just now: 1 or 0.")
NEWEST_EVENT: Final = Family(
    "talkmeter_newest_event_timestamp_seconds", "When the newest event of all organizations was stored."
)
LAST_MESSAGE: Final = Family(
    "talkmeter_connector_last_message_timestamp_seconds",
    "When the last verified message of an active connector arrived.",
    ("connector", "provider"),
)
LAST_REJECTED: Final = Family(
    "talkmeter_connector_last_rejected_timestamp_seconds",
    "When the last message without a valid signature arrived.",
    ("connector", "provider"),
)


DELIVERY_DELAY: Final = Family(
    "talkmeter_delivery_delay_seconds", "How long the oldest due delivery has been due; 0 if none is due."
)


class Sample(NamedTuple):
    """A value of a family, and the values of its labels."""

    family: Family
    value: float
    labels: tuple[str, ...] = ()


def exposition(samples: Iterable[Sample]) -> bytes:
    """Return the metrics of all workers and the samples in Prometheus text format."""
    if _SHARED_FOLDER not in os.environ:
        shared = REGISTRY
    else:
        shared = CollectorRegistry()
        MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
    return generate_latest(shared) + generate_latest(_Found([*_families(samples), *_process_metrics()]))


class _Found:
    """A collector of metrics that were found already."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        """Return them."""
        return self._metrics


def _families(samples: Iterable[Sample]) -> Iterator[Metric]:
    families: dict[str, GaugeMetricFamily] = {}
    for family, value, labels in samples:
        if family.name not in families:
            families[family.name] = GaugeMetricFamily(family.name, family.help, labels=family.labels)
        families[family.name].add_metric(labels, value)
    yield from families.values()


def _process_metrics() -> Iterator[Metric]:
    """Yield the standard metrics of each worker process; none on systems without /proc."""
    merged: dict[str, Metric] = {}
    for number, pid in enumerate(_worker_pids(), 1):
        for metric in ProcessCollector(pid=lambda pid=pid: pid, registry=None).collect():  # type: ignore[misc]
            target = merged.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
            for sample in metric.samples:
                target.add_sample(sample.name, {"worker": str(number)}, sample.value)
    yield from merged.values()


def _worker_pids() -> list[int]:
    """Return the process ids of all workers: the children of this worker's parent, if there are several."""
    parent = os.getppid()
    children = Path(f"/proc/{parent}/task/{parent}/children")
    if _SHARED_FOLDER not in os.environ or not children.exists():
        return [os.getpid()]
    return sorted(map(int, children.read_text().split()))
