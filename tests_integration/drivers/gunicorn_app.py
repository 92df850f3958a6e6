"""The application that the driver of gunicorn serves: `/NAME` is a call."""

import os
import signal
import time
from collections.abc import Callable, Iterable

import gunicorn_calls
from calls import CALL_SEC, Stopwatch, made, wait_to_be_killed

StartResponse = Callable[[str, list[tuple[str, str]]], object]


def application(environ: dict[str, str], start_response: StartResponse) -> Iterable[bytes]:
    """Make a call, and answer."""
    name = environ["PATH_INFO"].strip("/")
    stopwatch = Stopwatch()
    with gunicorn_calls.client.conversation(name, channel="text", direction="inbound"):
        time.sleep(CALL_SEC)
        stopwatch.stop()
        if name == "exception":
            made(name, "failed", stopwatch.seconds)
            raise RuntimeError("The model is down.")
        if name == "timeout":
            made(name, "completed", stopwatch.seconds)
            os.kill(os.getpid(), signal.SIGABRT)  # as gunicorn does
        if name == "kill":
            made("kill", "in_progress")
            wait_to_be_killed()
    made(name, "completed", stopwatch.seconds)
    start_response("200 OK", [])
    return [b"Good morning."]
