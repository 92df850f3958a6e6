"""The schema: what the migrations make is what `ledger/tables.py` says."""

import re
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from io import StringIO
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import BigInteger, Text
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.schema import CreateIndex, CreateTable

from talkmeter.errors import Misconfigured
from talkmeter.ledger import migrations
from talkmeter.ledger.engine import open_engine, reading, writing
from talkmeter.ledger.migrate import database_id, is_current, migrate, newest_version
from talkmeter.ledger.tables import DISTRIBUTED, metadata, usage_daily
from tests.store.ledger import Ledger

VERSION_TABLE = "schema_version"
DIALECTS = {name: make_url(f"{name}://").get_dialect()() for name in ("sqlite", "postgresql")}
COUNTERS = [
    "calls",
    "voice_calls",
    "chat_calls",
    "inbound_calls",
    "outbound_calls",
    "timed_calls",
    "live_calls",
    "voice_ms",
    "chat_ms",
    "runs",
    "runs_success",
    "runs_failed",
    "live_runs",
]
BESIDE = {
    "connector",
    "credential",
    "credential_grant",
    "meta",
    "organization_directory",
    "session",
    "sign_in_link",
}


def one_line(sql: str) -> str:
    return re.sub(r"\s+", " ", sql).strip()


def ddl_of_tables(dialect: Dialect) -> set[str]:
    """Every CREATE that `ledger/tables.py` amounts to."""
    tables = [one_line(str(CreateTable(table).compile(dialect=dialect))) for table in metadata.sorted_tables]
    indexes = [index for table in metadata.sorted_tables for index in table.indexes]
    return {*tables, *(one_line(str(CreateIndex(index).compile(dialect=dialect))) for index in indexes)}


def ddl_of_migrations(dialect: str) -> set[str]:
    """Every statement of all migrations, as they would run on a new database."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    written = StringIO()
    context = MigrationContext.configure(dialect_name=dialect, opts={"as_sql": True, "output_buffer": written})
    with Operations.context(context):
        for script in reversed(list(ScriptDirectory.from_config(config).walk_revisions())):
            script.module.upgrade()
    made: dict[str, str] = {}
    for statement in (one_line(text) for text in written.getvalue().split(";") if text.strip()):
        apply(statement, made)
    return set(made.values())


def apply(statement: str, made: dict[str, str]) -> None:
    """What a statement of a migration leaves of the CREATE statements before it, by the name of what they make."""
    if dropped := re.fullmatch(r"DROP INDEX (\w+)", statement):
        del made[dropped[1]]
    elif added := re.fullmatch(r"ALTER TABLE (\w+) ADD COLUMN (.+)", statement):
        before, constraint, after = made[added[1]].partition(", CONSTRAINT")
        made[added[1]] = f"{before}, {added[2]}{constraint}{after}"
    else:
        named = re.match(r"CREATE (?:TABLE|INDEX) (\w+)", statement)
        assert named is not None, statement
        made[named[1]] = statement


def test_the_migrated_schema_is_that_of_the_tables(ledger: Ledger) -> None:
    with reading(ledger.engine) as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        differences = compare_metadata(context, metadata)

    assert differences == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_migrations_say_on_every_database_what_the_tables_say(dialect: str) -> None:
    assert ddl_of_migrations(dialect) == ddl_of_tables(DIALECTS[dialect])


def test_all_tables_of_the_design_exist_and_no_others(ledger: Ledger) -> None:
    names = {name for (name,) in ledger.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}

    assert names == {table.name for table in DISTRIBUTED} | BESIDE | {VERSION_TABLE}
    assert len(DISTRIBUTED) == 8


@pytest.mark.parametrize("table", DISTRIBUTED, ids=lambda table: table.name)
def test_every_key_of_a_distributed_table_begins_with_the_organization(ledger: Ledger, table: object) -> None:
    keys = [
        [column for _, _, column in sorted(ledger.rows(f"SELECT * FROM pragma_index_info('{index}')"))]
        for (index,) in ledger.rows(f"SELECT name FROM pragma_index_list('{table}')")
    ]

    assert keys
    assert {columns[0] for columns in keys} == {"org_id"}


def test_daily_totals_have_the_thirteen_counters_as_big_integers() -> None:
    *counters, changed_at = [column for column in usage_daily.columns if not column.primary_key]

    assert [column.name for column in counters] == COUNTERS
    assert (changed_at.name, changed_at.nullable) == ("changed_at", True)
    assert all(isinstance(column.type, BigInteger) and not column.nullable for column in counters)


def test_text_in_keys_and_indexes_orders_by_its_bytes_on_postgresql() -> None:
    ddl = {
        table.name: str(CreateTable(table).compile(dialect=DIALECTS["postgresql"])) for table in metadata.sorted_tables
    }
    ordered = [
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in [*table.primary_key.columns, *(column for index in table.indexes for column in index.columns)]
        if isinstance(column.type, Text)
    ]

    assert len(ordered) > 30
    assert [key for key in ordered if f'{key[1]} TEXT COLLATE "C"' not in ddl[key[0]]] == []


# ------------------------------------------------------------------------------------------------------ migrating


def test_migrating_twice_does_nothing(ledger: Ledger) -> None:
    with reading(ledger.engine) as connection:
        before = database_id(connection)
    version = ledger.rows("PRAGMA schema_version")

    assert migrate(ledger.engine) is False

    with reading(ledger.engine) as connection:
        assert is_current(connection)
        assert database_id(connection) == before
    assert ledger.rows("PRAGMA schema_version") == version


def test_each_database_has_an_id_of_its_own(ledger: Ledger, tmp_path: Path) -> None:
    other = Ledger(tmp_path / "other.db")
    (one,), (two,) = (each.rows("SELECT value FROM meta WHERE name = 'database_id'") for each in (ledger, other))
    other.close()

    assert one != two
    assert re.fullmatch("[0-9a-f]{32}", one[0])


def test_a_database_of_the_first_version_keeps_every_figure_and_all_history(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'ledger.db'}")
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as old, old:
        old.execute("INSERT INTO meta VALUES ('database_id', 'first')")
        old.execute("INSERT INTO organization VALUES ('acme', 'first', 1)")
        old.execute("INSERT INTO organization_directory VALUES ('acme', NULL, 1)")
        old.execute(
            "INSERT INTO usage_daily VALUES ('acme', 'total', 20513, '', 3, 2, 1, 3, 0, 2, 0, 9000, 600, 0, 0, 0, 0)"
        )

    ledger = Ledger(tmp_path / "ledger.db")
    summary = ledger.summary()
    ledger.close()

    assert (summary.total_calls, summary.voice_duration_ms, summary.chat_duration_ms) == (3, 9_000, 600)
    [used] = [day for day in summary.daily if day.calls]
    assert (used.day, used.state, used.changed_at) == ("2026-03-01", "final", None)


MIGRATE_AT_A_SIGNAL = """
import sys
from talkmeter.ledger.engine import open_engine
from talkmeter.ledger.migrate import migrate

print("ready", flush=True)
sys.stdin.readline()
print(migrate(open_engine(sys.argv[1])))
"""


def test_two_processes_that_migrate_one_new_file_at_once_both_succeed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE_AT_A_SIGNAL, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60) for process in processes]

    assert sorted(said) == [("False\n", ""), ("True\n", "")]
    with closing(sqlite3.connect(tmp_path / "new.db")) as connection:
        assert connection.execute(f"SELECT * FROM {VERSION_TABLE}").fetchall() == [(newest_version(),)]


def test_a_new_file_that_another_process_holds_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    """SQLite does not wait by itself where one connection turns WAL on while another holds a new file."""
    url = f"sqlite:///{tmp_path / 'new.db'}"
    with closing(sqlite3.connect(tmp_path / "new.db", isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        letting_go = threading.Timer(0.3, other.rollback)
        letting_go.start()
        engine = open_engine(url)
        try:
            assert migrate(engine) is True
        finally:
            letting_go.join()
            engine.dispose()


def test_a_database_of_a_newer_version_is_refused_and_left_alone(ledger: Ledger) -> None:
    ledger.damage(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")

    with pytest.raises(Misconfigured) as refused:
        migrate(ledger.engine)

    assert refused.value.detail == (
        "The database has schema version 9999, which this program does not know: a newer Talkmeter made it. "
        "Install that version or a later one."
    )
    assert ledger.rows(f"SELECT * FROM {VERSION_TABLE}") == [("9999",)]


def test_an_empty_database_is_not_current(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    with reading(engine) as connection:
        current = is_current(connection)
    engine.dispose()

    assert not current
