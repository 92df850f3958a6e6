"""PostgreSQL only: required server settings, cut connections, restricted roles."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event as engine_events
from sqlalchemy import text

from talkmeter.db.engine import reading, writing
from talkmeter.db.migrate import require_current
from talkmeter.errors import Misconfigured, Unavailable
from tests.citus_plugin import TEST_STATEMENT
from tests.events import conversation, run
from tests.faults.locks import write_lock
from tests.postgres import bundled_server, engine_for
from tests.store.ledger import Ledger, make_batches, receipt_of

QUICK_SEC = 30


@pytest.fixture(scope="module")
def own_server(memory: Path) -> Iterator[str]:
    """A separate server, whose settings these tests change."""
    folder = memory / "own"
    folder.mkdir(mode=0o700)
    with bundled_server(folder) as server:
        yield server


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
def test_server_without_durable_commits_is_rejected(own_server: str, setting: str) -> None:
    with psycopg.connect(own_server, autocommit=True) as admin:
        admin.execute(f"ALTER SYSTEM SET {setting} = off")
        admin.execute("SELECT pg_reload_conf()")
        wait_until(admin, setting, "off")
        with (
            engine_for(own_server) as engine,
            pytest.raises(Misconfigured, match=f"runs with {setting} off"),
            reading(engine),
        ):
            pass
        admin.execute(f"ALTER SYSTEM RESET {setting}")
        admin.execute("SELECT pg_reload_conf()")
        wait_until(admin, setting, "on")


def wait_until(admin: "psycopg.Connection[tuple[str, ...]]", setting: str, value: str) -> None:
    """Poll until the server has applied a new setting, which takes a moment."""
    for _ in range(10_000):
        row = admin.execute(f"SHOW {setting}").fetchone()
        if row is not None and row[0] == value:
            return
    raise AssertionError(f"{setting} did not become {value}")


def test_reader_cannot_write(server_ledger: Ledger) -> None:
    with (
        pytest.raises(Exception, match="the database is read-only"),
        reading(server_ledger.engine) as connection,
    ):
        connection.execute(text("DELETE FROM usage_daily"), execution_options=TEST_STATEMENT)


def test_role_without_alter_table_can_serve(postgres_database: str) -> None:
    owner = Ledger(postgres_database)
    role, password = f"talkmeter_server_{owner.engine.url.database}", owner.engine.url.password or "made-up"
    owner.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
    owner.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
    url = owner.engine.url.set(username=role, password=password).render_as_string(hide_password=False)
    try:
        served = Ledger(url)
        require_current(served.engine)
        served.send(conversation("call-1"), run())
        assert served.summary().total_calls == 1
        with pytest.raises(Exception, match="must be owner"), writing(served.engine) as connection:
            connection.exec_driver_sql("ALTER TABLE usage_daily ADD COLUMN more BIGINT")
        served.close()
    finally:
        owner.execute(f"DROP OWNED BY {role}")
        owner.execute(f"DROP ROLE {role}")
        owner.close()


def test_connection_cut_during_a_transaction_is_a_503_and_writes_nothing(server_ledger: Ledger) -> None:
    cut: list[str] = []

    @engine_events.listens_for(server_ledger.engine, "before_cursor_execute")
    def cut_once(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT INTO usage_daily") and not cut:
            cut.append(statement)
            with psycopg.connect(server_ledger.url, autocommit=True) as admin:
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'idle in transaction'"
                )

    with server_ledger.writer() as writer:
        with pytest.raises(Unavailable, match="is unavailable"):
            receipt_of(writer.submit(make_batches(conversation("call-1"), run())), QUICK_SEC)
        assert len(cut) == 1
        assert server_ledger.summary().total_calls == 0
        again = receipt_of(writer.submit(make_batches(conversation("call-1"), run())), QUICK_SEC)

    assert again.accepted == 2
    assert server_ledger.summary().total_calls == 1
    assert server_ledger.verify() == []


def test_unreachable_server_is_a_503(tmp_path: Path) -> None:
    with (
        engine_for(f"postgresql://nobody@/nothing?host={tmp_path}") as engine,
        pytest.raises(Unavailable, match=r"^The database is unavailable: connection"),
        reading(engine),
    ):
        pass


def test_request_completes_while_another_organization_waits_for_its_row_lock(server_ledger: Ledger) -> None:
    for org_id in ("acme", "busy", "zeta"):
        server_ledger.send(conversation("call-1"), org_id=org_id)
    with server_ledger.writer() as writer:
        with write_lock(server_ledger.url, "zeta"):
            with write_lock(server_ledger.url, "busy"):
                # The first request blocks the writer, so that the next two are in one group.
                first = writer.submit(make_batches(conversation("call-2"), org_id="busy"))
                waiting = writer.submit(make_batches(conversation("call-2"), org_id="zeta"))
                other = writer.submit(make_batches(conversation("call-2"), org_id="acme"))
            assert receipt_of(first, QUICK_SEC).accepted == 1
            assert receipt_of(other, QUICK_SEC).accepted == 1
            assert not waiting[0].done()
        assert receipt_of(waiting, QUICK_SEC).accepted == 1
