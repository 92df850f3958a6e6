"""Group commit: requests wait in a bounded queue, and one thread writes all waiting requests together.

On SQLite they share one transaction; on PostgreSQL there is one per organization, which locks the organization's row
first. A request's future completes when all of its events are on disk. If the database rejects a transaction because of
its data, it is rolled back and each request is written alone, so that only the sender of the bad data is affected.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Final, NamedTuple

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from talkmeter import clock, metrics
from talkmeter.db.engine import is_transient, shares_transactions, transaction, translate_errors
from talkmeter.errors import OperationFailed, TalkmeterError, Unavailable
from talkmeter.ledger.batch import BatchResult, OrgBatch, refused_by_database
from talkmeter.ledger.write import write_batch
from talkmeter.records import State

EVENTS_PER_TRANSACTION: Final = 10_000
UNBOUNDED_EVENTS: Final = 1_000_000_000
"""For callers that limit the number of waiting events themselves."""
_ATTEMPTS: Final = 6
_log = structlog.get_logger()

OrgBatches = Mapping[str, OrgBatch]
"""The batches of one request, by organization."""


class _QueuedRequest:
    """One request in the queue."""

    def __init__(self, batches: OrgBatches) -> None:
        self.batches = batches
        self.sizes = {org_id: max(len(batch.events), 1) for org_id, batch in batches.items()}
        self.events = sum(self.sizes.values())
        self.future: Future[list[BatchResult]] = Future()
        self.results: dict[str, BatchResult] = {}
        self.error: Exception | None = None
        self._pending = set(batches)

    def finish(self, org_id: str) -> None:
        """Mark one organization's batch as written or failed; after the last one, complete the future."""
        self._pending.discard(org_id)
        if not self._pending:
            self.complete()

    def complete(self) -> None:
        """Complete the future with the results or the error."""
        if self.error is not None:
            self.future.set_exception(self.error)
            return
        results = [self.results[org_id] for org_id in self.batches]
        _count(results)
        self.future.set_result(results)


class _QueuedBatch(NamedTuple):
    """One organization's batch of a queued request."""

    request: _QueuedRequest
    org_id: str
    batch: OrgBatch


class Writer:
    """The write queue and its thread. Any thread may `submit`; `close` writes everything that was accepted."""

    def __init__(
        self,
        engine: Engine,
        *,
        keep_history: bool,
        max_events: int = UNBOUNDED_EVENTS,
        idle: Callable[[], bool] | None = None,
        idle_every_sec: float = 5.0,
    ) -> None:
        """Start the thread. It calls `idle` periodically while the queue is empty; True means there is more to do."""
        self._engine = engine
        self._keep_history = keep_history
        self._max_events = max_events
        self._idle = idle
        self._idle_every_sec = idle_every_sec
        self._queue: deque[_QueuedRequest] = deque()
        self._events_by_org: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="talkmeter-writer", daemon=True)
        self._thread.start()

    def submit(self, batches: OrgBatches) -> "Future[list[BatchResult]]":
        """Queue one request; the future completes with its results once they are on disk.

        Raises Unavailable if the queue is full, or if one organization already fills half of it.
        """
        request = _QueuedRequest(batches)
        # A running future cannot be cancelled: the request is written even if its client disconnects.
        request.future.set_running_or_notify_cancel()
        with self._changed:
            if self._closing:
                raise Unavailable("The server is shutting down; retry shortly.")
            self._admit(request)
            self._queue.append(request)
            self._changed.notify()
        return request.future

    @property
    def alive(self) -> bool:
        """Whether the writer thread is running."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Accept no more requests, write all that were accepted, and end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _admit(self, request: _QueuedRequest) -> None:
        """Reserve room for the request. Raises Unavailable if it does not fit; an empty queue takes any request."""
        queued = self._events_by_org.total()
        if queued and queued + request.events > self._max_events:
            raise Unavailable("The write queue is full (TALKMETER_QUEUE_EVENTS); retry shortly.")
        half = self._max_events // 2
        for org_id, size in request.sizes.items():
            if self._events_by_org[org_id] and self._events_by_org[org_id] + size > half:
                raise Unavailable(
                    "This organization fills its half of the write queue (TALKMETER_QUEUE_EVENTS); retry shortly."
                )
        self._events_by_org.update(request.sizes)
        metrics.QUEUE_EVENTS.set(queued + request.events)

    def _release(self, requests: Sequence[_QueuedRequest]) -> None:
        with self._changed:
            for request in requests:
                self._events_by_org.subtract(request.sizes)
            # Drop the organizations without events.
            self._events_by_org += Counter()
            metrics.QUEUE_EVENTS.set(self._events_by_org.total())

    def _run(self) -> None:
        while (requests := self._next_group()) is not None:
            if not requests:
                self._run_idle()
                continue
            try:
                self._commit(requests)
            finally:
                self._release(requests)

    def _next_group(self) -> list[_QueuedRequest] | None:
        """Return the waiting requests, up to `EVENTS_PER_TRANSACTION`; [] after an idle interval, None at the end."""
        with self._changed:
            if not self._queue and not self._closing:
                self._changed.wait(self._idle_every_sec)
            if not self._queue:
                return None if self._closing else []
            requests = [self._queue.popleft()]
            events = requests[0].events
            while self._queue and events + self._queue[0].events <= EVENTS_PER_TRANSACTION:
                requests.append(self._queue.popleft())
                events += requests[-1].events
            return requests

    def _run_idle(self) -> None:
        try:
            while self._idle and self._idle() and not self._queue and not self._closing:
                pass
        except Exception:  # noqa: BLE001  an error in housekeeping must not stop the writer
            _log.exception("housekeeping failed")

    def _commit(self, requests: Sequence[_QueuedRequest]) -> None:
        """Write a group of requests; complete each as soon as all of its batches are on disk."""
        batches = [
            _QueuedBatch(request, org_id, batch) for request in requests for org_id, batch in request.batches.items()
        ]
        for request in requests:
            if not request.batches:
                request.complete()
        for group in self._transactions(batches):
            self._commit_group(group)
            for queued in group:
                queued.request.finish(queued.org_id)

    def _transactions(self, batches: Sequence[_QueuedBatch]) -> Iterator[Sequence[_QueuedBatch]]:
        """Yield the batches of each transaction, in order of the organizations."""
        if shares_transactions(self._engine):
            yield batches
            return
        for org_id in sorted({queued.org_id for queued in batches}):
            yield [queued for queued in batches if queued.org_id == org_id]

    def _commit_group(self, group: Sequence[_QueuedBatch]) -> None:
        try:
            results = self._write(group)
        except TalkmeterError as error:
            _fail(group, error)
        except (DBAPIError, OverflowError, UnicodeError) as error:
            _log.warning("transaction rejected for its data", requests=len(group), error=type(error).__name__)
            for queued in group:
                self._commit_alone(queued)
        except Exception as error:  # noqa: BLE001  the thread must go on, and every request needs a result
            _log.exception("transaction failed")
            _fail(group, error)
        else:
            for queued, result in zip(group, results, strict=True):
                queued.request.results[queued.org_id] = result

    def _commit_alone(self, queued: _QueuedBatch) -> None:
        """Write one batch of a rejected group in its own transaction."""
        try:
            queued.request.results[queued.org_id] = self._isolate(queued)
        except Exception as error:  # noqa: BLE001  as above
            if not isinstance(error, TalkmeterError):
                _log.exception("transaction failed")
            _fail([queued], error)

    def _isolate(self, queued: _QueuedBatch) -> BatchResult:
        """Write one batch; if it is rejected, split it in half until the bad events are alone, and quarantine them."""
        batch = queued.batch
        try:
            return self._write([queued])[0]
        except (DBAPIError, OverflowError, UnicodeError) as error:
            if len(batch.events) > 1:
                middle = len(batch.events) // 2
                first = batch._replace(events=batch.events[:middle], watermark=None)
                second = batch._replace(events=batch.events[middle:])
                return self._isolate(queued._replace(batch=first)).plus(self._isolate(queued._replace(batch=second)))
            for index, event in batch.events:
                if isinstance(event, State):
                    rejected = batch._replace(events=[(index, refused_by_database(event))])
                    return self._write([queued._replace(batch=rejected)])[0]
            raise OperationFailed("The database rejected the data of this request.") from error

    def _write(self, group: Sequence[_QueuedBatch]) -> list[BatchResult]:
        """Write batches in one transaction; while the database is busy, retry up to five times with jitter."""
        started = clock.monotonic()
        attempts = Retrying(
            retry=retry_if_exception(is_transient),
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.02, max=1.0),
            reraise=True,
        )
        with translate_errors():
            results = attempts(_write_group, self._engine, group, keep_history=self._keep_history)
        metrics.COMMIT_SECONDS.observe(clock.monotonic() - started)
        metrics.COMMIT_EVENTS.observe(sum(len(queued.batch.events) for queued in group))
        return results


def _write_group(engine: Engine, group: Sequence[_QueuedBatch], *, keep_history: bool) -> list[BatchResult]:
    """Write batches in one transaction; return their results in order."""
    by_org: dict[str, list[OrgBatch]] = {}
    for queued in group:
        by_org.setdefault(queued.org_id, []).append(queued.batch)
    with transaction(engine) as connection:
        results = write_batch(connection, by_org, clock.now(), keep_history=keep_history)
    in_order = {org_id: iter(org_results) for org_id, org_results in results.items()}
    return [next(in_order[queued.org_id]) for queued in group]


def _fail(group: Sequence[_QueuedBatch], error: Exception) -> None:
    for queued in group:
        queued.request.error = queued.request.error or error


def _count(results: Sequence[BatchResult]) -> None:
    for result in results:
        for name, events in result.counts().items():
            metrics.EVENTS.labels(name).inc(events)
        not_kept = sum(not event.kept for event in result.quarantined)
        if not_kept:
            metrics.QUARANTINE_OVERFLOW.inc(not_kept)
            _log.warning("quarantine full", events_not_kept=not_kept)
