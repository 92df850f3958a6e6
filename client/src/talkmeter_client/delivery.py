"""Decide when a batch is due, what its response means and how long to wait, without sending or sleeping.

`deliver` is a generator of steps, which `Client` executes in a thread and `AsyncClient` in a task. So both share this
logic.
"""

import logging
import random
from collections.abc import Generator
from typing import Final, NamedTuple

from talkmeter_client.clock import monotonic
from talkmeter_client.errors import ClientError, SpoolUnusable
from talkmeter_client.limits import Limits
from talkmeter_client.responses import (
    BatchAccepted,
    BatchReceipt,
    BatchRejected,
    NoResponse,
    Quarantined,
    Retry,
    ServerResponse,
    SplitBatch,
    decide,
)
from talkmeter_client.send_lock import SendLock
from talkmeter_client.spool import Spool, SpoolRow

IDLE_POLL_SEC: Final = 60.0
"""How often an idle client checks the spool for events that a killed process left in it."""
RECORD_POLL_SEC: Final = 5.0
"""How often an idle client tries to remove sent events from a spool that could not be written."""
LOCK_POLL_SEC: Final = 1.0
"""How often, at least, a client with waiting events tries to get the send lock from another client."""
_log: Final = logging.getLogger("talkmeter_client")
_random: Final = random.SystemRandom()


class Sleep(NamedTuple):
    """Sleep for some seconds. `close` ends it early; if it is `wakeable`, `send` and `flush` do too."""

    seconds: float
    wakeable: bool


class Post(NamedTuple):
    """POST this body; the outcome of the step is the response."""

    body: bytes


class ReportQuarantined(NamedTuple):
    """Report quarantined events to the caller, each with its body."""

    quarantined: list[tuple[bytes, Quarantined]]


class NotifyFlush(NamedTuple):
    """Events may have left the spool: let waiting `flush` calls check again."""


Step = Sleep | Post | ReportQuarantined | NotifyFlush
Steps = Generator[Step, ServerResponse | NoResponse | None, None]


def advance(steps: Steps, outcome: ServerResponse | NoResponse | Exception | None) -> Step | None:
    """Pass the outcome of the last step (None before the first) and return the next step, None after the last."""
    try:
        return steps.throw(outcome) if isinstance(outcome, Exception) else steps.send(outcome)
    except StopIteration:
        return None


class Delivery:
    """The delivery of one client's spool. Other threads set `stopping` and `flush_to`, and read `asleep`."""

    def __init__(self, spool: Spool, send_lock: SendLock, limits: Limits) -> None:
        self.stopping = False
        self.flush_to = 0
        self.asleep = False
        self._spool = spool
        self._send_lock = send_lock
        self._limits = limits
        self._max_events = limits.batch_events
        self._waiting_since: float | None = float("-inf")
        self._failures = 0

    def should_wake(self, events: int, size: int) -> bool:
        """Return whether a sleeping sender must be woken, now that the spool holds this many events and bytes."""
        return self.asleep or events >= self._limits.batch_events or size >= self._limits.batch_bytes

    def deliver(self) -> Steps:
        """Yield the steps that empty the spool, until `stopping` is set. Errors are logged and retried."""
        while not self.stopping:
            try:
                yield from self._deliver_due()
                self._failures = 0
            except ClientError as error:
                _log.warning("%s", error.detail)
                yield from self._back_off(None)
            except Exception:  # noqa: BLE001  without this generator, nothing would be sent any more
                _log.exception("Unexpected error while sending; it will be retried.")
                yield from self._back_off(None)

    def _deliver_due(self) -> Steps:
        delay = self._until_due()
        if delay > 0:
            yield NotifyFlush()
            yield Sleep(delay, wakeable=True)
        elif not self._send_lock.acquire():
            yield Sleep(min(self._limits.batch_seconds, LOCK_POLL_SEC), wakeable=False)
        else:
            try:
                while not self.stopping and self._until_due() <= 0:
                    yield from self._deliver_batch()
            finally:
                self._send_lock.release()

    def _until_due(self) -> float:
        """Return the seconds until a batch is due; 0 or less means now."""
        self.asleep = True  # set before reading, so that a later `send` wakes this client
        is_recorded = self._spool.record_answers()
        waiting = self._spool.waiting()
        if not waiting.events:
            self._waiting_since = None
            return IDLE_POLL_SEC if is_recorded else RECORD_POLL_SEC
        self.asleep = False
        if waiting.events >= self._limits.batch_events or waiting.bytes >= self._limits.batch_bytes:
            return 0.0
        if self.flush_to and (self._spool.first() or 0) <= self.flush_to:
            return 0.0
        at = monotonic()
        if self._waiting_since is None:
            self._waiting_since = at
        return self._waiting_since + self._limits.batch_seconds - at

    def _deliver_batch(self) -> Steps:
        """Send the oldest events until the server has accepted or rejected them."""
        read_at = monotonic()
        rows = self._spool.read(self._max_events, self._limits.batch_bytes)
        if not rows:
            raise SpoolUnusable("The spool's counts do not match its events: another program has changed its file.")
        while rows and not self.stopping:
            response = yield Post(b"[" + b",".join(row.body for row in rows) + b"]")
            match decide(response or NoResponse("Nothing was sent."), len(rows)):
                case BatchAccepted(receipt):
                    yield from self._report(rows, receipt)
                    self._spool.remove(rows)
                    break
                case SplitBatch(_) if len(rows) > 1:
                    rows = rows[: len(rows) // 2]
                    self._max_events = len(rows)
                case SplitBatch(sentence):
                    self._set_aside(rows, 413, sentence)
                    self._max_events = self._limits.batch_events
                    break
                case BatchRejected(status, sentence):
                    self._set_aside(rows, status, sentence)
                    break
                case Retry(sentence, retry_after):
                    _log.warning("%d events were not accepted and will be sent again. %s", len(rows), sentence)
                    yield NotifyFlush()
                    yield from self._back_off(retry_after)
        else:
            return
        self._failures = 0
        self._waiting_since = read_at
        yield NotifyFlush()

    def _report(self, rows: list[SpoolRow], receipt: BatchReceipt) -> Steps:
        """Report what was not counted, before it leaves the spool: after a crash it is reported again, never lost."""
        if receipt.conflicting:
            _log.warning("%d events have the id of another event with different content.", receipt.conflicting)
        for event in receipt.quarantined:
            _log.warning("An event was quarantined and is not counted (%s): %s", event.reason, event.detail)
        if receipt.quarantined:
            yield ReportQuarantined([(rows[event.index].body, event) for event in receipt.quarantined])

    def _set_aside(self, rows: list[SpoolRow], status: int, sentence: str) -> None:
        self._spool.set_aside(rows, status, sentence)
        _log.error("The server rejected %d events; they are set aside. %s", len(rows), sentence)

    def _back_off(self, retry_after: float | None) -> Steps:
        """Sleep before the next attempt, with exponential backoff and jitter."""
        limits = self._limits
        doubled = min(limits.first_pause_sec * 2.0 ** min(self._failures, 60), limits.longest_pause_sec)
        self._failures += 1
        if retry_after is None:
            delay = doubled * _random.uniform(0.5, 1.0)
        else:
            delay = min(retry_after, limits.longest_retry_after_sec) + doubled * _random.uniform(0.0, 0.5)
        yield Sleep(delay, wakeable=False)
