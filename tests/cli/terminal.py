"""A terminal in an empty folder: `talkmeter` commands, what they print, and the database they leave.

They run in this process; in one of their own where bytes are what counts, or where they stay, as a server does.
"""

import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec

from tests.cli_runner import invoke_in_process, run_cli_in_process
from tests.events import Json
from tests.servers import TALKMETER, environment_for

STAYS: Final = "serve"


class Terminal:
    """Runs commands against a database of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = environment_for(folder, {})
        self.database = folder / "talkmeter.db"

    def run(self, *arguments: str) -> str:
        """What a command prints on stdout; it must succeed."""
        return run_cli_in_process(self.folder, self.environment, *arguments)

    def finish(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end, whatever it is."""
        if STAYS in arguments:
            return self.finish_apart(*arguments)
        return invoke_in_process(self.folder, self.environment, *arguments)

    def finish_apart(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """The same in a process of its own."""
        return subprocess.run(
            [TALKMETER, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def refusal(self, *arguments: str) -> str:
        """The one sentence on stderr of a command that fails with exit status 1 and prints nothing else."""
        done = self.finish(*arguments)
        assert (done.returncode, done.stdout) == (1, ""), done
        assert done.stderr.startswith("talkmeter: "), done.stderr
        assert done.stderr.endswith(".\n"), done.stderr
        assert done.stderr.count("\n") == 1, done.stderr
        return done.stderr.removeprefix("talkmeter: ").rstrip()

    def file(self, name: str, *events: Json | bytes) -> str:
        """Write events as JSON lines; the file's name."""
        lines = (event if isinstance(event, bytes) else msgspec.json.encode(event) for event in events)
        (self.folder / name).write_bytes(b"".join(line + b"\n" for line in lines))
        return name

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """The rows of a query on the database."""
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(query, parameters).fetchall()

    def change(self, statement: str, *parameters: object) -> None:
        """Change one row of the database behind the program's back."""
        with closing(sqlite3.connect(self.database)) as connection, connection:
            assert connection.execute(statement, parameters).rowcount == 1

    def bytes_of(self, *arguments: str) -> bytes:
        """What a command writes to stdout, byte for byte; it must succeed."""
        return subprocess.run(
            [TALKMETER, *arguments], cwd=self.folder, env=self.environment, capture_output=True, timeout=100, check=True
        ).stdout
