"""`talkmeter ingest --map` with Parquet files: the maps of CSV read them, and too large or damaged ones are refused."""

import os
import subprocess
import sys
from decimal import Decimal
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.tables_and_maps import MAP, SECRETS, everything_stored, map_file
from tests.cli.terminal import Terminal


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
    assert terminal.rows("SELECT * FROM organization") == []


def varint(number: int, width: int = 0) -> bytes:
    """Return an integer as Thrift's compact protocol writes it, in at least `width` bytes."""
    zigzag, written = number << 1, bytearray()
    while zigzag > 127 or len(written) < width - 1:
        written.append(zigzag & 127 | 128)
        zigzag >>= 7
    return bytes((*written, zigzag))


MEASURED_INGEST = """
import sys
from pathlib import Path
from talkmeter.cli import main
try:
    main()
finally:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print("peak", int(line.split()[1]) // 1024)
"""


def test_parquet_whose_footer_states_too_few_bytes_is_refused_within_little_memory(
    terminal: Terminal, calls: str
) -> None:
    one = pq.read_table(terminal.folder / calls).slice(0, 1)
    column = pa.array(["x" * (500 << 20)])
    large = one.set_column(one.schema.get_field_index("who"), "who", column)
    file = terminal.folder / "large.parquet"
    pq.write_table(large, file, compression="zstd", write_statistics=False, use_dictionary=False)
    chunks = pq.read_metadata(file).row_group(0)
    size = max(chunks.column(index).total_uncompressed_size for index in range(chunks.num_columns))
    content = file.read_bytes()
    assert len(content) < 200_000
    assert content.count(varint(size)) == 1
    file.write_bytes(content.replace(varint(size), varint(1_000, len(varint(size)))))

    done = subprocess.run(
        [sys.executable, "-c", MEASURED_INGEST, "ingest", *map_file(terminal), file.name],
        cwd=terminal.folder,
        env=terminal.environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "bytes in one row group, and at most 268,435,456 are allowed" in done.stderr.splitlines()[-1]
    assert int(done.stdout.removeprefix("peak ")) < 250


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
