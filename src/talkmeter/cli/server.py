"""The server's main process: it can be stopped at any time, and its exit code says whether all work was finished."""

import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.process import BaseProcess
from typing import Final

from granian.server.mp import MPServer
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class StoppableServer(MPServer):
    """Granian's server, which also handles a stop signal during startup, or one that reaches the workers first."""

    def startup(self, spawn_target: Callable[..., None], target_loader: Callable[..., object]) -> None:
        """Start the workers with stop signals blocked; each worker unblocks them when its handler is ready.

        A worker is a fork of this process. With the inherited handlers, an early signal to the worker would be lost.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
        try:
            super().startup(spawn_target, target_loader)  # type: ignore[no-untyped-call]
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)

    def shutdown(self, exit_code: int = 0) -> None:
        """Stop the workers. Exit with 0 if a stop signal was received and every worker finished its work.

        Service managers and terminals signal all processes. Granian alone would report a worker that stopped before
        the main process received the signal as failed.
        """
        workers = [worker.inner for worker in self.wrks]
        with suppress(SystemExit):
            super().shutdown(exit_code)  # type: ignore[no-untyped-call]
        if exit_code or not self.interrupt_signal or any(_exit_code(worker) != 0 for worker in workers):
            sys.exit(exit_code or 1)


def _exit_code(worker: BaseProcess) -> int | None:
    """Return the exit code of a finished worker; retry, because a thread of Granian may be waiting for it too."""
    retrying = Retrying(
        retry=retry_if_result(lambda exit_code: exit_code is None),
        stop=stop_after_delay(1),
        wait=wait_fixed(0.001),
        retry_error_callback=lambda _: None,
    )
    return retrying(lambda: worker.exitcode)
