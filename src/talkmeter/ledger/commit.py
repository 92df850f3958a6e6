"""Writes a group of batches in one transaction, and again in smaller groups if the transaction fails.

A failed transaction is rolled back. A batch that fails alone fails only its own request; events whose data the database
rejects go to quarantine.
"""

from collections.abc import Sequence
from typing import Final

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from talkmeter import clock, metrics
from talkmeter.db.engine import has_one_writer, is_distributed, is_transient, transaction, translate_errors
from talkmeter.db.watch import Watch
from talkmeter.errors import (
    DatabaseUnavailable,
    DiskFull,
    OperationFailed,
    OrganizationClosed,
    TalkmeterError,
    TimedOut,
    Unavailable,
)
from talkmeter.ledger.batch import BatchResult, OrgBatch
from talkmeter.ledger.organizations import Directory
from talkmeter.ledger.refused import refused_by_database
from talkmeter.ledger.write import write_batches
from talkmeter.ledger.write_queue import QueuedBatch
from talkmeter.records import ParentClaim, State

_ATTEMPTS: Final = 6
_REJECTED: Final = (DBAPIError, OverflowError, UnicodeError)
"""Errors of a transaction whose data the database does not accept."""
_log = structlog.get_logger()


class Committer:
    """Commits groups of batches and completes their futures. Thread-safe."""

    def __init__(self, engine: Engine, timeout_sec: float, *, keep_history: bool) -> None:
        """Limit each transaction to `timeout_sec`; afterwards its connection is closed, as its outcome is unknown."""
        self._engine = engine
        self._directory = Directory()
        self._timeout_sec = timeout_sec
        self._keep_history = keep_history
        self._one_writer = has_one_writer(engine)
        self._distributed = is_distributed(engine)

    def commit(self, group: Sequence[QueuedBatch]) -> None:
        """Write a group in one transaction; on Citus, in one for each organization."""
        for part in _by_organization(group) if self._distributed else [group]:
            self._commit(part)

    def _commit(self, group: Sequence[QueuedBatch]) -> None:
        """Write a group in one transaction; if that fails, write smaller groups, at last each batch alone."""
        try:
            results = self._write([queued.batch for queued in group])
        except Exception as error:  # noqa: BLE001  the lane must go on, and every future needs a result
            parts = self._smaller_groups(group, error)
            if len(parts) > 1:
                _log.warning("transaction rolled back", requests=len(group), error=type(error).__name__)
                for part in parts:
                    self._commit(part)
            elif isinstance(error, _REJECTED):
                self._quarantine(group[0])
            else:
                _fail(group, error)
        else:
            for queued, result in zip(group, results, strict=True):
                _complete(queued, result)

    def _smaller_groups(self, group: Sequence[QueuedBatch], error: Exception) -> Sequence[Sequence[QueuedBatch]]:
        """Return the groups to write after a failed transaction, or the same group if it would fail again."""
        match error:
            case DiskFull() | DatabaseUnavailable() | TimedOut():
                return [group]
            case OrganizationClosed():
                return [[queued] for queued in group]
            case Unavailable():
                # On PostgreSQL, another session may have locked one of the organizations.
                return [group] if self._one_writer else _by_organization(group)
            case _:
                return [[queued] for queued in group]

    def _write(self, batches: Sequence[OrgBatch]) -> list[BatchResult]:
        """Write batches in one transaction; while the database is busy, retry up to five times with jitter."""
        started = clock.monotonic()
        attempts = Retrying(
            retry=retry_if_exception(is_transient),
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.02, max=1.0),
            reraise=True,
        )

        def attempt() -> list[BatchResult]:
            self._directory.add_missing(self._engine, {batch.org_id for batch in batches}, self._watch())
            with transaction(self._engine, self._watch()) as connection:
                return write_batches(connection, batches, clock.now(), keep_history=self._keep_history)

        with translate_errors():
            results: list[BatchResult] = attempts(attempt)
        metrics.COMMIT_SECONDS.observe(clock.monotonic() - started)
        metrics.COMMIT_EVENTS.observe(sum(len(batch.events) for batch in batches))
        return results

    def _watch(self) -> Watch:
        sentence = f"The database did not commit within {self._timeout_sec:g} seconds; send the request again."
        return Watch(self._timeout_sec, sentence)

    def _quarantine(self, queued: QueuedBatch) -> None:
        """Write a rejected batch without its bad events, which go to quarantine."""
        try:
            _complete(queued, self._write_halves(queued.batch))
        except Exception as error:  # noqa: BLE001  as in `_commit`
            _fail([queued], error)

    def _write_halves(self, batch: OrgBatch) -> BatchResult:
        """Write a rejected batch in halves until the bad events are alone, and quarantine these."""
        if len(batch.events) > 1:
            middle = len(batch.events) // 2
            first = batch._replace(events=batch.events[:middle], watermark=None)
            second = batch._replace(events=batch.events[middle:])
            return self._write_half(first).plus(self._write_half(second))
        for index, event in batch.events:
            if isinstance(event, State | ParentClaim):
                return self._write([batch._replace(events=[(index, refused_by_database(event))])])[0]
        raise OperationFailed("The database rejected the data of this request.")

    def _write_half(self, batch: OrgBatch) -> BatchResult:
        try:
            return self._write([batch])[0]
        except _REJECTED:
            return self._write_halves(batch)


def _by_organization(group: Sequence[QueuedBatch]) -> list[list[QueuedBatch]]:
    by_org: dict[str, list[QueuedBatch]] = {}
    for queued in group:
        by_org.setdefault(queued.batch.org_id, []).append(queued)
    return list(by_org.values())


def _complete(queued: QueuedBatch, result: BatchResult) -> None:
    for name, events in result.counts().items():
        metrics.EVENTS.labels(name).inc(events)
    not_kept = sum(not event.kept for event in result.quarantined)
    if not_kept:
        metrics.QUARANTINE_OVERFLOW.inc(not_kept)
        _log.warning("quarantine full", events_not_kept=not_kept)
    queued.future.set_result(result)


def _fail(group: Sequence[QueuedBatch], error: Exception) -> None:
    if not isinstance(error, TalkmeterError):
        _log.error("transaction failed", exc_info=error)
    for queued in group:
        queued.future.set_exception(error)
