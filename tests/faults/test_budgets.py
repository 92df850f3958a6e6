"""Budgets while servers are killed, take over and have a wrong clock: each crossing is stored
once and delivered, none is missing.

`make test` kills a server 3 times on each database and makes 2 clock jumps, `make faults` 50 of each.
"""

import json
import random
import re
import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest

from talkmeter.budgets.evaluator import LEASE
from talkmeter.db.engine import reading
from talkmeter.db.lease import lease_end
from talkmeter.db.migrate import migrate
from tests import local_http
from tests.events import Json
from tests.faults.budgeted_senders import YEAR_SEC, Place, with_right_clock
from tests.faults.fault_table import ReportFault
from tests.faults.rounds import rounds
from tests.faults.senders import ORG, Senders, random_batch, running_senders
from tests.postgres import engine_for
from tests.receivers import receiver
from tests.servers import Server, stop_server, wait_until

KILLS: Final = rounds(3, 50)
JUMPS: Final = rounds(2, 50)
IN_FULL: Final = rounds(0, 1) == 1
_CROSSINGS: Final = re.compile(r"^talkmeter_budget_crossings_total (\S+)$", re.MULTILINE)

pytestmark = pytest.mark.timeout(180 + 20 * max(KILLS, JUMPS))


@pytest.fixture
def place(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    """A migrated database without servers."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    if database == "postgresql":
        url = request.getfixturevalue("postgres_database")
    with engine_for(url) as engine, receiver() as hook:
        migrate(engine)
        with closing(Place(url, engine, tmp_path, hook)) as opened:
            yield opened


@contextmanager
def sending(place: Place, server: Server) -> Iterator[Senders]:
    """Create the budgets, and run senders."""
    place.create_budgets(server)
    with running_senders(server.url, with_right_clock(server).sender_key()) as senders:
        yield senders


def found_by(server: Server) -> int:
    """Return how many crossings a server has stored."""
    match = _CROSSINGS.search(local_http.get(f"{server.url}/metrics", timeout=30).text)
    assert match is not None
    return int(float(match[1]))


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_crossings_are_complete_after_every_kill_during_an_evaluation(
    place: Place, database: str, report_fault: ReportFault
) -> None:
    rng = random.Random(KILLS)
    server = place.start()
    with sending(place, server) as senders:
        for _ in range(KILLS):
            wait_until(place.holder)
            senders.wait_for_more(rng.uniform(0, 0.3))
            senders.hold()
            stop_server(server, signal.SIGKILL)
            place.look()
            place.end_leases()
            server = place.start()
            senders.go(server.url)
    found = place.wait_for(senders.journal)
    stop_server(server)
    report_fault("kill -9 of the server while it evaluates budgets", database, KILLS, found)


@pytest.mark.parametrize("database", ["postgresql"])
def test_one_of_two_servers_evaluates_and_the_other_takes_over(place: Place, report_fault: ReportFault) -> None:
    seconds = 0.0
    first = place.start("first")
    with sending(place, first) as senders:
        wait_until(lambda: found_by(first))
        second = place.start("second")
        senders.go(second.url)
        total = found_by(first)
        wait_until(lambda: found_by(first) > total)
        assert found_by(second) == 0

        stop_server(first)
        wait_until(lambda: found_by(second))
        first = place.start("first")
        senders.hold()

        stop_server(second, signal.SIGKILL)
        killed = time.monotonic()
        senders.go(first.url)
        if not IN_FULL:
            place.end_leases()
        wait_until(lambda: found_by(first))
        seconds = time.monotonic() - killed
    found = place.wait_for(senders.journal)
    assert stop_server(first) == 0
    if IN_FULL:
        assert seconds <= 30
        found += f"; after kill -9 the other server stored a crossing within {seconds:.0f} s"
    report_fault(
        "one of two servers that evaluate budgets is stopped, then the other is killed", "postgresql", 2, found
    )


@pytest.mark.parametrize("database", ["sqlite"])
def test_crossings_are_complete_after_clock_jumps_of_a_year(place: Place, report_fault: ReportFault) -> None:
    rng = random.Random(JUMPS)
    server = place.start()
    with sending(place, server) as senders:
        for jump in range(JUMPS):
            place.set_clock((YEAR_SEC, 0, -YEAR_SEC, 0)[jump % 4])
            senders.wait_for_more(rng.uniform(0.5, 1.5))
            place.look()
        # The lease ends a year later than it should.
        place.set_clock(YEAR_SEC)
        end = lease_until(place)
        wait_until(lambda: lease_until(place) > end + YEAR_SEC // 2)
        senders.hold()
        stop_server(server, signal.SIGKILL)
        place.set_clock(0)
        server = place.start()
        senders.go(server.url)
    found = place.wait_for(senders.journal)
    stop_server(server)
    report_fault("clock jumps by a year, back and forth, while budgets are evaluated", "sqlite", JUMPS, found)


def in_organization(event: Json) -> Json:
    """Return an event that names its organization, for `talkmeter ingest`."""
    data = event["data"]
    assert isinstance(data, dict)
    return {**event, "data": {**data, "organization_id": ORG}}


def lease_until(place: Place) -> int:
    """Return when the lease ends, in seconds."""
    with reading(place.engine) as connection:
        return lease_end(connection, LEASE) // 1_000_000


@pytest.mark.parametrize("database", ["sqlite"])
def test_crossing_is_found_that_was_reached_while_no_server_ran(place: Place, report_fault: ReportFault) -> None:
    """The events are stored in the last hour of a day, and a server starts on the next day."""
    server = place.start()
    place.create_budgets(server)
    stop_server(server)
    events = [in_organization(event) for event in random_batch(random.Random(1), "b")]
    (server.folder / "events.jsonl").write_text("\n".join(map(json.dumps, events)))
    place.set_clock(12 * 3_600 - 600)
    server.cli("ingest", "events.jsonl")
    assert place.look() == 0
    place.set_clock(13 * 3_600)
    server = place.start()
    found = place.wait_for(events)
    stop_server(server)
    report_fault("no server runs when a budget's limit is reached, until the next day", "sqlite", 1, found)
