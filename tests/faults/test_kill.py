"""kill -9 of the whole server at random moments under load: every acknowledged event is counted exactly once.

`make test` runs 10 rounds on each database, `make faults` 200 on SQLite and 100 on PostgreSQL.
"""

import random
import signal
from pathlib import Path
from typing import Final

import pytest

from talkmeter.db.migrate import migrate
from tests.faults.fault_table import ReportFault
from tests.faults.rounds import rounds
from tests.faults.senders import check_ledger, running_senders
from tests.postgres import engine_for
from tests.servers import start_server, stop_server

ROUNDS: Final = {"sqlite": rounds(10, 200), "postgresql": rounds(10, 100)}

pytestmark = pytest.mark.timeout(120 + 20 * max(ROUNDS.values()))


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_acknowledged_events_are_counted_once_after_every_kill(
    database: str, tmp_path: Path, request: pytest.FixtureRequest, report_fault: ReportFault
) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    if database == "postgresql":
        url = request.getfixturevalue("postgres_database")
    rng = random.Random(ROUNDS[database])
    with engine_for(url) as engine:
        migrate(engine)
        server = start_server(tmp_path, {"database_url": url})
        with running_senders(server.url, server.sender_key()) as senders:
            for _ in range(ROUNDS[database]):
                senders.wait_for_more(rng.uniform(0.05, 0.4))
                senders.hold()
                stop_server(server, signal.SIGKILL)
                server = start_server(tmp_path, {"database_url": url})
                senders.go(server.url)
        stop_server(server)
        report_fault(
            "kill -9 of the server, all its processes",
            database,
            ROUNDS[database],
            check_ledger(engine, senders.journal),
        )
