"""Prove the wheel in dist/, not the checkout: install it in an empty place, meter one call with it, open its page.

Run by ``make wheel``. Needs the standard library and the uv that stands beside the running Python.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

ROOT = Path(__file__).resolve().parent.parent
ORG_ID = "acme"
COMMAND_SEC = 60
INSTALL_SEC = 600
READY_SEC = 60
STOP_SEC = 30
EVENT = {
    "specversion": "1.0",
    "id": "e1",
    "source": "/wheel",
    "type": "conversation.updated",
    "time": "2026-01-02T03:04:05Z",
    "data": {
        "organization_id": ORG_ID,
        "id": "c1",
        "channel": "telephone",
        "direction": "inbound",
        "status": "completed",
        "created_at": "2026-01-02T03:04:05Z",
        "duration": 61,
    },
}

# The server is on this machine, whatever proxy the environment names.
_http = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class CheckFailed(Exception):
    """What the wheel did wrong, in one sentence."""


def main() -> int:
    """Check the wheel; 0 when it works, 1 with a sentence when it does not."""
    try:
        wheel = _the_wheel()
        with tempfile.TemporaryDirectory(prefix="talkmeter-wheel-") as folder:
            place = Path(folder).resolve()
            python = _install(wheel, place / "venv")
            _say(f"{wheel.name} installs into an empty environment with the pinned requirements.")
            _meter_one_call(python, place)
    except CheckFailed as failure:
        print(f"The wheel does not work: {failure}", file=sys.stderr)
        return 1
    _say("The wheel works.")
    return 0


def _the_wheel() -> Path:
    wheels = sorted((ROOT / "dist").glob("talkmeter-*.whl"))
    if len(wheels) != 1:
        raise CheckFailed(f"dist/ must hold exactly one wheel and holds {len(wheels)}; run make wheel.")
    return wheels[0]


def _install(wheel: Path, folder: Path) -> Path:
    """Make an empty environment in the folder, install the wheel into it, and return its Python."""
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    requirements = ROOT / "requirements" / "run.txt"
    uv = [sys.executable, "-m", "uv", "--quiet", "pip"]
    of_place = ["--python", str(python)]
    here = dict(os.environ)
    _run([*uv, "install", *of_place, "--require-hashes", "-r", str(requirements)], ROOT, here, INSTALL_SEC)
    _run([*uv, "install", *of_place, "--no-deps", str(wheel)], ROOT, here, INSTALL_SEC)
    _run([*uv, "check", *of_place], ROOT, here, COMMAND_SEC)
    return python


def _meter_one_call(python: Path, place: Path) -> None:
    """From an empty folder and an empty home: make an organization and a key, send one call, read it back."""
    home, folder = place / "home", place / "empty"
    home.mkdir()
    folder.mkdir()
    environ = {"HOME": str(home), "PATH": f"{python.parent}{os.pathsep}{os.defpath}"}
    talkmeter = str(python.parent / "talkmeter")

    where = _run([str(python), "-c", "import talkmeter; print(talkmeter.__file__)"], folder, environ).strip()
    if not Path(where).is_relative_to(python.parent.parent):
        raise CheckFailed(f"its environment imports talkmeter from {where}, which is not the wheel's.")

    _run([talkmeter, "orgs", "add", ORG_ID], folder, environ)
    key = _run([talkmeter, "keys", "add", "--org", ORG_ID, "--role", "admin"], folder, environ).strip()
    if not key or len(key.split()) != 1:
        lines = len(key.splitlines())
        raise CheckFailed(f"talkmeter keys add must print the secret alone, and printed {lines} lines.")
    _say("From an empty folder and an empty home, it made an organization and a key.")

    port = _free_port()
    base = f"http://127.0.0.1:{port}"
    with _server([talkmeter, "serve", "--port", str(port)], folder, environ) as server:
        _wait_until_ready(base, server)
        _say("talkmeter serve became ready.")
        receipt = _ask(f"{base}/metering/events", key, EVENT)
        _expect(receipt, "accepted", 1)
        _expect(receipt, "quarantined", [])
        summary = _ask(f"{base}/admin/usage/summary?from=2026-01-01&to=2026-02-01", key)
        _expect(summary, "total_calls", 1)
        _expect(summary, "voice_minutes", 1.02)
        _say("It took one call of 61 seconds and answered with 1 call and 1.02 voice minutes.")
        _open_page(base)
        _say("It served the page and one of its scripts.")
        server.send_signal(signal.SIGTERM)
        try:
            code = server.wait(STOP_SEC)
        except subprocess.TimeoutExpired:
            raise CheckFailed(f"talkmeter serve still ran {STOP_SEC} seconds after SIGTERM.") from None
        if code != 0:
            raise CheckFailed(f"talkmeter serve ended with exit code {code} after SIGTERM, and not with 0.")
    _say("SIGTERM ended it with exit code 0.")


def _open_page(base: str) -> None:
    """Fetch the page and one asset that it names, compressed as a browser would have it."""
    page, headers = _fetch(f"{base}/organization/usage")
    nonce = re.search(r"'nonce-([^']+)'", headers.get("Content-Security-Policy", ""))
    if nonce is None or nonce[1].encode() not in page or b"__TALKMETER_NONCE__" in page:
        raise CheckFailed("the page's nonce is not that of its Content-Security-Policy.")
    script = re.search(rb'src="(/assets/[^"]+[.]js)"', page)
    if script is None:
        raise CheckFailed(f"the page names no script of its own: {page[:2000]!r}.")
    content, headers = _fetch(base + script[1].decode())
    if headers.get("Content-Encoding") != "gzip" or not gzip.decompress(content):
        raise CheckFailed(f"{script[1].decode()} was not sent compressed: {dict(headers)}.")


def _fetch(url: str) -> tuple[bytes, Message]:
    """GET the address as a browser does: what it answers, and its headers."""
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})  # noqa: S310  an address of our own
    try:
        with _http.open(request, timeout=COMMAND_SEC) as response:
            return response.read(), response.headers
    except OSError as error:
        raise CheckFailed(f"{url} cannot be fetched: {error}.") from None


@contextmanager
def _server(command: list[str], folder: Path, environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run the server for as long as the block runs; when the block fails, show what the server said."""
    log = folder.parent / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            command,
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield server
    except BaseException:
        print(f"What talkmeter serve said:\n{log.read_text(errors='replace')}", file=sys.stderr)
        raise
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()


def _wait_until_ready(base: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SEC
    while time.monotonic() < deadline:
        if server.poll() is not None:
            code = server.returncode
            raise CheckFailed(f"talkmeter serve ended with exit code {code} before it was ready.")
        try:
            with _http.open(f"{base}/health/ready", timeout=5):
                return
        except OSError:  # not listening yet, or listening and not ready yet
            time.sleep(0.1)
    raise CheckFailed(f"talkmeter serve was not ready after {READY_SEC} seconds.")


def _ask(url: str, key: str, body: object = None) -> dict[str, Any]:
    """GET the address, or POST a body to it as JSON, and return the object that it answers."""
    headers = {"Authorization": f"Bearer {key}"}
    content = None
    if body is not None:
        headers["Content-Type"] = "application/json"
        content = json.dumps(body).encode()
    request = urllib.request.Request(url, data=content, headers=headers)  # noqa: S310  an address of our own
    try:
        with _http.open(request, timeout=COMMAND_SEC) as response:
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        raise CheckFailed(f"{url} answered {error.code}: {error.read().decode(errors='replace')}") from None
    except (OSError, ValueError) as error:
        raise CheckFailed(f"{url} gave no answer in JSON: {error}.") from None
    if not isinstance(answer, dict):
        raise CheckFailed(f"{url} answered with something else than an object: {answer!r}.")
    return answer


def _expect(answer: dict[str, Any], name: str, value: object) -> None:
    if name not in answer or answer[name] != value:
        raise CheckFailed(f"{name} should be {value!r} in {json.dumps(answer)[:2000]}.")


def _run(command: list[str], folder: Path, environ: dict[str, str], timeout: float = COMMAND_SEC) -> str:
    """Run the command to its end and return what it printed; its failure is the wheel's."""
    said = " ".join([Path(command[0]).name, *command[1:]])
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError:
        raise CheckFailed(f"there is no {command[0]}.") from None
    except subprocess.TimeoutExpired:
        raise CheckFailed(f"{said} did not end within {timeout:g} seconds.") from None
    if done.returncode != 0:
        raise CheckFailed(f"{said} ended with exit code {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _say(sentence: str) -> None:
    print(sentence, flush=True)


if __name__ == "__main__":
    sys.exit(main())
