"""Runs the commands of a document as a reader would, in bash, against servers and folders of the tests."""

import os
import subprocess
from pathlib import Path

from tests.servers import TALKMETER


def run_script(script: str, folder: Path, environment: dict[str, str]) -> str:
    """What a script prints to stdout; AssertionError with all it said where a command of it fails."""
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
