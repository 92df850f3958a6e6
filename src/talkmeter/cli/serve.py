"""`talkmeter serve`: the API and the page."""

import os
import resource
import signal
import socket
import sys
from contextlib import suppress
from multiprocessing import Process, resource_tracker, set_start_method
from tempfile import TemporaryDirectory
from threading import Event
from typing import TYPE_CHECKING

import click
import structlog

from talkmeter import clock
from talkmeter.cli.settings import setting_options
from talkmeter.errors import OperationFailed, Unavailable
from talkmeter.settings import SETTINGS, Settings, load_settings, public_url, public_url_is_private, require_no_password

if TYPE_CHECKING:
    from talkmeter.accounts.connectors import SecretBox
    from talkmeter.db.engine import Engine

SHUTDOWN_TIMEOUT_SEC = 60
DATABASE_RETRY_SEC = 3
EARLY_SEC = 60
MAX_EARLY_ENDS = 5
"""A worker that ends this often, each time within EARLY_SEC of its start, ends the server."""
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@click.command(params=setting_options())
def serve(**flags: str | None) -> None:
    """Serve the API and the page. On Ctrl-C or SIGTERM, finish accepted requests, then stop."""
    require_no_password("--database-url", flags["database_url"] or "")
    settings = load_settings(**flags)
    os.environ |= {setting.variable: flag for setting in SETTINGS if (flag := flags.get(setting.name)) is not None}
    with TemporaryDirectory(prefix="talkmeter-metrics-") as folder:
        if settings.workers > 1:
            # Workers share their metrics in this folder. prometheus_client reads the variable when it is imported.
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        from talkmeter.accounts.connectors import SecretBox
        from talkmeter.api.auth.jwt import identity_provider
        from talkmeter.logs import configure_logs

        configure_logs(settings.log_level)
        identity_provider(settings)
        box = SecretBox(settings.secret_key)
        address = check_address(settings)
        wait_for_database(settings, box)
        warn_about_plain_http(settings)
        click.echo(f"Talkmeter listens on {public_url(settings)}", err=True)
        run_server(settings, address)


def wait_for_database(settings: Settings, box: "SecretBox") -> None:
    """Open the database once and create or migrate a SQLite file; wait for a database server that is not available yet.

    Also warn about connectors whose secrets cannot be decrypted.

    Raises OperationFailed if it is not available within TALKMETER_DATABASE_WAIT_SEC.
    """
    from talkmeter.cli.database import open_database
    from talkmeter.db.engine import reading
    from talkmeter.db.migrate import database_id

    deadline = clock.monotonic() + settings.database_wait_sec
    while True:
        try:
            with open_database(settings, create=True) as engine:
                with reading(engine) as connection:
                    # The workers need it; here, an error is one sentence.
                    database_id(connection)
                warn_about_locked_connectors(settings, box, engine)
                return
        except Unavailable as error:
            if settings.database_url.startswith("sqlite"):
                raise
            remaining_sec = deadline - clock.monotonic()
            if remaining_sec <= 0:
                limit = f"{settings.database_wait_sec} s (TALKMETER_DATABASE_WAIT_SEC)"
                raise OperationFailed(f"Waited {limit} for the database. {error.detail}") from None
            structlog.get_logger().warning(
                "waiting for the database", detail=error.detail, remaining_sec=round(remaining_sec)
            )
            Event().wait(min(DATABASE_RETRY_SEC, remaining_sec))


def warn_about_plain_http(settings: Settings) -> None:
    """Warn if sessions and keys would cross a network unencrypted."""
    if not public_url_is_private(settings):
        click.echo(
            f"Warning: {public_url(settings)} is plain http: others on the network can read keys and sessions. "
            "Put a TLS proxy in front and set TALKMETER_PUBLIC_URL to its https address.",
            err=True,
        )


def warn_about_locked_connectors(settings: Settings, box: "SecretBox", engine: "Engine") -> None:
    """Warn if the webhooks of some connectors cannot be verified."""
    from talkmeter.accounts.connectors import list_connectors
    from talkmeter.db.engine import reading

    with reading(engine) as connection:
        readable, _ = list_connectors(connection)
        locked = box.locked(readable)
    if locked:
        problem = "does not decrypt" if settings.secret_key else "is not set; it decrypts"
        more = f" and {len(locked) - 3:,} more" if len(locked) > 3 else ""
        click.echo(
            f"Warning: TALKMETER_SECRET_KEY {problem} the secrets of connector "
            f"{', '.join(connector.id for connector in locked[:3])}{more}. Their webhooks get 503 until you set the "
            "key that encrypted them, or new secrets with 'talkmeter connectors rotate'.",
            err=True,
        )


def check_address(settings: Settings) -> str:
    """Return the IP address to listen on; raise OperationFailed if the port cannot be opened."""
    try:
        family, *_, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        where = f"{settings.host}, port {settings.port} ({error.strerror or error})"
        raise OperationFailed(f"Cannot listen on {where}; choose another port with --port.") from None
    return str(address[0])


def max_connections(settings: Settings) -> int:
    """Return how many connections a worker accepts: the setting, or fewer if file descriptors are limited."""
    # The database and files need some too; without them, no request can be answered.
    reserved = 256 + 4 * (settings.reader_threads + settings.write_lanes + 9)
    allowed, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(allowed, min(settings.connections + reserved, hard_limit))
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard_limit))
        allowed = wanted
    connections = max(1, min(settings.connections, allowed - reserved))
    if connections < settings.connections:
        click.echo(
            f"Warning: the limit of {allowed} file descriptors allows {connections} connections, fewer than "
            f"TALKMETER_CONNECTIONS={settings.connections}; raise the limit (ulimit -Hn) or lower the setting.",
            err=True,
        )
    return connections


def run_server(settings: Settings, address: str) -> None:
    """Run workers until a stop signal; one of several that ends before it is restarted.

    Raises OperationFailed if the only worker ends before it, if one ends again and again, or does not finish its work.
    """
    # The workers of a fork server would not be children of this process, and cause no SIGCHLD.
    set_start_method("fork" if sys.platform == "linux" else "spawn", force=True)
    if sys.platform != "linux":
        resource_tracker.ensure_running()  # it unblocks stop signals when it starts
    # Workers inherit the blocked signals, so none is lost while they start.
    signals = {*_STOP_SIGNALS, signal.SIGCHLD, signal.SIGALRM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # without a handler, macOS discards it
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # closing the terminal does not stop the server
    arguments = (settings, address, max_connections(settings))
    slots = [_Slot(arguments) for _ in range(settings.workers)]
    failed = False
    while not failed and signal.sigwait(signals) not in _STOP_SIGNALS:
        failed = not all(slot.keep_running() for slot in slots)
        due = [slot.restart_at for slot in slots if slot.restart_at is not None]
        if due:
            # SIGALRM ends the wait for a signal; sigtimedwait does not exist on macOS.
            signal.setitimer(signal.ITIMER_REAL, max(0.001, min(due) - clock.monotonic()))
    for slot in slots:
        slot.process.terminate()
    deadline = clock.monotonic() + SHUTDOWN_TIMEOUT_SEC
    for slot in slots:
        slot.process.join(max(0, deadline - clock.monotonic()))
        slot.process.kill()
        slot.process.join()
    if failed and settings.workers > 1:
        raise OperationFailed(
            f"A worker process ended {MAX_EARLY_ENDS} times within {EARLY_SEC} s of its start; the log has the reasons."
        )
    if failed or any(slot.process.exitcode for slot in slots):
        raise OperationFailed("A worker process ended unexpectedly, or did not finish its work.")


class _Slot:
    """A worker process, and the one that takes its place after it has ended."""

    def __init__(self, arguments: tuple[Settings, str, int]) -> None:
        """Start the process."""
        self.restart_at: float | None = None
        self._arguments = arguments
        self._early_ends = 0
        self._start()

    def _start(self) -> None:
        self.restart_at = None
        self._started_at = clock.monotonic()
        self.process = Process(target=_run_worker, args=self._arguments)
        self.process.start()

    def keep_running(self) -> bool:
        """Restart a process that has ended, after a delay. Return False if it must not be restarted."""
        if self.process.is_alive():
            return True
        now = clock.monotonic()
        if self.restart_at is None:
            self._early_ends = self._early_ends + 1 if now < self._started_at + EARLY_SEC else 1
            delay_sec = 2 ** (self._early_ends - 1)
            if self._arguments[0].workers == 1 or self._early_ends >= MAX_EARLY_ENDS:
                return False
            self.restart_at = now + delay_sec
            _forget_gauges(self.process)
            structlog.get_logger().error(
                "worker process ended; it will be restarted", exit_code=self.process.exitcode, delay_sec=delay_sec
            )
        elif now >= self.restart_at:
            self._start()
        return True


def _forget_gauges(process: Process) -> None:
    """Leave the gauges of an ended worker out of /metrics; its counters stay."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(process.pid)  # type: ignore[no-untyped-call]


def _run_worker(settings: Settings, address: str, connections: int) -> None:
    """Serve until a stop signal; further signals have no effect. The application's settings are the environment's."""
    import uvloop
    from granian import constants, http, log
    from granian.errors import FatalError
    from granian.server.embed import Server

    from talkmeter.api.app import serve_app
    from talkmeter.logs import log_config

    heads = http.HTTP1Settings(header_read_timeout=1_000 * settings.head_timeout_sec, max_buffer_size=32_768)
    server = Server(
        serve_app(),
        address=address,
        port=settings.port,
        interface=constants.Interfaces.ASGI,
        # To detect HTTP/2, Granian would wait for the first bytes of a connection without a timeout.
        http=constants.HTTPModes.http1,
        http1_settings=heads,
        backlog=1_024,
        backpressure=connections,
        websockets=False,
        log_level=log.LogLevels.error,
        log_dictconfig=log_config(settings.log_level),
    )
    loop = uvloop.new_event_loop()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, server.stop)
    # uvloop loses signals that arrive before the loop runs.
    loop.call_soon(signal.pthread_sigmask, signal.SIG_SETMASK, ())
    with suppress(FatalError):  # Granian has logged it
        loop.run_until_complete(server.serve())
