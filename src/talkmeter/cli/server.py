"""The server's first process: it can be told to stop at any moment, and its exit code says whether all was finished."""

import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.process import BaseProcess
from typing import Final

from granian.server.mp import MPServer
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

_STOPS: Final = (signal.SIGINT, signal.SIGTERM)


class Server(MPServer):
    """Granian's, for a stop that comes while it starts and for one that its workers hear of first."""

    def startup(self, spawn_target: Callable[..., None], target_loader: Callable[..., object]) -> None:
        """Start the workers with what says stop held back; each lets it through once it can act on it.

        A worker begins as a copy of this process, whose handlers would note a stop that is meant for the worker where
        nobody looks.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
        try:
            super().startup(spawn_target, target_loader)  # type: ignore[no-untyped-call]
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)

    def shutdown(self, exit_code: int = 0) -> None:
        """Stop the workers; the process ends with 0 where a stop was asked for and every worker finished its work.

        Granian takes a worker for failed that has finished before this process gets to know of the stop: a service
        manager or a terminal signals all of them.
        """
        workers = [worker.inner for worker in self.wrks]
        with suppress(SystemExit):
            super().shutdown(exit_code)  # type: ignore[no-untyped-call]
        if exit_code or not self.interrupt_signal or any(_exit_code(worker) != 0 for worker in workers):
            sys.exit(exit_code or 1)


def _exit_code(worker: BaseProcess) -> int | None:
    """The exit code of a worker that has ended: a thread of Granian's may have it first, and tells it in a moment."""
    patiently = Retrying(
        retry=retry_if_result(lambda exit_code: exit_code is None),
        stop=stop_after_delay(1),
        wait=wait_fixed(0.001),
        retry_error_callback=lambda _: None,
    )
    return patiently(lambda: worker.exitcode)
