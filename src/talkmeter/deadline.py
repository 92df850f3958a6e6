"""A deadline over a whole call, for libraries whose timeouts are for each part of it."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

Result = TypeVar("Result")


def call_within(seconds: float, call: Callable[[], Result]) -> Result:
    """Return the result of a call that takes at most this many seconds; raise its error.

    Raises TimeoutError after that. The call then goes on in its thread, which does not keep the process alive.
    """
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001  the waiting thread raises it
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future.result(seconds)
