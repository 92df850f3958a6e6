"""A worker of the server: its app, and an event loop that hears once, and whenever it is told, that it shall stop."""

import asyncio
import signal
from collections.abc import Callable

import uvloop
from granian import loops


class ToldOnceToStop(uvloop.Loop):
    """An event loop that passes on the first signal and drops what follows.

    A worker is told to stop by the server's first process, and also by a service manager or a terminal that signals
    every process. Granian's handler of a second signal waits, holding the interpreter, for a stop that needs it.
    """

    _told = False

    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: object) -> None:
        """As asyncio's; and what comes while the loop does not run is heard when it runs again: uvloop loses it."""
        super().add_signal_handler(sig, self._once, callback, *args)

        def hear(_signal: int, _frame: object) -> None:
            self.call_soon_threadsafe(self._once, callback, *args)

        signal.signal(sig, hear)
        signal.siginterrupt(sig, False)
        # What was held back while the worker began to start comes now.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [sig])

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
