"""Commands in processes forked from one that has imported `talkmeter`: imports take most of the time until a server is
ready.

Otherwise such a process is like a new one: it has its own session, environment, folder and output.
"""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from signal import SIGKILL, Signals

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(
    ["talkmeter.api.app", "talkmeter.cli.commands", "talkmeter.db.migrate", "tests.forked_process"]
)


class ForkedProcess:
    """A running command. Its methods are those of `subprocess.Popen`."""

    def __init__(self, arguments: list[str], folder: Path, environment: dict[str, str], log: Path) -> None:
        """Run `arguments`, whose first is the path of `talkmeter`; stdout and stderr are appended to `log`."""
        started, in_session = _forks.Pipe(duplex=False)
        self._process = _forks.Process(target=_run, args=(arguments, folder, environment, log, in_session))
        self._process.start()
        in_session.close()
        with started:
            started.recv()
        pid = self._process.pid
        assert pid is not None
        self.pid: int = pid

    @property
    def returncode(self) -> int | None:
        """The exit status, or minus the signal that ended the process; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return the exit status, or None while the process runs."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit status. Raises TimeoutExpired."""
        self._process.join(timeout)
        if (status := self.returncode) is None:
            raise subprocess.TimeoutExpired("talkmeter", timeout or 0)
        return status

    def send_signal(self, signal: Signals) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, signal)

    def kill(self) -> None:
        """Kill the process, unless it has ended."""
        self.send_signal(SIGKILL)


def _run(
    arguments: list[str],
    folder: Path,
    environment: dict[str, str],
    log: Path,
    in_session: "multiprocessing.connection.Connection",
) -> None:
    from talkmeter.cli import main  # noqa: PLC0415  only the fork imports it

    os.setsid()
    os.chdir(folder)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.close(output)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = arguments
    in_session.send(None)
    in_session.close()
    main()
