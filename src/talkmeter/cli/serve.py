"""`talkmeter serve`: the API and the page."""

import os
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from tempfile import TemporaryDirectory
from typing import TypeVar

import click

from talkmeter.errors import Refused
from talkmeter.settings import SETTINGS, Settings, load_settings, public_url, public_url_is_private

Command = TypeVar("Command", bound=Callable[..., object])
SECONDS_TO_FINISH = 60
FILES_OF_OUR_OWN = 256
FILES_OF_A_DATABASE_CONNECTION = 4


def settings_options(command: Command) -> Command:
    """One option for each setting of the table."""
    for setting in reversed(SETTINGS):
        default = setting.default or "empty"
        command = click.option(
            f"--{setting.name.replace('_', '-')}", help=f"{setting.help} [{setting.variable}; default: {default}]"
        )(command)
    return command


@click.command()
@settings_options
def serve(**flags: str | None) -> None:
    """Serve the API and the page. Ctrl-C or SIGTERM finishes what was accepted, then stops."""
    settings = load_settings(**flags)
    for setting in SETTINGS:
        if (given := flags.get(setting.name)) is not None:
            os.environ[setting.variable] = given
    with metrics_of_all_workers(settings):
        from talkmeter.api.auth.jwt import identity_provider
        from talkmeter.cli.database import opened

        identity_provider(settings)
        refuse_taken_port(settings.host, settings.port)
        with opened(settings):
            pass
        warn_of_plain_http(settings)
        click.echo(f"Talkmeter listens on {public_url(settings)}", err=True)
        run_server(settings)


@contextmanager
def metrics_of_all_workers(settings: Settings) -> Iterator[None]:
    """A folder through which several workers share their metrics; named before anything of them is imported."""
    if settings.workers == 1:
        yield
        return
    with TemporaryDirectory(prefix="talkmeter-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        yield


def warn_of_plain_http(settings: Settings) -> None:
    """One line where sessions and keys would cross a network in the clear."""
    if not public_url_is_private(settings):
        click.echo(
            f"Warning: {public_url(settings)} is plain http, so whoever is on the way can read keys and sessions. "
            "Put TLS in front and set TALKMETER_PUBLIC_URL to the https address.",
            err=True,
        )


def refuse_taken_port(host: str, port: int) -> None:
    """Refused, in one sentence, where the port cannot be listened on."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        message = (
            f"Port {port} on {host} cannot be listened on ({error.strerror or error}); choose another with --port."
        )
        raise Refused(message) from None


def room_for_connections(settings: Settings) -> int:
    """How many connections a worker takes: as many as are set, if its file descriptors allow so many.

    The limit of file descriptors is raised as far as the system lets us. Some are kept for the database and for what
    else a worker opens, so that connections, however many, never take the last one: then nothing could be answered.
    """
    own = FILES_OF_OUR_OWN + FILES_OF_A_DATABASE_CONNECTION * (2 * settings.reader_threads + 4)
    wanted = settings.connections + own
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    raised = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    if allowed != resource.RLIM_INFINITY and allowed < raised:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, most))
            allowed = raised
    if allowed == resource.RLIM_INFINITY or allowed >= wanted:
        return settings.connections
    connections = max(1, allowed - own)
    click.echo(
        f"Warning: {allowed} file descriptors are enough for {connections} connections at once, fewer than the "
        f"{settings.connections} of TALKMETER_CONNECTIONS; raise the limit (ulimit -Hn) or lower the setting.",
        err=True,
    )
    return connections


def run_server(settings: Settings) -> None:
    """Serve until a signal; the workers take their settings from the environment.

    HTTP/1.1 alone is spoken: to tell it from HTTP/2 the server would wait for the first bytes of a connection, and
    would wait for ever.
    """
    from granian.constants import HTTPModes, Interfaces, Loops
    from granian.http import HTTP1Settings
    from granian.log import LogLevels

    from talkmeter.cli.server import Server
    from talkmeter.cli.worker import load_app
    from talkmeter.logs import log_config

    Server(
        "talkmeter.api.app:serve_app",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=1_000 * settings.head_timeout_sec),
        loop=Loops.uvloop,
        workers=settings.workers,
        backpressure=room_for_connections(settings),
        websockets=False,
        workers_kill_timeout=SECONDS_TO_FINISH,
        log_level=LogLevels.warning,
        log_dictconfig=log_config(settings.log_level),
    ).serve(target_loader=load_app)
