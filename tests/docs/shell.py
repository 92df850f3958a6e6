"""Run the commands of a document in bash, as a reader does, in a temporary folder."""

import os
import subprocess
from pathlib import Path

from tests.servers import TALKMETER


def run_script(script: str, folder: Path, environment: dict[str, str]) -> str:
    """Return the stdout of a script. Raises AssertionError with its output if a command fails."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={"PATH": f"{TALKMETER.parent}:{os.environ['PATH']}", "HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_steps(steps: list[str], folder: Path, environment: dict[str, str]) -> list[str]:
    """Run several parts of one script and return the stdout of each."""
    mark = "--- next ---"
    return run_script(f"\necho; echo '{mark}'\n".join(steps), folder, environment).split(f"\n{mark}\n")


def run_steps_with_server(start: str, steps: list[str], folder: Path, port: int) -> list[str]:
    """Run `start`, whose last command starts a server in the background; then run the steps; then stop the server.

    The document's port 8000 is replaced by `port`. Return the stdout of each step.
    """
    wait = f"until curl --silent --fail --output ready http://127.0.0.1:{port}/health/ready; do sleep 0.1; done"
    first = f'trap "kill %1; wait" EXIT\n{start}{wait}'
    local = [step.replace(":8000", f":{port}") for step in (first, *steps)]
    return run_steps(local, folder, {"TALKMETER_PORT": str(port)})[1:]
