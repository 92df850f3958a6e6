"""Senders that retry until they are acknowledged, and a check that exactly the acknowledged events are counted.

Each sender keeps a journal of its acknowledged events. The check computes the expected summary from the journals with
the reference model of tests/laws, which shares no code with talkmeter.
"""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx
import msgspec
from sqlalchemy import Engine

from talkmeter.db.engine import reading
from talkmeter.ledger.verify import verify_organization
from talkmeter.period import Window, read_instant
from talkmeter.records import Kind
from talkmeter.usage.filters import Filter, iterate_records
from talkmeter.usage.revision import read_revision
from talkmeter.usage.summary import read_summary, summary_query
from tests import local_http
from tests.events import Json, conversation, run
from tests.laws.ledgers import NOW, plain_json
from tests.laws.model import QUERIED_AT, Model

ORG: Final = "acme"
SENDERS: Final = 4
RECORDS: Final = 10
WAIT_TIMEOUT_SEC: Final = 60
DAY: Final = Window(read_instant("2024-03-01T00:00:00Z"), read_instant("2024-03-02T00:00:00Z"))
assert DAY.end <= QUERIED_AT


class RetryingSender(threading.Thread):
    """Sends batches one after another and retries each until it is acknowledged."""

    def __init__(self, number: int, key: str) -> None:
        super().__init__(name=f"sender-{number}", daemon=True)
        self.url = ""
        self.up, self.stop = threading.Event(), threading.Event()
        self.journal: list[Json] = []
        self.refused: list[str] = []
        self._number = number
        self._random = random.Random(number)
        self._headers = {"Authorization": f"Bearer {key}", "X-Anyreach-Org": ORG}

    def run(self) -> None:
        """Send until stopped."""
        batch = 0
        with local_http.client(headers=self._headers, timeout=60) as client:
            while not self.stop.is_set():
                self._send_until_acknowledged(client, random_batch(self._random, f"{self._number}-{batch}"))
                batch += 1

    def _send_until_acknowledged(self, client: httpx.Client, events: list[Json]) -> None:
        while self.up.wait(WAIT_TIMEOUT_SEC):
            try:
                response = client.post(f"{self.url}/metering/events", json=events)
            except httpx.TransportError:
                continue
            if response.status_code == 200 and not response.json()["quarantined"]:
                self.journal += events
                return
            if response.status_code < 500:
                self.refused.append(response.text)
                return


class Senders:
    """Several concurrent senders."""

    def __init__(self, key: str) -> None:
        self._all = [RetryingSender(number, key) for number in range(SENDERS)]

    @property
    def acknowledged(self) -> int:
        """The number of events acknowledged so far."""
        return sum(len(sender.journal) for sender in self._all)

    @property
    def journal(self) -> list[Json]:
        """The acknowledged events."""
        return [event for sender in self._all for event in sender.journal]

    def go(self, url: str) -> None:
        """Start or resume sending to a server."""
        for sender in self._all:
            sender.url = url
            sender.up.set()
            if sender.ident is None:
                sender.start()

    def hold(self) -> None:
        """Send no more requests; those in progress continue."""
        for sender in self._all:
            sender.up.clear()

    def wait_for_more(self, seconds: float = 0) -> None:
        """Wait until more events are acknowledged, and then some seconds, so that a fault interrupts requests."""
        before = self.acknowledged
        deadline = time.monotonic() + WAIT_TIMEOUT_SEC
        while self.acknowledged == before:
            assert time.monotonic() < deadline, "nothing was acknowledged for a minute"
            threading.Event().wait(0.01)
        threading.Event().wait(seconds)

    def end(self) -> None:
        """Stop once the batches in progress are acknowledged."""
        for sender in self._all:
            sender.stop.set()
        for sender in self._all:
            sender.join(timeout=2 * WAIT_TIMEOUT_SEC)
        assert not any(sender.is_alive() for sender in self._all), "a batch was never acknowledged"
        assert [sender.refused for sender in self._all] == [[]] * SENDERS


@contextmanager
def running_senders(url: str, key: str) -> Iterator[Senders]:
    """Run senders; at the end, all their batches are acknowledged."""
    senders = Senders(key)
    senders.go(url)
    yield senders
    senders.end()


def random_batch(rng: random.Random, name: str) -> list[Json]:
    """Return a batch of calls and runs: most with two states, in any order, some twice."""
    events: list[Json] = []
    for place in range(RECORDS):
        id_, minute = f"{name}-{place}", f"2024-03-01T12:{rng.randrange(60):02}"
        call = {"created_at": f"{minute}:00Z", "agent_id": f"agent-{rng.randrange(3)}"}
        ended = conversation(id_, duration=rng.randrange(600_000) / 1000, **call)
        rang = conversation(id_, status=rng.choice(("ringing", "in_progress")), duration=None, **call)
        ran = run(id_, status=rng.choice(("success", "failed", "running")), created_at=f"{minute}:30Z")
        events += [
            {**rang, "id": f"{id_}-rang", "time": f"{minute}:01Z"},
            {**ended, "id": f"{id_}-ended", "time": f"{minute}:59Z"},
            {**ran, "id": f"{id_}-ran", "time": f"{minute}:40Z"},
        ][rng.randrange(3) :]
    events += rng.sample(events, len(events) // 5)
    rng.shuffle(events)
    return events


def check_ledger(engine: Engine, journal: list[Json], org_id: str = ORG) -> str:
    """Check that exactly the events of a journal are counted, each once; return a sentence with the numbers."""
    model = Model()
    for event in journal:
        model.apply_event(msgspec.json.encode(event))
    with reading(engine) as connection:
        revision = read_revision(connection, org_id, NOW)
        summary = plain_json(read_summary(connection, summary_query(org_id, DAY, NOW), revision))
        stored = {
            kind: sorted(row.state.id for row in iterate_records(connection, org_id, DAY, Filter(kind), NOW))
            for kind in (Kind.CONVERSATION, Kind.WORKFLOW_EXECUTION)
        }
    del summary["last_event_at"]
    for day in summary["daily"]:
        del day["changed_at"]
    assert summary == model.summary(DAY.start, DAY.end)
    assert stored == {kind: sorted(id_ for name, id_ in model.winners if name == kind.value) for kind in stored}
    assert [difference.sentence for difference in verify_organization(engine, org_id, repair=False)] == []
    records = sum(map(len, stored.values()))
    return f"{len(journal):,} events acknowledged, {records:,} records: none lost, none counted twice"
