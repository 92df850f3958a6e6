"""Drive `examples/integrations/gunicorn_calls.py`: a real gunicorn with two workers, and requests to it."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from calls import CALL_SEC


def start(port: int) -> subprocess.Popen[bytes]:
    """Start gunicorn; its workers write to the standard output of this process."""
    bind = f"127.0.0.1:{port}"
    options = [
        "-c",
        "python:gunicorn_calls",
        "--bind",
        bind,
        "--workers",
        "2",
        "--no-control-socket",
        "gunicorn_app:application",
    ]
    python_path = os.pathsep.join([os.environ["PYTHONPATH"], str(Path(__file__).parent)])
    return subprocess.Popen([sys.executable, "-m", "gunicorn", *options], env=os.environ | {"PYTHONPATH": python_path})


def get(port: int, name: str) -> int:
    """Make a call and return the status code of its response."""
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{name}", timeout=60) as response:
                return response.status
        except urllib.error.HTTPError as error:
            return error.code
        except urllib.error.URLError:
            time.sleep(CALL_SEC)  # not listening yet


def main() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    gunicorn = start(port)
    try:
        for name in ["normal", "kill"] if sys.argv[1:] == ["kill"] else sys.argv[1:]:
            assert get(port, name) == (200 if name in ("normal", "kill") else 500)
    finally:
        gunicorn.send_signal(signal.SIGTERM)
        gunicorn.wait(30)


if __name__ == "__main__":
    main()
