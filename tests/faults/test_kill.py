"""kill -9 of the whole server at random moments under load: what was acknowledged is counted once, nothing twice.

A few rounds run with all tests; TALKMETER_FAULT_ROUNDS sets another number.
"""

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from talkmeter.ledger.engine import open_engine, reading
from talkmeter.ledger.migrate import migrate
from talkmeter.ledger.verify import verify_organization
from talkmeter.period import read_window
from talkmeter.records import Kind
from talkmeter.usage.matching import Filter, iterate_records
from talkmeter.usage.revision import read_revision
from talkmeter.usage.summary import read_summary
from tests.events import Json, conversation
from tests.postgres import new_database, postgres_server
from tests.servers import Server, start_server, stop_server
from tests.store.ledger import NOW

ROUNDS: Final = int(os.environ.get("TALKMETER_FAULT_ROUNDS", "4"))
SENDERS: Final = 4
BATCH: Final = 20
ORG: Final = "acme"

pytestmark = pytest.mark.timeout(120 + 20 * ROUNDS)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(
    request: pytest.FixtureRequest, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
        return
    with postgres_server(tmp_path_factory.mktemp("postgres")) as server, new_database(server) as url:
        yield url


class Sender(threading.Thread):
    """Sends batches one after another, each until it is acknowledged; its journal holds what was."""

    def __init__(self, number: int, key: str) -> None:
        super().__init__(name=f"sender-{number}")
        self.url = ""
        self.up, self.stop = threading.Event(), threading.Event()
        self.journal: dict[str, int] = {}
        self.refused: list[str] = []
        self._number = number
        self._headers = {"Authorization": f"Bearer {key}", "X-Anyreach-Org": ORG}

    def run(self) -> None:
        batch = 0
        while not self.stop.is_set():
            durations = {
                f"{self._number}-{batch}-{place}": (self._number * 7 + batch + place) % 600 for place in range(BATCH)
            }
            self._send_until_acknowledged([told(id_, seconds) for id_, seconds in durations.items()])
            self.journal.update(durations)
            batch += 1

    def _send_until_acknowledged(self, events: list[Json]) -> None:
        while True:
            self.up.wait()
            try:
                answer = httpx.post(f"{self.url}/metering/events", json=events, headers=self._headers, timeout=10)
            except httpx.TransportError:
                continue
            if answer.status_code == 200:
                return
            if answer.status_code < 500:
                self.refused.append(answer.text)
                return


def told(id_: str, seconds: int) -> Json:
    """A call as its sender tells it, the same each time."""
    return {**conversation(id_, duration=seconds), "id": f"{id_}-ended"}


def test_what_was_acknowledged_is_counted_once_after_every_kill(database_url: str, tmp_path: Path) -> None:
    chance = random.Random(ROUNDS)
    engine = open_engine(database_url)
    migrate(engine)
    settings = {"database_url": database_url}
    server: Server = start_server(tmp_path, settings)
    key = server.cli("keys", "add", "--sender")
    senders = [Sender(number, key) for number in range(SENDERS)]
    for sender in senders:
        sender.url = server.url
        sender.up.set()
        sender.start()
    for _ in range(ROUNDS):
        wait_for_more(senders, chance.uniform(0.05, 0.4))
        for sender in senders:
            sender.up.clear()
        stop_server(server, signal.SIGKILL)
        server = start_server(tmp_path, settings)
        for sender in senders:
            sender.url = server.url
            sender.up.set()
    for sender in senders:
        sender.stop.set()
        sender.join(timeout=60)
    stop_server(server)

    assert [sender.refused for sender in senders] == [[]] * SENDERS
    journal = {id_: seconds for sender in senders for id_, seconds in sender.journal.items()}
    assert len(journal) > ROUNDS * BATCH
    day = read_window("2026-03-01", "2026-03-02", 0)
    with reading(engine) as connection:
        summary = read_summary(connection, ORG, day, read_revision(connection, ORG, NOW), NOW)
        kept = [one.state.id for one in iterate_records(connection, ORG, day, Filter(Kind.CONVERSATION), NOW)]
    assert sorted(kept) == sorted(journal)
    assert summary.total_calls == len(journal)
    assert summary.voice_duration_ms == 1_000 * sum(journal.values())
    assert list(verify_organization(engine, ORG, repair=False)) == []
    engine.dispose()


def wait_for_more(senders: list[Sender], seconds: float) -> None:
    """Until something more was acknowledged, and a random moment longer, so that the kill meets work under way."""
    before = sum(len(sender.journal) for sender in senders)
    deadline = time.monotonic() + 60
    while sum(len(sender.journal) for sender in senders) == before:
        assert time.monotonic() < deadline, "nothing was acknowledged for a minute"
        threading.Event().wait(0.01)
    threading.Event().wait(seconds)
