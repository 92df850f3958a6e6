"""Servers whose clock is on the day of the senders' events, with budgets of many thresholds, and a check of crossings.

The expected crossings are computed from the acknowledged events by the reference model of tests/laws.
"""

import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

import httpx
import msgspec
from sqlalchemy import Engine

from talkmeter.budgets.evaluator import LEASE
from talkmeter.budgets.store import Crossing, read_crossings
from talkmeter.db.engine import reading
from talkmeter.notify.deliveries import read_messages
from tests import local_http
from tests.events import Json
from tests.fake_clock import FakeClock
from tests.faults.locks import execute
from tests.faults.senders import DAY, ORG
from tests.laws.budgeted import Budgets
from tests.laws.model import DAY as DAY_LENGTH
from tests.laws.model import Model
from tests.laws.priced import Pricing
from tests.receivers import Receiver
from tests.servers import Server, start_server, stop_server, wait_until

TODAY: Final = DAY.start // DAY_LENGTH
NOON_SEC: Final = TODAY * 86_400 + 43_200
KEY: Final = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
YEAR_SEC: Final = 366 * 86_400
_METRICS: Final = ("total_calls", "voice_calls", "voice_minutes", "workflow_runs_total", "workflow_runs_success")
BUDGETS: Final[dict[str, Json]] = {
    f"{metric.replace('_', '-')}-{period}-{limit}": {
        "name": "Budget",
        "metric": metric,
        "period": period,
        "limit": limit,
        "thresholds": list(range(100, 1_001, 100)),
        "webhooks": ["hook"],
        **({"filter": {"agent": "agent-1"}} if metric == "voice_calls" else {}),
    }
    for metric in _METRICS
    for period, limit in (("day", "3"), ("week", "30"), ("month", "300"), ("month", "3000"), ("month", "30000"))
}


class Place:
    """A database, the clock of its servers, the receiver of their messages, and the crossings that were seen so far."""

    def __init__(self, url: str, engine: Engine, folder: Path, hook: Receiver) -> None:
        self.url, self.engine, self.hook = url, engine, hook
        self._folder = folder
        self._servers: list[Server] = []
        self._clock = FakeClock(folder)
        self._base = NOON_SEC - int(time.time())
        self.set_clock(0)
        self._seen: dict[tuple[str, int, int], Crossing] = {}

    def set_clock(self, seconds: int) -> None:
        """Set the clock to this many seconds from noon of the senders' day plus the time since the test began."""
        self._clock.set(self._base + seconds)

    def start(self, name: str = "server") -> Server:
        """Start a server; servers that run at the same time need different names."""
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        settings = {"database_url": self.url, "secret_key": KEY, "outgoing_origins": self.hook.origin}
        server = start_server(folder, settings, self._clock.environment)
        self._servers.append(server)
        return server

    def close(self) -> None:
        """Kill the servers that a failed test has left."""
        for server in self._servers:
            stop_server(server, signal.SIGKILL)

    def create_budgets(self, server: Server) -> None:
        """Create the budgets, and the webhook of all of them."""
        headers = {"Authorization": f"Bearer {with_right_clock(server).key(ORG)}"}
        with local_http.client(base_url=server.url, headers=headers, timeout=60) as client:
            client.put("/admin/usage/webhooks/hook", json={"url": f"{self.hook.origin}/"}).raise_for_status()
            for id_, budget in BUDGETS.items():
                answer = client.put(f"/admin/usage/budgets/{id_}", json=budget, headers={"If-None-Match": "*"})
                assert answer.status_code == httpx.codes.OK, answer.text

    def holder(self) -> str:
        """Return the holder of the evaluator's lease; empty without one."""
        with self.engine.connect() as connection:
            rows = connection.exec_driver_sql(f"SELECT holder FROM lease WHERE name = '{LEASE}'").fetchall()
        return str(rows[0][0]) if rows else ""

    def end_leases(self) -> None:
        """End the leases of a killed server at once, because a test does not wait until they expire."""
        execute(
            self.url,
            f"UPDATE lease SET holder = '', expires_at = 0 WHERE name = '{LEASE}'",
            "UPDATE delivery SET next_at = 0 WHERE state = 'pending'",
        )

    def look(self) -> int:
        """Check that no crossing that was seen has changed, and that each has a delivery; return their number."""
        with reading(self.engine) as connection:
            found = {crossing.key: crossing for crossing in read_crossings(connection, ORG, 0)}
            deliveries = read_messages(connection, ORG, [crossing.message_id for crossing in found.values()])
        assert {key: found.get(key) for key in self._seen} == self._seen
        messages = sorted(crossing.message_id for crossing in found.values())
        assert sorted(one.delivery.message_id for one in deliveries) == messages
        assert len(set(messages)) == len(messages)
        self._seen = found
        return len(found)

    def wait_for(self, journal: list[Json]) -> str:
        """Wait until exactly the expected crossings are stored and delivered; return a sentence with their number."""
        complete = expected(journal)
        wait_until(lambda: self.look() >= len(complete))
        assert self._seen.keys() == complete
        messages = {crossing.message_id for crossing in self._seen.values()}
        wait_until(lambda: self.delivered().keys() >= messages)
        assert self.delivered().keys() == messages
        assert {len(bodies) for bodies in self.delivered().values()} == {1}
        more = len(self.hook.received) - len(messages)
        return (
            f"{len(journal):,} events acknowledged, {len(complete)} crossings: none missing, none twice; "
            f"each delivered, {more} again with the same id and content"
        )

    def delivered(self) -> dict[str, set[bytes]]:
        """Return the different contents that the receiver got, by the id of the message."""
        contents: dict[str, set[bytes]] = {}
        for received in list(self.hook.received):
            contents.setdefault(received.headers["webhook-id"], set()).add(received.body)
        return contents


def with_right_clock(server: Server) -> Server:
    """Return the server with commands that run in this process, to create credentials."""
    return replace(server, isolated=False)


def expected(journal: list[Json]) -> set[tuple[str, int, int]]:
    """Return the (budget, first day, threshold) that the acknowledged events reach."""
    model = Model()
    for event in journal:
        model.apply_event(msgspec.json.encode(event))
    return set(Budgets(BUDGETS, Pricing("USD", {}), TODAY, TODAY).reached(model))
