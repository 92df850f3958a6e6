"""`talkmeter ingest --map`: tables are ingested, can be ingested again, and rejected rows are saved."""

import csv
import os
import subprocess
import sys
from decimal import Decimal
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.terminal import Terminal
from tests.events import conversation
from tests.servers import TALKMETER

MAP = """
[file]
delimiter = ";"
zone = "Europe/Berlin"
[event]
type = "conversation.updated"
source = "/calls"
time = { column = "began", plus = ["seconds"] }
[data]
id = { template = "{shop}/{number}" }
channel = { value = "telephone" }
direction = { column = "way", values = { in = "inbound", out = "outbound" } }
status = { column = "end", values = { OK = "completed", "NO ANSWER" = "unanswered" } }
created_at = "began"
duration = { column = "seconds", unit = "seconds" }
agent_id = { column = "who", empty = ["-"] }
"""
HEAD = "number;shop;way;end;began;seconds;who;caller;transcript"
CALLS = (
    "1;north;in;OK;2026-03-01 00:30:00;90,5;ann;+13125550199;hello",
    '2;north;out;NO ANSWER;2026-03-01T12:00:00Z;;-;+13125550198;"a ; and\nanother line"',
    "2;south;in;OK;2026-03-01 13:00:00+01:00;30;bob;+13125550197;",
)
SECRETS = ("+1312555", "hello", "another line")


def table(terminal: Terminal, name: str, *lines: str, encoding: str = "utf-8") -> str:
    (terminal.folder / name).write_text("\n".join((HEAD, *lines)) + "\n", encoding=encoding)
    return name


def map_file(terminal: Terminal, text: str = MAP) -> tuple[str, ...]:
    """Write the map and return the options for it."""
    (terminal.folder / "map.toml").write_text(text)
    return ("--map", "map.toml", "--org", "acme")


def everything_stored(terminal: Terminal) -> bytes:
    """Return all bytes of the database, including its write-ahead log."""
    return b"".join(path.read_bytes() for path in terminal.folder.glob("talkmeter.db*"))


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
        "data.duration: '90,5' is not a number of seconds; set file.decimal to the decimal sign.",
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
    assert not terminal.database.exists()


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
        "calls.csv, line 2: data.duration: '90,5' is not a number of seconds; set file.decimal to the decimal sign.",
        "3 rows: 2 understood, 1 rejected. Nothing was written.",
        "3 rows: 2 calls, 1 row rejected.",
    ]
    assert not terminal.database.exists()


def test_dry_run_of_events_counts_those_for_the_quarantine(terminal: Terminal) -> None:
    name = terminal.file("calls.jsonl", b"", conversation("a", organization_id="acme", agent_id="ann"), b"{}")

    printed = terminal.run("ingest", "--dry-run", name).splitlines()

    assert printed[0] == "calls.jsonl, event 1: conversation a of acme"
    assert printed[-2:] == [
        "calls.jsonl, event 2: The event: missing required field `specversion`.",
        "2 events: 1 understood, 1 for the quarantine. Nothing was written.",
    ]
    assert not terminal.database.exists()


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
    assert not terminal.database.exists()


def test_invalid_map_is_reported_before_anything_is_read(terminal: Terminal) -> None:
    options = map_file(terminal, MAP.replace("[file]", "[flie]"))

    assert terminal.error("ingest", *options, table(terminal, "calls.csv", *CALLS)) == (
        "The map map.toml: unknown table 'flie'; the tables are [file], [event] and [data]."
    )
    assert not terminal.database.exists()


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


def parquet(terminal: Terminal, name: str, **columns: "pa.Array") -> str:
    pq.write_table(pa.table(columns), terminal.folder / name)
    return name


@pytest.fixture
def calls(terminal: Terminal) -> str:
    """Two calls as Parquet, with various column types and two columns that the map does not read."""
    return parquet(
        terminal,
        "calls.parquet",
        number=pa.array([1.0, 2.0]),
        shop=pa.array(["north", "south"]).dictionary_encode(),
        way=pa.array(["in", "in"], pa.large_string()),
        end=pa.array(["OK", "NO ANSWER"]),
        began=pa.array(
            [1_772_364_600_000_000_999, 1_772_366_400_000_000_000], pa.timestamp("ns", tz="America/New_York")
        ),
        seconds=pa.array([Decimal("90.50"), None]),
        who=pa.array(["ann", None]),
        caller=pa.array(["+13125550199", "+13125550198"]),
        transcript=pa.array([["hello"], ["another line"]]),
    )


def test_parquet_is_read_by_the_same_map_as_csv(terminal: Terminal, calls: str) -> None:
    ingest = ("ingest", *map_file(terminal), calls)

    assert terminal.run(*ingest).startswith("2 rows: 2 accepted, ")
    assert terminal.rows(
        "SELECT id, status, datetime(created_at / 1000000, 'unixepoch'), duration_ms, agent_id FROM conversation"
    ) == [
        ("north/1", "completed", "2026-03-01 11:30:00", 90_500, "ann"),
        ("south/2", "unanswered", "2026-03-01 12:00:00", None, None),
    ]
    assert terminal.run(*ingest).startswith("2 rows: 0 accepted, 2 duplicate, ")
    assert not any(secret.encode() in everything_stored(terminal) for secret in SECRETS)


def test_rejected_parquet_row_is_named_by_its_number(terminal: Terminal, calls: str) -> None:
    options = map_file(terminal, MAP.replace(', "NO ANSWER" = "unanswered"', ""))

    done = terminal.execute("ingest", *options, "--rejected", "bad.csv", calls)

    assert (
        "calls.parquet, row 2: data.status: column 'end' is 'NO ANSWER'; add it to values, which has 'OK'."
    ) in done.stderr
    assert len((terminal.folder / "bad.csv").read_text().splitlines()) == 2


def test_list_columns_and_broken_parquet_files_are_rejected(terminal: Terminal, calls: str) -> None:
    options = map_file(terminal, MAP.replace('column = "who"', 'column = "transcript"'))
    broken = terminal.folder / "broken.parquet"
    broken.write_bytes(b"PAR1" + b"\x00" * 100 + b"PAR1")

    error = terminal.execute("ingest", *options, calls).stderr.splitlines()[-1]
    assert error.startswith("talkmeter: calls.parquet: the column 'transcript' has the type list<")
    assert error.endswith("only strings, numbers, booleans, dates and times are supported.")
    done = terminal.execute("ingest", *options, "broken.parquet")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("talkmeter: broken.parquet cannot be read: ")


@pytest.mark.parametrize(
    ("text", "rows", "reason"),
    [
        (b"x" * (300 << 20), 1, "bytes in one row group, and at most 268,435,456 are allowed"),
        (b"x" * ((1 << 20) + 1), 1, "the longest 1,048,577; at most 67,108,864 and 1,048,576 are allowed"),
        (b"x" * 20_000, 5_000, "have 100,000,000 bytes, the longest 20,000; at most 67,108,864 and"),
    ],
    ids=["row group", "cell", "rows"],
)
def test_parquet_that_needs_too_much_memory_is_refused(
    terminal: Terminal, calls: str, text: bytes, rows: int, reason: str
) -> None:
    few = pq.read_table(terminal.folder / calls).slice(0, 1)
    table = pa.concat_tables([few] * rows)
    column = pa.array([text.decode()]).dictionary_encode().take(pa.array([0] * rows))
    pq.write_table(
        table.set_column(table.schema.get_field_index("who"), "who", column),
        terminal.folder / "large.parquet",
        compression="zstd",
        dictionary_pagesize_limit=1 << 30,
        write_statistics=False,
    )

    done = terminal.execute("ingest", *map_file(terminal), "large.parquet")

    assert (terminal.folder / "large.parquet").stat().st_size < 200_000
    assert reason in done.stderr.splitlines()[-1]
    assert not terminal.database.exists()


def test_damaged_parquet_gives_an_error_message_with_its_name(terminal: Terminal, calls: str) -> None:
    options = map_file(terminal)
    whole = (terminal.folder / calls).read_bytes()
    random = Random(7)

    for _ in range(100):
        damaged = bytearray(whole)
        for _ in range(random.randrange(1, 20)):
            damaged[random.randrange(len(damaged))] = random.randrange(256)
        (terminal.folder / "damaged.parquet").write_bytes(damaged[: random.choice((len(damaged), 500))])
        done = terminal.execute("ingest", "--dry-run", *options, "damaged.parquet")
        assert done.returncode == 0 or "talkmeter: damaged.parquet" in done.stderr.splitlines()[-1]


def test_parquet_without_pyarrow_says_what_to_install(
    terminal: Terminal, calls: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("no-pyarrow")
    (folder / "pyarrow.py").write_text("raise ImportError('not installed')\n")
    done = subprocess.run(
        [sys.executable, "-c", "from talkmeter.cli import main; main()", "ingest", *map_file(terminal), calls],
        cwd=terminal.folder,
        env={**terminal.environment, "PYTHONPATH": os.pathsep.join((str(folder),))},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "talkmeter: Parquet needs an optional dependency: pip install 'talkmeter[parquet]'. CSV works without it."
    )
