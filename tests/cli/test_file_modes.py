"""Only the user who runs Talkmeter can read the files it creates, even if the umask lets others read new files."""

import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.api.organizations import client_of
from tests.cli.tables_and_maps import CALLS, map_file, table
from tests.cli.terminal import Terminal
from tests.events import conversation
from tests.servers import running_server


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    """Set a umask with which others may read and write new files."""
    previous = os.umask(0)
    yield
    os.umask(previous)


def modes(folder: Path) -> dict[str, str]:
    """Return the permissions of every file by name."""
    return {path.name: f"{stat.S_IMODE(path.stat().st_mode):o}" for path in folder.iterdir() if path.is_file()}


def run(terminal: Terminal, *arguments: str) -> None:
    """Run a command as its own process, which inherits the umask."""
    terminal.execute_in_subprocess(*arguments).check_returncode()


def test_files_of_every_command_are_private(terminal: Terminal) -> None:
    ours = terminal.folder / "ours"
    ours.mkdir()
    terminal.environment["TALKMETER_DATABASE_URL"] = f"sqlite:///{ours / 'talkmeter.db'}"
    options = map_file(terminal)
    rejected = table(terminal, "calls.csv", *CALLS, "3;south;in;WHAT;2026-03-01 13:00:00;30;bob;;")
    run(terminal, "orgs", "add", "acme")
    with suppress(subprocess.CalledProcessError):
        run(terminal, "ingest", *options, "--rejected", "ours/bad.csv", rejected)
    run(terminal, "backup", "ours/backup.db")
    run(terminal, "export", "--org", "acme", "--of", "daily", "--output", "ours/days.csv")

    expected = ("talkmeter.db", "bad.csv", "backup.db", "days.csv")
    assert modes(ours) == dict.fromkeys(expected, "600")


def test_files_of_a_server_are_private(tmp_path: Path) -> None:
    database = tmp_path / "ours" / "talkmeter.db"
    database.parent.mkdir()
    with (
        running_server(tmp_path, {"TALKMETER_DATABASE_URL": f"sqlite:///ours/{database.name}"}) as server,
        client_of(server, server.key("acme")) as client,
    ):
        client.post("/metering/events", json=[conversation()]).raise_for_status()

        names = ("talkmeter.db", "talkmeter.db-wal", "talkmeter.db-shm")
        assert modes(database.parent) == dict.fromkeys(names, "600")
