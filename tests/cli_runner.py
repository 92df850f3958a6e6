"""Run commands in this process through their entry point: a new process takes longer than most tests."""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path

import pytest
from click.testing import CliRunner

from talkmeter.cli import main


def invoke_in_process(
    folder: Path, environment: Mapping[str, str], *arguments: str
) -> "subprocess.CompletedProcess[str]":
    """Run `talkmeter ...` and return its output and exit status. The command must not change the process."""
    # Another thread would see the changed folder, environment and output too.
    assert threading.current_thread() is threading.main_thread()
    others = {name: None for name in os.environ if name.startswith("TALKMETER_")}
    status: str | int | None = 0
    umask = os.umask(0o077)
    with (
        chdir(folder),
        pytest.MonkeyPatch.context() as patched,
        CliRunner().isolation(env={**others, **environment}) as (stdout, stderr, _),
    ):
        patched.setattr(sys, "argv", ["talkmeter", *arguments])
        try:
            main()
        except SystemExit as stop:
            status = stop.code
        finally:
            os.umask(umask)
        sys.stdout.flush()
        sys.stderr.flush()
        output, errors = stdout.getvalue().decode(), stderr.getvalue().decode()
    assert status is None or isinstance(status, int), status
    return subprocess.CompletedProcess(["talkmeter", *arguments], status or 0, output, errors)


def run_cli_in_process(folder: Path, environment: Mapping[str, str], *arguments: str) -> str:
    """Run a command and return its stdout, stripped. Raises CalledProcessError if it fails."""
    done = invoke_in_process(folder, environment, *arguments)
    done.check_returncode()
    return done.stdout.strip()
