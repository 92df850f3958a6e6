"""For those who run it: is the process alive, is it ready, what does it count."""

import ipaddress

from litestar import Response, Router, get
from prometheus_client import CONTENT_TYPE_LATEST

from talkmeter import metrics
from talkmeter.api.openapi import documented
from talkmeter.api.problems import AnyRequest
from talkmeter.api.service import Service
from talkmeter.db.engine import Connection
from talkmeter.db.migrate import is_current
from talkmeter.errors import Forbidden, Unavailable


@get("/health/live", summary="Is the process alive")
async def get_live() -> dict[str, str]:
    """Answers as long as the process does; asks nothing of the database."""
    return {"status": "alive"}


@get("/health/ready", responses=documented(), summary="Can it meter and answer")
async def get_ready(request: AnyRequest) -> dict[str, str]:
    """Whether the database is reachable and has this version's schema."""
    service: Service = request.app.state.service

    def ask(connection: Connection) -> bool:
        return is_current(connection)

    if not await service.read(ask):
        raise Unavailable("The database does not have this version's schema: run 'talkmeter migrate'.")
    if not service.writer.alive:
        raise Unavailable("The writer has stopped; restart the server.")
    return {"status": "ready"}


@get("/metrics", media_type="text/plain", responses=documented(403), summary="Prometheus metrics")
async def get_metrics(request: AnyRequest) -> Response[bytes]:
    """Counters and histograms without organizations; on loopback, or to all where TALKMETER_METRICS_OPEN is true."""
    service: Service = request.app.state.service
    if not (service.settings.metrics_open or _is_local(request)):
        raise Forbidden("Metrics answer on loopback only; TALKMETER_METRICS_OPEN=true opens them.")
    return Response(content=metrics.exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _is_local(request: AnyRequest) -> bool:
    """Whether the request comes from this machine itself, not through a proxy on it."""
    forwarded = any(name in request.headers for name in ("forwarded", "x-forwarded-for", "via"))
    try:
        local = request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
    return local and not forwarded


operations_router = Router(path="/", route_handlers=[get_live, get_ready, get_metrics], tags=["Operations"])
