"""PostgreSQL: what its connections must promise, many writers at once, cut connections, roles that may little."""

import random
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, Text, text
from sqlalchemy import event as engine_events
from sqlalchemy.engine import make_url

from talkmeter.errors import Misconfigured, Unavailable
from talkmeter.ingest.receipt import make_receipt
from talkmeter.ledger.engine import reading, writing
from talkmeter.ledger.migrate import migrate, require_current
from talkmeter.ledger.tables import metadata
from talkmeter.ledger.verify import verify_organization
from talkmeter.ledger.writer import Writer
from talkmeter.period import read_window
from talkmeter.usage.revision import read_revision
from talkmeter.usage.summary import Summary, read_summary
from tests.events import Json, conversation, event, run
from tests.postgres import new_database, opened, postgres_server
from tests.servers import running_server, start_server, stop_server
from tests.statements import OF_TESTS
from tests.store.ledger import NOW, ORG, works_of

WRITERS = 8
QUICK_SEC = 30


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgres_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def empty(server: str) -> Iterator[str]:
    """The address of a database without a table."""
    with new_database(server) as url:
        yield url


@pytest.fixture
def engine(empty: str) -> Iterator[Engine]:
    with opened(empty) as engine:
        migrate(engine)
        yield engine


@contextmanager
def writing_to(engine: Engine) -> Iterator[Writer]:
    writer = Writer(engine, keep_history=True)
    try:
        yield writer
    finally:
        writer.close()


def summary(engine: Engine, org_id: str = ORG) -> Summary:
    with reading(engine) as connection:
        revision = read_revision(connection, org_id, NOW)
        return read_summary(connection, org_id, read_window("2026-03-01", "2026-04-01", 0), revision, NOW)


def differences(engine: Engine, org_id: str = ORG) -> list[str]:
    return [found.sentence for found in verify_organization(engine, org_id, repair=False)]


# ----------------------------------------------------------------------------------------------------- migrating


def test_a_database_without_a_schema_is_refused_with_what_to_do(empty: str) -> None:
    with opened(empty) as engine, pytest.raises(Misconfigured) as refused:
        require_current(engine)

    assert refused.value.detail == (
        "The database has no schema yet, and this program needs version 0002: run 'talkmeter migrate' first, "
        "as a role that may change tables."
    )


def test_the_migrated_schema_is_that_of_the_tables_and_migrating_again_does_nothing(engine: Engine) -> None:
    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "schema_version", "compare_type": True})
        found = compare_metadata(context, metadata)

    assert found == []
    assert migrate(engine) is False
    require_current(engine)


def test_every_text_in_a_key_or_an_index_orders_by_its_bytes(engine: Engine) -> None:
    with reading(engine) as connection:
        rows = connection.execute(
            text(
                "SELECT c.relname, a.attname, coll.collname FROM pg_attribute a "
                "JOIN pg_class c ON c.oid = a.attrelid JOIN pg_collation coll ON coll.oid = a.attcollation "
                "WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0"
            )
        ).fetchall()
    collations = {(table, column): collation for table, column, collation in rows}
    keys = [
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in [*table.primary_key.columns, *(column for index in table.indexes for column in index.columns)]
        if isinstance(column.type, Text)
    ]

    assert len(keys) > 30
    assert {key: collations[key] for key in keys} == dict.fromkeys(keys, "C")


def test_two_that_migrate_at_once_both_succeed(empty: str) -> None:
    with opened(empty) as one, opened(empty) as two, ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(migrate, (one, two))) == [False, True]


# ----------------------------------------------------------------------------------------------------- promises


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_server_that_could_lose_what_it_acknowledged_is_refused(server: str, engine: Engine, setting: str) -> None:
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"ALTER SYSTEM SET {setting} = off")
        admin.execute("SELECT pg_reload_conf()")
        try:
            wait_until(admin, setting, "off")
            with (
                opened(engine.url.render_as_string(hide_password=False)) as another,
                pytest.raises(Misconfigured, match=f"runs with {setting} off"),
                reading(another),
            ):
                pass
        finally:
            admin.execute(f"ALTER SYSTEM RESET {setting}")
            admin.execute("SELECT pg_reload_conf()")
            wait_until(admin, setting, "on")


def wait_until(admin: "psycopg.Connection[tuple[str, ...]]", setting: str, value: str) -> None:
    """A server takes a new setting a moment after it was told; each look is a query of its own."""
    for _ in range(10_000):
        row = admin.execute(f"SHOW {setting}").fetchone()
        if row is not None and row[0] == value:
            return
    raise AssertionError(f"{setting} did not become {value}")


def test_a_database_whose_commits_do_not_wait_is_refused(server: str, empty: str) -> None:
    name = make_url(empty).database
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")

    with opened(empty) as engine, pytest.raises(Misconfigured, match="synchronous_commit off"), reading(engine):
        pass


def test_a_reader_sees_one_snapshot_and_writes_nothing(engine: Engine) -> None:
    with writing_to(engine) as writer:
        writer.submit(works_of(conversation("call-1"))).result(QUICK_SEC)
        with reading(engine) as connection:
            before = read_revision(connection, ORG, NOW)
            writer.submit(works_of(conversation("call-2"))).result(QUICK_SEC)
            assert read_revision(connection, ORG, NOW) == before
            with pytest.raises(Exception, match="read-only transaction"):
                connection.execute(text("DELETE FROM usage_daily"), execution_options=OF_TESTS)
    assert summary(engine).total_calls == 2


def test_a_role_that_may_not_change_tables_is_enough_to_serve(server: str, engine: Engine) -> None:
    role = f"talkmeter_server_{engine.url.database}"
    with writing(engine) as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN")
        connection.exec_driver_sql(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
    url = engine.url.set(username=role).render_as_string(hide_password=False)
    try:
        with opened(url) as served, writing_to(served) as writer:
            require_current(served)
            writer.submit(works_of(conversation("call-1"), run())).result(QUICK_SEC)
            assert summary(served).total_calls == 1
            with pytest.raises(Exception, match="must be owner"), writing(served) as connection:
                connection.exec_driver_sql("ALTER TABLE usage_daily ADD COLUMN more BIGINT")
    finally:
        with writing(engine) as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {role}")
            connection.exec_driver_sql(f"DROP ROLE {role}")


# --------------------------------------------------------------------------------------------------- many writers


def told(org_id: str) -> list[Json]:
    """What happened in an organization: calls that rang and ended, some voided, runs, agents."""
    calls = [
        {
            **conversation(f"call-{number}", status=status, duration=duration, agent_id=f"agent-{number % 5}"),
            "time": time,
        }
        for number in range(60)
        for status, duration, time in (
            ("ringing", None, "2026-03-01T12:00:00Z"),
            ("completed", number, "2026-03-01T12:01:00Z"),
        )
    ]
    voided = [event("conversation.deleted", {"id": f"call-{number}"}) for number in range(0, 60, 10)]
    return [{**one, "id": f"{org_id}-{place}"} for place, one in enumerate([*calls, *voided, run(), run("run-2")])]


def test_writers_of_the_same_shuffled_and_repeated_events_lose_and_double_nothing(empty: str, engine: Engine) -> None:
    start = threading.Barrier(WRITERS)

    def send(seed: int) -> None:
        chance = random.Random(seed)
        with opened(empty) as own, writing_to(own) as writer:
            start.wait()
            for org_id in chance.sample(("acme", "other", "third"), 3):
                events = [*told(org_id), *chance.sample(told(org_id), 40)]
                chance.shuffle(events)
                for begin in range(0, len(events), 25):
                    part = works_of(*events[begin : begin + 25], org_id=org_id)
                    assert make_receipt(writer.submit(part).result(QUICK_SEC)).quarantined == []

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(send, range(WRITERS)))

    counted = [number for number in range(60) if number % 10]
    for org_id in ("acme", "other", "third"):
        found = summary(engine, org_id)
        assert (found.total_calls, found.live_calls, found.workflow_runs_total) == (len(counted), 0, 2)
        assert found.voice_duration_ms == 1_000 * sum(counted)
        assert differences(engine, org_id) == []


def test_a_request_for_many_organizations_is_answered_as_one(engine: Engine) -> None:
    events = [
        {**conversation("call"), "data": {**call_data(), "organization_id": f"org-{number}"}} for number in range(30)
    ]
    with writing_to(engine) as writer:
        receipt = make_receipt(writer.submit(works_of(*events, org_id=None)).result(QUICK_SEC))

    assert (receipt.accepted, receipt.quarantined) == (30, [])
    assert {summary(engine, f"org-{number}").total_calls for number in range(30)} == {1}


def call_data() -> Json:
    data = conversation("call")["data"]
    assert isinstance(data, dict)
    return data


# ------------------------------------------------------------------------------------------------ cut connections


def test_a_connection_that_is_cut_in_the_middle_of_a_transaction_is_a_503_and_nothing_is_half_written(
    server: str, engine: Engine
) -> None:
    cut: list[str] = []

    def cut_once(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT INTO usage_daily") and not cut:
            cut.append(statement)
            with psycopg.connect(server, autocommit=True) as admin:
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = %s AND pid <> pg_backend_pid() AND state = 'idle in transaction'",
                    (engine.url.database,),
                )

    engine_events.listen(engine, "before_cursor_execute", cut_once)
    with writing_to(engine) as writer:
        with pytest.raises(Unavailable, match="cannot be used now"):
            writer.submit(works_of(conversation("call-1"), run())).result(QUICK_SEC)
        assert len(cut) == 1
        assert summary(engine).total_calls == 0
        again = writer.submit(works_of(conversation("call-1"), run())).result(QUICK_SEC)

    assert make_receipt(again).accepted == 2
    assert summary(engine).total_calls == 1
    assert differences(engine) == []


def test_a_server_that_is_away_is_a_503_in_a_sentence(tmp_path: Path) -> None:
    with (
        opened(f"postgresql://nobody@/nothing?host={tmp_path}") as engine,
        pytest.raises(Unavailable, match=r"^The database cannot be used now: connection"),
        reading(engine),
    ):
        pass


def test_what_was_acknowledged_over_http_is_there_after_kill_9(empty: str, engine: Engine, tmp_path: Path) -> None:
    with running_server(tmp_path, database_url=empty) as first:
        key = first.cli("keys", "add", "--sender")
        headers = {"Authorization": f"Bearer {key}", "X-Anyreach-Org": ORG}
        events = [conversation(f"call-{number}") for number in range(50)]
        sent = httpx.post(f"{first.url}/metering/events", json=events, headers=headers)
        assert sent.json()["accepted"] == 50
        stop_server(first, signal.SIGKILL)
    second = start_server(tmp_path, {"database_url": empty})
    try:
        again = httpx.post(f"{second.url}/metering/events", json=[*events, run()], headers=headers)
        assert (again.json()["accepted"], again.json()["duplicate"]) == (1, 50)
    finally:
        stop_server(second)

    assert summary(engine).total_calls == 50
    assert differences(engine) == []
