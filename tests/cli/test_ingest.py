"""`talkmeter ingest` with JSON lines: safe to repeat, to interrupt, and with broken lines."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from tests.cli.terminal import Terminal
from tests.events import Json, conversation, event, run
from tests.servers import TALKMETER

TIMEOUT_SEC = 60
VERIFIED = "1 organization verified: every daily total is the sum of its records."


def call(number: int, **fields: object) -> Json:
    return conversation(f"call-{number}", organization_id="acme", **fields)


def test_ingest_counts_events_by_result_and_can_be_repeated(terminal: Terminal) -> None:
    late = call(1, status="ringing") | {"time": "2026-03-01T11:00:00Z"}
    first = call(1)
    name = terminal.file("calls.jsonl", first, call(2), b"", first, late, run(organization_id="acme"), b"   ")
    other = terminal.file("more.jsonl", call(3), event("agent.updated", {"id": "ann", "organization_id": "acme"}))

    assert terminal.run("ingest", name, other) == (
        "7 events: 5 accepted, 1 duplicate, 0 conflicting, 1 stale, 0 quarantined."
    )
    before = terminal.rows("SELECT * FROM organization")
    assert terminal.run("ingest", other, name) == (
        "7 events: 0 accepted, 6 duplicate, 0 conflicting, 1 stale, 0 quarantined."
    )
    assert terminal.rows("SELECT * FROM organization") == before
    assert terminal.run("verify") == VERIFIED


def test_broken_lines_are_quarantined_and_the_others_counted(terminal: Terminal) -> None:
    broken = b'{"specversion": "1.0", "id": '
    name = terminal.file("calls.jsonl", call(1), broken, conversation("without-org"), b"\xff\xfe", call(2))

    done = terminal.execute("ingest", name)

    assert done.stdout == "5 events: 2 accepted, 0 duplicate, 0 conflicting, 0 stale, 3 quarantined.\n"
    assert "'talkmeter quarantine list' shows the events that could not be understood." in done.stderr
    assert terminal.rows("SELECT reason FROM quarantine ORDER BY reason") == [
        ("malformed",),
        ("malformed",),
        ("missing_organization",),
    ]
    assert terminal.rows("SELECT id FROM conversation") == [("call-1",), ("call-2",)]


def test_files_with_many_lines_or_no_final_newline_are_read_completely(terminal: Terminal) -> None:
    (terminal.folder / "one.jsonl").write_bytes(msgspec.json.encode(call(0)))
    many = terminal.file("many.jsonl", *(call(number) for number in range(1, 2_001)))

    assert terminal.run("ingest", "one.jsonl", many).startswith("2,001 events: 2,001 accepted, ")


def test_overlong_line_is_rejected_with_its_number(terminal: Terminal) -> None:
    (terminal.folder / "blob").write_bytes(b"\n" + b"x" * (2 << 20))

    done = terminal.execute("ingest", "blob")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == ("talkmeter: blob, line 2: longer than 1048576 bytes; is it JSON lines?")


def test_missing_file_is_reported_before_anything_is_read(terminal: Terminal) -> None:
    done = terminal.execute("ingest", terminal.file("calls.jsonl", call(1)), "missing.jsonl")

    assert done.returncode != 0
    assert "missing.jsonl" in done.stderr
    assert terminal.rows("SELECT * FROM organization") == []


@pytest.fixture
def pipe(terminal: Terminal) -> Iterator[Path]:
    """A named pipe: an ingest that reads it blocks until more is written."""
    path = terminal.folder / "pipe"
    os.mkfifo(path)
    yield path
    path.unlink()


def wait_until_rows(terminal: Terminal, process: "subprocess.Popen[str]", number: int) -> None:
    """Wait until a number of conversations is stored."""
    pause = threading.Event()
    for _ in range(20 * TIMEOUT_SEC):
        if terminal.database.exists():
            tables = terminal.rows("SELECT 1 FROM sqlite_master WHERE name = 'conversation'")
            if tables and terminal.rows("SELECT count(*) FROM conversation") >= [(number,)]:
                return
        assert process.poll() is None
        pause.wait(0.05)
    pytest.fail(f"fewer than {number} conversations were stored within {TIMEOUT_SEC} s")


def test_interrupted_ingest_leaves_a_valid_ledger_and_can_be_continued(terminal: Terminal, pipe: Path) -> None:
    lines = [msgspec.json.encode(call(number)) + b"\n" for number in range(17_500)]
    process = subprocess.Popen(
        [TALKMETER, "ingest", pipe.name],
        cwd=terminal.folder,
        env=terminal.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with closing(pipe.open("wb", buffering=0)) as writing:
        writing.write(b"".join(lines[:12_500]))
        wait_until_rows(terminal, process, 10_000)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=TIMEOUT_SEC)

    assert process.returncode == 130
    assert stdout == ""
    assert "Traceback" not in stderr
    assert "Run the command again to continue: nothing is counted twice." in stderr
    (stored,) = terminal.rows("SELECT count(*) FROM conversation")[0]
    assert 10_000 <= stored < 17_500
    assert terminal.run("verify") == VERIFIED

    (terminal.folder / "all.jsonl").write_bytes(b"".join(lines))
    again = terminal.run("ingest", "all.jsonl")
    assert again.startswith(f"17,500 events: {17_500 - stored:,} accepted, {stored:,} duplicate, ")
    assert terminal.run("verify") == VERIFIED
    assert terminal.rows("SELECT calls FROM usage_daily WHERE dimension = 'total'") == [(17_500,)]
