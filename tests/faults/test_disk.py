"""A full disk: senders get a 507, nothing breaks, reads continue, and writes continue once there is space.

The disk is a real one of a few megabytes. One test fills SQLite's WAL index exactly, because SQLite then reports a full
disk with another error.
"""

import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_FSIZE, prlimit
from tempfile import TemporaryDirectory
from typing import Final

import httpx
import psycopg
import pytest
from sqlalchemy.engine import make_url

from talkmeter.db.migrate import migrate
from tests import local_http
from tests.events import Json, conversation
from tests.faults.fault_table import ReportFault
from tests.faults.memory import processes_of
from tests.faults.probe_sender import PROBE_ORG, acknowledged_calls, probe_sender
from tests.faults.rounds import rounds
from tests.faults.senders import ORG, check_ledger, running_senders
from tests.faults.small_disks import SmallDisk, run_inside, small_disk
from tests.postgres import bundled_server, engine_for
from tests.servers import Server, running_server

ROUNDS: Final = rounds(2, 30)
MEBIBYTES: Final = 160
SPARE: Final = 200_000
FRAMES_IN_FIRST_INDEX_BLOCK: Final = 4_062
"""How many WAL frames the first block of the WAL index can list."""
INDEX_BLOCK_BYTES: Final = 32_768
FRAME_BYTES: Final = 4_096 + 24
FULL: Final = (
    "The database's disk is full; nothing from this request was stored. Free disk space, then send the request again."
)

pytestmark = pytest.mark.timeout(120 + 30 * ROUNDS)


def assert_is_507(answer: httpx.Response) -> None:
    assert answer.status_code == 507, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"] == "30"
    problem = {"title": "Insufficient Storage", "status": 507, "detail": FULL, "type": "about:blank"}
    assert answer.json() == problem


def copied_from(disk: SmallDisk, to: Path) -> Path:
    """Copy the database and its WAL from a small disk, check it, and return the copy."""
    to.mkdir()
    for file in disk.outside.glob("ledger.db*"):
        shutil.copyfile(file, to / file.name)
    assert_intact(to / "ledger.db")
    return to / "ledger.db"


def frames_of(log: Path) -> int:
    """Return how many frames fit into a WAL file of its size."""
    return log.stat().st_size // FRAME_BYTES


def assert_intact(file: Path) -> None:
    connection = sqlite3.connect(file)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def fill_repeatedly(server: Server, disk: SmallDisk) -> tuple[list[Json], list[Json], int]:
    """Fill and free the disk under load; return the journals of senders and probe, and the number of 507 responses."""
    rng = random.Random(ROUNDS)
    key = server.sender_key()
    refused = 0
    with probe_sender(server, key) as probe, running_senders(server.url, key) as senders:
        for _ in range(ROUNDS):
            senders.wait_for_more(rng.uniform(0, 0.2))
            disk.fill(rng.randrange(SPARE))
            assert_is_507(probe.send_until_refused())
            refused += 1
            for _ in range(5):
                answer = probe.send()
                if answer.status_code != 200:
                    assert_is_507(answer)
                    refused += 1
                assert probe.calls() == acknowledged_calls(probe.journal)
            assert local_http.get(f"{server.url}/health/ready").is_success
            disk.empty()
            senders.wait_for_more()
            assert probe.send().status_code == 200
    return senders.journal, probe.journal, refused


def test_full_sqlite_disk_is_a_507_until_there_is_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report_fault: ReportFault
) -> None:
    with small_disk(tmp_path / "disk", MEBIBYTES) as disk:
        run_inside(monkeypatch, tmp_path, disk.enter)
        with running_server(tmp_path, database_url=f"sqlite:///{disk.folder / 'ledger.db'}") as server:
            journal, probed, refused = fill_repeatedly(server, disk)
            assert server.cli("verify")
        copy = copied_from(disk, tmp_path / "copy")
    with engine_for(f"sqlite:///{copy}") as engine:
        check_ledger(engine, probed, PROBE_ORG)
        report_fault(
            "disk full, then free again", "sqlite", ROUNDS, f"{check_ledger(engine, journal)}; {refused} x 507 seen"
        )


@contextmanager
def database_on(disk: SmallDisk, server: str) -> Iterator[str]:
    """Create a database on a small disk, and drop it before the disk is gone."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE TABLESPACE small LOCATION '{disk.outside}'".encode())
        connection.execute("CREATE DATABASE small ENCODING 'UTF8' TEMPLATE template0 TABLESPACE small")
        try:
            yield make_url(server).set(database="small").render_as_string(hide_password=False)
        finally:
            connection.execute("DROP DATABASE small WITH (FORCE)")
            connection.execute("DROP TABLESPACE small")


@pytest.mark.postgresql
def test_full_postgresql_disk_is_a_507_until_there_is_space(tmp_path: Path, report_fault: ReportFault) -> None:
    # Other tests must not use a server whose disk disappears.
    with TemporaryDirectory(prefix="talkmeter-") as place, bundled_server(Path(place)) as postgres:
        with psycopg.connect(postgres) as connection:
            [folder] = connection.execute("SHOW data_directory").fetchone() or [""]
        with (
            small_disk(Path(place, "disk"), MEBIBYTES, Path(folder).stat().st_uid) as disk,
            database_on(disk, postgres) as url,
            engine_for(url) as engine,
        ):
            migrate(engine)
            with running_server(tmp_path, database_url=url) as server:
                journal, probed, refused = fill_repeatedly(server, disk)
                assert server.cli("verify")
            check_ledger(engine, probed, PROBE_ORG)
            found = f"{check_ledger(engine, journal)}; {refused} x 507 seen"
    report_fault("disk full, then free again", "postgresql", ROUNDS, found)


def test_full_disk_when_the_wal_index_grows_is_a_507(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report_fault: ReportFault
) -> None:
    with small_disk(tmp_path / "disk", 64) as disk:
        run_inside(monkeypatch, tmp_path, disk.enter)
        log, index = disk.outside / "ledger.db-wal", disk.outside / "ledger.db-shm"
        with (
            running_server(tmp_path, database_url=f"sqlite:///{disk.folder / 'ledger.db'}") as server,
            probe_sender(server, server.sender_key()) as probe,
        ):
            while frames_of(log) < FRAMES_IN_FIRST_INDEX_BLOCK - 150:
                assert probe.send().status_code == 200
            assert index.stat().st_size == INDEX_BLOCK_BYTES
            needed, response = 40_000, probe.send()
            for number in count():
                before = frames_of(log)
                # Leave space for the frames of one call, but not for another index block.
                disk.fill(needed + INDEX_BLOCK_BYTES // 2)
                response = probe.send([conversation(f"edge-{number}", created_at="2024-03-01T12:00:00Z")])
                disk.empty()
                if response.status_code == 200:
                    needed = (frames_of(log) - before) * FRAME_BYTES
                else:
                    assert_is_507(response)
                if frames_of(log) > FRAMES_IN_FIRST_INDEX_BLOCK:
                    break
            assert response.status_code == 507
            assert probe.send().status_code == 200
        copy = copied_from(disk, tmp_path / "copy")
    with engine_for(f"sqlite:///{copy}") as engine:
        report_fault("disk full while the WAL index grows", "sqlite", 1, check_ledger(engine, probe.journal, PROBE_ORG))


def test_server_on_a_full_disk_does_not_start_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with small_disk(tmp_path / "disk", 16) as disk:
        run_inside(monkeypatch, tmp_path, disk.enter)
        settings = {"database_url": f"sqlite:///{disk.folder / 'ledger.db'}"}
        with running_server(tmp_path, **settings) as server:
            server.key("acme")
        disk.fill()
        with pytest.raises(AssertionError, match=f"talkmeter: {FULL}"), running_server(tmp_path, **settings):
            pass
        disk.empty()
        with running_server(tmp_path, **settings) as server:
            assert server.cli("verify")


def test_file_size_limit_is_a_503_until_it_is_lifted(tmp_path: Path, report_fault: ReportFault) -> None:
    """SQLite reports a file size limit or a quota as an I/O error, which is in the log."""
    file = tmp_path / "talkmeter.db"
    with running_server(tmp_path) as server:
        key = server.sender_key()
        refused = 0
        with probe_sender(server, key) as probe, running_senders(server.url, key) as senders:
            for _ in range(ROUNDS):
                senders.wait_for_more()
                limit_file_size(server, Path(f"{file}-wal").stat().st_size + SPARE)
                answer = probe.send_until_refused()
                assert answer.status_code == 503, answer.text
                assert answer.headers["Retry-After"] == "1"
                assert answer.json()["detail"].startswith("The database is unavailable")
                assert probe.calls() == acknowledged_calls(probe.journal)
                refused += 1
                limit_file_size(server, RLIM_INFINITY)
                senders.wait_for_more()
        assert "disk I/O error" in server.log()
    assert_intact(file)
    with engine_for(f"sqlite:///{file}") as engine:
        check_ledger(engine, probe.journal, PROBE_ORG)
        found = f"{check_ledger(engine, senders.journal, ORG)}; {refused} x 503 seen"
    report_fault("file size limit reached, then lifted", "sqlite", ROUNDS, found)


def limit_file_size(server: Server, max_bytes: int) -> None:
    """Limit the size of files that the server's processes write."""
    for process in processes_of(server):
        prlimit(process, RLIMIT_FSIZE, (max_bytes, RLIM_INFINITY))
