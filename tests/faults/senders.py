"""Senders that retry until they are acknowledged, and the proof of what the ledger must hold afterwards.

Each keeps a journal of the events that were acknowledged. The proof knows nothing of the program but its answers: the
reference model of the laws is told the journal.
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
from talkmeter.usage.summary import read_summary
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


class Sender(threading.Thread):
    """Sends batches one after another, each until it is acknowledged."""

    def __init__(self, number: int, key: str) -> None:
        super().__init__(name=f"sender-{number}", daemon=True)
        self.url = ""
        self.up, self.stop = threading.Event(), threading.Event()
        self.journal: list[Json] = []
        self.refused: list[str] = []
        self._number = number
        self._chance = random.Random(number)
        self._headers = {"Authorization": f"Bearer {key}", "X-Anyreach-Org": ORG}

    def run(self) -> None:
        """Send until told to stop."""
        batch = 0
        with local_http.client(headers=self._headers, timeout=20) as client:
            while not self.stop.is_set():
                self._send_until_acknowledged(client, random_batch(self._chance, f"{self._number}-{batch}"))
                batch += 1

    def _send_until_acknowledged(self, client: httpx.Client, events: list[Json]) -> None:
        while self.up.wait(WAIT_TIMEOUT_SEC):
            try:
                answer = client.post(f"{self.url}/metering/events", json=events)
            except httpx.TransportError:
                continue
            if answer.status_code == 200 and not answer.json()["quarantined"]:
                self.journal += events
                return
            if answer.status_code < 500:
                self.refused.append(answer.text)
                return


class Senders:
    """Some senders at once."""

    def __init__(self, key: str) -> None:
        self._all = [Sender(number, key) for number in range(SENDERS)]

    @property
    def acknowledged(self) -> int:
        """Events of acknowledged batches so far."""
        return sum(len(one.journal) for one in self._all)

    @property
    def journal(self) -> list[Json]:
        """Every acknowledged event."""
        return [event for one in self._all for event in one.journal]

    def go(self, url: str) -> None:
        """Send, or go on sending, to a server."""
        for one in self._all:
            one.url = url
            one.up.set()
            if one.ident is None:
                one.start()

    def hold(self) -> None:
        """Send nothing new; what is under way stays so."""
        for one in self._all:
            one.up.clear()

    def wait_for_more(self, seconds: float = 0) -> None:
        """Until something more was acknowledged, and some moments longer, so that a fault meets work under way."""
        before = self.acknowledged
        deadline = time.monotonic() + WAIT_TIMEOUT_SEC
        while self.acknowledged == before:
            assert time.monotonic() < deadline, "nothing was acknowledged for a minute"
            threading.Event().wait(0.01)
        threading.Event().wait(seconds)

    def end(self) -> None:
        """Let the batches under way be acknowledged, and stop."""
        for one in self._all:
            one.stop.set()
        for one in self._all:
            one.join(timeout=2 * WAIT_TIMEOUT_SEC)
        assert not any(one.is_alive() for one in self._all), "a batch was never acknowledged"
        assert [one.refused for one in self._all] == [[]] * SENDERS


@contextmanager
def running_senders(url: str, key: str) -> Iterator[Senders]:
    """Senders at work, which have stopped with everything acknowledged at the end."""
    senders = Senders(key)
    senders.go(url)
    yield senders
    senders.end()


def random_batch(chance: random.Random, name: str) -> list[Json]:
    """Calls and runs of one batch: most with two states, in any order, some sent twice."""
    events: list[Json] = []
    for place in range(RECORDS):
        id_, minute = f"{name}-{place}", f"2024-03-01T12:{chance.randrange(60):02}"
        call = {"created_at": f"{minute}:00Z", "agent_id": f"agent-{chance.randrange(3)}"}
        ended = conversation(id_, duration=chance.randrange(600_000) / 1000, **call)
        rang = conversation(id_, status=chance.choice(("ringing", "in_progress")), duration=None, **call)
        ran = run(id_, status=chance.choice(("success", "failed", "running")), created_at=f"{minute}:30Z")
        events += [
            {**rang, "id": f"{id_}-rang", "time": f"{minute}:01Z"},
            {**ended, "id": f"{id_}-ended", "time": f"{minute}:59Z"},
            {**ran, "id": f"{id_}-ran", "time": f"{minute}:40Z"},
        ][chance.randrange(3) :]
    events += chance.sample(events, len(events) // 5)
    chance.shuffle(events)
    return events


def check_ledger(engine: Engine, journal: list[Json], org_id: str = ORG) -> str:
    """Every acknowledged event is counted exactly once, and nothing else: a sentence that says how much that was."""
    model = Model()
    for event in journal:
        model.apply_event(msgspec.json.encode(event))
    with reading(engine) as connection:
        revision = read_revision(connection, org_id, NOW)
        summary = plain_json(read_summary(connection, org_id, DAY, revision, NOW))
        kept = {
            kind: sorted(one.state.id for one in iterate_records(connection, org_id, DAY, Filter(kind), NOW))
            for kind in (Kind.CONVERSATION, Kind.WORKFLOW_EXECUTION)
        }
    del summary["last_event_at"]
    for day in summary["daily"]:
        del day["changed_at"]
    assert summary == model.summary(DAY.start, DAY.end)
    assert kept == {kind: sorted(id_ for of, id_ in model.winners if of == kind.value) for kind in kept}
    assert [one.sentence for one in verify_organization(engine, org_id, repair=False)] == []
    records = sum(map(len, kept.values()))
    return f"{len(journal):,} events acknowledged, {records:,} records: none lost, none counted twice"
