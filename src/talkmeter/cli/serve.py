"""`talkmeter serve`: the API."""

import os
import socket
from collections.abc import Callable
from typing import TypeVar

import click

from talkmeter.errors import Refused
from talkmeter.settings import SETTINGS, Settings, load_settings

Command = TypeVar("Command", bound=Callable[..., object])
SECONDS_TO_FINISH = 60


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
    """Serve the API. Ctrl-C or SIGTERM finishes what was accepted, then stops."""
    settings = load_settings(**flags)
    for setting in SETTINGS:
        if (given := flags.get(setting.name)) is not None:
            os.environ[setting.variable] = given
    from talkmeter.cli.database import opened

    refuse_taken_port(settings.host, settings.port)
    with opened(settings):
        pass
    click.echo(f"Talkmeter listens on {public_url(settings)}", err=True)
    run_server(settings)


def public_url(settings: Settings) -> str:
    """The address under which people reach the service."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return settings.public_url or f"http://{host}:{settings.port}"


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


def run_server(settings: Settings) -> None:
    """Serve until a signal; the workers take their settings from the environment."""
    from granian.constants import Interfaces, Loops
    from granian.log import LogLevels
    from granian.server import Server

    from talkmeter.logs import log_config

    Server(
        "talkmeter.api.app:serve_app",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        workers=settings.workers,
        websockets=False,
        workers_kill_timeout=SECONDS_TO_FINISH,
        log_level=LogLevels.warning,
        log_dictconfig=log_config(settings.log_level),
    ).serve()
