"""`talkmeter ingest --map` with Excel workbooks."""

import subprocess
import sys
from datetime import datetime, time, timedelta
from zipfile import ZIP_DEFLATED, ZipFile

import openpyxl
import pytest

from tests.cli.terminal import Terminal

MAP = """
[file]
zone = "Europe/Berlin"
[event]
type = "conversation.updated"
source = "/workbook"
time = "start"
[data]
id = "id"
channel = { value = "telephone" }
direction = { value = "inbound" }
status = { value = "completed" }
created_at = "start"
duration = { column = "long", unit = "h:mm:ss" }
agent_id = "who"
"""
TITLE: tuple[tuple[object, ...], ...] = (("Calls of May",), (), ("id", "start", "long", "who"))
OPTIONS = ("--map", "map.toml", "--org", "acme")


def workbook(terminal: Terminal, *rows: tuple[object, ...], map_text: str = MAP) -> str:
    """Write a map and a workbook whose second sheet has the rows."""
    (terminal.folder / "map.toml").write_text(map_text.replace("[file]", '[file]\nsheet = "Calls"'))
    book = openpyxl.Workbook()
    sheet = book.create_sheet("Calls")
    for row in (*TITLE, *rows):
        sheet.append(row)
    book.save(terminal.folder / "calls.xlsx")
    return "calls.xlsx"


def test_workbook_is_ingested_by_a_map(terminal: Terminal) -> None:
    name = workbook(
        terminal,
        (5_910_000_000_000_001, datetime.fromisoformat("2026-05-01T10:00:05"), time(0, 1, 30), "ann"),
        ("b", datetime.fromisoformat("2026-05-02T00:00:00"), timedelta(hours=30, seconds=5), None),
        ("c", "2026-05-02T09:00:00Z", "75:30", None),
        ("Total", None, 3, None),
    )

    printed = terminal.run("ingest", *OPTIONS, name)

    assert printed.endswith("4 rows: 3 calls, 1 row skipped.")
    assert terminal.rows(
        "SELECT id, datetime(created_at / 1000000, 'unixepoch'), duration_ms, agent_id FROM conversation ORDER BY id"
    ) == [
        ("5910000000000001", "2026-05-01 08:00:05", 90_000, "ann"),
        ("b", "2026-05-01 22:00:00", 108_005_000, None),
        ("c", "2026-05-02 09:00:00", 4_530_000, None),
    ]
    assert terminal.run("ingest", *OPTIONS, name).startswith("4 rows: 0 accepted, 3 duplicate, ")


def test_rejected_row_of_a_workbook_is_named_by_its_number(terminal: Terminal) -> None:
    name = workbook(
        terminal,
        ("a", "yesterday", time(0, 1), None),
        ("b", datetime.fromisoformat("2026-05-02T01:00:00"), None, None, "note"),
    )

    done = terminal.execute("ingest", *OPTIONS, name)

    assert done.stdout.startswith("2 rows: 1 accepted, ")
    assert "calls.xlsx, row 4: data.created_at: 'yesterday' is not an ISO 8601 date and time" in done.stderr


def test_workbook_without_the_library_says_what_to_install(
    terminal: Terminal, tmp_path_factory: pytest.TempPathFactory
) -> None:
    name = workbook(terminal)
    folder = tmp_path_factory.mktemp("no-calamine")
    (folder / "python_calamine.py").write_text("raise ImportError('not installed')\n")
    done = subprocess.run(
        [sys.executable, "-c", "from talkmeter.cli import main; main()", "ingest", *OPTIONS, name],
        cwd=terminal.folder,
        env={**terminal.environment, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert done.stderr.splitlines()[-1] == (
        "talkmeter: Excel files need an optional dependency: pip install 'talkmeter[excel]'. CSV works without it."
    )


def test_workbook_without_the_sheet_or_a_column_is_refused(terminal: Terminal) -> None:
    name = workbook(terminal, map_text=MAP.replace('"who"', '"agent"'))
    assert terminal.execute("ingest", *OPTIONS, name).stderr.splitlines()[-1] == (
        "talkmeter: calls.xlsx has no column 'agent', which the map reads; it has 'id', 'start', 'long', 'who'."
    )

    (terminal.folder / "map.toml").write_text(MAP.replace("[file]", '[file]\nsheet = "June"'))
    assert terminal.execute("ingest", *OPTIONS, name).stderr.splitlines()[-1] == (
        "talkmeter: calls.xlsx has no sheet 'June'; it has 'Sheet', 'Calls'."
    )


@pytest.mark.parametrize("content", [b"", b"id,start\n", b"PK\x03\x04" + b"\x00" * 100])
def test_file_that_is_not_a_workbook_is_refused(terminal: Terminal, content: bytes) -> None:
    name = workbook(terminal)
    (terminal.folder / name).write_bytes(content)

    error = terminal.execute("ingest", *OPTIONS, name).stderr.splitlines()[-1]

    assert error.startswith("talkmeter: calls.xlsx is not a readable Excel file (.xlsx): ")


def test_workbook_that_unpacks_to_too_much_is_refused(terminal: Terminal) -> None:
    name = workbook(terminal)
    with ZipFile(terminal.folder / name, "a", ZIP_DEFLATED) as parts, parts.open("xl/large.xml", "w") as part:
        for _ in range(257):
            part.write(b" " * (1 << 20))

    error = terminal.execute("ingest", *OPTIONS, name).stderr.splitlines()[-1]

    assert error.endswith(" bytes unpacked, and at most 268,435,456 are allowed; save it as CSV.")
    assert terminal.rows("SELECT * FROM organization") == []
