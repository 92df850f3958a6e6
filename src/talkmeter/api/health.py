"""Liveness, readiness and Prometheus metrics."""

import hmac
import ipaddress
from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from litestar import Response, Router, get
from litestar.openapi import ResponseSpec
from prometheus_client import CONTENT_TYPE_LATEST

from talkmeter import __version__, clock, metrics
from talkmeter.api.openapi import error_specs, json_spec
from talkmeter.api.problems import AnyRequest
from talkmeter.api.service import Service
from talkmeter.clock import MICROSECONDS_PER_SECOND
from talkmeter.errors import Forbidden, Unavailable
from talkmeter.notify.deliveries import oldest_due
from talkmeter.usage.activity import Activity, read_activity


class Liveness(msgspec.Struct, frozen=True):
    """The process runs."""

    status: Literal["alive"]


@get(
    "/health/live",
    operation_id="checkLiveness",
    responses={200: json_spec(Liveness, "The process runs.")},
    summary="Check that the process runs",
)
async def get_live() -> Liveness:
    """Return 200 while the process runs; the database is not checked."""
    return Liveness("alive")


class Readiness(msgspec.Struct, frozen=True):
    """The server can store events."""

    status: Literal["ready"]
    checked_sec: Annotated[float, msgspec.Meta(description="How many seconds ago the database could be written.")]
    locked_connectors: Annotated[
        int, msgspec.Meta(description="How many connectors get 503, because their secrets cannot be decrypted.")
    ]


@get(
    "/health/ready",
    operation_id="checkReadiness",
    responses={200: json_spec(Readiness, "The server can store events."), **error_specs()},
    summary="Check that the server can store events",
)
async def get_ready(request: AnyRequest) -> Readiness:
    """Return 200 if the latest check could write to the database and is recent, and the writer runs."""
    service: Service = request.app.state.service
    checked_sec = service.write_check.require_passed()
    if not service.writer.alive:
        raise Unavailable("The writer has stopped; restart the server.")
    return Readiness("ready", round(checked_sec, 1), service.secrets.locked)


@get(
    "/metrics",
    operation_id="getMetrics",
    media_type="text/plain",
    responses={
        200: ResponseSpec(str, media_type="text/plain", description="The metrics as text.", generate_examples=False),
        **error_specs(403),
    },
    summary="Get Prometheus metrics",
)
async def get_metrics(request: AnyRequest) -> Response[bytes]:
    """Return metrics without organization labels; on loopback, or with the token of TALKMETER_METRICS_TOKEN."""
    service: Service = request.app.state.service
    if not (service.settings.metrics_open or _is_local(request) or _has_token(request, service.settings.metrics_token)):
        raise Forbidden(
            "Metrics are available on loopback, or with 'Authorization: Bearer' and the token in "
            "TALKMETER_METRICS_TOKEN; TALKMETER_METRICS_OPEN=true opens them to all."
        )
    try:
        activity, oldest = await service.look_up(lambda database: (read_activity(database), oldest_due(database)))
    except Unavailable:
        activity, oldest = None, None
    content = metrics.exposition(_samples(service, activity, oldest))
    return Response(content=content, headers={"Content-Type": CONTENT_TYPE_LATEST})


def _samples(service: Service, activity: Activity | None, oldest: int | None) -> Iterator[metrics.Sample]:
    """Yield the build, and what the database says; `activity` is None if it could not be read.

    `oldest` is when the oldest pending delivery is due, in microseconds.
    """
    yield metrics.Sample(metrics.BUILD, 1, (__version__, service.engine.dialect.name))
    yield metrics.Sample(metrics.DATABASE_UP, int(activity is not None))
    if activity is None:
        return
    delay = 0 if oldest is None else max(0, clock.now() - oldest)
    yield metrics.Sample(metrics.DELIVERY_DELAY, delay / MICROSECONDS_PER_SECOND)
    if activity.newest_event_at is not None:
        yield metrics.Sample(metrics.NEWEST_EVENT, activity.newest_event_at / MICROSECONDS_PER_SECOND)
    for connector in activity.connectors:
        times = (
            (metrics.LAST_MESSAGE, connector.last_message_at),
            (metrics.LAST_REJECTED, connector.last_rejected_at),
        )
        for family, at in times:
            if at is not None:
                yield metrics.Sample(family, at / MICROSECONDS_PER_SECOND, (connector.id, connector.provider))


def _has_token(request: AnyRequest, token: str) -> bool:
    """Check whether the request has the token; an empty one is never accepted."""
    given = request.headers.get("authorization", "")
    return bool(token) and hmac.compare_digest(given.encode(), f"Bearer {token}".encode())


def _is_local(request: AnyRequest) -> bool:
    """Check whether the request comes from this machine, and not through a proxy on it."""
    forwarded = any(name in request.headers for name in ("forwarded", "x-forwarded-for", "via"))
    try:
        local = request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
    return local and not forwarded


operations_router = Router(path="/", route_handlers=[get_live, get_ready, get_metrics], tags=["Operations"])
