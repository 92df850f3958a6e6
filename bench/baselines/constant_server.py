"""Run a server with a constant response on a free port, with one worker and the same options as `talkmeter serve`."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from bench.baselines.constant_app import BODY_FILE_VARIABLE
from tests.servers import free_port

_START_TIMEOUT_SEC: Final = 30
_ROOT: Final = Path(__file__).parents[2]


@contextmanager
def constant_server(app: str, content: bytes, folder: Path) -> Iterator[str]:
    """Start a server and yield its address; `app` names a factory in bench.baselines.constant_app."""
    file = folder / f"{app}.json"
    file.write_bytes(content)
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--loop", "uvloop", "--workers", "1"]
    command += ["--no-ws", "--factory", "--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
    process = subprocess.Popen(
        [*command, f"bench.baselines.constant_app:{app}"], cwd=_ROOT, env={**os.environ, BODY_FILE_VARIABLE: str(file)}
    )
    try:
        _wait_until_ready(process, f"http://127.0.0.1:{port}/")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=_START_TIMEOUT_SEC)


def _wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_SEC
    while time.monotonic() < deadline:
        assert process.poll() is None, f"The constant-response server exited with status {process.returncode}."
        try:
            httpx.get(url)
            return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"The constant-response server was not ready within {_START_TIMEOUT_SEC} s.")
