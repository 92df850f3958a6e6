"""Group commit in lanes: batches wait in a bounded queue, and each lane's thread commits its batches together.

An organization always uses the same lane, so its batches are written in the order of their arrival. SQLite has one
lane, because it has one writer. On PostgreSQL a transaction may write several organizations, on Citus one. A batch's
future completes when its events are on disk. If a transaction fails, it is rolled back and smaller groups are written,
at last each batch alone, so that a bad batch fails no other.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final, NamedTuple
from zlib import crc32

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from talkmeter import clock, metrics
from talkmeter.db.engine import has_one_writer, is_distributed, is_transient, translate_errors
from talkmeter.db.write_connection import Watchdog, WriteConnection
from talkmeter.errors import OperationFailed, TalkmeterError, Unavailable
from talkmeter.ledger.batch import BatchResult, OrgBatch, refused_by_database
from talkmeter.ledger.organizations import Directory
from talkmeter.ledger.write import write_batches
from talkmeter.records import State

EVENTS_PER_TRANSACTION: Final = 10_000
UNBOUNDED_EVENTS: Final = 1_000_000_000
"""For callers that limit the number of waiting events themselves."""
LANES: Final = 4
COMMIT_TIMEOUT_SEC: Final = 30
_ATTEMPTS: Final = 6
_log = structlog.get_logger()


class _Queued(NamedTuple):
    """A waiting batch."""

    batch: OrgBatch
    future: "Future[BatchResult]"

    @property
    def events(self) -> int:
        """The room it takes in the queue."""
        return max(len(self.batch.events), 1)


class Writer:
    """The write queue and its lanes. Any thread may `submit`; `close` writes everything that was accepted."""

    def __init__(
        self,
        engine: Engine,
        *,
        keep_history: bool,
        lanes: int = LANES,
        commit_timeout_sec: float = COMMIT_TIMEOUT_SEC,
        max_events: int = UNBOUNDED_EVENTS,
        idle: Callable[[], bool] | None = None,
        idle_every_sec: float = 5.0,
    ) -> None:
        """Start the lanes. The first calls `idle` periodically while it has nothing to write; True: there is more."""
        self._queue = _Queue(1 if has_one_writer(engine) else lanes, max_events)
        self._watchdog = Watchdog(commit_timeout_sec)
        directory = Directory()
        self._lanes = [
            _Lane(
                self._queue,
                number,
                _Committer(engine, self._watchdog, directory, keep_history=keep_history),
                idle if number == 0 else None,
                idle_every_sec,
            )
            for number in range(self._queue.lanes)
        ]

    def submit(self, batches: Sequence[OrgBatch]) -> "list[Future[BatchResult]]":
        """Queue the batches of one request, all or none; each future completes once its batch is on disk.

        Raises Unavailable if the queue is full, or if one organization already fills half of it.
        """
        queued = [_Queued(batch, Future()) for batch in batches]
        for one in queued:
            # A running future cannot be cancelled: the batch is written even if its client disconnects.
            one.future.set_running_or_notify_cancel()
        self._queue.put(queued)
        return [one.future for one in queued]

    @property
    def alive(self) -> bool:
        """Whether all lanes are running."""
        return all(lane.is_alive() for lane in self._lanes)

    def close(self) -> None:
        """Accept no more batches, write all that were accepted, and end the lanes."""
        self._queue.close()
        for lane in self._lanes:
            lane.join()
        self._watchdog.close()


class _Queue:
    """The waiting batches of all lanes, bounded together."""

    def __init__(self, lanes: int, max_events: int) -> None:
        self.lanes = lanes
        self.closing = False
        self._max_events = max_events
        self._waiting: list[deque[_Queued]] = [deque() for _ in range(lanes)]
        self._events_by_org: Counter[str] = Counter()
        lock = threading.Lock()
        self._changed = [threading.Condition(lock) for _ in range(lanes)]
        self._lock = lock

    def put(self, queued: Sequence[_Queued]) -> None:
        """Add the batches of a request, each to the lane of its organization."""
        with self._lock:
            if self.closing:
                raise Unavailable("The server is shutting down; retry shortly.")
            self._admit(queued)
            for one in queued:
                lane = crc32(one.batch.org_id.encode()) % self.lanes
                self._waiting[lane].append(one)
                self._changed[lane].notify()

    def take(self, lane: int, timeout_sec: float) -> list[_Queued] | None:
        """Return a lane's waiting batches, up to `EVENTS_PER_TRANSACTION`; [] after a timeout, None at the end."""
        waiting = self._waiting[lane]
        with self._lock:
            if not waiting and not self.closing:
                self._changed[lane].wait(timeout_sec)
            if not waiting:
                return None if self.closing else []
            group = [waiting.popleft()]
            events = group[0].events
            while waiting and events + waiting[0].events <= EVENTS_PER_TRANSACTION:
                group.append(waiting.popleft())
                events += group[-1].events
            return group

    def has_waiting(self, lane: int) -> bool:
        """Return whether a lane has something to write."""
        return bool(self._waiting[lane])

    def release(self, group: Sequence[_Queued]) -> None:
        """Free the room of batches that were written or have failed."""
        with self._lock:
            for one in group:
                self._events_by_org[one.batch.org_id] -= one.events
            # Drop the organizations without events.
            self._events_by_org += Counter()
            metrics.QUEUE_EVENTS.set(self._events_by_org.total())

    def close(self) -> None:
        """Accept no more batches."""
        with self._lock:
            self.closing = True
            for changed in self._changed:
                changed.notify()

    def _admit(self, queued: Sequence[_Queued]) -> None:
        """Reserve room for a request. Raises Unavailable if it does not fit; an empty queue takes any request."""
        sizes: Counter[str] = Counter()
        for one in queued:
            sizes[one.batch.org_id] += one.events
        total = self._events_by_org.total()
        if total and total + sizes.total() > self._max_events:
            raise Unavailable("The write queue is full (TALKMETER_QUEUE_EVENTS); retry shortly.")
        half = self._max_events // 2
        for org_id, size in sizes.items():
            if self._events_by_org[org_id] and self._events_by_org[org_id] + size > half:
                raise Unavailable(
                    "This organization fills its half of the write queue (TALKMETER_QUEUE_EVENTS); retry shortly."
                )
        self._events_by_org.update(sizes)
        metrics.QUEUE_EVENTS.set(total + sizes.total())


class _Lane(threading.Thread):
    """The thread of a lane."""

    def __init__(
        self,
        queue: _Queue,
        number: int,
        committer: "_Committer",
        idle: Callable[[], bool] | None,
        idle_every_sec: float,
    ) -> None:
        super().__init__(name=f"talkmeter-writer-{number}", daemon=True)
        self._queue = queue
        self._number = number
        self._committer = committer
        self._idle = idle
        self._idle_every_sec = idle_every_sec
        self.start()

    def run(self) -> None:
        """Write what waits until the queue is closed and empty."""
        while (group := self._queue.take(self._number, self._idle_every_sec)) is not None:
            if not group:
                self._run_idle()
                continue
            try:
                self._committer.commit(group)
            finally:
                self._queue.release(group)
        self._committer.close()

    def _run_idle(self) -> None:
        try:
            while self._idle and self._idle() and not self._queue.has_waiting(self._number) and not self._queue.closing:
                pass
        except Exception:  # noqa: BLE001  an error in housekeeping must not stop the writer
            _log.exception("housekeeping failed")


class _Committer:
    """Commits groups of batches over a lane's connection, and completes their futures."""

    def __init__(self, engine: Engine, watchdog: Watchdog, directory: Directory, *, keep_history: bool) -> None:
        self._connection = WriteConnection(engine, watchdog)
        self._directory = directory
        self._keep_history = keep_history
        self._one_writer = has_one_writer(engine)
        self._distributed = is_distributed(engine)

    def close(self) -> None:
        """Close the lane's connection."""
        self._connection.close()

    def commit(self, group: Sequence[_Queued]) -> None:
        """Write a group in one transaction; if that fails, write smaller groups, at last each batch alone."""
        if self._distributed and len(by_org := _by_organization(group)) > 1:
            for part in by_org:
                self.commit(part)
            return
        try:
            results = self._write([one.batch for one in group])
        except Exception as error:  # noqa: BLE001  the lane must go on, and every future needs a result
            parts = self._smaller_groups(group, error)
            for part in parts:
                self.commit(part)
            if not parts:
                self._fail(group, error)
        else:
            for one, result in zip(group, results, strict=True):
                _complete(one, result)

    def _write(self, batches: Sequence[OrgBatch]) -> list[BatchResult]:
        """Write batches in one transaction; while the database is busy, retry up to five times with jitter."""
        started = clock.monotonic()
        attempts = Retrying(
            retry=retry_if_exception(is_transient),
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.02, max=1.0),
            reraise=True,
        )

        def write(connection: Connection) -> list[BatchResult]:
            return write_batches(connection, batches, clock.now(), keep_history=self._keep_history)

        def attempt() -> list[BatchResult]:
            self._directory.add_missing(self._connection, {batch.org_id for batch in batches})
            return self._connection.run(write)

        with translate_errors():
            results: list[BatchResult] = attempts(attempt)
        metrics.COMMIT_SECONDS.observe(clock.monotonic() - started)
        metrics.COMMIT_EVENTS.observe(sum(len(batch.events) for batch in batches))
        return results

    def _smaller_groups(self, group: Sequence[_Queued], error: Exception) -> list[list[_Queued]]:
        """Return the groups to write instead of a failed one; none if they would fail as well, or can't be smaller."""
        if isinstance(error, TalkmeterError) and (self._one_writer or type(error) is not Unavailable):
            return []
        by_org = _by_organization(group)
        if len(by_org) > 1:
            return by_org
        # The row of this organization is locked: each batch would wait for it as long again.
        if isinstance(error, TalkmeterError) or len(group) == 1:
            return []
        return [[one] for one in group]

    def _fail(self, group: Sequence[_Queued], error: Exception) -> None:
        """Complete the futures of a failed group. Of a batch with bad data, quarantine the rejected events."""
        if isinstance(error, _REJECTED):
            [one] = group
            try:
                _complete(one, self._quarantine_rejected(one.batch))
            except Exception as second:  # noqa: BLE001  as in `commit`
                error = second
            else:
                return
        if not isinstance(error, TalkmeterError):
            _log.error("transaction failed", exc_info=error)
        for one in group:
            one.future.set_exception(error)

    def _quarantine_rejected(self, batch: OrgBatch) -> BatchResult:
        """Write a batch in halves until the rejected events are alone, and quarantine these."""
        if len(batch.events) > 1:
            middle = len(batch.events) // 2
            first = batch._replace(events=batch.events[:middle], watermark=None)
            second = batch._replace(events=batch.events[middle:])
            return self._write_or_quarantine(first).plus(self._write_or_quarantine(second))
        for index, event in batch.events:
            if isinstance(event, State):
                return self._write([batch._replace(events=[(index, refused_by_database(event))])])[0]
        raise OperationFailed("The database rejected the data of this request.")

    def _write_or_quarantine(self, batch: OrgBatch) -> BatchResult:
        try:
            return self._write([batch])[0]
        except _REJECTED:
            return self._quarantine_rejected(batch)


_REJECTED: Final = (DBAPIError, OverflowError, UnicodeError)
"""Errors of a transaction whose data the database does not take."""


def _by_organization(group: Sequence[_Queued]) -> list[list[_Queued]]:
    by_org: dict[str, list[_Queued]] = {}
    for one in group:
        by_org.setdefault(one.batch.org_id, []).append(one)
    return list(by_org.values())


def _complete(one: _Queued, result: BatchResult) -> None:
    for name, events in result.counts().items():
        metrics.EVENTS.labels(name).inc(events)
    not_kept = sum(not event.kept for event in result.quarantined)
    if not_kept:
        metrics.QUARANTINE_OVERFLOW.inc(not_kept)
        _log.warning("quarantine full", events_not_kept=not_kept)
    one.future.set_result(result)
