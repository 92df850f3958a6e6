"""How a spool is emptied: when a batch is due, what becomes of it, how long to wait; it neither sends nor sleeps.

`deliver` is a generator of steps. `Client` takes them in a thread and `AsyncClient` in a task; what is decided here
holds for both.
"""

import logging
import random
from collections.abc import Generator
from typing import Final, NamedTuple

from talkmeter.client.errors import SpoolUnusable
from talkmeter.client.limits import Limits
from talkmeter.client.responses import (
    Again,
    Answer,
    Counted,
    NoAnswer,
    Quarantined,
    Receipt,
    Refused,
    Smaller,
    judge_answer,
)
from talkmeter.client.send_lock import Turn
from talkmeter.client.spool import Row, Spool
from talkmeter.clock import monotonic
from talkmeter.errors import TalkmeterError

LOOK_AROUND_SEC: Final = 60.0
"""An idle client looks this often for events that another process left in the spool when it died."""
LOOK_AGAIN_SEC: Final = 1.0
"""While another client of the spool sends, one that has something to send looks this often, or more often."""
_log: Final = logging.getLogger("talkmeter.client")
_chance: Final = random.SystemRandom()


class Rest(NamedTuple):
    """Do nothing for so long; news from `send` or `flush` ends it sooner where `wakeable`, the end always."""

    seconds: float
    wakeable: bool


class Post(NamedTuple):
    """Post this body; the step is answered with what came back."""

    body: bytes


class Report(NamedTuple):
    """Tell whoever wants to know of events that cannot be counted, each as it was sent."""

    quarantined: list[tuple[bytes, Quarantined]]


class Progress(NamedTuple):
    """Something may have left the spool: whoever waits for a flush looks again."""


Step = Rest | Post | Report | Progress
Steps = Generator[Step, Answer | NoAnswer | None, None]


def advance(steps: Steps, outcome: Answer | NoAnswer | Exception | None) -> Step | None:
    """Tell what became of the last step (None of the first), and have the next; None after the last."""
    try:
        return steps.throw(outcome) if isinstance(outcome, Exception) else steps.send(outcome)
    except StopIteration:
        return None


class Delivery:
    """What one client has to deliver; other threads set `stopping` and `flush_to`, and read `asleep`."""

    def __init__(self, spool: Spool, turn: Turn, limits: Limits) -> None:
        self.stopping = False
        self.flush_to = 0
        self.asleep = False
        self._spool = spool
        self._turn = turn
        self._limits = limits
        self._most_events = limits.batch_events
        self._since: float | None = float("-inf")
        self._failures = 0

    def is_news(self, events: int, size: int) -> bool:
        """Whether a sender that rests must be woken for what the spool holds now."""
        return self.asleep or events >= self._limits.batch_events or size >= self._limits.batch_bytes

    def deliver(self) -> Steps:
        """Empty the spool again and again, until told to stop. No fault of a moment ends it."""
        while not self.stopping:
            try:
                yield from self._deliver_what_is_due()
                self._failures = 0
            except TalkmeterError as error:
                _log.warning("%s", error.detail)
                yield from self._pause(None)
            except Exception:  # noqa: BLE001  nobody else would send what waits
                _log.exception("The sender met an error that it does not know, and goes on.")
                yield from self._pause(None)

    def _deliver_what_is_due(self) -> Steps:
        pause = self._until_due()
        if pause > 0:
            yield Progress()
            yield Rest(pause, wakeable=True)
        elif not self._turn.take():
            yield Rest(min(self._limits.batch_seconds, LOOK_AGAIN_SEC), wakeable=False)
        else:
            try:
                while not self.stopping and self._until_due() <= 0:
                    yield from self._deliver_batch()
            finally:
                self._turn.leave()

    def _until_due(self) -> float:
        """Seconds until a batch is due; 0 or less: now."""
        self.asleep = True  # before looking, so that whoever puts something in afterwards knows
        waiting = self._spool.waiting()
        if not waiting.events:
            self._since = None
            return LOOK_AROUND_SEC
        self.asleep = False
        if waiting.events >= self._limits.batch_events or waiting.bytes >= self._limits.batch_bytes:
            return 0.0
        if self.flush_to and (self._spool.first() or 0) <= self.flush_to:
            return 0.0
        at = monotonic()
        if self._since is None:
            self._since = at
        return self._since + self._limits.batch_seconds - at

    def _deliver_batch(self) -> Steps:
        """Send the oldest events until the server has answered for them."""
        read_at = monotonic()
        rows = self._spool.read(self._most_events, self._limits.batch_bytes)
        if not rows:
            raise SpoolUnusable("The spool counts events that it does not hold; something else has written into it.")
        while rows and not self.stopping:
            answer = yield Post(b"[" + b",".join(row.body for row in rows) + b"]")
            match judge_answer(answer or NoAnswer("Nothing was sent."), len(rows)):
                case Counted(receipt):
                    yield from self._report(rows, receipt)
                    self._spool.remove(rows)
                    break
                case Smaller(_) if len(rows) > 1:
                    rows = rows[: len(rows) // 2]
                    self._most_events = len(rows)
                case Smaller(sentence):
                    self._set_aside(rows, 413, sentence)
                    self._most_events = self._limits.batch_events
                    break
                case Refused(status, sentence):
                    self._set_aside(rows, status, sentence)
                    break
                case Again(sentence, retry_after):
                    _log.warning("%d events wait: the server did not take them. %s", len(rows), sentence)
                    yield Progress()
                    yield from self._pause(retry_after)
        else:
            return
        self._failures = 0
        self._since = read_at
        yield Progress()

    def _report(self, rows: list[Row], receipt: Receipt) -> Steps:
        """Tell of what was not counted, before it leaves the spool: told twice after a crash rather than never."""
        if receipt.conflicting:
            _log.warning("%d events have the id of another event with other content.", receipt.conflicting)
        for one in receipt.quarantined:
            _log.warning("An event is quarantined and not counted (%s): %s", one.reason, one.detail)
        if receipt.quarantined:
            yield Report([(rows[one.index].body, one) for one in receipt.quarantined])

    def _set_aside(self, rows: list[Row], status: int, sentence: str) -> None:
        self._spool.set_aside(rows, status, sentence)
        _log.error("%d events are set aside: the server refuses them. %s", len(rows), sentence)

    def _pause(self, retry_after: float | None) -> Steps:
        """Wait before the next attempt: longer each time, never at the same moment as others."""
        limits = self._limits
        doubled = min(limits.first_pause_sec * 2.0 ** min(self._failures, 60), limits.longest_pause_sec)
        self._failures += 1
        if retry_after is None:
            pause = doubled * _chance.uniform(0.5, 1.0)
        else:
            pause = min(retry_after, limits.longest_retry_after_sec) + doubled * _chance.uniform(0.0, 0.5)
        yield Rest(pause, wakeable=False)
