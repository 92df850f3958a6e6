"""The schema: migrations create exactly the tables of `db/tables.py`; databases of a newer version are rejected."""

import re
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import BigInteger, Engine, inspect, text
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.schema import CreateIndex, CreateTable

from talkmeter.db import migrations
from talkmeter.db.engine import changing_schema, reading
from talkmeter.db.migrate import database_id, migrate, require_current
from talkmeter.db.schema import NEWEST
from talkmeter.db.tables import DISTRIBUTED, metadata, usage_daily, usage_monthly
from talkmeter.errors import Misconfigured
from talkmeter.months import first_day
from tests.citus_plugin import TEST_STATEMENT
from tests.postgres import engine_for
from tests.store.ledger import Ledger, write_statements

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
BILLED = ["billed_1_1_sec", "billed_6_6_sec", "billed_30_6_sec", "billed_60_60_sec"]
UNDISTRIBUTED = {
    "audit",
    "connector",
    "connector_outcome",
    "credential",
    "credential_grant",
    "credential_use",
    "default_plan",
    "lease",
    "meta",
    "organization_directory",
    "organization_parent",
    "plan_version",
    "session",
    "sign_in_link",
}


def one_line(sql: str) -> str:
    return re.sub(r"\s+", " ", sql).strip()


def ddl_of_tables(dialect: Dialect) -> set[str]:
    """Return every CREATE statement of `db/tables.py`."""
    tables = [one_line(str(CreateTable(table).compile(dialect=dialect))) for table in metadata.sorted_tables]
    indexes = [index for table in metadata.sorted_tables for index in table.indexes]
    return {*tables, *(one_line(str(CreateIndex(index).compile(dialect=dialect))) for index in indexes)}


def ddl_of_migrations(dialect: str) -> set[str]:
    """Return the CREATE statements that all migrations together amount to."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    output = StringIO()
    context = MigrationContext.configure(dialect_name=dialect, opts={"as_sql": True, "output_buffer": output})
    with Operations.context(context):
        for script in reversed(list(ScriptDirectory.from_config(config).walk_revisions())):
            script.module.upgrade()
    created: dict[str, str] = {}
    for statement in output.getvalue().split(";"):
        if statement.strip():
            apply(one_line(statement), created)
    return set(created.values())


def apply(statement: str, created: dict[str, str]) -> None:
    """Apply a migration's statement to the CREATE statements before it, by the name of their table or index."""
    if statement.startswith("INSERT INTO "):
        return
    if dropped := re.fullmatch(r"DROP INDEX (\w+)", statement):
        del created[dropped[1]]
    elif added := re.fullmatch(r"ALTER TABLE (\w+) ADD COLUMN (.+)", statement):
        before, constraint, after = created[added[1]].partition(", CONSTRAINT")
        created[added[1]] = f"{before}, {added[2]}{constraint}{after}"
    else:
        named = re.match(r"CREATE (?:TABLE|INDEX) (\w+)", statement)
        assert named is not None, statement
        created[named[1]] = statement


def test_migrated_schema_equals_the_tables(ledger: Ledger) -> None:
    with reading(ledger.engine) as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        differences = compare_metadata(context, metadata)

    assert differences == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_migrations_create_the_tables_on_every_engine(dialect: str) -> None:
    assert ddl_of_migrations(dialect) == ddl_of_tables(DIALECTS[dialect])


def test_exactly_the_expected_tables_exist(ledger: Ledger) -> None:
    with reading(ledger.engine) as connection:
        names = inspect(connection).get_table_names()

    assert {*names} == {table.name for table in DISTRIBUTED} | UNDISTRIBUTED | {VERSION_TABLE}
    assert len(DISTRIBUTED) == 24


def test_every_distributed_table_is_searched_by_org_id(ledger: Ledger) -> None:
    for table in DISTRIBUTED:
        with reading(ledger.engine) as connection:
            found = inspect(connection)
            key = found.get_pk_constraint(table.name)["constrained_columns"]
            indexes = [index["column_names"] for index in found.get_indexes(table.name)]
        assert len(indexes) == len(table.indexes)
        assert "org_id" in key
        # A list of all organizations reads one month.
        expected = {"month", "org_id"} if table is usage_monthly else {"org_id"}
        assert {key[0], *(columns[0] for columns in indexes)} == expected


def test_daily_totals_have_bigint_counters_and_nullable_billed_durations() -> None:
    columns = [column for column in usage_daily.columns if not column.primary_key]
    counters, changed_at, billed = columns[: len(COUNTERS)], columns[len(COUNTERS)], columns[len(COUNTERS) + 1 :]

    assert [column.name for column in counters] == COUNTERS
    assert [column.name for column in billed] == BILLED
    assert all(isinstance(column.type, BigInteger) and column.nullable for column in billed)
    assert (changed_at.name, changed_at.nullable) == ("changed_at", True)
    assert all(isinstance(column.type, BigInteger) and not column.nullable for column in counters)


def identity_of(ledger: Ledger) -> str:
    with reading(ledger.engine) as connection:
        return database_id(connection)


def test_latest_migration_is_the_version_the_program_needs() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_current_head() == NEWEST


def test_migrating_twice_does_nothing(ledger: Ledger) -> None:
    before = identity_of(ledger)
    with ledger.executed() as sent:
        assert migrate(ledger.engine) is False

    assert sent
    assert write_statements(sent) == []
    assert identity_of(ledger) == before
    require_current(ledger.engine)


def test_each_database_has_its_own_id(ledger: Ledger, address: str) -> None:
    other = Ledger(address)
    first, second = identity_of(ledger), identity_of(other)
    other.close()

    assert first != second
    assert re.fullmatch("[0-9a-f]{32}", first)


def upgrade_to(engine: Engine, version: str) -> None:
    """Create the schema of an older version."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with changing_schema(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)


def test_database_of_the_first_version_keeps_its_figures(address: str) -> None:
    with engine_for(address) as engine:
        upgrade_to(engine, "0001")
        with changing_schema(engine) as connection:
            for row in (
                "meta VALUES ('database_id', 'first')",
                "organization VALUES ('acme', 'first', 1)",
                "organization_directory VALUES ('acme', NULL, 1)",
                "usage_daily VALUES ('acme', 'total', 20513, '', 3, 2, 1, 3, 0, 2, 0, 9000, 600, 0, 0, 0, 0)",
            ):
                connection.execute(text(f"INSERT INTO {row}"), execution_options=TEST_STATEMENT)

    ledger = Ledger(address)
    summary = ledger.summary()
    identity = identity_of(ledger)
    ledger.close()

    assert identity == "first"
    assert (summary.total_calls, summary.voice_duration_ms, summary.chat_duration_ms) == (3, 9_000, 600)
    [used] = [day for day in summary.daily if day.calls]
    assert (used.day, used.state, used.changed_at) == ("2026-03-01", "final", None)


def test_migration_fills_the_monthly_total_of_every_month(address: str) -> None:
    days = [day for month in range(1970 * 12, 2100 * 12) for day in (first_day(month), first_day(month + 1) - 1)]
    with engine_for(address) as engine:
        upgrade_to(engine, "0015")
        rows = ", ".join(
            f"('acme', 'total', {day}, '', {day}, 2, 1, 3, 0, 2, 0, 9000, 600, 1, 0, 0, 0)" for day in days
        )
        other = "('acme', 'channel', 9, 'text', 7, 0, 7, 7, 0, 7, 0, 0, 600, 0, 0, 0, 0)"
        names = f"org_id, dimension, day, value, {', '.join(COUNTERS)}"
        with changing_schema(engine) as connection:
            statement = text(f"INSERT INTO usage_daily ({names}) VALUES {rows}, {other}")
            connection.execute(statement, execution_options=TEST_STATEMENT)
        migrate(engine)
        with reading(engine) as connection:
            found = connection.execute(
                text("SELECT month, org_id, calls, voice_ms, runs_success FROM usage_monthly ORDER BY month"),
                execution_options=TEST_STATEMENT,
            ).fetchall()

    first_and_last = zip(days[::2], days[1::2], strict=True)
    expected = [(1970 * 12 + at, "acme", first + last, 18_000, 0) for at, (first, last) in enumerate(first_and_last)]
    assert [tuple(row) for row in found] == expected


MIGRATE_AT_A_SIGNAL = """
import sys
from talkmeter.db.engine import open_engine
from talkmeter.db.migrate import migrate

print("ready", flush=True)
sys.stdin.readline()
print(migrate(open_engine(sys.argv[1])))
"""


def test_two_processes_can_migrate_a_new_database_at_the_same_time(address: str) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE_AT_A_SIGNAL, address],
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
    outputs = [process.communicate(timeout=60) for process in processes]

    assert ("True\n", "") in outputs
    # On Citus the processes distribute tables in turns, so both may have changed something.
    assert {*outputs} <= {("True\n", ""), ("False\n", "")}
    with engine_for(address) as engine, reading(engine) as connection:
        versions = connection.scalars(text(f"SELECT version_num FROM {VERSION_TABLE}"))
        assert versions.all() == [NEWEST]


def test_migration_waits_for_a_new_file_that_another_process_has_locked(tmp_path: Path) -> None:
    """SQLite's busy timeout does not cover switching to WAL while another connection locks a new file."""
    file = tmp_path / "new.db"
    with (
        closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as other,
        engine_for(f"sqlite:///{file}") as engine,
    ):
        other.execute("BEGIN IMMEDIATE")
        unlock = threading.Timer(0.3, other.rollback)
        unlock.start()
        try:
            assert migrate(engine) is True
        finally:
            unlock.join()


def test_database_of_a_newer_version_is_rejected_and_not_changed(address: str) -> None:
    ledger = Ledger(address)
    ledger.damage(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")

    for open_database in (migrate, require_current):
        with pytest.raises(Misconfigured) as refused:
            open_database(ledger.engine)
        assert refused.value.detail == (
            "The database has schema version 9999, which this program does not know: it was created by a newer "
            "Talkmeter. Install that version or a later one."
        )

    assert ledger.rows(f"SELECT * FROM {VERSION_TABLE}") == [("9999",)]
    ledger.close()


def test_migration_waits_for_a_transaction_that_has_read_the_version(postgres_database: str) -> None:
    """A server's write transaction reads it first; the migration must see everything that the server writes."""
    with engine_for(postgres_database) as engine, psycopg.connect(postgres_database) as writer:
        upgrade_to(engine, "0002")
        writer.execute("SELECT version_num FROM schema_version")
        with ThreadPoolExecutor(1) as pool, psycopg.connect(postgres_database, autocommit=True) as session:
            migrating = pool.submit(migrate, engine)
            waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'schema_version'::regclass"
            while session.execute(waiting).fetchone() is None:
                assert not migrating.done()
            writer.rollback()
            assert migrating.result(timeout=60) is True


def test_tables_of_another_program_are_not_used(postgres_database: str) -> None:
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        connection.execute("CREATE TABLE schema_version (version integer)")
        connection.execute("CREATE TABLE conversation (words text)")
    with engine_for(postgres_database) as engine, pytest.raises(Misconfigured) as refused:
        migrate(engine)

    assert refused.value.detail == (
        "The database already has a table 'conversation' that Talkmeter did not create. "
        "Use another database, or another schema (search_path)."
    )


def test_other_tables_may_be_in_the_same_postgresql_schema(postgres_database: str) -> None:
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        connection.execute("CREATE TABLE words (word text)")
    with engine_for(postgres_database) as engine:
        assert migrate(engine) is True


def test_database_without_a_schema_is_rejected_with_what_to_do(address: str) -> None:
    with engine_for(address) as engine, pytest.raises(Misconfigured) as refused:
        require_current(engine)

    assert refused.value.detail == (
        f"The database has no schema yet, but this program needs version {NEWEST}. "
        "Run 'talkmeter migrate' first, as a role that may alter tables."
    )
