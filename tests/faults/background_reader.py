"""A reader who asks for the summary all the while, and how long the longest answer took."""

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
_QUESTION: Final = "/admin/usage/summary?from=2024-03-01&to=2024-03-02"


class BackgroundReader(threading.Thread):
    """Asks again and again, each time on a connection of its own."""

    def __init__(self, server: Server, key: str) -> None:
        super().__init__(name="reader", daemon=True)
        self.longest = 0.0
        self.answers = 0
        self.wrong: list[str] = []
        self.stop = threading.Event()
        self._url = server.url + _QUESTION
        self._headers = {"Authorization": f"Bearer {key}"}

    def run(self) -> None:
        """Ask until told to stop."""
        calls = 0
        while not self.stop.wait(0.05):
            began = time.monotonic()
            try:
                # Loading certificates, of which plain HTTP needs none, would take longer than the answer.
                answer = local_http.get(self._url, headers=self._headers, timeout=6 * MAX_RESPONSE_SEC)
            except httpx.TransportError as error:
                self.wrong.append(f"{error!r} after {time.monotonic() - began:.1f} s")
                continue
            self.longest = max(self.longest, time.monotonic() - began)
            if answer.status_code != httpx.codes.OK:
                self.wrong.append(answer.text)
                continue
            self.answers += 1
            counted = answer.json()["total_calls"]
            if counted < calls:
                self.wrong.append(f"{counted} calls after {calls}")
            calls = counted


@contextmanager
def background_reader(server: Server, key: str | None = None) -> Iterator[BackgroundReader]:
    """A reader at work, with a key of its own unless one is given.

    At the end every answer was right, came in time, and told of no fewer calls than before.
    """
    reader = BackgroundReader(server, key or server.key(ORG))
    reader.start()
    try:
        yield reader
    finally:
        reader.stop.set()
        reader.join()
    assert reader.wrong == [], "; ".join(reader.wrong)
    assert reader.answers > 0, "no summary was answered"
    assert reader.longest < MAX_RESPONSE_SEC, f"a summary took {reader.longest:.1f} s"
