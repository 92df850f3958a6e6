"""`Client`: sends from one thread of its own, for programs without an event loop."""

import logging
import os
import threading
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx

from talkmeter.client.callbacks import OnQuarantined, report
from talkmeter.client.delivery import Delivery, Post, Progress, Report, Rest, Step, advance
from talkmeter.client.errors import WrongUse
from talkmeter.client.events import Event, encode_event
from talkmeter.client.limits import Limits
from talkmeter.client.rejected import SetAside, read_aside
from talkmeter.client.responses import Answer, NoAnswer
from talkmeter.client.send_lock import Turn
from talkmeter.client.spool import Waiting, open_spool
from talkmeter.client.wire import Owner, Reading, destination, no_answer
from talkmeter.clock import monotonic

_log: Final = logging.getLogger("talkmeter.client")


class Client:
    """Writes events into a spool and sends them from there; may be used by any number of threads.

    `on_quarantined` is called in the sending thread with each event that the server cannot count.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        spool: str | os.PathLike[str],
        organization: str | None = None,
        limits: Limits | None = None,
        on_quarantined: OnQuarantined | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._owner = Owner()
        self._destination = destination(url, key, organization)
        self._on_quarantined = on_quarantined
        with ExitStack() as opened:
            self._turn = opened.enter_context(closing(Turn(Path(spool))))
            self._spool = opened.enter_context(closing(open_spool(Path(spool), self._limits, organization)))
            self._http = httpx.Client(headers=self._destination.headers, timeout=self._limits.timeout_sec)
            opened.pop_all()
        self._delivery = Delivery(self._spool, self._turn, self._limits)
        self._wake, self._stop = threading.Event(), threading.Event()
        self._progress = threading.Condition()
        self._ending = threading.Lock()
        self._closed = self._left_behind = self._ended = False
        self._thread = threading.Thread(target=self._work, name="talkmeter-client", daemon=True)
        self._thread.start()

    def send(self, *events: Event) -> None:
        """Write events down, all or none; they are in the spool when this returns, and sent soon after.

        SpoolFull where they have no room, SpoolUnusable where the file cannot be written.
        """
        self._check()
        if events:
            waiting = self._spool.put([encode_event(event) for event in events])
            if self._delivery.is_news(waiting.events, waiting.bytes):
                self._wake.set()

    def flush(self, timeout: float) -> bool:
        """Send at once, and wait until the server has answered for all that is in the spool now.

        False where that took longer than `timeout` seconds.
        """
        self._check()
        last = self._spool.last()
        self._delivery.flush_to = max(self._delivery.flush_to, last)
        self._wake.set()
        with self._progress:
            return self._progress.wait_for(lambda: (self._spool.first() or last + 1) > last, timeout)

    def waiting(self) -> Waiting:
        """How much waits to be sent, and how much is set aside."""
        self._check()
        return self._spool.waiting()

    def set_aside(self, limit: int = 100) -> list[SetAside]:
        """The oldest events that the server refused, with its sentences."""
        self._check()
        return [read_aside(row) for row in self._spool.read_aside(limit)]

    def send_set_aside(self) -> int:
        """Send all that is set aside once more, after the reason was removed; how many events they are."""
        self._check()
        number = self._spool.wait_again()
        self._wake.set()
        return number

    def drop_set_aside(self) -> int:
        """Forget all that is set aside; how many events they were."""
        self._check()
        return self._spool.drop_aside()

    def close(self, timeout: float | None = None) -> int:
        """Flush within `timeout` seconds (`close_sec` by default) and stop; how many events still wait.

        What waits stays in the spool, and the next client that opens it sends it.
        """
        if self._closed:
            return 0
        until = monotonic() + (self._limits.close_sec if timeout is None else timeout)
        inside = threading.current_thread() is self._thread
        try:
            if not inside:
                self.flush(until - monotonic())
        finally:
            self._closed = True
            self._delivery.stopping = True
            self._stop.set()
            self._wake.set()
        if not inside:
            self._thread.join(max(0.0, until - monotonic()))
        left = self._spool.waiting().events
        if left:
            _log.warning("%d events wait in the spool for the next start.", left)
        with self._ending:
            self._left_behind = True
            if self._ended:
                self._spool.close()
        return left

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _check(self) -> None:
        self._owner.check()
        if self._closed:
            raise WrongUse("The client is closed; make a new one.")

    def _work(self) -> None:
        """Take the steps of the delivery, in the client's thread."""
        try:
            self._take_steps()
        finally:
            self._http.close()
            self._turn.close()
            with self._ending:
                self._ended = True
                if self._left_behind:
                    self._spool.close()

    def _take_steps(self) -> None:
        steps = self._delivery.deliver()
        outcome: Answer | NoAnswer | Exception | None = None
        while (step := advance(steps, outcome)) is not None:
            try:
                outcome = self._take(step)
            except Exception as error:  # noqa: BLE001  the delivery tells of it, and goes on
                outcome = error

    def _take(self, step: Step) -> Answer | NoAnswer | None:
        match step:
            case Post(body):
                return self._post(body)
            case Rest(seconds, wakeable):
                (self._wake if wakeable else self._stop).wait(seconds)
                if wakeable:
                    self._wake.clear()
            case Report(quarantined):
                report(self._on_quarantined, quarantined)
            case Progress():
                with self._progress:
                    self._progress.notify_all()
        return None

    def _post(self, body: bytes) -> Answer | NoAnswer:
        reading = Reading(self._limits.timeout_sec)
        try:
            with self._http.stream("POST", self._destination.url, content=body) as response:
                for chunk in response.iter_raw():
                    if not reading.goes_on(chunk):
                        break
                return reading.answer(response)
        except httpx.HTTPError as error:
            return no_answer(error)
