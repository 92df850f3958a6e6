"""PostgreSQL alone: what its connections must promise, cut connections, roles that may little."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event as engine_events
from sqlalchemy import text

from talkmeter.db.engine import reading, writing
from talkmeter.db.migrate import require_current
from talkmeter.errors import Misconfigured, Unavailable
from talkmeter.ingest.receipt import make_receipt
from tests.citus_plugin import TEST_STATEMENT
from tests.events import conversation, run
from tests.faults.locks import write_lock
from tests.postgres import bundled_server, engine_for
from tests.store.ledger import Ledger, works_of

QUICK_SEC = 30


@pytest.fixture(scope="module")
def own_server(memory: Path) -> Iterator[str]:
    """A server of these tests' own, to be set otherwise than any other."""
    folder = memory / "own"
    folder.mkdir(mode=0o700)
    with bundled_server(folder) as server:
        yield server


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
def test_a_server_that_could_lose_what_it_acknowledged_is_refused(own_server: str, setting: str) -> None:
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
    """A server takes a new setting a moment after it was told; each look is a query of its own."""
    for _ in range(10_000):
        row = admin.execute(f"SHOW {setting}").fetchone()
        if row is not None and row[0] == value:
            return
    raise AssertionError(f"{setting} did not become {value}")


def test_a_reader_writes_nothing(server_ledger: Ledger) -> None:
    with (
        pytest.raises(Exception, match="read-only transaction"),
        reading(server_ledger.engine) as connection,
    ):
        connection.execute(text("DELETE FROM usage_daily"), execution_options=TEST_STATEMENT)


def test_a_role_that_may_not_change_tables_is_enough_to_serve(postgres_database: str) -> None:
    owner = Ledger(postgres_database)
    role, password = f"talkmeter_server_{owner.engine.url.database}", owner.engine.url.password or "made-up"
    owner.change(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
    owner.change(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
    url = owner.engine.url.set(username=role, password=password).render_as_string(hide_password=False)
    try:
        served = Ledger(url)
        require_current(served.engine)
        served.tell(conversation("call-1"), run())
        assert served.summary().total_calls == 1
        with pytest.raises(Exception, match="must be owner"), writing(served.engine) as connection:
            connection.exec_driver_sql("ALTER TABLE usage_daily ADD COLUMN more BIGINT")
        served.close()
    finally:
        owner.change(f"DROP OWNED BY {role}")
        owner.change(f"DROP ROLE {role}")
        owner.close()


def test_a_connection_that_is_cut_in_the_middle_of_a_transaction_is_a_503_and_nothing_is_half_written(
    server_ledger: Ledger,
) -> None:
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
            writer.submit(works_of(conversation("call-1"), run())).result(QUICK_SEC)
        assert len(cut) == 1
        assert server_ledger.summary().total_calls == 0
        again = writer.submit(works_of(conversation("call-1"), run())).result(QUICK_SEC)

    assert make_receipt(again).accepted == 2
    assert server_ledger.summary().total_calls == 1
    assert server_ledger.verify() == []


def test_a_server_that_is_away_is_a_503_in_a_sentence(tmp_path: Path) -> None:
    with (
        engine_for(f"postgresql://nobody@/nothing?host={tmp_path}") as engine,
        pytest.raises(Unavailable, match=r"^The database is unavailable: connection"),
        reading(engine),
    ):
        pass


def test_a_request_is_answered_while_that_of_another_organization_waits_for_its_row(server_ledger: Ledger) -> None:
    for org_id in ("acme", "busy", "zeta"):
        server_ledger.tell(conversation("call-1"), org_id=org_id)
    with server_ledger.writer() as writer:
        with write_lock(server_ledger.url, "zeta"):
            with write_lock(server_ledger.url, "busy"):
                # The writer waits, so that the next two are of one group.
                first = writer.submit(works_of(conversation("call-2"), org_id="busy"))
                waits = writer.submit(works_of(conversation("call-2"), org_id="zeta"))
                answered = writer.submit(works_of(conversation("call-2"), org_id="acme"))
            assert make_receipt(first.result(QUICK_SEC)).accepted == 1
            assert make_receipt(answered.result(QUICK_SEC)).accepted == 1
            assert not waits.done()
        assert make_receipt(waits.result(QUICK_SEC)).accepted == 1
