"""Group commit: requests wait in a bounded queue, ONE thread writes all that wait together.

On SQLite they share one transaction; on a server's database there is one for each organization, whose row it locks
first. A request is answered when all of it is on disk. A transaction that the database refuses for its data is undone
and each request of the group runs alone, so that only the guilty sender hears of it.
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
from talkmeter.errors import Refused, TalkmeterError, Unavailable
from talkmeter.ledger.batch import BatchResult, OrgBatch, refused_by_database
from talkmeter.ledger.write import write_batch
from talkmeter.records import State

EVENTS_PER_TRANSACTION: Final = 10_000
UNBOUNDED_EVENTS: Final = 1_000_000_000
"""For callers that themselves hand over only so much at a time."""
_ATTEMPTS: Final = 6
_log = structlog.get_logger()

OrgBatches = Mapping[str, OrgBatch]
"""What one request brings, by organization."""


class _Job:
    """One request on its way through the queue."""

    def __init__(self, works: OrgBatches) -> None:
        self.works = works
        self.sizes = {org_id: max(len(work.arrivals), 1) for org_id, work in works.items()}
        self.events = sum(self.sizes.values())
        self.done: Future[list[BatchResult]] = Future()
        self.written: dict[str, BatchResult] = {}
        self.failure: Exception | None = None
        self._unsettled = set(works)

    def settle(self, org_id: str) -> None:
        """One organization's part is written or has failed; after the last of them the request is answered."""
        self._unsettled.discard(org_id)
        if not self._unsettled:
            self.answer()

    def answer(self) -> None:
        """Say what became of all of it."""
        if self.failure is not None:
            self.done.set_exception(self.failure)
            return
        parts = [self.written[org_id] for org_id in self.works]
        _count(parts)
        self.done.set_result(parts)


class _Part(NamedTuple):
    """What one request brings to one organization."""

    job: _Job
    org_id: str
    work: OrgBatch


class Writer:
    """The queue and its thread. `submit` from any thread; `close` finishes what was accepted."""

    def __init__(
        self,
        engine: Engine,
        *,
        keep_history: bool,
        most_events: int = UNBOUNDED_EVENTS,
        idle: Callable[[], bool] | None = None,
        idle_every_sec: float = 5.0,
    ) -> None:
        """Start the thread; `idle` runs on it, now and then, while nothing waits (True: there is more to do)."""
        self._engine = engine
        self._keep_history = keep_history
        self._most_events = most_events
        self._idle = idle
        self._idle_every_sec = idle_every_sec
        self._waiting: deque[_Job] = deque()
        self._held: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="talkmeter-writer", daemon=True)
        self._thread.start()

    def submit(self, works: OrgBatches) -> "Future[list[BatchResult]]":
        """Queue one request; the future holds its answers once they are on disk.

        Unavailable where the queue is full or one organization already fills half of it.
        """
        job = _Job(works)
        # A request whose client went away is written all the same: from here on nobody can cancel it.
        job.done.set_running_or_notify_cancel()
        with self._changed:
            if self._closing:
                raise Unavailable("The server is stopping; send the request again.")
            self._admit(job)
            self._waiting.append(job)
            self._changed.notify()
        return job.done

    @property
    def alive(self) -> bool:
        """Whether the thread still writes."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Take nothing more, write all that was accepted, end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _admit(self, job: _Job) -> None:
        """Count the job in, or refuse it; an empty queue takes any request."""
        held = self._held.total()
        if held and held + job.events > self._most_events:
            raise Unavailable("Too many events wait to be written; send the request again shortly.")
        half = self._most_events // 2
        for org_id, size in job.sizes.items():
            if self._held[org_id] and self._held[org_id] + size > half:
                raise Unavailable(
                    "Too many events of this organization wait to be written; send the request again shortly."
                )
        self._held.update(job.sizes)
        metrics.QUEUE_EVENTS.set(held + job.events)

    def _release(self, jobs: Sequence[_Job]) -> None:
        with self._changed:
            for job in jobs:
                self._held.subtract(job.sizes)
            self._held += Counter()
            metrics.QUEUE_EVENTS.set(self._held.total())

    def _run(self) -> None:
        while (jobs := self._next_group()) is not None:
            if not jobs:
                self._run_idle()
                continue
            try:
                self._commit(jobs)
            finally:
                self._release(jobs)

    def _next_group(self) -> list[_Job] | None:
        """All that waits, up to one transaction's worth; empty when idle, None at the end."""
        with self._changed:
            if not self._waiting and not self._closing:
                self._changed.wait(self._idle_every_sec)
            if not self._waiting:
                return None if self._closing else []
            jobs, events = [self._waiting.popleft()], 0
            events = jobs[0].events
            while self._waiting and events + self._waiting[0].events <= EVENTS_PER_TRANSACTION:
                jobs.append(self._waiting.popleft())
                events += jobs[-1].events
            return jobs

    def _run_idle(self) -> None:
        try:
            while self._idle and self._idle() and not self._waiting and not self._closing:
                pass
        except Exception:  # noqa: BLE001  the writer must outlive whatever its housekeeping meets
            _log.exception("housekeeping failed")

    def _commit(self, jobs: Sequence[_Job]) -> None:
        """Write a group, and answer each of its requests as soon as all of it is on disk."""
        parts = [_Part(job, org_id, work) for job in jobs for org_id, work in job.works.items()]
        for job in jobs:
            if not job.works:
                job.answer()
        for unit in self._units(parts):
            self._commit_unit(unit)
            for part in unit:
                part.job.settle(part.org_id)

    def _units(self, parts: Sequence[_Part]) -> Iterator[Sequence[_Part]]:
        """What goes into one transaction each, in order of the organizations."""
        if shares_transactions(self._engine):
            yield parts
            return
        for org_id in sorted({part.org_id for part in parts}):
            yield [part for part in parts if part.org_id == org_id]

    def _commit_unit(self, unit: Sequence[_Part]) -> None:
        try:
            answers = self._write(unit)
        except TalkmeterError as error:
            _fail(unit, error)
        except (DBAPIError, OverflowError, UnicodeError) as error:
            _log.warning("a transaction was refused for its data", requests=len(unit), error=type(error).__name__)
            for part in unit:
                self._commit_alone(part)
        except Exception as error:  # noqa: BLE001  the thread must live on and its requests must be answered
            _log.exception("a transaction failed")
            _fail(unit, error)
        else:
            for part, written in zip(unit, answers, strict=True):
                part.job.written[part.org_id] = written

    def _commit_alone(self, part: _Part) -> None:
        """One request of a refused group, by itself."""
        try:
            part.job.written[part.org_id] = self._isolate(part)
        except Exception as error:  # noqa: BLE001  as above
            if not isinstance(error, TalkmeterError):
                _log.exception("a transaction failed")
            _fail([part], error)

    def _isolate(self, part: _Part) -> BatchResult:
        """Write one request's events of one organization; halve until the guilty ones stand alone."""
        work = part.work
        try:
            return self._write([part])[0]
        except (DBAPIError, OverflowError, UnicodeError) as error:
            if len(work.arrivals) > 1:
                middle = len(work.arrivals) // 2
                first = work._replace(arrivals=work.arrivals[:middle], floor=None)
                second = work._replace(arrivals=work.arrivals[middle:])
                return self._isolate(part._replace(work=first)).plus(self._isolate(part._replace(work=second)))
            for index, guilty in work.arrivals:
                if isinstance(guilty, State):
                    refused = work._replace(arrivals=[(index, refused_by_database(guilty))])
                    return self._write([part._replace(work=refused)])[0]
            raise Refused("The database refused this request for its data.") from error

    def _write(self, unit: Sequence[_Part]) -> list[BatchResult]:
        """One transaction, run again with jitter while the database is busy (five retries)."""
        started = clock.monotonic()
        attempts = Retrying(
            retry=retry_if_exception(is_transient),
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.02, max=1.0),
            reraise=True,
        )
        with translate_errors():
            answers = attempts(_write_unit, self._engine, unit, keep_history=self._keep_history)
        metrics.COMMIT_SECONDS.observe(clock.monotonic() - started)
        metrics.COMMIT_EVENTS.observe(sum(len(part.work.arrivals) for part in unit))
        return answers


def _write_unit(engine: Engine, unit: Sequence[_Part], *, keep_history: bool) -> list[BatchResult]:
    """Write parts of requests in one transaction; the answer to each."""
    by_org: dict[str, list[OrgBatch]] = {}
    for part in unit:
        by_org.setdefault(part.org_id, []).append(part.work)
    with transaction(engine) as connection:
        answers = write_batch(connection, by_org, clock.now(), keep_history=keep_history)
    in_order = {org_id: iter(written) for org_id, written in answers.items()}
    return [next(in_order[part.org_id]) for part in unit]


def _fail(parts: Sequence[_Part], error: Exception) -> None:
    for part in parts:
        part.job.failure = part.job.failure or error


def _count(parts: Sequence[BatchResult]) -> None:
    for part in parts:
        for outcome, events in part.bins().items():
            metrics.EVENTS.labels(outcome).inc(events)
        lost = sum(not one.kept for one in part.quarantined)
        if lost:
            metrics.QUARANTINE_OVERFLOW.inc(lost)
            _log.warning("a quarantine is full", events_not_kept=lost)
