"""`talkmeter ingest --map`: tables are ingested, can be ingested again, and rejected rows are saved."""

import csv
import subprocess

import pytest

from tests.cli.tables_and_maps import CALLS, HEAD, MAP, SECRETS, everything_stored, map_file, table
from tests.cli.terminal import Terminal
from tests.events import conversation
from tests.servers import TALKMETER


def test_table_is_ingested_by_its_map_and_again_as_duplicates(terminal: Terminal) -> None:
    ingest = ("ingest", *map_file(terminal), table(terminal, "calls.csv", CALLS[0].replace("90,5", "90.5"), *CALLS[1:]))

    assert terminal.run(*ingest) == (
        "3 rows: 3 accepted, 0 duplicate, 0 conflicting, 0 stale, 0 quarantined, 0 rejected.\n3 rows: 3 calls."
    )
    assert terminal.rows(
        "SELECT id, direction, status, datetime(created_at / 1000000, 'unixepoch'), duration_ms, agent_id "
        "FROM conversation ORDER BY id"
    ) == [
        ("north/1", "inbound", "completed", "2026-02-28 23:30:00", 90_500, "ann"),
        ("north/2", "outbound", "unanswered", "2026-03-01 12:00:00", None, None),
        ("south/2", "inbound", "completed", "2026-03-01 12:00:00", 30_000, "bob"),
    ]
    assert terminal.run(*ingest) == (
        "3 rows: 0 accepted, 3 duplicate, 0 conflicting, 0 stale, 0 quarantined, 0 rejected.\n3 rows: 3 calls."
    )
    assert not any(secret.encode() in everything_stored(terminal) for secret in SECRETS)


def test_rejected_rows_are_printed_and_ingested_once_corrected(terminal: Terminal) -> None:
    extra_cell = "3;south;in;OK;2026-03-01 13:00:00;1;ann;+13125550199;hello;one too many"
    options = map_file(terminal)

    done = terminal.execute(
        "ingest", *options, "--rejected", "bad.csv", table(terminal, "calls.csv", *CALLS, extra_cell)
    )

    assert done.stdout == (
        "4 rows: 2 accepted, 0 duplicate, 0 conflicting, 0 stale, 0 quarantined, 2 rejected.\n"
        "4 rows: 2 calls, 2 rows rejected.\n"
    )
    reasons = [
        "data.duration: '90,5' is not a number of seconds; set file.decimal to the decimal sign (column 'seconds').",
        "10 cells, but the header has 9.",
    ]
    assert done.stderr.splitlines()[-3:] == [
        f"calls.csv, line 2: {reasons[0]}",
        f"calls.csv, line 6: {reasons[1]}",
        "Rejected rows, with reasons, are in bad.csv",
    ]
    bad = (terminal.folder / "bad.csv").read_text()
    rows = list(csv.DictReader(bad.splitlines(), delimiter=";"))
    assert [(row["rejected_file"], row["rejected_line"], row["rejected_reason"]) for row in rows] == [
        ("calls.csv", "2", reasons[0]),
        ("calls.csv", "6", reasons[1]),
    ]
    assert not any(secret in bad for secret in SECRETS)
    assert not any(secret.encode() in everything_stored(terminal) for secret in SECRETS)

    (terminal.folder / "corrected.csv").write_text(bad.replace(";90,5;", ";90.5;").rpartition("calls.csv;6;")[0])
    assert terminal.run("ingest", *options, "corrected.csv").startswith("1 row: 1 accepted, ")
    assert terminal.rows("SELECT duration_ms FROM conversation WHERE id = 'north/1'") == [(90_500,)]


def test_only_the_first_errors_are_printed_but_all_rows_are_saved(terminal: Terminal) -> None:
    lines = [f"{number};north;in;OK;yesterday;1;ann;;" for number in range(1_500)]

    done = terminal.execute(
        "ingest", *map_file(terminal), "--rejected", "bad.csv", table(terminal, "calls.csv", *lines)
    )

    assert done.stdout == (
        "1,500 rows: 0 accepted, 0 duplicate, 0 conflicting, 0 stale, 0 quarantined, 1,500 rejected.\n"
        "1,500 rows: 0 calls, 1,500 rows rejected.\n"
    )
    assert done.stderr.count("'yesterday' is not an ISO 8601 date and time; set format to its format") == 5
    assert len((terminal.folder / "bad.csv").read_text().splitlines()) == 1_501


def test_rejected_rows_of_an_unquoted_format_stay_one_row_each(terminal: Terminal) -> None:
    options = map_file(terminal, MAP.replace('delimiter = ";"', 'delimiter = " "\nquote = ""').replace("began", "day"))
    (terminal.folder / "calls.csv").write_text('number shop way end day seconds who\n1 "north in OK today 9 ann\n')

    done = terminal.execute("ingest", *options, "--rejected", "bad.csv", "calls.csv")

    assert " 1 rejected.\n" in done.stdout
    header, row = (line.split(" ") for line in (terminal.folder / "bad.csv").read_text().splitlines())
    cells = dict(zip(header, row, strict=True))
    assert (cells["shop"], cells["day"], cells["who"]) == ('"north', "today", "ann")
    assert cells["rejected_reason"].startswith("data.created_at:_'today'_is_not_an_ISO_8601")


@pytest.mark.parametrize("input_file", ["calls.csv", "map.toml"])
def test_rejected_rows_never_overwrite_an_input_file(terminal: Terminal, input_file: str) -> None:
    options = (*map_file(terminal), "--rejected", input_file, table(terminal, "calls.csv", *CALLS))

    assert (
        terminal.error("ingest", *options) == f"--rejected {input_file} is one of the input files; choose another file."
    )
    assert (terminal.folder / "calls.csv").read_text().startswith(HEAD)


def test_unwritable_file_for_rejected_rows_is_reported_first(terminal: Terminal) -> None:
    options = (*map_file(terminal), "--rejected", "nowhere/bad.csv", table(terminal, "calls.csv", *CALLS))

    assert terminal.error("ingest", *options) == (
        "Cannot write the rejected rows to nowhere/bad.csv: No such file or directory."
    )
    assert terminal.rows("SELECT * FROM organization") == []


def test_dry_run_prints_first_records_and_errors_and_writes_nothing(terminal: Terminal) -> None:
    printed = terminal.run(
        "ingest", *map_file(terminal), "--dry-run", table(terminal, "calls.csv", *CALLS)
    ).splitlines()

    assert printed == [
        "calls.csv, line 3: conversation north/2 of acme",
        "  channel telephone, direction outbound, status unanswered, created_at 2026-03-01T12:00:00Z, modality voice",
        "  event north/2 of /calls, 2026-03-01T12:00:00Z",
        "calls.csv, line 5: conversation south/2 of acme",
        (
            "  channel telephone, direction inbound, status completed, created_at 2026-03-01T12:00:00Z, "
            "duration_ms 30000, modality voice, agent_id bob"
        ),
        "  event south/2 of /calls, 2026-03-01T12:00:30Z",
        (
            "calls.csv, line 2: data.duration: '90,5' is not a number of seconds; "
            "set file.decimal to the decimal sign (column 'seconds')."
        ),
        "3 rows: 2 understood, 1 rejected. Nothing was written.",
        "3 rows: 2 calls, 1 row rejected.",
    ]
    assert terminal.rows("SELECT * FROM organization") == []


def test_dry_run_of_events_counts_those_for_the_quarantine(terminal: Terminal) -> None:
    name = terminal.file("calls.jsonl", b"", conversation("a", organization_id="acme", agent_id="ann"), b"{}")

    printed = terminal.run("ingest", "--dry-run", name).splitlines()

    assert printed[0] == "calls.jsonl, event 1: conversation a of acme"
    assert printed[-2:] == [
        "calls.jsonl, event 2: The event: missing required field `specversion`.",
        "2 events: 1 understood, 1 for the quarantine. Nothing was written.",
    ]
    assert terminal.rows("SELECT * FROM organization") == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "calls.csv is empty; the first line must name the columns."),
        (
            b"number;shop\n",
            "calls.csv has no column 'way', which the map reads; it has 'number', 'shop'.",
        ),
        (
            HEAD.encode() + b";way\n",
            "calls.csv has 2 columns 'way'; the map needs unique names.",
        ),
        (
            HEAD.encode() + b'\n1;"' + b"x\n" * (1 << 20),
            (
                "calls.csv, line 524288: the row is longer than 1048576 characters; "
                "check delimiter and quote in the map."
            ),
        ),
        (
            HEAD.encode() + b'\n1;"a"b;',
            "calls.csv, line 2: ';' expected after '\"'; check delimiter and quote in the map.",
        ),
    ],
    ids=["empty", "missing column", "duplicate column", "unclosed quote", "broken quotes"],
)
def test_table_that_does_not_fit_the_map_is_rejected(terminal: Terminal, content: bytes, message: str) -> None:
    (terminal.folder / "calls.csv").write_bytes(content)

    done = terminal.execute("ingest", *map_file(terminal), "calls.csv")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == f"talkmeter: {message}"


def test_tables_and_their_options_need_a_map(terminal: Terminal) -> None:
    name = table(terminal, "calls.csv", *CALLS)
    events = terminal.file("calls.jsonl", conversation("a", organization_id="acme"))

    assert terminal.error("ingest", name) == (
        "calls.csv is a table; map its columns with --map (docs/how-to/import-files.md)."
    )
    assert terminal.error("ingest", "--rejected", "bad.csv", events) == (
        "--rejected needs --map; events that cannot be counted go to quarantine."
    )
    assert terminal.error("ingest", "--org", "acme", events) == (
        "--org needs --map; each event in a JSON lines file names its organization."
    )
    assert terminal.rows("SELECT * FROM organization") == []


def test_invalid_map_is_reported_before_anything_is_read(terminal: Terminal) -> None:
    options = map_file(terminal, MAP.replace("[file]", "[flie]"))

    assert terminal.error("ingest", *options, table(terminal, "calls.csv", *CALLS)) == (
        "The map map.toml: unknown table 'flie'; the tables are [file], [event] and [data]."
    )
    assert terminal.rows("SELECT * FROM organization") == []


def test_table_is_read_from_a_pipe(terminal: Terminal) -> None:
    content = "\n".join((HEAD, *CALLS[1:])).encode()

    done = subprocess.run(
        [TALKMETER, "ingest", *map_file(terminal), "/dev/stdin"],
        cwd=terminal.folder,
        env=terminal.environment,
        input=content,
        capture_output=True,
        check=True,
        timeout=100,
    )

    assert done.stdout.startswith(b"2 rows: 2 accepted, ")


def test_cell_in_another_encoding_rejects_only_its_row(terminal: Terminal) -> None:
    latin = table(terminal, "calls.csv", CALLS[1], CALLS[2].replace("bob", "Jürgen"), encoding="latin-1")
    options = map_file(terminal)

    done = terminal.execute("ingest", *options, latin)
    assert done.stdout.startswith("2 rows: 1 accepted, ")
    assert "calls.csv, line 4: a cell is not in the map's encoding." in done.stderr

    options = map_file(terminal, MAP.replace("[file]", '[file]\nencoding = "latin-1"'))
    assert terminal.run("ingest", *options, latin).startswith("2 rows: 1 accepted, 1 duplicate, ")
    assert terminal.rows("SELECT agent_id FROM conversation WHERE id = 'south/2'") == [("Jürgen",)]
