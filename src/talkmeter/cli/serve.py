"""`talkmeter serve`: the API and the page."""

import os
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from tempfile import TemporaryDirectory
from typing import TypeVar

import click

from talkmeter.errors import OperationFailed
from talkmeter.settings import SETTINGS, Settings, load_settings, public_url, public_url_is_private

Command = TypeVar("Command", bound=Callable[..., object])
SHUTDOWN_TIMEOUT_SEC = 60
RESERVED_FILES = 256
FILES_PER_DATABASE_CONNECTION = 4


def settings_options(command: Command) -> Command:
    """Add an option for each setting."""
    for setting in reversed(SETTINGS):
        default = setting.default or "empty"
        command = click.option(
            f"--{setting.name.replace('_', '-')}", help=f"{setting.help} [{setting.variable}; default: {default}]"
        )(command)
    return command


@click.command()
@settings_options
def serve(**flags: str | None) -> None:
    """Serve the API and the page. On Ctrl-C or SIGTERM, finish accepted requests, then stop."""
    settings = load_settings(**flags)
    for setting in SETTINGS:
        if (flag := flags.get(setting.name)) is not None:
            os.environ[setting.variable] = flag
    with shared_metrics(settings):
        from talkmeter.api.auth.jwt import identity_provider
        from talkmeter.cli.database import open_database

        identity_provider(settings)
        check_port(settings.host, settings.port)
        with open_database(settings):
            pass
        warn_about_plain_http(settings)
        click.echo(f"Talkmeter listens on {public_url(settings)}", err=True)
        run_server(settings)


@contextmanager
def shared_metrics(settings: Settings) -> Iterator[None]:
    """Create the folder in which several workers share metrics; prometheus_client reads its name on import."""
    if settings.workers == 1:
        yield
        return
    with TemporaryDirectory(prefix="talkmeter-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        yield


def warn_about_plain_http(settings: Settings) -> None:
    """Warn if sessions and keys would cross a network unencrypted."""
    if not public_url_is_private(settings):
        click.echo(
            f"Warning: {public_url(settings)} is plain http: others on the network can read keys and sessions. "
            "Put a TLS proxy in front and set TALKMETER_PUBLIC_URL to its https address.",
            err=True,
        )


def check_port(host: str, port: int) -> None:
    """Raise OperationFailed if the port cannot be opened."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        message = f"Cannot listen on {host}, port {port} ({error.strerror or error}); choose another port with --port."
        raise OperationFailed(message) from None


def max_connections(settings: Settings) -> int:
    """Return how many connections a worker accepts: the setting, or less if file descriptors are limited.

    Tries to increase the soft limit of file descriptors. Reserves some for the database and for files, because a
    worker without a free descriptor cannot answer any request.
    """
    reserved = RESERVED_FILES + FILES_PER_DATABASE_CONNECTION * (2 * settings.reader_threads + settings.write_lanes + 4)
    wanted = settings.connections + reserved
    allowed, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    raised = wanted if hard_limit == resource.RLIM_INFINITY else min(wanted, hard_limit)
    if allowed != resource.RLIM_INFINITY and allowed < raised:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard_limit))
            allowed = raised
    if allowed == resource.RLIM_INFINITY or allowed >= wanted:
        return settings.connections
    connections = max(1, allowed - reserved)
    click.echo(
        f"Warning: the limit of {allowed} file descriptors allows {connections} connections, fewer than "
        f"TALKMETER_CONNECTIONS={settings.connections}; raise the limit (ulimit -Hn) or lower the setting.",
        err=True,
    )
    return connections


def run_server(settings: Settings) -> None:
    """Serve until a signal. The workers read their settings from the environment.

    Only HTTP/1.1: to detect HTTP/2, Granian waits for the first bytes of a connection without a timeout.
    """
    from granian.constants import HTTPModes, Interfaces, Loops
    from granian.http import HTTP1Settings
    from granian.log import LogLevels

    from talkmeter.cli.server import StoppableServer
    from talkmeter.cli.worker import load_app
    from talkmeter.logs import log_config

    StoppableServer(
        "talkmeter.api.app:serve_app",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=1_000 * settings.head_timeout_sec),
        loop=Loops.uvloop,
        workers=settings.workers,
        backpressure=max_connections(settings),
        websockets=False,
        workers_kill_timeout=SHUTDOWN_TIMEOUT_SEC,
        log_level=LogLevels.warning,
        log_dictconfig=log_config(settings.log_level),
    ).serve(target_loader=load_app)
