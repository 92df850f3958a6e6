"""`talkmeter recover`: what is readable of a damaged SQLite file becomes a new file."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from talkmeter.db import tables
from talkmeter.ledger.retention import expire
from tests.cli.terminal import Terminal
from tests.faults.damaged_files import ORGS, PAGE, fill
from tests.postgres import engine_for

NAMES = [table.name for table in tables.metadata.sorted_tables]
TOTALS = "SELECT org_id, day, calls, voice_ms, runs FROM usage_daily WHERE dimension = 'total' ORDER BY org_id, day"
RECORDS = "SELECT org_id, id, hash, linked_to FROM conversation ORDER BY org_id, id"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sample") / "talkmeter.db"
    fill(path)
    return path


@pytest.fixture
def filled(terminal: Terminal, sample: Path) -> Terminal:
    """A terminal with a copy of the sample."""
    terminal.database.write_bytes(sample.read_bytes())
    return terminal


def rows(file: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(query).fetchall()


@contextmanager
def content(file: Path) -> Iterator[bytearray]:
    """Yield the bytes of a file, and write them back."""
    raw = bytearray(file.read_bytes())
    yield raw
    file.write_bytes(raw)


def leaf_pages(file: Path, table: str) -> list[int]:
    """Return the pages below the root of a table's tree."""
    (root,) = rows(file, f"SELECT rootpage FROM sqlite_master WHERE name = '{table}'")[0]
    raw = file.read_bytes()
    begin = (int(str(root)) - 1) * PAGE
    cells = int.from_bytes(raw[begin + 3 : begin + 5], "big")
    pointers = [int.from_bytes(raw[begin + at : begin + at + 2], "big") for at in range(12, 12 + 2 * cells, 2)]
    return [int.from_bytes(raw[begin + at : begin + at + 4], "big") for at in pointers]


def erase(file: Path, page: int) -> None:
    with content(file) as raw:
        raw[(page - 1) * PAGE : page * PAGE] = bytes(PAGE)


def recovered(terminal: Terminal) -> Path:
    """Recover a file with losses; return the new file."""
    done = terminal.execute("recover", "talkmeter.db")
    assert done.returncode == 1, done
    assert "Not everything was recovered." in done.stdout
    new = terminal.folder / "talkmeter-recovered.db"
    terminal.environment["TALKMETER_DATABASE_URL"] = f"sqlite:///{new}"
    assert "verified" in terminal.run("verify")
    return new


def test_file_without_damage_is_recovered_completely(filled: Terminal) -> None:
    before = filled.database.read_bytes()

    done = filled.execute("recover", "talkmeter.db", "new.db")

    new = filled.folder / "new.db"
    assert done.returncode == 0, done
    assert done.stdout.endswith("Everything was recovered: every daily total is the sum of its records.\n")
    assert "conversation: 840 rows read\n" in done.stdout
    assert new.stat().st_mode & 0o777 == 0o600
    assert filled.database.read_bytes() == before
    for name in NAMES:
        if name not in ("meta", "organization", "usage_daily"):
            assert set(rows(new, f"SELECT * FROM {name}")) == set(rows(filled.database, f"SELECT * FROM {name}"))
    assert rows(new, TOTALS) == rows(filled.database, TOTALS)
    assert rows(new, "SELECT value FROM meta") != rows(filled.database, "SELECT value FROM meta")
    assert sorted(path.name for path in filled.folder.iterdir() if path.name.startswith(".")) == []


def test_existing_file_is_not_overwritten(filled: Terminal) -> None:
    (filled.folder / "new.db").write_bytes(b"precious")
    assert filled.error("recover", "talkmeter.db", "new.db") == "new.db already exists; choose another file."
    assert (filled.folder / "new.db").read_bytes() == b"precious"


def test_commits_that_are_only_in_the_log_are_recovered(filled: Terminal) -> None:
    with closing(sqlite3.connect(filled.database)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        with connection:
            connection.execute("UPDATE organization_directory SET name = 'Renamed'")
        filled.run("recover", "talkmeter.db", "new.db")
    assert set(rows(filled.folder / "new.db", "SELECT name FROM organization_directory")) == {("Renamed",)}


def test_totals_of_days_without_records_are_copied(filled: Terminal) -> None:
    totals = rows(filled.database, TOTALS)
    days = sorted({int(str(day)) for _, day, *_ in totals})
    with engine_for(f"sqlite:///{filled.database}") as engine:
        for _ in expire(engine, days[len(days) // 2]):
            pass

    filled.run("recover", "talkmeter.db", "new.db")

    assert rows(filled.folder / "new.db", TOTALS) == rows(filled.database, TOTALS) == totals
    assert len(rows(filled.database, "SELECT id FROM conversation WHERE deleted")) > 10


def test_deleted_organization_stays_closed_if_one_of_its_rows_is_lost(filled: Terminal) -> None:
    filled.run("orgs", "delete", ORGS[0], "--yes")
    [(root,)] = rows(filled.database, "SELECT rootpage FROM sqlite_master WHERE name = 'organization'")
    erase(filled.database, int(str(root)))

    new = recovered(filled)

    assert rows(new, "SELECT org_id FROM organization WHERE closed") == [(ORGS[0],)]
    assert rows(new, "SELECT org_id FROM organization_directory WHERE closed = 'deleted'") == [(ORGS[0],)]


@pytest.mark.parametrize("table", ["conversation", "record_state", "workflow_execution"])
def test_lost_page_is_named_and_its_records_are_restored(filled: Terminal, table: str) -> None:
    totals, records = rows(filled.database, TOTALS), rows(filled.database, RECORDS)
    page = leaf_pages(filled.database, table)[1]
    erase(filled.database, page)

    done = filled.execute("recover", "talkmeter.db", "named.db")
    new = recovered(filled)

    assert f"  {table}: lost: page {page} (it is empty): rows after '" in done.stdout
    assert rows(new, TOTALS) == totals
    assert rows(new, RECORDS) == records


def test_lost_links_of_calls_are_restored_from_the_records(filled: Terminal) -> None:
    totals, records = rows(filled.database, TOTALS), rows(filled.database, RECORDS)
    for page in leaf_pages(filled.database, "conversation_link"):
        erase(filled.database, page)

    new = recovered(filled)

    assert rows(new, TOTALS) == totals
    assert rows(new, RECORDS) == records


def test_file_whose_first_page_is_lost_is_recovered(filled: Terminal) -> None:
    totals, records = rows(filled.database, TOTALS), rows(filled.database, RECORDS)
    erase(filled.database, 1)

    filled.run("recover", "talkmeter.db", "new.db")

    new = filled.folder / "new.db"
    assert rows(new, TOTALS) == totals
    assert rows(new, RECORDS) == records


def test_record_with_a_damaged_key_is_counted_once(filled: Terminal) -> None:
    totals, records = rows(filled.database, TOTALS), rows(filled.database, RECORDS)
    filled.change("UPDATE conversation SET id = 'damaged', org_id = 'corp' WHERE org_id = 'acme' AND id = 'vapi:7'")

    filled.execute("recover", "talkmeter.db", "new.db")

    assert rows(filled.folder / "new.db", TOTALS) == totals
    assert rows(filled.folder / "new.db", RECORDS) == records


def test_day_that_lost_records_is_named(filled: Terminal) -> None:
    filled.change("DELETE FROM workflow_execution WHERE org_id = 'bolt' AND id = 'run-0'")
    filled.change("DELETE FROM record_state WHERE org_id = 'bolt' AND id = 'run-0'")

    done = filled.execute("recover", "talkmeter.db", "new.db")

    assert done.returncode == 1
    assert [line for line in done.stdout.splitlines() if "old daily total" in line] == [
        "  differs from the old daily total: bolt: 2026-03-01 has runs 4 (before: 5), runs_success 4 (before: 5)."
    ]


def test_file_of_another_version_is_refused(filled: Terminal) -> None:
    filled.change("UPDATE schema_version SET version_num = '0002'")
    error = filled.error("recover", "talkmeter.db")
    assert error.startswith("The database has schema version 0002, but this program recovers version ")
    assert not (filled.folder / "talkmeter-recovered.db").exists()


def test_file_of_another_program_is_refused(terminal: Terminal) -> None:
    (terminal.folder / "notes.txt").write_bytes(b"nothing of Talkmeter" * 1_000)
    done = terminal.execute("recover", "notes.txt")
    assert done.returncode == 1
    assert done.stderr == "talkmeter: notes.txt has no readable row of a Talkmeter database; nothing was written.\n"
    assert not (terminal.folder / "notes-recovered.txt").exists()


def test_every_organization_is_in_the_sample(sample: Path) -> None:
    assert [org_id for (org_id,) in rows(sample, "SELECT org_id FROM organization ORDER BY org_id")] == list(ORGS)
