"""Connections have the settings that durability needs, and an invalid database URL is rejected with a sentence.

Durability and locking are tested here on SQLite, and in tests/store/test_postgresql.py on PostgreSQL.
"""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from talkmeter.db.engine import open_engine, reading, transaction, writing
from talkmeter.errors import Misconfigured, TalkmeterError, Unavailable
from talkmeter.usage.revision import read_revision
from tests.events import conversation
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
