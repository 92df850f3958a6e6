"""A database of the first schema version, written by the program of that time, is upgraded with all its data."""

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import MetaData, create_engine, insert, select, text

from talkmeter.db import migrations
from talkmeter.db.engine import changing_schema, reading
from talkmeter.db.schema import NEWEST
from talkmeter.ledger.billed_durations import billed_durations_filled
from talkmeter.usage.inventory_days import read_counted_from
from tests import local_http
from tests.citus_plugin import TEST_STATEMENT
from tests.cli_runner import run_cli_in_process
from tests.events import Json
from tests.postgres import engine_for, new_database
from tests.servers import environment_for, free_port, run_cli, running_server, wait_until

DUMP = Path(__file__).parent / "data" / "schema_0001.sql"
KEY = "ak_d1d3554072503289.atqcND2ehfH91Xe6CSN6ruylgmT6F_xyPQS1Lj5toUM"
HEADERS = {"Authorization": f"Bearer {KEY}"}
WINDOW = {"from": "2026-03-01", "to": "2026-03-03"}
FIGURES = {
    "total_calls": 4,
    "voice_calls": 3,
    "chat_calls": 1,
    "voice_duration_ms": 690_000,
    "chat_duration_ms": 30_500,
    "avg_call_duration_sec": 240.2,
    "workflow_runs_total": 1,
    "total_agents": 1,
    "shared_phone_numbers": 1,
}
"""What the program of that time answered."""
STORED_CALL: Json = {
    "specversion": "1.0",
    "id": "call-1-2026-03-01T12:05:00Z",
    "source": "/platform",
    "type": "conversation.updated",
    "time": "2026-03-01T12:05:00Z",
    "data": {
        "id": "call-1",
        "channel": "telephone",
        "direction": "inbound",
        "status": "completed",
        "created_at": "2026-03-01T12:00:00Z",
        "duration": 90,
        "agent_id": "ann",
        "agent_number": "+13125550110",
    },
}


BILLED = text(
    "SELECT day, billed_1_1_sec, billed_6_6_sec, billed_30_6_sec, billed_60_60_sec FROM usage_daily "
    "WHERE org_id = 'acme' AND dimension = 'total' ORDER BY day"
)


def is_filled(url: str) -> bool:
    """Return whether a server has computed the billed durations of the usage of that time."""
    with engine_for(url) as engine, reading(engine) as connection:
        return billed_durations_filled(connection)


def restore(file: Path) -> None:
    """Create the SQLite database of the dump."""
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(DUMP.read_text())


def create_on_server(url: str, file: Path) -> None:
    """Create the tables of the first version on a server, with the rows of the SQLite database."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with engine_for(url) as server, changing_schema(server) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        source = create_engine(f"sqlite:///{file}")
        tables = MetaData()
        tables.reflect(source)
        with source.connect() as rows:
            for table in tables.sorted_tables:
                found = [row._asdict() for row in rows.execute(select(table))]
                if found and table.name != "schema_version":
                    connection.execute(insert(table), found)
        source.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def old_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of commands on a database of the first schema version."""
    restore(tmp_path / "talkmeter.db")
    if request.param == "sqlite":
        yield environment_for(tmp_path, {})
        return
    with new_database(request.getfixturevalue("postgres")) as url:
        create_on_server(url, tmp_path / "talkmeter.db")
        yield environment_for(tmp_path, {"database_url": url})


def test_first_schema_is_upgraded_and_gives_the_same_figures(old_database: dict[str, str], tmp_path: Path) -> None:
    migrated = run_cli(tmp_path, old_database, "migrate").splitlines()
    assert migrated[0] == f"The database is now at schema version {NEWEST}."

    assert run_cli_in_process(tmp_path, old_database, "verify").startswith("2 organizations verified")
    with running_server(tmp_path, database_url=old_database["TALKMETER_DATABASE_URL"]) as server:
        summary = local_http.get(f"{server.url}/admin/usage/summary", params=WINDOW, headers=HEADERS).json()
        again = local_http.post(f"{server.url}/metering/events", json=[STORED_CALL], headers=HEADERS).json()
        history = local_http.get(f"{server.url}/admin/usage/records/conversation/call-1", headers=HEADERS).json()
        wait_until(lambda: is_filled(server.environment["TALKMETER_DATABASE_URL"]))
    with engine_for(old_database["TALKMETER_DATABASE_URL"]) as engine, reading(engine) as connection:
        billed = connection.execute(BILLED, execution_options=TEST_STATEMENT).fetchall()
        assert read_counted_from(connection) is not None
    assert [tuple(row) for row in billed] == [(20_513, 90, 90, 90, 120), (20_514, 600, 600, 600, 600)]
    assert {name: summary[name] for name in FIGURES} == FIGURES
    assert (again["accepted"], again["duplicate"]) == (0, 1)
    assert [state["record"]["status"] for state in history["states"]] == ["completed", "ringing"]
    assert "sleeping" in run_cli_in_process(tmp_path, old_database, "quarantine", "list")
    assert "reporting" in run_cli_in_process(tmp_path, old_database, "keys", "list")


@pytest.mark.parametrize("old_database", ["postgresql"], indirect=True)
def test_new_server_does_not_start_before_the_migration(old_database: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError, match="exit status 1") as failed:
        run_cli(tmp_path, old_database, "serve", "--port", f"{free_port()}")

    assert failed.value.stderr == (
        f"talkmeter: The database has schema version 0001, but this program needs version {NEWEST}. "
        "Run 'talkmeter migrate' first, as a role that may alter tables.\n"
    )


def test_old_server_answers_queries_after_the_migration_and_refuses_writes(postgres: str, tmp_path: Path) -> None:
    with new_database(postgres) as url:
        environment = environment_for(tmp_path, {"database_url": url})
        run_cli(tmp_path, environment, "migrate")
        with running_server(tmp_path, database_url=url) as server, engine_for(url) as engine:
            headers = {"Authorization": f"Bearer {server.key('acme')}"}
            with changing_schema(engine) as connection:
                connection.exec_driver_sql("UPDATE schema_version SET version_num = '9999'")

            query = local_http.get(f"{server.url}/admin/usage/summary", params=WINDOW, headers=headers)
            write = local_http.post(f"{server.url}/metering/events", json=[STORED_CALL], headers=headers)

    assert query.status_code == 200
    assert write.status_code == 503
    assert "the database has schema version 9999" in json.loads(write.text)["detail"]
