"""The example of docs/how-to/import-files.md works as written, and the page lists the keys of the code."""

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from talkmeter.ingest.maps import EventSection, FieldMap, FileSection, RowsSection
from tests.docs.documents import Document, read
from tests.docs.shell import run_steps

FILES: Document = read("docs/how-to/import-files.md")
EXAMPLE: Document = FILES.section("An example")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a folder with the CSV file and the map of the example."""
    folder = tmp_path_factory.mktemp("files")
    for language, name in (("csv", "calls.csv"), ("toml", "calls.toml")):
        [text] = EXAMPLE.blocks(language)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def printed(folder: Path) -> list[str]:
    """The stdout of each block of commands, the last one run twice."""
    preview, ingest = EXAMPLE.blocks("sh")
    return run_steps(["talkmeter orgs add acme", preview, ingest, ingest], folder, {})[1:]


def test_dry_run_and_counts_are_as_shown(printed: list[str]) -> None:
    assert printed[:2] == EXAMPLE.blocks("text")


def test_ingesting_the_example_again_gives_duplicates_only(printed: list[str]) -> None:
    assert [line.partition(", 0 conflicting")[0] for line in printed[2].splitlines()] == [
        "4 rows: 0 accepted, 3 duplicate",
        "4 rows: 3 calls, 1 row rejected.",
        "1 row: 0 accepted, 1 duplicate",
        "1 row: 1 call.",
    ]


def test_calls_are_stored_without_callers_and_transcripts(folder: Path, printed: list[str]) -> None:
    with closing(sqlite3.connect(folder / "talkmeter.db")) as ledger:
        calls = ledger.execute("SELECT id, status, duration_ms, agent_id FROM conversation ORDER BY id").fetchall()

    assert calls == [
        ("sales-1001", "completed", 90_000, "ann"),
        ("sales-1002", "unanswered", None, None),
        ("service-1001", "completed", 735_000, "bob"),
        ("service-1002", "completed", 30_000, "bob"),
    ]
    stored = b"".join(path.read_bytes() for path in (*folder.glob("talkmeter.db*"), folder / "bad.csv"))
    assert not any(secret in stored for secret in (b"+49170", b"Good morning", b"Hello", b"My order"))


@pytest.mark.parametrize(
    ("title", "keys"),
    [
        ("Keys above the tables", RowsSection),
        ("Table file", FileSection),
        ("Table event", EventSection),
        ("A field", FieldMap),
    ],
)
def test_keys_of_a_map_match_the_code(title: str, keys: type[msgspec.Struct]) -> None:
    assert sorted(FILES.section(title).column()) == sorted(keys.__struct_encode_fields__)
