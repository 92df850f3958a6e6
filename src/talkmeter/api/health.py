"""Liveness, readiness and Prometheus metrics."""

import ipaddress
from typing import Annotated, Literal

import msgspec
from litestar import Response, Router, get
from litestar.openapi import ResponseSpec
from prometheus_client import CONTENT_TYPE_LATEST

from talkmeter import metrics
from talkmeter.api.openapi import error_specs, json_spec
from talkmeter.api.problems import AnyRequest
from talkmeter.api.service import Service
from talkmeter.errors import Forbidden, Unavailable


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
    """Return counters and histograms without organization labels; only on loopback unless TALKMETER_METRICS_OPEN."""
    service: Service = request.app.state.service
    if not (service.settings.metrics_open or _is_local(request)):
        raise Forbidden("Metrics are available on loopback only; TALKMETER_METRICS_OPEN=true opens them to all.")
    return Response(content=metrics.exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _is_local(request: AnyRequest) -> bool:
    """Check whether the request comes from this machine, and not through a proxy on it."""
    forwarded = any(name in request.headers for name in ("forwarded", "x-forwarded-for", "via"))
    try:
        local = request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
    return local and not forwarded


operations_router = Router(path="/", route_handlers=[get_live, get_ready, get_metrics], tags=["Operations"])
