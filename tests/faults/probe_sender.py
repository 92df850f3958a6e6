"""A sender of single batches for its own organization, whose responses the test checks one by one."""

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
    """Sends batches one by one, and keeps a journal of the acknowledged events."""

    def __init__(self, client: httpx.Client, key: str, reading_key: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {key}", "X-Anyreach-Org": PROBE_ORG}
        self._chance = random.Random(PROBE_ORG)
        self._reading_headers = {"Authorization": f"Bearer {reading_key}"}
        self._batches = 0
        self.journal: list[Json] = []

    def send(self, events: list[Json] | None = None) -> httpx.Response:
        """Send a batch: the given events, or random ones."""
        self._batches += 1
        batch = events or random_batch(self._chance, f"probe-{self._batches}")
        response = self._client.post("/metering/events", json=batch, headers=self._headers)
        if response.status_code == 200:
            assert response.json()["quarantined"] == []
            self.journal += batch
        return response

    def send_until_refused(self) -> httpx.Response:
        """Send batches until one is refused; return that response."""
        deadline = time.monotonic() + WAIT_TIMEOUT_SEC
        while time.monotonic() < deadline:
            response = self.send()
            if response.status_code != 200:
                return response
        raise AssertionError("no batch was refused for a minute")

    def calls(self) -> int:
        """Return the number of calls in the summary."""
        window = {"from": "2024-03-01", "to": "2024-03-02"}
        response = self._client.get("/admin/usage/summary", params=window, headers=self._reading_headers)
        assert response.status_code == 200, response.text
        calls: int = response.json()["total_calls"]
        return calls


def acknowledged_calls(journal: list[Json]) -> int:
    """Return how many conversations a journal contains."""
    data = [event["data"] for event in journal if event["type"] == "conversation.updated"]
    return len({fields["id"] for fields in data if isinstance(fields, dict)})


@contextmanager
def probe_sender(server: Server, key: str, timeout_sec: float = 30) -> Iterator[ProbeSender]:
    """Yield a probe sender with a sender key."""
    reading_key = server.key(PROBE_ORG)
    with local_http.client(base_url=server.url, timeout=timeout_sec) as client:
        yield ProbeSender(client, key, reading_key)
