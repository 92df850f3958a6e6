"""The ASGI application: routes, error handlers, middleware, startup and shutdown."""

import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import structlog
from litestar import Litestar
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp

from talkmeter.api.auth.callers import Authenticator
from talkmeter.api.billing import costs_router, plans_router
from talkmeter.api.budgets import budgets_router
from talkmeter.api.cors import allow_origins
from talkmeter.api.docs import ApiDescription, get_docs, get_openapi
from talkmeter.api.emails import emails_router
from talkmeter.api.events import metering_router
from talkmeter.api.export import export_router
from talkmeter.api.health import operations_router
from talkmeter.api.hooks import hooks_router
from talkmeter.api.middleware import add_middleware
from talkmeter.api.openapi import FormattedTextPlugin, complete_description, openapi_config
from talkmeter.api.operator import operator_router
from talkmeter.api.page import PAGE_FOLDER, load_page, page_router
from talkmeter.api.problems import render_http_exception, render_talkmeter_error, render_unexpected
from talkmeter.api.service import Service
from talkmeter.api.session import scopes_router, session_router
from talkmeter.api.usage import usage_router
from talkmeter.api.webhooks import webhooks_router
from talkmeter.errors import TalkmeterError
from talkmeter.logs import configure_logs
from talkmeter.settings import Settings, cors_origins, load_settings

SWITCH_INTERVAL_SEC: Final = 0.0005
_log = structlog.get_logger()


def make_app(settings: Settings, page_folder: Path = PAGE_FOLDER) -> Litestar:
    """Make the application without middleware; tests and tools read its OpenAPI description."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        service = Service(settings)
        app.state.service = service
        authenticator = Authenticator(service)
        app.state.authenticator = authenticator
        app.state.description = ApiDescription(app.openapi_schema)
        # Objects created at startup live as long as the process; freezing them makes each garbage collection cheaper.
        gc.collect()
        gc.freeze()
        # A busy thread hands over the interpreter after this time, instead of 5 ms, if another one waits for it.
        sys.setswitchinterval(SWITCH_INTERVAL_SEC)
        _log.info("started", database=settings.database_url.split("://")[0])
        try:
            yield
        finally:
            authenticator.close()
            service.close()
            _log.info("stopped; all accepted events are on disk")

    app = Litestar(
        route_handlers=[
            metering_router,
            hooks_router,
            usage_router,
            export_router,
            costs_router,
            plans_router,
            operator_router,
            budgets_router,
            webhooks_router,
            emails_router,
            scopes_router,
            session_router,
            operations_router,
            get_openapi,
            get_docs,
            page_router(load_page(page_folder)),
        ],
        lifespan=[lifespan],
        openapi_config=openapi_config(),
        plugins=[FormattedTextPlugin()],
        exception_handlers={
            TalkmeterError: render_talkmeter_error,
            HTTPException: render_http_exception,
            Exception: render_unexpected,
        },
        request_max_body_size=None,
        logging_config=None,
    )
    complete_description(app)
    return app


def serve_app() -> ASGIApp:
    """Make the application of a server process, with settings and logging from the environment."""
    settings = load_settings()
    configure_logs(settings.log_level)
    return add_middleware(allow_origins(make_app(settings), cors_origins(settings)))
