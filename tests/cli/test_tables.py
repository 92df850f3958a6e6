"""Tables: aligned in a terminal, plain text in a pipe, and as wide as their content in both."""

import os
import pty
import subprocess
from contextlib import closing, suppress

import pytest

from talkmeter.cli.tables import print_fields, print_table
from tests.cli.metered import ORG, WINDOW, Metered, cells
from tests.cli.terminal import Terminal
from tests.servers import TALKMETER

BOLD = "\x1b[1m"
LONG_ID = "a-long-id-" * 19 + "a-long-id"


def run_in_terminal(terminal: Terminal, *arguments: str) -> list[str]:
    """Return the lines that a command writes to a terminal."""
    parent, child = pty.openpty()
    with closing(os.fdopen(parent, "rb", buffering=0)) as output:
        environment = {**terminal.environment, "TERM": "xterm-256color"}
        process = subprocess.Popen([TALKMETER, *arguments], cwd=terminal.folder, env=environment, stdout=child)
        os.close(child)
        written = b""
        # Linux raises OSError when the last writer has closed the terminal.
        with suppress(OSError):
            while piece := output.read(65_536):
                written += piece
        assert process.wait(60) == 0
    return written.decode().splitlines()


def test_list_has_a_header_in_a_terminal_and_tabs_in_a_pipe(terminal: Terminal) -> None:
    terminal.run("orgs", "add", "acme", "--name", "Acme Plumbing")
    terminal.run("orgs", "add", LONG_ID, "--name", "Long")

    head, *rows = run_in_terminal(terminal, "orgs", "list")

    assert BOLD in head
    assert rows == [f"{LONG_ID}  Long", "acme" + " " * (len(LONG_ID) - 2) + "Acme Plumbing"]
    assert terminal.run("orgs", "list") == f"{LONG_ID}\tLong\nacme\tAcme Plumbing"


def test_table_has_the_same_cells_in_a_terminal_and_in_a_pipe(metered: Metered) -> None:
    command = ("records", *ORG, *WINDOW)

    shown, piped = run_in_terminal(metered.terminal, *command), metered.terminal.run(*command).splitlines()

    assert max(map(len, shown)) > 80
    assert "\x1b" not in "".join(piped)
    assert [cells(line) for line in shown if BOLD not in line] == [cells(line) for line in piped if line != piped[1]]


def test_cells_are_neither_cut_nor_read_as_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("agent", "calls"), [(LONG_ID, "1"), ("[red]東京[/red]", "12,000")], numbers=("calls",))

    assert capsys.readouterr().out.splitlines() == [
        "agent" + " " * (len(LONG_ID) - 5 + 3) + "calls",
        LONG_ID + " " * 7 + "1",
        "[red]東京[/red]" + " " * (len(LONG_ID) - 15 + 2) + "12,000",
    ]


def test_further_lines_of_a_value_are_indented(capsys: pytest.CaptureFixture[str]) -> None:
    print_fields([("size", "12 bytes"), ("known fields", "{\n  1\n}")])

    assert capsys.readouterr().out.splitlines() == [
        "size          12 bytes",
        "known fields  {",
        "                1",
        "              }",
    ]
