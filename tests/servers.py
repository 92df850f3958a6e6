"""Real servers for tests: `talkmeter serve` on a free port with a database of its own."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import httpx

from tests import local_http
from tests.cli_runner import run_cli_in_process
from tests.sqlite_template import copy_ledger_template

_OWN = Path(sys.executable).with_name("talkmeter")
TALKMETER = _OWN
START_TIMEOUT_SEC = 60
PORTS = range(16_384, 32_768)
WORKERS = 16
"""Into how many parts the ports are split."""


@dataclass(frozen=True)
class Server:
    """A server that runs, and its command line."""

    url: str
    folder: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes]
    apart: bool = False
    """Whether it meets another clock or another disk than the tests do."""

    def cli(self, *arguments: str) -> str:
        """Run `talkmeter ...` against the server's database; what it prints, stripped.

        In this process, as starting another one takes longer than most tests; unless the server is apart.
        """
        run = run_cli if self.apart else run_cli_in_process
        return run(self.folder, self.environment, *arguments)

    def key(self, org_id: str, *options: str) -> str:
        """A key of an organization, made if it is absent; admin unless `options` say otherwise."""
        self.cli("orgs", "add", org_id)
        return self.cli("keys", "add", "--org", org_id, *(options or ("--role", "admin")))

    def sender_key(self) -> str:
        """A key that sends events of any organization."""
        return self.cli("keys", "add", "--sender")

    def log(self) -> str:
        """What the server has written to stderr so far."""
        return (self.folder / "server.log").read_text()


def environment_for(folder: Path, settings: dict[str, str]) -> dict[str, str]:
    """The environment of a talkmeter command: nothing of ours but PATH and HOME."""
    database = f"sqlite:///{folder / 'talkmeter.db'}"
    given = {f"TALKMETER_{name.upper()}": value for name, value in settings.items()}
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "TALKMETER_DATABASE_URL": database, **given}


def run_cli(folder: Path, environment: dict[str, str], *arguments: str) -> str:
    """Run a command to its end; its stdout, stripped. CalledProcessError where it fails."""
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


def launch_server(folder: Path, settings: dict[str, str], beside: Mapping[str, str] | None = None) -> Server:
    """A server that has begun to start; `beside` are further variables of its environment."""
    environment = {**environment_for(folder, settings), **(beside or {})}
    # What tests put before the command leads it to another disk, or takes something from it.
    apart = bool(beside) or TALKMETER != _OWN
    if TALKMETER == _OWN:
        copy_ledger_template(environment["TALKMETER_DATABASE_URL"])
    port = free_port()
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [str(TALKMETER), "serve", "--port", str(port)],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return Server(f"http://127.0.0.1:{port}", folder, environment, process, apart)


def start_server(folder: Path, settings: dict[str, str], beside: Mapping[str, str] | None = None) -> Server:
    """Start a server and wait until it is ready; `beside` are further variables of its environment."""
    server = launch_server(folder, settings, beside)
    deadline = time.monotonic() + START_TIMEOUT_SEC
    with local_http.client() as client:
        while time.monotonic() < deadline:
            if server.process.poll() is not None:
                raise AssertionError(f"the server ended at its start: {server.log()}")
            try:
                if client.get(f"{server.url}/health/ready").is_success:
                    return server
            except httpx.TransportError:
                time.sleep(0.02)
    stop_server(server, signal.SIGKILL)
    raise AssertionError(f"the server was not ready within {START_TIMEOUT_SEC} s: {server.log()}")


def stop_server(server: Server, how: signal.Signals = signal.SIGTERM) -> int:
    """Stop a server and all its processes; its exit code."""
    if server.process.poll() is None:
        if how is signal.SIGKILL:
            os.killpg(server.process.pid, how)
        else:
            server.process.send_signal(how)
    return server.process.wait(timeout=60)


@contextmanager
def running_server(folder: Path, beside: Mapping[str, str] | None = None, /, **settings: str) -> Iterator[Server]:
    """A server with a new database in `folder`; `settings` as in TALKMETER_*, in lower case."""
    server = start_server(folder, settings, beside)
    try:
        yield server
    finally:
        stop_server(server)
