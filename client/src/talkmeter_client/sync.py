"""`Client`: sends from its own thread, for programs without an event loop."""

import atexit
import logging
import os
import threading
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx

from talkmeter_client.activity import Activity, StartsActivities
from talkmeter_client.callbacks import OnQuarantined, report_left, report_quarantined
from talkmeter_client.clock import monotonic
from talkmeter_client.delivery import Delivery, NotifyFlush, Post, ReportQuarantined, Sleep, Step, advance
from talkmeter_client.errors import ClientError, WrongUse
from talkmeter_client.events import Event, encode_event
from talkmeter_client.lifecycle import Lifecycle
from talkmeter_client.limits import Limits
from talkmeter_client.rejected import SetAside, read_set_aside_row
from talkmeter_client.responses import NoResponse, ServerResponse
from talkmeter_client.send_lock import SendLock
from talkmeter_client.spool import Waiting, open_spool
from talkmeter_client.wire import ProcessGuard, ResponseReader, destination, no_response

_log: Final = logging.getLogger("talkmeter_client")


class Client(StartsActivities[Activity]):
    """Stores events in a spool and sends them from there. Thread-safe.

    `on_quarantined` is called in the sending thread for each event that the server cannot count. A program that ends
    without `close` closes the client then. With `strict=False`, a spool that cannot be opened is an error in the log
    instead of an exception, and the next event tries again.
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
        strict: bool = True,
    ) -> None:
        self._limits = limits or Limits()
        self._key = key
        self._destination = destination(url, key, organization)
        self._organization = organization
        self._on_quarantined = on_quarantined
        self._path = Path(spool)
        self._wake, self._stop = threading.Event(), threading.Event()
        self._progress = threading.Condition()
        self._state_lock, self._opening = threading.Lock(), threading.Lock()
        self._opened = self._closed = self._close_returned = self._sender_ended = False
        try:
            self._open()
        except ClientError as error:
            if strict:
                raise
            _log.error("Nothing can be sent now. %s", error.detail)

    def _open(self) -> None:
        """Open the spool and start sending, if that was not done before."""
        with self._opening:
            if self._opened:
                return
            with ExitStack() as opened:
                self._send_lock = opened.enter_context(closing(SendLock(self._path)))
                spool = open_spool(self._path, self._limits, self._organization, self._key)
                self._spool = opened.enter_context(closing(spool))
                self._http = httpx.Client(
                    headers=self._destination.headers,
                    timeout=self._limits.timeout_sec,
                    trust_env=self._destination.trusts_environment,
                )
                opened.pop_all()
            self._process_guard = ProcessGuard()
            self._delivery = Delivery(self._spool, self._send_lock, self._limits)
            self._thread = threading.Thread(target=self._run, name="talkmeter-client", daemon=True)
            self._thread.start()
            atexit.register(self.close)
            self._opened = True

    def send(self, *events: Event) -> None:
        """Store the events in the spool, all or none. They are in its file when this returns, and sent soon after.

        Raises SpoolFull if they do not fit, SpoolUnusable if the file cannot be written.
        """
        self._check()
        if events:
            waiting = self._spool.put([encode_event(event) for event in events])
            if self._delivery.should_wake(waiting.events, waiting.bytes):
                self._wake.set()

    def flush(self, timeout: float) -> bool:
        """Send at once, and wait until the server has answered for all events that are in the spool now.

        Returns False if that takes longer than `timeout` seconds.
        """
        self._check()
        last = self._spool.last()
        self._delivery.flush_to = max(self._delivery.flush_to, last)
        self._wake.set()
        with self._progress:
            return self._progress.wait_for(lambda: (self._spool.first() or last + 1) > last, timeout)

    def waiting(self) -> Waiting:
        """Return how many events wait to be sent, their bytes, and how many are set aside."""
        self._check()
        return self._spool.waiting()

    def set_aside(self, limit: int = 100) -> list[SetAside]:
        """Return the oldest events that the server rejected, with its error sentences."""
        self._check()
        return [read_set_aside_row(row) for row in self._spool.read_set_aside(limit)]

    def send_set_aside(self) -> int:
        """Send all events that are set aside again; return their number. Fix the reason first."""
        self._check()
        number = self._spool.requeue_set_aside()
        self._wake.set()
        return number

    def drop_set_aside(self) -> int:
        """Delete all events that are set aside; return their number."""
        self._check()
        return self._spool.drop_set_aside()

    def close(self, timeout: float | None = None) -> int:
        """Flush for at most `timeout` seconds (`close_sec` by default) and stop; return how many events still wait.

        These stay in the spool, and the next client that opens it sends them. In a forked process it does nothing.
        """
        atexit.unregister(self.close)
        if self._closed or not self._opened or self._process_guard.is_foreign:
            self._closed = True
            return 0
        deadline = monotonic() + (self._limits.close_sec if timeout is None else timeout)
        in_sender = threading.current_thread() is self._thread
        try:
            if not in_sender:
                self.flush(deadline - monotonic())
        finally:
            self._closed = True
            self._delivery.stopping = True
            self._stop.set()
            self._wake.set()
        if not in_sender:
            self._thread.join(max(0.0, deadline - monotonic()))
        left = report_left(self._spool.waiting())
        with self._state_lock:
            self._close_returned = True
            if self._sender_ended:
                self._spool.close()
        return left

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Close the client."""
        self.close()

    def _activity(self, lifecycle: Lifecycle, *, strict: bool) -> Activity:
        return Activity(lifecycle, self.send, strict=strict)

    def _check(self) -> None:
        if self._closed:
            raise WrongUse("The client is closed; create a new one.")
        self._open()
        self._process_guard.check()

    def _run(self) -> None:
        """Execute the steps of the delivery, in the client's thread."""
        try:
            self._execute_steps()
        finally:
            self._http.close()
            self._send_lock.close()
            with self._state_lock:
                self._sender_ended = True
                if self._close_returned:
                    self._spool.close()

    def _execute_steps(self) -> None:
        steps = self._delivery.deliver()
        outcome: ServerResponse | NoResponse | Exception | None = None
        while (step := advance(steps, outcome)) is not None:
            try:
                outcome = self._execute(step)
            except Exception as error:  # noqa: BLE001  the delivery logs it and continues
                outcome = error

    def _execute(self, step: Step) -> ServerResponse | NoResponse | None:
        match step:
            case Post(body):
                return self._post(body)
            case Sleep(seconds, wakeable):
                (self._wake if wakeable else self._stop).wait(seconds)
                if wakeable:
                    self._wake.clear()
            case ReportQuarantined(quarantined):
                report_quarantined(self._on_quarantined, quarantined)
            case NotifyFlush():
                with self._progress:
                    self._progress.notify_all()
        return None

    def _post(self, body: bytes) -> ServerResponse | NoResponse:
        reader = ResponseReader(self._limits.timeout_sec)
        try:
            with self._http.stream("POST", self._destination.url, content=body) as response:
                for chunk in response.iter_raw():
                    if not reader.add(chunk):
                        break
                return reader.finish(response)
        except httpx.HTTPError as error:
            return no_response(error)
