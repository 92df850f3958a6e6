"""A careful sender: one batch after the other, of an organization of its own, each answer looked at."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx

from tests import local_http
from tests.events import Json
from tests.faults.senders import WAIT_TIMEOUT_SEC, random_batch
from tests.servers import Server

PROBE_ORG: Final = "probe"


class ProbeSender:
    """Sends batches of an organization of its own, one by one, and looks at each answer."""

    def __init__(self, client: httpx.Client, key: str, reading_key: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {key}", "X-Anyreach-Org": PROBE_ORG}
        self._chance = random.Random(PROBE_ORG)
        self._asked = {"Authorization": f"Bearer {reading_key}"}
        self._batches = 0
        self.journal: list[Json] = []

    def send(self, events: list[Json] | None = None) -> httpx.Response:
        """One batch."""
        self._batches += 1
        batch = events or random_batch(self._chance, f"probe-{self._batches}")
        answer = self._client.post("/metering/events", json=batch, headers=self._headers)
        if answer.status_code == 200:
            assert answer.json()["quarantined"] == []
            self.journal += batch
        return answer

    def send_until_refused(self) -> httpx.Response:
        """Batches until one is not taken."""
        deadline = time.monotonic() + WAIT_TIMEOUT_SEC
        while time.monotonic() < deadline:
            answer = self.send()
            if answer.status_code != 200:
                return answer
        raise AssertionError("everything was taken for a minute")

    def calls(self) -> int:
        """What the summary says meanwhile."""
        asked = {"from": "2024-03-01", "to": "2024-03-02"}
        answer = self._client.get("/admin/usage/summary", params=asked, headers=self._asked)
        assert answer.status_code == 200, answer.text
        calls: int = answer.json()["total_calls"]
        return calls


def acknowledged_calls(journal: list[Json]) -> int:
    """How many conversations stand in a journal."""
    data = [event["data"] for event in journal if event["type"] == "conversation.updated"]
    return len({one["id"] for one in data if isinstance(one, dict)})


@contextmanager
def probe_sender(server: Server, key: str, timeout_sec: float = 30) -> Iterator[ProbeSender]:
    """A careful sender with a sender key."""
    reading_key = server.key(PROBE_ORG)
    with local_http.client(base_url=server.url, timeout=timeout_sec) as client:
        yield ProbeSender(client, key, reading_key)
