"""A worker process: its application, and an event loop that acts on the first stop signal and ignores repeats."""

import asyncio
import signal
from collections.abc import Callable

import uvloop
from granian import loops


class StopOnceLoop(uvloop.Loop):
    """An event loop that handles the first stop signal and ignores the following ones.

    A worker gets one signal from the main process, and another if a service manager or terminal signals every process.
    On a second signal, Granian's handler deadlocks: it holds the GIL while it waits for a shutdown that needs the GIL.
    """

    _stopping = False

    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: object) -> None:
        """Add a handler that also gets signals which arrive while the loop is not running; uvloop loses those."""
        super().add_signal_handler(sig, self._once, callback, *args)

        def handle(_signal: int, _frame: object) -> None:
            self.call_soon_threadsafe(self._once, callback, *args)

        signal.signal(sig, handle)
        signal.siginterrupt(sig, False)
        # Deliver signals that were blocked during startup.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [sig])

    def _once(self, callback: Callable[..., object], *args: object) -> None:
        if not self._stopping:
            self._stopping = True
            callback(*args)


@loops.register("uvloop")
def make_loop() -> asyncio.AbstractEventLoop:
    """Return a new loop and set it as the current thread's event loop."""
    loop = StopOnceLoop()
    asyncio.set_event_loop(loop)
    return loop


def load_app(_target: str) -> Callable[..., object]:
    """Return the application of this worker.

    A worker that was spawned, not forked, imports this module for this function, which registers the loop above.
    """
    from talkmeter.api.app import serve_app

    return serve_app()
