"""Servers whose clock is on the day of the senders' events, with budgets of many thresholds, and a check of crossings.

The expected crossings are computed from the acknowledged events by the reference model of tests/laws.
"""

import time
from pathlib import Path
from typing import Final

import httpx
import msgspec
from sqlalchemy import Engine

from talkmeter.budgets.store import Crossing, read_crossings
from talkmeter.db.engine import reading
from tests import local_http
from tests.events import Json
from tests.fake_clock import FakeClock
from tests.faults.senders import DAY, ORG
from tests.laws.budgeted import Budgets
from tests.laws.model import DAY as DAY_LENGTH
from tests.laws.model import Model
from tests.laws.priced import Pricing
from tests.servers import Server, start_server, wait_until

TODAY: Final = DAY.start // DAY_LENGTH
NOON_SEC: Final = TODAY * 86_400 + 43_200
YEAR_SEC: Final = 366 * 86_400
_METRICS: Final = ("total_calls", "voice_calls", "voice_minutes", "workflow_runs_total", "workflow_runs_success")
BUDGETS: Final[dict[str, Json]] = {
    f"{metric.replace('_', '-')}-{period}-{limit}": {
        "name": "Budget",
        "metric": metric,
        "period": period,
        "limit": limit,
        "thresholds": list(range(100, 1_001, 100)),
        **({"filter": {"agent": "agent-1"}} if metric == "voice_calls" else {}),
    }
    for metric in _METRICS
    for period, limit in (("day", "3"), ("week", "30"), ("month", "300"), ("month", "2000"))
}


class Shifted:
    """The clock of servers: noon of the day of the senders' events at the start of the test."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._clock = FakeClock(folder)
        self._base = NOON_SEC - int(time.time())
        self.set(0)

    @property
    def environment(self) -> dict[str, str]:
        return dict(self._clock.environment)

    def set(self, seconds: int) -> None:
        """Set the clock to this many seconds from the right time."""
        self._clock.set(self._base + seconds)


def create_budgets(server: Server, key: str) -> None:
    with local_http.client(base_url=server.url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
        for id_, budget in BUDGETS.items():
            answer = client.put(f"/admin/usage/budgets/{id_}", json=budget, headers={"If-None-Match": "*"})
            assert answer.status_code == httpx.codes.OK, answer.text


def expected(journal: list[Json]) -> set[tuple[str, int, int]]:
    """Return the (budget, first day, threshold) that the acknowledged events reach."""
    model = Model()
    for event in journal:
        model.apply_event(msgspec.json.encode(event))
    return set(Budgets(BUDGETS, Pricing("USD", {}), TODAY, TODAY).reached(model))


class Recorded:
    """The crossings that were seen so far: none may change or disappear."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._seen: dict[tuple[str, int, int], Crossing] = {}

    def look(self) -> int:
        """Compare the stored crossings with those that were seen; return their number."""
        with reading(self._engine) as connection:
            found = {crossing.key: crossing for crossing in read_crossings(connection, ORG, 0)}
        assert {key: found.get(key) for key in self._seen} == self._seen
        assert len({crossing.message_id for crossing in found.values()}) == len(found)
        self._seen = found
        return len(found)

    def wait_for(self, journal: list[Json]) -> str:
        """Wait until exactly the expected crossings are stored; return a sentence with their number."""
        complete = expected(journal)
        wait_until(lambda: self.look() >= len(complete))
        assert self._seen.keys() == complete
        return f"{len(journal):,} events acknowledged, {len(complete)} crossings: none missing, none twice"


def start(folder: Path, clock: Shifted, url: str) -> Server:
    return start_server(folder, {"database_url": url}, clock.environment)
