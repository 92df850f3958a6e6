"""Check that the wheels in dist/ work for users: outside the clone, with an empty home and an empty folder.

1. The client alone: it installs with what it needs, and sends an event into its spool.
2. With the pinned requirements, as docs/how-to/install.md installs it: meter one call, open the page, stop the server.
3. With the commands of README.md, "Without a clone": run each one as written, and open the page of its demo.

Run by ``make wheel``. Needs the standard library, and uv next to the running Python.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shlex
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
from shutil import copy, which
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

ROOT = Path(__file__).resolve().parent.parent
ORG_ID = "acme"
COMMAND_SEC = 60
INSTALL_SEC = 600
READY_SEC = 60
DEMO_READY_SEC = 600
STOP_SEC = 30
LEFT_OUT = "requires `polyfactory"
"""What requirements/run.txt leaves out: see requirements/build.in."""
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

CLIENT_PROGRAM = """
from talkmeter_client import Client, event
client = Client("http://127.0.0.1:9", "ak_0.0", spool="calls.spool")
client.send(event("agent.updated", {"id": "ann"}))
client.close(0)
"""

# The server runs on this machine, so ignore any proxy that the environment names.
_http = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class CheckFailed(Exception):
    """The wheel does not work; the message is a sentence that says why."""


def main() -> int:
    """Check the wheel. Return 0 if it works, else print a sentence and return 1."""
    try:
        wheel, client = _find_wheel("talkmeter-"), _find_wheel("talkmeter_client-")
        with tempfile.TemporaryDirectory(prefix="talkmeter-wheel-") as folder:
            temporary = Path(folder).resolve()
            _try_client(client, temporary / "client")
            python = _install([client, wheel], temporary / "venv")
            _check_versions(python, wheel, client)
            _say(f"{wheel.name} installs into an empty environment with the pinned requirements.")
            _meter_one_call(python, temporary / "metered")
            _run_readme([client, wheel], temporary / "readme")
    except CheckFailed as failure:
        print(f"The wheel does not work: {failure}", file=sys.stderr)
        return 1
    _say("The wheel works.")
    return 0


def readme_commands(readme: str) -> list[list[str]]:
    """Return the commands of the README's section "Without a clone": a list for each code block."""
    section = re.search(r"^## Without a clone\n(.*?)(?=^## |\Z)", readme, re.MULTILINE | re.DOTALL)
    blocks = re.findall(r"^```sh\n(.*?)^```$", section[1], re.MULTILINE | re.DOTALL) if section else []
    return [block.splitlines() for block in blocks]


def _find_wheel(name: str) -> Path:
    wheels = sorted((ROOT / "dist").glob(f"{name}*.whl"))
    if len(wheels) != 1:
        raise CheckFailed(f"dist/ must contain exactly one wheel {name}… and contains {len(wheels)}; run make wheel.")
    return wheels[0]


def _try_client(wheel: Path, folder: Path) -> None:
    """Install the client alone, and put an event into a spool."""
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    uv = [sys.executable, "-m", "uv", "--quiet", "pip"]
    _run([*uv, "install", "--python", str(python), str(wheel)], ROOT, dict(os.environ), INSTALL_SEC)
    environ = {"PATH": f"{python.parent}{os.pathsep}{os.defpath}"}
    _run([str(python), "-c", CLIENT_PROGRAM], folder, environ)
    shown = _run([str(python.parent / "talkmeter-spool"), "show", "calls.spool"], folder, environ)
    if not shown.startswith("1 event waits"):
        raise CheckFailed(f"talkmeter-spool show printed: {shown}")
    _say(f"{wheel.name} installs alone and stores an event in its spool.")


def _install(wheels: list[Path], folder: Path) -> Path:
    """Create an empty environment in the folder, install the wheels into it, and return its Python."""
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    requirements = ROOT / "requirements" / "run.txt"
    uv = [sys.executable, "-m", "uv", "--quiet", "pip"]
    target = ["--python", str(python)]
    environ = dict(os.environ)
    pinned = ["--no-deps", "--require-hashes", "-r", str(requirements)]
    _run([*uv, "install", *target, *pinned], ROOT, environ, INSTALL_SEC)
    _run([*uv, "install", *target, "--no-deps", *map(str, wheels)], ROOT, environ, INSTALL_SEC)
    check = [sys.executable, "-m", "uv", "pip", "check", *target]
    done = subprocess.run(check, env=environ, capture_output=True, text=True, timeout=COMMAND_SEC, check=False)
    problems = [line for line in done.stderr.splitlines() if line.startswith("The package")]
    if done.returncode != 0 and not (problems and all(LEFT_OUT in line for line in problems)):
        raise CheckFailed(f"uv pip check found:\n{done.stderr}")
    return python


def _check_versions(python: Path, wheel: Path, client: Path) -> None:
    """Check that both wheels have the version that the command prints."""
    shown = _run([str(python.parent / "talkmeter"), "--version"], ROOT, dict(os.environ)).split()[-1]
    versions = {file.name.split("-")[1] for file in (wheel, client)}
    if versions != {shown}:
        raise CheckFailed(f"talkmeter --version prints {shown}, and the wheels have {', '.join(sorted(versions))}.")


def _meter_one_call(python: Path, place: Path) -> None:
    """Create an organization and a key, send one call, read the summary and the page, and stop the server."""
    home, folder = _empty_folders(place)
    environ = {"HOME": str(home), "PATH": f"{python.parent}{os.pathsep}{os.defpath}"}
    talkmeter = str(python.parent / "talkmeter")

    where = _run([str(python), "-c", "import talkmeter; print(talkmeter.__file__)"], folder, environ).strip()
    if not Path(where).is_relative_to(python.parent.parent):
        raise CheckFailed(f"its environment imports talkmeter from {where} instead of from the wheel.")

    _run([talkmeter, "orgs", "add", ORG_ID], folder, environ)
    key = _run([talkmeter, "keys", "add", "--org", ORG_ID, "--role", "admin"], folder, environ).strip()
    if not key or len(key.split()) != 1:
        lines = len(key.splitlines())
        raise CheckFailed(f"talkmeter keys add must print only the secret, and printed {lines} lines.")
    _say("From an empty folder with an empty home, it created an organization and a key.")

    port = _free_port()
    base = f"http://127.0.0.1:{port}"
    with _server([talkmeter, "serve", "--port", str(port)], folder, environ) as server:
        _wait_until_ready(base, server, READY_SEC)
        _say("talkmeter serve became ready.")
        receipt = _request(f"{base}/metering/events", key, EVENT)
        _expect(receipt, "accepted", 1)
        _expect(receipt, "quarantined", [])
        summary = _request(f"{base}/admin/usage/summary?from=2026-01-01&to=2026-02-01", key)
        _expect(summary, "total_calls", 1)
        _expect(summary, "voice_minutes", 1.02)
        _say("It accepted one call of 61 seconds and returned 1 call and 1.02 voice minutes.")
        _open_page(base)
        _say("It served the page and one of its scripts.")
        server.send_signal(signal.SIGTERM)
        _expect_exit(server, "SIGTERM", (0,))
    _say("SIGTERM stopped it with exit code 0.")


def _run_readme(wheels: list[Path], place: Path) -> None:
    """Run the README's commands for the wheels in a folder that contains nothing but the wheels."""
    home, folder = _empty_folders(place)
    for wheel in wheels:
        copy(wheel, folder)
    port = _free_port()
    base = f"http://127.0.0.1:{port}"
    environ = _newcomer_environment(place / "bin", home)
    blocks = readme_commands((ROOT / "README.md").read_text())
    if not any("uv tool run" in line for block in blocks for line in block):
        raise CheckFailed('README.md has no "uv tool run" under "Without a clone".')
    for *installing, serving in blocks:
        for line in installing:
            _run(_words(line, folder), folder, environ, INSTALL_SEC)
        with _server(_words(serving, folder), folder, {**environ, "TALKMETER_PORT": str(port)}) as server:
            _wait_until_ready(base, server, DEMO_READY_SEC)
            _open_page(base)
            _press_ctrl_c(server)
        _say(f"As README.md says, in an empty folder: {'; '.join([*installing, serving])}")


def _words(line: str, folder: Path) -> list[str]:
    """Split a command as a shell in the folder does, with the names of files in place of a pattern."""
    words = shlex.split(line)
    return [
        name
        for word in words
        for name in (sorted(f"./{file.name}" for file in folder.glob(word)) if "*" in word else [word])
    ]


def _newcomer_environment(bin_folder: Path, home: Path) -> dict[str, str]:
    """Return an environment with uv and this Python on the path, an empty home, and no setting of this process."""
    bin_folder.mkdir()
    python = getattr(sys, "_base_executable", sys.executable)
    for name, program in (("python3", python), ("uv", str(Path(sys.executable).with_name("uv")))):
        script = bin_folder / name
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(program)} "$@"\n')
        script.chmod(0o755)
    ours = ("TALKMETER_", "PYTHON", "VIRTUAL_ENV", "XDG_", "UV_CACHE_DIR")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "HOME": str(home), "PATH": f"{bin_folder}{os.pathsep}{os.defpath}", "UV_PYTHON": python}


def _empty_folders(place: Path) -> tuple[Path, Path]:
    """Create an empty home and an empty working folder."""
    home, folder = place / "home", place / "empty"
    home.mkdir(parents=True)
    folder.mkdir()
    return home, folder


def _open_page(base: str) -> None:
    """Fetch the page and one of its scripts, compressed, as a browser does."""
    page, headers = _fetch(f"{base}/organization/usage")
    nonce = re.search(r"'nonce-([^']+)'", headers.get("Content-Security-Policy", ""))
    if nonce is None or nonce[1].encode() not in page or b"__TALKMETER_NONCE__" in page:
        raise CheckFailed("the nonce in the page differs from the one in its Content-Security-Policy.")
    script = re.search(rb'src="(/assets/[^"]+[.]js)"', page)
    if script is None:
        raise CheckFailed(f"the page has no script: {page[:2000]!r}.")
    content, headers = _fetch(base + script[1].decode())
    if headers.get("Content-Encoding") != "gzip" or not gzip.decompress(content):
        raise CheckFailed(f"{script[1].decode()} was not sent compressed: {dict(headers)}.")


def _fetch(url: str) -> tuple[bytes, Message]:
    """GET a URL as a browser does; return body and headers."""
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})  # noqa: S310  the URL is our own
    try:
        with _http.open(request, timeout=COMMAND_SEC) as response:
            return response.read(), response.headers
    except OSError as error:
        raise CheckFailed(f"{url} cannot be fetched: {error}.") from None


@contextmanager
def _server(command: list[str], folder: Path, environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server for the duration of the block; if the block fails, print the server's output."""
    log = folder.parent / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            _with_program(command, folder, environ),
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield server
    except BaseException:
        print(f"Output of {shlex.join(command)}:\n{log.read_text(errors='replace')}", file=sys.stderr)
        raise
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _press_ctrl_c(server: subprocess.Popen[bytes]) -> None:
    """Send SIGINT to the whole process group, as a terminal does. uv itself always exits with 130."""
    os.killpg(server.pid, signal.SIGINT)
    _expect_exit(server, "Ctrl-C", (0, 130))


def _expect_exit(server: subprocess.Popen[bytes], after: str, codes: tuple[int, ...]) -> None:
    try:
        code = server.wait(STOP_SEC)
    except subprocess.TimeoutExpired:
        raise CheckFailed(f"the server was still running {STOP_SEC} seconds after {after}.") from None
    if code not in codes:
        raise CheckFailed(f"the server exited with code {code} after {after} instead of {codes[0]}.")


def _wait_until_ready(base: str, server: subprocess.Popen[bytes], timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise CheckFailed(f"the server exited with code {server.returncode} before it was ready.")
        try:
            with _http.open(f"{base}/health/ready", timeout=5):
                return
        except OSError:  # not listening yet, or not ready yet
            time.sleep(0.1)
    raise CheckFailed(f"the server was not ready after {timeout:g} seconds.")


def _request(url: str, key: str, body: object = None) -> dict[str, Any]:
    """GET a URL, or POST a body to it as JSON; return the JSON object of the response."""
    headers = {"Authorization": f"Bearer {key}"}
    content = None
    if body is not None:
        headers["Content-Type"] = "application/json"
        content = json.dumps(body).encode()
    request = urllib.request.Request(url, data=content, headers=headers)  # noqa: S310  the URL is our own
    try:
        with _http.open(request, timeout=COMMAND_SEC) as response:
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        raise CheckFailed(f"{url} responded with {error.code}: {error.read().decode(errors='replace')}") from None
    except (OSError, ValueError) as error:
        raise CheckFailed(f"{url} did not respond with JSON: {error}.") from None
    if not isinstance(answer, dict):
        raise CheckFailed(f"{url} did not respond with a JSON object: {answer!r}.")
    return answer


def _expect(answer: dict[str, Any], name: str, value: object) -> None:
    if name not in answer or answer[name] != value:
        raise CheckFailed(f"{name} should be {value!r} in {json.dumps(answer)[:2000]}.")


def _run(command: list[str], folder: Path, environ: dict[str, str], timeout: float = COMMAND_SEC) -> str:
    """Run a command and return its stdout. Raises CheckFailed if it fails."""
    shown = shlex.join([Path(command[0]).name, *command[1:]])
    try:
        done = subprocess.run(
            _with_program(command, folder, environ),
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError:
        raise CheckFailed(f"{command[0]} does not exist.") from None
    except subprocess.TimeoutExpired:
        raise CheckFailed(f"{shown} did not finish within {timeout:g} seconds.") from None
    if done.returncode != 0:
        raise CheckFailed(f"{shown} exited with code {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def _with_program(command: list[str], folder: Path, environ: dict[str, str]) -> list[str]:
    """Resolve the program as a shell in the folder does: subprocess would search this process's own PATH."""
    program = command[0]
    if "/" in program:
        return [str(folder / program), *command[1:]]
    return [which(program, path=environ["PATH"]) or program, *command[1:]]


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _say(sentence: str) -> None:
    print(sentence, flush=True)


if __name__ == "__main__":
    sys.exit(main())
