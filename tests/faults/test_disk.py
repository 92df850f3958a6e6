"""A disk without room: senders are told so, nothing breaks, reads go on, and writes too once there is room again.

The disk is a real one of a few megabytes. The index of SQLite's log is filled up to its edge on purpose: there SQLite
tells of a full disk in other words.
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
INDEXED_BY_THE_FIRST_PIECE: Final = 4_062
"""Frames of a log of SQLite that the first 32 KiB of its index have room for."""
PIECE_OF_INDEX: Final = 32_768
FRAME_BYTES: Final = 4_096 + 24
FULL: Final = (
    "The database's disk is full; nothing from this request was stored. Free disk space, then send the request again."
)

pytestmark = pytest.mark.timeout(120 + 30 * ROUNDS)


def assert_says_full(answer: httpx.Response) -> None:
    assert answer.status_code == 507, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"] == "30"
    problem = {"title": "Insufficient Storage", "status": 507, "detail": FULL, "type": "about:blank"}
    assert answer.json() == problem


def taken_out(disk: SmallDisk, to: Path) -> Path:
    """A copy of the ledger on a small disk, its log included; undamaged."""
    to.mkdir()
    for file in disk.outside.glob("ledger.db*"):
        shutil.copyfile(file, to / file.name)
    assert_sound(to / "ledger.db")
    return to / "ledger.db"


def frames_of(log: Path) -> int:
    """How many frames a log of SQLite has room for as it stands."""
    return log.stat().st_size // FRAME_BYTES


def assert_sound(file: Path) -> None:
    connection = sqlite3.connect(file)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def fill_again_and_again(server: Server, disk: SmallDisk) -> tuple[list[Json], list[Json], int]:
    """Fill the disk under senders and make room, round by round; two journals, and how often 507 was the answer."""
    chance = random.Random(ROUNDS)
    key = server.sender_key()
    refused = 0
    with probe_sender(server, key) as probe, running_senders(server.url, key) as senders:
        for _ in range(ROUNDS):
            senders.wait_for_more(chance.uniform(0, 0.2))
            disk.fill(chance.randrange(SPARE))
            assert_says_full(probe.send_until_refused())
            refused += 1
            for _ in range(5):
                answer = probe.send()
                if answer.status_code != 200:
                    assert_says_full(answer)
                    refused += 1
                assert probe.calls() == acknowledged_calls(probe.journal)
            assert local_http.get(f"{server.url}/health/ready").is_success
            disk.empty()
            senders.wait_for_more()
            assert probe.send().status_code == 200
    return senders.journal, probe.journal, refused


def test_a_full_disk_of_sqlite_is_told_and_all_goes_on_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report_fault: ReportFault
) -> None:
    with small_disk(tmp_path / "disk", MEBIBYTES) as disk:
        run_inside(monkeypatch, tmp_path, disk.enter)
        with running_server(tmp_path, database_url=f"sqlite:///{disk.folder / 'ledger.db'}") as server:
            journal, probed, refused = fill_again_and_again(server, disk)
            assert server.cli("verify")
        copy = taken_out(disk, tmp_path / "copy")
    with engine_for(f"sqlite:///{copy}") as engine:
        check_ledger(engine, probed, PROBE_ORG)
        report_fault(
            "disk full, then free again", "sqlite", ROUNDS, f"{check_ledger(engine, journal)}; {refused} x 507 seen"
        )


@contextmanager
def database_on(disk: SmallDisk, server: str) -> Iterator[str]:
    """A database all of whose tables are on a small disk; gone before the disk is."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE TABLESPACE small LOCATION '{disk.outside}'".encode())
        connection.execute("CREATE DATABASE small ENCODING 'UTF8' TEMPLATE template0 TABLESPACE small")
        try:
            yield make_url(server).set(database="small").render_as_string(hide_password=False)
        finally:
            connection.execute("DROP DATABASE small WITH (FORCE)")
            connection.execute("DROP TABLESPACE small")


@pytest.mark.postgresql
def test_a_full_disk_of_postgresql_is_told_and_all_goes_on_when_there_is_room(
    tmp_path: Path, report_fault: ReportFault
) -> None:
    # A server of this test's own: nobody else's is given a disk that goes away.
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
                journal, probed, refused = fill_again_and_again(server, disk)
                assert server.cli("verify")
            check_ledger(engine, probed, PROBE_ORG)
            found = f"{check_ledger(engine, journal)}; {refused} x 507 seen"
    report_fault("disk full, then free again", "postgresql", ROUNDS, found)


def test_a_disk_that_is_full_where_the_index_of_the_log_must_grow_is_told_as_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report_fault: ReportFault
) -> None:
    with small_disk(tmp_path / "disk", 64) as disk:
        run_inside(monkeypatch, tmp_path, disk.enter)
        log, index = disk.outside / "ledger.db-wal", disk.outside / "ledger.db-shm"
        with (
            running_server(tmp_path, database_url=f"sqlite:///{disk.folder / 'ledger.db'}") as server,
            probe_sender(server, server.sender_key()) as probe,
        ):
            while frames_of(log) < INDEXED_BY_THE_FIRST_PIECE - 150:
                assert probe.send().status_code == 200
            assert index.stat().st_size == PIECE_OF_INDEX
            took, answer = 40_000, probe.send()
            for number in count():
                before = frames_of(log)
                # Room for the frames of one call, and not for another piece of the index.
                disk.fill(took + PIECE_OF_INDEX // 2)
                answer = probe.send([conversation(f"edge-{number}", created_at="2024-03-01T12:00:00Z")])
                disk.empty()
                if answer.status_code == 200:
                    took = (frames_of(log) - before) * FRAME_BYTES
                else:
                    assert_says_full(answer)
                if frames_of(log) > INDEXED_BY_THE_FIRST_PIECE:
                    break
            assert answer.status_code == 507
            assert probe.send().status_code == 200
        copy = taken_out(disk, tmp_path / "copy")
    with engine_for(f"sqlite:///{copy}") as engine:
        report_fault("disk full while the WAL index grows", "sqlite", 1, check_ledger(engine, probe.journal, PROBE_ORG))


def test_a_server_does_not_start_on_a_full_disk_without_saying_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_a_file_that_may_not_grow_is_a_503_and_all_goes_on_when_it_may(
    tmp_path: Path, report_fault: ReportFault
) -> None:
    """SQLite tells a limit of a file's size, or of a quota, in the words of a broken disk; the log has them."""
    file = tmp_path / "talkmeter.db"
    with running_server(tmp_path) as server:
        key = server.sender_key()
        refused = 0
        with probe_sender(server, key) as probe, running_senders(server.url, key) as senders:
            for _ in range(ROUNDS):
                senders.wait_for_more()
                limit(server, Path(f"{file}-wal").stat().st_size + SPARE)
                answer = probe.send_until_refused()
                assert answer.status_code == 503, answer.text
                assert answer.headers["Retry-After"] == "1"
                assert answer.json()["detail"].startswith("The database is unavailable")
                assert probe.calls() == acknowledged_calls(probe.journal)
                refused += 1
                limit(server, RLIM_INFINITY)
                senders.wait_for_more()
        assert "disk I/O error" in server.log()
    assert_sound(file)
    with engine_for(f"sqlite:///{file}") as engine:
        check_ledger(engine, probe.journal, PROBE_ORG)
        found = f"{check_ledger(engine, senders.journal, ORG)}; {refused} x 503 seen"
    report_fault("file size limit reached, then lifted", "sqlite", ROUNDS, found)


def limit(server: Server, most_bytes: int) -> None:
    """How large files of the server's processes may become from now on."""
    for process in processes_of(server):
        prlimit(process, RLIMIT_FSIZE, (most_bytes, RLIM_INFINITY))
