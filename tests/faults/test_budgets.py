"""Budgets while servers are killed, take over and have a wrong clock: each crossing is stored once, none is missing.

`make test` kills a server 3 times on each database and makes 2 clock jumps, `make faults` 50 of each.
"""

import json
import random
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import Engine

from talkmeter.budgets.evaluator import LEASE
from talkmeter.db.engine import reading, writing
from talkmeter.db.lease import lease_end, release_lease
from talkmeter.db.migrate import migrate
from tests import local_http
from tests.events import Json
from tests.faults.budgeted_senders import YEAR_SEC, Recorded, Shifted, create_budgets, start
from tests.faults.fault_table import ReportFault
from tests.faults.rounds import rounds
from tests.faults.senders import ORG, Senders, random_batch, running_senders
from tests.postgres import engine_for
from tests.servers import Server, stop_server, wait_until

KILLS: Final = rounds(3, 50)
JUMPS: Final = rounds(2, 50)
IN_FULL: Final = rounds(0, 1) == 1
_CROSSINGS: Final = re.compile(r"^talkmeter_budget_crossings_total (\S+)$", re.MULTILINE)

pytestmark = pytest.mark.timeout(180 + 20 * max(KILLS, JUMPS))


@pytest.fixture
def clock(tmp_path: Path) -> Shifted:
    return Shifted(tmp_path / "clock")


@pytest.fixture
def url(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The URL of a migrated database."""
    address = f"sqlite:///{tmp_path / 'ledger.db'}"
    if database == "postgresql":
        address = request.getfixturevalue("postgres_database")
    with engine_for(address) as engine:
        migrate(engine)
    return address


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    with engine_for(url) as opened:
        yield opened


def with_right_clock(server: Server) -> Server:
    return replace(server, isolated=False)


@contextmanager
def sending(server: Server) -> Iterator[Senders]:
    """Create the budgets, and run senders."""
    create_budgets(server, with_right_clock(server).key(ORG))
    with running_senders(server.url, with_right_clock(server).sender_key()) as senders:
        yield senders


def holder(engine: Engine) -> str:
    """Return the holder of the lease; empty without one."""
    with reading(engine) as connection:
        if not lease_end(connection, LEASE):
            return ""
        return str(connection.exec_driver_sql(f"SELECT holder FROM lease WHERE name = '{LEASE}'").scalar_one())


def end_lease(engine: Engine) -> None:
    """End the lease of a killed server at once, because the test does not wait for 20 seconds."""
    with writing(engine) as connection:
        release_lease(connection, LEASE, holder(engine))


def found_by(server: Server) -> int:
    """Return how many crossings a server has stored."""
    match = _CROSSINGS.search(local_http.get(f"{server.url}/metrics", timeout=30).text)
    assert match is not None
    return int(float(match[1]))


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_crossings_are_complete_after_every_kill_during_an_evaluation(
    url: str, engine: Engine, database: str, clock: Shifted, tmp_path: Path, report_fault: ReportFault
) -> None:
    rng = random.Random(KILLS)
    recorded = Recorded(engine)
    server = start(tmp_path, clock, url)
    with sending(server) as senders:
        for _ in range(KILLS):
            wait_until(lambda: holder(engine))
            senders.wait_for_more(rng.uniform(0, 0.3))
            senders.hold()
            stop_server(server, signal.SIGKILL)
            recorded.look()
            end_lease(engine)
            server = start(tmp_path, clock, url)
            senders.go(server.url)
    found = recorded.wait_for(senders.journal)
    stop_server(server)
    report_fault("kill -9 of the server while it evaluates budgets", database, KILLS, found)


@pytest.mark.parametrize("database", ["postgresql"])
def test_one_of_two_servers_evaluates_and_the_other_takes_over(
    url: str, engine: Engine, clock: Shifted, tmp_path: Path, report_fault: ReportFault
) -> None:
    recorded, seconds = Recorded(engine), 0.0
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    first = start(folders[0], clock, url)
    with sending(first) as senders:
        wait_until(lambda: found_by(first))
        second = start(folders[1], clock, url)
        senders.go(second.url)
        total = found_by(first)
        wait_until(lambda: found_by(first) > total)
        assert found_by(second) == 0

        stop_server(first)
        wait_until(lambda: found_by(second))
        first = start(folders[0], clock, url)
        senders.hold()

        stop_server(second, signal.SIGKILL)
        killed = time.monotonic()
        senders.go(first.url)
        if not IN_FULL:
            end_lease(engine)
        wait_until(lambda: found_by(first))
        seconds = time.monotonic() - killed
    found = recorded.wait_for(senders.journal)
    assert stop_server(first) == 0
    if IN_FULL:
        assert seconds <= 30
        found += f"; after kill -9 the other server stored a crossing within {seconds:.0f} s"
    report_fault(
        "one of two servers that evaluate budgets is stopped, then the other is killed", "postgresql", 2, found
    )


@pytest.mark.parametrize("database", ["sqlite"])
def test_crossings_are_complete_after_clock_jumps_of_a_year(
    url: str, engine: Engine, clock: Shifted, tmp_path: Path, report_fault: ReportFault
) -> None:
    rng = random.Random(JUMPS)
    recorded = Recorded(engine)
    server = start(tmp_path, clock, url)
    with sending(server) as senders:
        for jump in range(JUMPS):
            clock.set((YEAR_SEC, 0, -YEAR_SEC, 0)[jump % 4])
            senders.wait_for_more(rng.uniform(0.5, 1.5))
            recorded.look()
        # The lease ends a year later than it should.
        clock.set(YEAR_SEC)
        end = lease_until(engine)
        wait_until(lambda: lease_until(engine) > end + YEAR_SEC // 2)
        senders.hold()
        stop_server(server, signal.SIGKILL)
        clock.set(0)
        server = start(tmp_path, clock, url)
        senders.go(server.url)
    found = recorded.wait_for(senders.journal)
    stop_server(server)
    report_fault("clock jumps by a year, back and forth, while budgets are evaluated", "sqlite", JUMPS, found)


def in_organization(event: Json) -> Json:
    """Return an event that names its organization, for `talkmeter ingest`."""
    data = event["data"]
    assert isinstance(data, dict)
    return {**event, "data": {**data, "organization_id": ORG}}


def lease_until(engine: Engine) -> int:
    """Return when the lease ends, in seconds."""
    with reading(engine) as connection:
        return lease_end(connection, LEASE) // 1_000_000


@pytest.mark.parametrize("database", ["sqlite"])
def test_crossing_is_found_that_was_reached_while_no_server_ran(
    url: str, engine: Engine, clock: Shifted, tmp_path: Path, report_fault: ReportFault
) -> None:
    """The events are stored in the last hour of a day, and a server starts on the next day."""
    recorded = Recorded(engine)
    server = start(tmp_path, clock, url)
    create_budgets(server, with_right_clock(server).key(ORG))
    stop_server(server)
    events = [in_organization(event) for event in random_batch(random.Random(1), "b")]
    (tmp_path / "events.jsonl").write_text("\n".join(map(json.dumps, events)))
    clock.set(12 * 3_600 - 600)
    server.cli("ingest", "events.jsonl")
    assert recorded.look() == 0
    clock.set(13 * 3_600)
    server = start(tmp_path, clock, url)
    found = recorded.wait_for(events)
    stop_server(server)
    report_fault("no server runs when a budget's limit is reached, until the next day", "sqlite", 1, found)
