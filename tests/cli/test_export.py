"""`talkmeter export`: the files of the API, to stdout or a file, which is complete or absent."""

import csv
import json
import os
import pty
import subprocess
from collections.abc import Iterable
from contextlib import closing
from io import BytesIO, StringIO
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.cli.metered import ORG, PARAMETERS, WINDOW, Metered
from tests.servers import TALKMETER

YEAR = ("--from", "2026-01-01", "--to", "2027-01-01")
"""A year of days is larger than the buffer of a pipe."""
CALLS = (
    *("total_calls", "voice_calls", "chat_calls", "inbound_calls", "outbound_calls", "timed_calls", "live_calls"),
    *("voice_duration_ms", "chat_duration_ms"),
)
RUNS = ("workflow_runs_total", "workflow_runs_success", "workflow_runs_failed", "live_runs")
SUBJECTS = [
    {"of": "daily"},
    {"of": "records"},
    {"of": "records", "kind": "workflow_execution", "workflow": "follow-up"},
    {"of": "breakdown", "by": "agent", "order": "voice"},
    {"of": "breakdown", "by": "run_status"},
]


def options(parameters: dict[str, str]) -> list[str]:
    """Return parameters as command line options."""
    return [word for name, value in parameters.items() for word in (f"--{name}", value)]


def csv_of(content: bytes) -> list[dict[str, str]]:
    """Return the rows of a CSV file as dictionaries."""
    return list(csv.DictReader(StringIO(content.decode("utf-8-sig"), newline="")))


def sums(rows: Iterable[dict[str, str]], names: tuple[str, ...]) -> dict[str, int]:
    """Return the sums of columns."""
    totals = dict.fromkeys(names, 0)
    for row in rows:
        for name in names:
            totals[name] += int(row[name])
    return totals


def exported(metered: Metered, *arguments: str) -> bytes:
    """Return what an export writes to stdout."""
    return metered.terminal.stdout_bytes("export", *ORG, *arguments)


@pytest.mark.parametrize("format_", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: " ".join(subject.values()))
def test_export_equals_the_api_response_byte_for_byte(metered: Metered, subject: dict[str, str], format_: str) -> None:
    printed = exported(metered, *options(subject), "--format", format_, *WINDOW)

    assert printed == metered.get("export", **PARAMETERS, **subject, format=format_).content


@pytest.mark.parametrize(
    ("subject", "names"),
    [
        ("--of daily", (*CALLS, *RUNS)),
        ("--of records", CALLS),
        ("--of records --kind workflow_execution", RUNS),
        ("--of breakdown --by widget", CALLS),
        ("--of breakdown --by workflow", RUNS),
    ],
)
def test_exact_columns_add_up_to_the_summary(metered: Metered, subject: str, names: tuple[str, ...]) -> None:
    summary = metered.answer("summary")

    rows = csv_of(exported(metered, *subject.split(), *WINDOW))

    assert sums(rows, names) == {name: summary[name] for name in names}


def test_all_formats_contain_the_same_rows(metered: Metered) -> None:
    command = ("--of", "records", *WINDOW)

    of_csv = csv_of(exported(metered, *command))
    of_json = [json.loads(line) for line in exported(metered, *command, "--format", "jsonl").splitlines()]
    of_parquet = pq.read_table(BytesIO(exported(metered, *command, "--format", "parquet"))).to_pylist()

    assert [row["id"] for row in of_csv] == ["chat-2", "call-5", "chat-1", "call-3", "call-2", "call-1"]
    assert [list(row) for row in of_json] == [list(row) for row in of_csv] == [list(row) for row in of_parquet]
    for name in ("id", "agent_id", "duration_ms", "stale", *CALLS):
        assert [row[name] for row in of_json] == [row[name] for row in of_parquet]
    assert [row["created_at"] for row in of_json] == [row["created_at"] for row in of_csv]
    assert [row["agent_number"] for row in of_csv][-1] == "+13125550110"


@pytest.mark.parametrize("format_", ["csv", "jsonl", "parquet"])
def test_output_file_equals_stdout_and_its_size_is_printed(metered: Metered, tmp_path: Path, format_: str) -> None:
    file = tmp_path / "march"
    file.write_text("previous export")
    command = (*ORG, "--of", "daily", "--format", format_, *WINDOW)

    done = metered.terminal.execute("export", *command, "--output", str(file))

    content = file.read_bytes()
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"{len(content):,} bytes in {file}.\n"
    assert content == metered.terminal.stdout_bytes("export", *command)
    assert list(tmp_path.iterdir()) == [file]


def test_output_file_can_be_read_by_its_user_only(metered: Metered, tmp_path: Path) -> None:
    metered.run("export", "--of", "daily", "--output", str(tmp_path / "march.csv"))

    assert (tmp_path / "march.csv").stat().st_mode & 0o777 == 0o600


def test_symbolic_link_is_kept_and_its_target_written(metered: Metered, tmp_path: Path) -> None:
    (tmp_path / "latest.csv").symlink_to("march.csv")

    metered.run("export", "--of", "daily", "--output", str(tmp_path / "latest.csv"))

    assert (tmp_path / "latest.csv").is_symlink()
    assert (tmp_path / "march.csv").read_bytes().startswith(b"\xef\xbb\xbfday,")


def test_named_pipe_is_written_to_and_kept(metered: Metered, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        metered.run("export", "--of", "daily", *WINDOW, "--output", str(pipe))
        read = reader.communicate(timeout=60)[0]

    assert read == exported(metered, "--of", "daily", *WINDOW)
    assert pipe.is_fifo()


def test_closed_stdout_is_not_an_error(metered: Metered) -> None:
    command = [str(TALKMETER), "export", *ORG, "--of", "daily", "--format", "jsonl", *YEAR]
    with subprocess.Popen(
        command,
        cwd=metered.terminal.folder,
        env=metered.terminal.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stderr is not None
        first = writer.stdout.readline()
        writer.stdout.close()
        stderr = writer.stderr.read()

    assert json.loads(first)["day"] == "2026-01-01"
    assert stderr == b""


def test_parquet_is_not_written_to_a_terminal(metered: Metered) -> None:
    command = [str(TALKMETER), "export", *ORG, "--of", "daily", "--format", "parquet"]
    parent, child = pty.openpty()
    with closing(os.fdopen(parent)), closing(os.fdopen(child)) as screen:
        done = subprocess.run(
            command,
            cwd=metered.terminal.folder,
            env=metered.terminal.environment,
            stdout=screen,
            stderr=subprocess.PIPE,
            text=True,
            timeout=100,
            check=False,
        )

    message = "talkmeter: Parquet is binary and not printed to a terminal; use --output or redirect stdout.\n"
    assert (done.returncode, done.stderr) == (1, message)


def test_full_disk_keeps_the_old_file_and_leaves_no_partial_one(metered: Metered, tmp_path: Path) -> None:
    file = tmp_path / "year.jsonl"
    file.write_text("previous export")
    # The shell limits files to 50 KiB.
    limited = ["sh", "-c", 'ulimit -f 100; exec "$@"', "sh", str(TALKMETER)]
    command = [*limited, "export", *ORG, "--of", "daily", "--format", "jsonl", *YEAR, "--output", str(file)]

    done = subprocess.run(
        command,
        cwd=metered.terminal.folder,
        env=metered.terminal.environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"talkmeter: Cannot write the export to {file}: File too large.\n"
    assert file.read_text() == "previous export"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "'of' is missing: it must be one of daily, records, breakdown."),
        ("--of days", "'of' must be one of daily, records, breakdown, not 'days'."),
        ("--of daily --format xlsx", "'format' must be one of csv, jsonl, parquet, not 'xlsx'."),
        ("--of daily --direction inbound", "--direction cannot be used with --of daily."),
        ("--of records --by agent --order calls", "--by, --order cannot be used with --of records."),
        ("--of breakdown --by agent --has-duration true", "--has-duration cannot be used with --of breakdown."),
        ("--of breakdown", "'by' is missing: it must be one of agent, number, "),
        ("--of breakdown --by agent --order runs", "A breakdown by agent cannot be sorted by runs. Allowed: calls, "),
        ("--of records --live perhaps", "'live' must be true or false, not 'perhaps'."),
        ("--of daily --from 2026-03-02 --to 2026-03-01", "'to' must be after 'from'"),
        ("--of daily --org nobody", "Organization 'nobody' does not exist; "),
        ("--of daily --output /dev/full", "Cannot write the export to /dev/full: No space left on device."),
    ],
)
def test_invalid_export_prints_an_error(metered: Metered, arguments: str, message: str) -> None:
    assert metered.error("export", *arguments.split()).startswith(message)


@pytest.mark.parametrize("arguments", ["--of days", "--of daily --org nobody", "--of records --day 2026-04-01"])
def test_rejected_export_creates_no_file(metered: Metered, tmp_path: Path, arguments: str) -> None:
    metered.error("export", *WINDOW, *arguments.split(), "--output", str(tmp_path / "new.csv"))

    assert list(tmp_path.iterdir()) == []


def test_missing_folder_is_not_created(metered: Metered, tmp_path: Path) -> None:
    folder = tmp_path / "reports"

    message = metered.error("export", "--of", "daily", "--output", str(folder / "march.csv"))

    assert message == f"The folder {folder} does not exist; create it first."
    assert not folder.exists()
