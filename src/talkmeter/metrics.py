"""What an operator watches: the counters and histograms that `/metrics` shows, without organization labels."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY: Final = CollectorRegistry()
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

EVENTS: Final = Counter("talkmeter_events", "Events by what became of them.", ["outcome"], registry=REGISTRY)
QUARANTINE_OVERFLOW: Final = Counter(
    "talkmeter_quarantine_overflow", "Events that found their organization's quarantine full.", registry=REGISTRY
)
QUEUE_EVENTS: Final = Gauge("talkmeter_queue_events", "Events that wait before the writer.", registry=REGISTRY)
QUEUE_BYTES: Final = Gauge("talkmeter_queue_bytes", "Bytes of request bodies held in memory.", registry=REGISTRY)
COMMIT_SECONDS: Final = Histogram(
    "talkmeter_commit_seconds", "Time of one write transaction, commit included.", buckets=_SECONDS, registry=REGISTRY
)
COMMIT_EVENTS: Final = Histogram(
    "talkmeter_commit_events", "Events in one write transaction.", buckets=(1, 10, 100, 1000, 10000), registry=REGISTRY
)
REQUEST_SECONDS: Final = Histogram(
    "talkmeter_request_seconds",
    "Time of one request by route and status.",
    ["method", "route", "status"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
