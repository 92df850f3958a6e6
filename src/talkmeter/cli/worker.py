"""A worker of the server: its app, and an event loop that hears once, and whenever it is told, that it shall stop."""

import asyncio
import signal
from collections.abc import Callable

import uvloop
from granian import loops

from talkmeter.cli.server import STOPS


class ToldOnceToStop(uvloop.Loop):
    """An event loop that passes on the first signal and drops what follows.

    A worker is told to stop by the server's first process, and also by a service manager or a terminal that signals
    every process. Granian's handler of a second signal waits, holding the interpreter, for a stop that needs it.

    What comes while it does not run is held back until it runs again: uvloop would lose it.
    """

    _told = False

    def run_forever(self) -> None:
        """As asyncio's."""
        self.call_soon(signal.pthread_sigmask, signal.SIG_UNBLOCK, STOPS)
        try:
            super().run_forever()
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)

    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: object) -> None:
        """As asyncio's."""
        super().add_signal_handler(sig, self._once, callback, *args)

    def _once(self, callback: Callable[..., object], *args: object) -> None:
        if not self._told:
            self._told = True
            callback(*args)


@loops.register("uvloop")
def make_loop() -> asyncio.AbstractEventLoop:
    """The loop of a worker, set as the one of its thread."""
    loop = ToldOnceToStop()
    asyncio.set_event_loop(loop)
    return loop


def load_app(_target: str) -> Callable[..., object]:
    """The app of this worker.

    A worker that is no fork finds this function by importing this module, and so has the loop above.
    """
    from talkmeter.api.app import serve_app

    return serve_app()
