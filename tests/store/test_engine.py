"""Connections have the settings that durability needs, and an invalid database URL is rejected with a sentence.

Durability and locking are tested here on SQLite, and in tests/store/test_postgresql.py on PostgreSQL.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import event, text

from talkmeter.db.engine import open_engine, reading, transaction, writing
from talkmeter.db.error_kinds import READ_ONLY
from talkmeter.db.migrate import migrate
from talkmeter.errors import Misconfigured, NotWritable, TalkmeterError, Unavailable
from talkmeter.usage.revision import read_revision
from tests.events import conversation
from tests.postgres import engine_for
from tests.store.ledger import NOW, ORG, FileLedger, Ledger

ADDRESSES = "sqlite:///talkmeter.db or postgresql://USER@HOST/DATABASE"


def test_every_sqlite_connection_uses_wal_and_synchronous_full(file_ledger: FileLedger) -> None:
    """With both, an acknowledged event survives a power failure."""
    engine = file_ledger.engine
    with reading(engine) as first, reading(engine) as second, writing(engine) as third:
        seen = [
            (connection.scalar(text("PRAGMA journal_mode")), connection.scalar(text("PRAGMA synchronous")))
            for connection in (first, second, third)
        ]

    assert seen == [("wal", 2)] * 3


def test_write_transaction_locks_the_file_before_it_reads(file_ledger: FileLedger) -> None:
    """Otherwise two writers could both read, and the second would fail half way."""
    with file_ledger.raw_connection() as other, transaction(file_ledger.engine):
        other.execute("PRAGMA busy_timeout = 0")
        with pytest.raises(sqlite3.OperationalError, match="database is locked"):
            other.execute("BEGIN IMMEDIATE")


def test_failed_write_transaction_is_rolled_back(ledger: Ledger) -> None:
    def write_half() -> None:
        with writing(ledger.engine) as connection:
            connection.execute(text("INSERT INTO meta VALUES ('half', 'written')"))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_half()

    assert ledger.rows("SELECT * FROM meta WHERE name = 'half'") == []


def test_reader_sees_one_snapshot_while_others_write(ledger: Ledger) -> None:
    ledger.send(conversation("call-1"))
    with reading(ledger.engine) as connection:
        before = read_revision(connection, ORG, NOW)
        ledger.send(conversation("call-2"))
        during = read_revision(connection, ORG, NOW)

    assert during == before
    assert ledger.revision() != before


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", f"TALKMETER_DATABASE_URL must look like {ADDRESSES}."),
        ("talkmeter.db", f"TALKMETER_DATABASE_URL must look like {ADDRESSES}."),
        ("sqlite://", "TALKMETER_DATABASE_URL must name a file"),
        ("sqlite:///:memory:", "TALKMETER_DATABASE_URL must name a file"),
        ("sqlite:////no/such/folder/x.db", "The folder /no/such/folder of TALKMETER_DATABASE_URL does not exist"),
        (
            "mysql://user:secret@host/db",
            f"TALKMETER_DATABASE_URL must look like {ADDRESSES}, not start with mysql://.",
        ),
        ("sqlite+nothing:///x.db", "TALKMETER_DATABASE_URL"),
        ("sqlite+aiosqlite:///x.db", "TALKMETER_DATABASE_URL"),
        ("postgresql+asyncpg://user:secret@host/db", "TALKMETER_DATABASE_URL"),
    ],
)
def test_invalid_database_url_is_rejected(url: str, sentence: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        open_engine(url)

    assert refused.value.detail.startswith(sentence)
    assert "secret" not in refused.value.detail


def test_file_that_is_not_a_database_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("These are my notes; they must not be overwritten.\n" * 100)
    engine = open_engine(f"sqlite:///{tmp_path / 'notes.txt'}")

    with pytest.raises(TalkmeterError, match="not a database"), reading(engine):
        pass


def test_folder_instead_of_a_file_is_an_error(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}")

    with pytest.raises(Unavailable) as refused, reading(engine):
        pass

    assert refused.value.detail == "The database is unavailable: unable to open database file."


def test_database_of_another_program_is_rejected_and_not_changed(tmp_path: Path) -> None:
    file = tmp_path / "notes.db"
    with closing(sqlite3.connect(file)) as connection:
        # Other programs have a table with this name too.
        connection.executescript("CREATE TABLE note (text); CREATE TABLE schema_version (version)")
    before = file.read_bytes()
    with engine_for(f"sqlite:///{file}") as engine, pytest.raises(Misconfigured) as refused:
        migrate(engine)

    assert refused.value.detail == (
        "TALKMETER_DATABASE_URL names a SQLite database of another program: it has tables, but not Talkmeter's. "
        "Choose another file; a new one is created."
    )
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["notes.db"]


def test_empty_file_becomes_a_database(tmp_path: Path) -> None:
    (tmp_path / "new.db").touch()
    with engine_for(f"sqlite:///{tmp_path / 'new.db'}") as engine:
        assert migrate(engine) is True


def test_address_of_a_file_is_a_path_and_not_a_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Misconfigured, match="must name a file by its path"):
        open_engine("sqlite:///file:talkmeter.db?mode=ro&uri=true")


def test_connection_that_may_only_query_cannot_write(file_ledger: FileLedger) -> None:
    with engine_for(file_ledger.url) as engine:
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA query_only = 1"))
        with pytest.raises(NotWritable) as refused, writing(engine) as connection:
            connection.execute(text("DELETE FROM meta"))

    assert refused.value.detail == READ_ONLY


def test_write_to_a_file_that_is_replaced_meanwhile_is_an_error(file_ledger: FileLedger, tmp_path: Path) -> None:
    def write() -> None:
        with writing(file_ledger.engine) as connection:
            connection.execute(text("INSERT INTO meta VALUES ('late', 'written')"))
            file_ledger.path.rename(tmp_path / "moved.db")

    with pytest.raises(NotWritable, match="was replaced or deleted"):
        write()


def test_replaced_file_is_not_opened_by_new_connections(file_ledger: FileLedger, tmp_path: Path) -> None:
    """SQLite would apply the log of the first file to it."""
    with reading(file_ledger.engine):
        file_ledger.path.rename(tmp_path / "moved.db")
        with pytest.raises(NotWritable, match="was replaced or deleted"), reading(file_ledger.engine):
            pass

    assert not file_ledger.path.exists()
