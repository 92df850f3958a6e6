"""Citus: `migrate` distributes the tables, and every statement follows Citus's SQL rules.

No wheel contains Citus, so these tests use a stub extension: a catalog of distributed tables, and a function that fills
it and rejects a table that is already distributed, as the real one does. To run all tests of this folder on a real
cluster, set TALKMETER_TEST_CITUS_URL to its coordinator.
"""

import gc
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import talkmeter
from talkmeter.db.engine import open_engine
from talkmeter.db.migrate import migrate, require_current
from talkmeter.db.statements import Compiled
from talkmeter.db.tables import DISTRIBUTED, metadata
from talkmeter.errors import Misconfigured
from tests.citus_rules import unsorted_rows, violations
from tests.postgres import bundled_server, engine_for, new_database

STUB_EXTENSION = """
CREATE TABLE pg_dist_partition (logicalrelid regclass PRIMARY KEY, partmethod "char", beside text, place serial);
GRANT SELECT ON pg_dist_partition TO public;
CREATE FUNCTION create_distributed_table(name regclass, org_id text, colocate_with text) RETURNS void LANGUAGE plpgsql
AS $$ BEGIN
    IF EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = name) THEN
        RAISE 'table "%" is already distributed', name USING ERRCODE = '42P16';
    END IF;
    INSERT INTO pg_dist_partition VALUES (name, 'h', colocate_with);
END $$;
"""


@pytest.fixture(scope="module")
def server(memory: Path) -> Iterator[str]:
    """A server with the stub extension."""
    folder = memory / "citus"
    folder.mkdir(mode=0o700)
    (folder / "extension").mkdir()
    (folder / "extension" / "citus.control").write_text("default_version = '1'\nrelocatable = true\n")
    (folder / "extension" / "citus--1.sql").write_text(STUB_EXTENSION)
    with bundled_server(folder) as server:
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(f"ALTER SYSTEM SET extension_control_path = '$system:{folder}'")
            admin.execute("SELECT pg_reload_conf()")
        yield server


@pytest.fixture
def cluster(server: str) -> Iterator[str]:
    """URL of an empty database with the stub extension installed."""
    with new_database(server) as url:
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute("CREATE EXTENSION citus")
        yield url


def distributed(url: str) -> list[tuple[str, str]]:
    """Return the distributed tables in order, each with the table it is colocated with."""
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT logicalrelid::text, beside FROM pg_dist_partition ORDER BY place").fetchall()


def test_migrate_distributes_only_the_usage_tables_and_colocates_them(cluster: str) -> None:
    with engine_for(cluster) as engine:
        assert migrate(engine) is True
        first, *others = distributed(cluster)
        assert first == ("organization", "none")
        assert {beside for _, beside in others} == {"organization"}
        assert {first[0], *(table for table, _ in others)} == {table.name for table in DISTRIBUTED}
        assert migrate(engine) is False
        require_current(engine)


def test_interrupted_migration_continues_where_it_stopped(cluster: str) -> None:
    with engine_for(cluster) as engine:
        migrate(engine)
        with psycopg.connect(cluster) as connection:
            connection.execute(
                "DELETE FROM pg_dist_partition WHERE logicalrelid::text IN ('quarantine', 'usage_daily')"
            )
        with pytest.raises(Misconfigured) as refused:
            require_current(engine)
        assert refused.value.detail == (
            "The database uses Citus, but these tables are not distributed yet: quarantine, usage_daily. "
            "Run 'talkmeter migrate' first, as a role that may alter tables."
        )
        assert migrate(engine) is True
        assert len(distributed(cluster)) == len(DISTRIBUTED)


def test_existing_ledger_is_distributed_by_the_next_migration(server: str) -> None:
    with new_database(server) as url, engine_for(url) as engine:
        migrate(engine)
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute("CREATE EXTENSION citus")
        assert migrate(engine) is True
        assert len(distributed(url)) == len(DISTRIBUTED)


def test_distributed_tables_have_org_id_in_every_key_and_no_foreign_keys() -> None:
    for table in metadata.sorted_tables:
        unique = [index for index in table.indexes if index.unique]
        assert not table.foreign_keys
        if table in DISTRIBUTED:
            assert "org_id" in table.primary_key.columns
            assert all("org_id" in index.columns for index in unique)


def test_every_compiled_statement_follows_the_rules() -> None:
    for module in pkgutil.walk_packages(talkmeter.__path__, "talkmeter."):
        if not module.name.endswith("__main__") and ".migrations." not in module.name:
            importlib.import_module(module.name)
    dialect = open_engine("postgresql://nobody@/nothing").dialect
    texts = [found.text(dialect, expanded=2) for found in gc.get_objects() if isinstance(found, Compiled)]

    assert len(texts) > 50
    assert {text: violations(text) for text in texts if violations(text)} == {}


BROKEN = {
    "SELECT day FROM usage_daily": "A SELECT is not pinned to one organization.",
    "SELECT day FROM usage_daily WHERE org_id IN ($1, $1)": "A SELECT is not pinned to one organization.",
    "SELECT day FROM usage_daily WHERE org_id = $1 OR day = $1": "A SELECT is not pinned to one organization.",
    "SELECT 1 FROM usage_daily WHERE org_id = $1 UNION ALL SELECT 2 FROM usage_daily": (
        "A SELECT is not pinned to one organization."
    ),
    "SELECT revision FROM organization WHERE org_id > $1 FOR UPDATE": "A SELECT is not pinned to one organization.",
    "SELECT c.id FROM conversation c JOIN organization o ON c.id = o.revision WHERE c.org_id = $1": (
        "A join is not on org_id."
    ),
    "SELECT c.id FROM conversation c, organization o WHERE c.org_id = $1": "A join is not on org_id.",
    "SELECT day, sum(calls) FROM usage_daily WHERE org_id = $1 GROUP BY ROLLUP (day)": (
        "ROLLUP, CUBE and GROUPING SETS fail."
    ),
    "WITH one AS (SELECT 1) SELECT day FROM usage_daily WHERE org_id = $1": "A WITH may see its own writes.",
    "DELETE FROM usage_daily WHERE day = $1": "An UPDATE or DELETE is not pinned to one organization.",
    "UPDATE usage_daily SET day = $1 WHERE day = $1": "An UPDATE or DELETE is not pinned to one organization.",
    "TRUNCATE usage_daily": "A TRUNCATETABLE of a distributed table may not work.",
    "INSERT INTO organization (org_id) SELECT org_id FROM organization_directory": (
        "An INSERT takes its rows from something other than VALUES."
    ),
    "INSERT INTO organization (org_id, revision) VALUES ($1, (SELECT 1))": (
        "The rows of an INSERT contain something other than parameters."
    ),
    "INSERT INTO organization (org_id) VALUES ($1) ON CONFLICT (revision) DO NOTHING": (
        "ON CONFLICT names a key without org_id."
    ),
    "INSERT INTO organization (org_id) VALUES ($1) ON CONFLICT (org_id) DO UPDATE SET revision = now()": (
        "DO UPDATE uses CURRENT_TIMESTAMP, which may not be immutable."
    ),
    "INSERT INTO organization (org_id) VALUES ($1) RETURNING (SELECT 1)": "RETURNING contains a subquery.",
    "ALTER TABLE conversation ADD COLUMN a bigint, ADD CONSTRAINT b CHECK (a > 0)": "An ALTER has several actions.",
    "ALTER TABLE conversation ADD COLUMN a bigserial": "A column is added that generates its own values.",
    "ALTER TABLE conversation ADD COLUMN a bigint UNIQUE": ("A column is added with an unnamed constraint."),
}


@pytest.mark.parametrize(("statement", "sentence"), BROKEN.items(), ids=[*BROKEN])
def test_rules_find_a_statement_that_citus_would_reject(statement: str, sentence: str) -> None:
    assert violations(statement) == (sentence,)


def test_unsorted_rows_that_could_deadlock_are_found() -> None:
    columns = "org_id, revision, last_event_at, closed, records_from, has_erased"
    row = "($1, $1, $1, $1, $1, $1)"
    statement = f"INSERT INTO organization ({columns}) VALUES {row}, {row}"
    first, second = ("acme", "1", 1, None, None, None), ("other", "2", 2, None, None, None)

    assert unsorted_rows(statement, (*first, *second)) is None
    assert unsorted_rows(statement, (*second, *first)) == (
        "The rows for organization are not in order of their key, or have one twice."
    )
