"""A client that requests the summary again and again during a fault, and checks each response."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx

from tests import local_http
from tests.faults.senders import ORG
from tests.servers import Server

MAX_RESPONSE_SEC: Final = 20
"""How long a response may take during a fault, on a busy machine. Less than the timeout of any write."""
_PATH: Final = "/admin/usage/summary?from=2024-03-01&to=2024-03-02"


class BackgroundReader(threading.Thread):
    """Sends requests one after another, each on a new connection."""

    def __init__(self, server: Server, key: str) -> None:
        super().__init__(name="reader", daemon=True)
        self.longest = 0.0
        self.responses = 0
        self.errors: list[str] = []
        self.stop = threading.Event()
        self._url = server.url + _PATH
        self._headers = {"Authorization": f"Bearer {key}"}

    def run(self) -> None:
        """Send requests until stopped."""
        calls = 0
        while not self.stop.wait(0.05):
            began = time.monotonic()
            try:
                response = local_http.get(self._url, headers=self._headers, timeout=6 * MAX_RESPONSE_SEC)
            except httpx.TransportError as error:
                self.errors.append(f"{error!r} after {time.monotonic() - began:.1f} s")
                continue
            self.longest = max(self.longest, time.monotonic() - began)
            if response.status_code != httpx.codes.OK:
                self.errors.append(response.text)
                continue
            self.responses += 1
            counted = response.json()["total_calls"]
            if counted < calls:
                self.errors.append(f"{counted} calls after {calls}")
            calls = counted


@contextmanager
def background_reader(server: Server, key: str | None = None) -> Iterator[BackgroundReader]:
    """Run a background reader, with a new key unless one is given.

    At the end, check that every response succeeded, arrived in time, and counted no fewer calls than the one before.
    """
    reader = BackgroundReader(server, key or server.key(ORG))
    reader.start()
    try:
        yield reader
    finally:
        reader.stop.set()
        reader.join()
    assert reader.errors == [], "; ".join(reader.errors)
    assert reader.responses > 0, "there was no response"
    assert reader.longest < MAX_RESPONSE_SEC, f"a summary took {reader.longest:.1f} s"
