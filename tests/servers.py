"""Real servers for tests: `talkmeter serve` on a free port and with a new database."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import httpx

from tests import local_http
from tests.cli_runner import run_cli_in_process
from tests.forked_process import ForkedProcess
from tests.sqlite_template import copy_ledger_template

_INSTALLED = Path(sys.executable).with_name("talkmeter")
TALKMETER = _INSTALLED
START_TIMEOUT_SEC = 60
WAIT_TIMEOUT_SEC = 60
FORK = "TESTS_FORK_SERVERS"
"""If this variable is set, servers are forked. Benchmarks do not set it, because they measure whole processes."""
PORTS = range(16_384, 32_768)
WORKERS = 16
"""Into how many parts the ports are split."""


@dataclass(frozen=True)
class Server:
    """A running server, and its command line."""

    url: str
    folder: Path
    environment: dict[str, str]
    process: "subprocess.Popen[bytes] | ForkedProcess"
    isolated: bool = False
    """Whether it has another clock or disk than the tests."""

    def cli(self, *arguments: str) -> str:
        """Run `talkmeter ...` on the server's database and return its stdout, stripped.

        It runs in this process, which is faster, unless the server is isolated.
        """
        run = run_cli if self.isolated else run_cli_in_process
        return run(self.folder, self.environment, *arguments)

    def key(self, org_id: str, *options: str) -> str:
        """Create a key of an organization, and the organization if absent; by default an admin key."""
        self.cli("orgs", "add", org_id)
        return self.cli("keys", "add", "--org", org_id, *(options or ("--role", "admin")))

    def sender_key(self) -> str:
        """Create a key that sends events of any organization."""
        return self.cli("keys", "add", "--sender")

    def log(self) -> str:
        """Return what the server has written to stdout and stderr so far."""
        return (self.folder / "server.log").read_text()


def environment_for(folder: Path, settings: dict[str, str]) -> dict[str, str]:
    """Return the environment of a command: only PATH and HOME of this process, and the settings."""
    database = f"sqlite:///{folder / 'talkmeter.db'}"
    variables = {f"TALKMETER_{name.upper()}": value for name, value in settings.items()}
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**inherited, "TALKMETER_DATABASE_URL": database, **variables}


def run_cli(folder: Path, environment: dict[str, str], *arguments: str) -> str:
    """Run a command and return its stdout, stripped. Raises CalledProcessError if it fails."""
    done = subprocess.run(
        [str(TALKMETER), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, arguments, done.stdout, done.stderr)
    return done.stdout.strip()


def free_port() -> int:
    """Return a port on which nothing listens.

    A port that the system chooses could become the port of an outgoing connection before the server binds it. So this
    chooses from ports that Linux and macOS do not use for those, and each pytest-xdist worker has its own.
    """
    for port in _ports:
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("unreachable: the ports are cycled")


def _candidate_ports() -> Iterator[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ports = range(PORTS.start + worker % WORKERS, PORTS.stop, WORKERS)
    first = random.randrange(len(ports))
    yield from cycle([*ports[first:], *ports[:first]])


_ports = _candidate_ports()


def launch_server(folder: Path, settings: dict[str, str], extra: Mapping[str, str] | None = None) -> Server:
    """Start a server without waiting until it is ready; `extra` are more environment variables."""
    environment = {**environment_for(folder, settings), **(extra or {})}
    # Tests replace the command to give the server another disk or fewer resources.
    isolated = bool(extra) or TALKMETER != _INSTALLED
    if TALKMETER == _INSTALLED:
        copy_ledger_template(environment["TALKMETER_DATABASE_URL"])
    port = free_port()
    arguments, log = [str(TALKMETER), "serve", "--port", str(port)], folder / "server.log"
    # prometheus_client chooses at its import how several workers share metrics.
    forks = FORK in os.environ and not isolated and "workers" not in settings
    process = (
        ForkedProcess(arguments, folder, environment, log) if forks else _spawn(arguments, folder, environment, log)
    )
    return Server(f"http://127.0.0.1:{port}", folder, environment, process, isolated)


def _spawn(arguments: list[str], folder: Path, environment: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
    with log.open("ab") as output:
        return subprocess.Popen(
            arguments, cwd=folder, env=environment, stdout=output, stderr=output, start_new_session=True
        )


def start_server(folder: Path, settings: dict[str, str], extra: Mapping[str, str] | None = None) -> Server:
    """Start a server and wait until it is ready; `extra` are more environment variables."""
    server = launch_server(folder, settings, extra)
    deadline = time.monotonic() + START_TIMEOUT_SEC
    with local_http.client() as client:
        while time.monotonic() < deadline:
            if server.process.poll() is not None:
                raise AssertionError(f"the server stopped while starting: {server.log()}")
            try:
                if client.get(f"{server.url}/health/ready").is_success:
                    return server
            except httpx.TransportError:
                time.sleep(0.02)
    stop_server(server, signal.SIGKILL)
    raise AssertionError(f"the server was not ready within {START_TIMEOUT_SEC} s: {server.log()}")


def stop_server(server: Server, stop_signal: signal.Signals = signal.SIGTERM) -> int:
    """Stop a server and all its processes; return its exit code."""
    if server.process.poll() is None:
        if stop_signal is signal.SIGKILL:
            os.killpg(server.process.pid, stop_signal)
        else:
            server.process.send_signal(stop_signal)
    return server.process.wait(timeout=60)


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until the condition is true, for at most a minute."""
    deadline = time.monotonic() + WAIT_TIMEOUT_SEC
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@contextmanager
def running_server(folder: Path, extra: Mapping[str, str] | None = None, /, **settings: str) -> Iterator[Server]:
    """Run a server with a new database in `folder`; `settings` are TALKMETER_* in lower case."""
    server = start_server(folder, settings, extra)
    try:
        yield server
    finally:
        stop_server(server)
