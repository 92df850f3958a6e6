"""A terminal in an empty folder: runs `talkmeter` commands and reads their output and database.

Commands run in this process, except `serve`, those whose exact bytes matter, and those that run an event loop: this
process may have Playwright's.
"""

import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from tests.cli_runner import invoke_in_process
from tests.events import Json
from tests.servers import TALKMETER, environment_for
from tests.sqlite_template import copy_ledger_template


class Terminal:
    """Runs commands with its own database."""

    def __init__(self, folder: Path, *, create: bool = True) -> None:
        """Create an empty database, or with `create=False` none."""
        self.folder = folder
        self.environment = environment_for(folder, {})
        self.database = folder / "talkmeter.db"
        if create:
            copy_ledger_template(self.environment["TALKMETER_DATABASE_URL"])

    def run(self, *arguments: str) -> str:
        """Run a command that must succeed, and return its stdout, stripped."""
        done = self.execute(*arguments)
        done.check_returncode()
        return done.stdout.strip()

    def execute(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command and return its exit status and output."""
        if "serve" in arguments or arguments[1:2] == ("test",):
            return self.execute_in_subprocess(*arguments)
        return invoke_in_process(self.folder, self.environment, *arguments)

    def execute_in_subprocess(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command in a subprocess and return its exit status and output."""
        return subprocess.run(
            [TALKMETER, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def error(self, *arguments: str) -> str:
        """Run a command that must fail with exit status 1, and return its error, the only output."""
        done = self.execute(*arguments)
        assert (done.returncode, done.stdout) == (1, ""), done
        assert done.stderr.startswith("talkmeter: "), done.stderr
        assert done.stderr.endswith(".\n"), done.stderr
        assert done.stderr.count("\n") == 1, done.stderr
        return done.stderr.removeprefix("talkmeter: ").rstrip()

    def file(self, name: str, *events: Json | bytes) -> str:
        """Write events as JSON lines and return the name of the file."""
        lines = (event if isinstance(event, bytes) else msgspec.json.encode(event) for event in events)
        (self.folder / name).write_bytes(b"".join(line + b"\n" for line in lines))
        return name

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query on the database."""
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(query, parameters).fetchall()

    def change(self, statement: str, *parameters: object) -> None:
        """Change one row of the database directly."""
        with closing(sqlite3.connect(self.database)) as connection, connection:
            assert connection.execute(statement, parameters).rowcount == 1

    def stdout_bytes(self, *arguments: str) -> bytes:
        """Run a command that must succeed in a subprocess, and return its stdout as bytes."""
        return subprocess.run(
            [TALKMETER, *arguments], cwd=self.folder, env=self.environment, capture_output=True, timeout=100, check=True
        ).stdout
