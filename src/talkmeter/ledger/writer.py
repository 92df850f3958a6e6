"""Group commit in lanes: batches wait in a bounded queue, and each lane's thread commits its waiting batches together.

An organization always uses the same lane, so its batches are written in the order of their arrival, and a lane that
waits for a lock or a server delays no other. SQLite has one lane, because it has one writer.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final

import structlog
from sqlalchemy import Engine

from talkmeter.db.engine import has_one_writer
from talkmeter.ledger.batch import BatchResult, OrgBatch
from talkmeter.ledger.commit import Committer
from talkmeter.ledger.write_queue import QueuedBatch, WriteQueue

UNBOUNDED_EVENTS: Final = 1_000_000_000
"""For callers that limit the number of waiting events themselves."""
LANES: Final = 4
COMMIT_TIMEOUT_SEC: Final = 30
_log = structlog.get_logger()


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
        self._queue = WriteQueue(1 if has_one_writer(engine) else lanes, max_events)
        committer = Committer(engine, commit_timeout_sec, keep_history=keep_history)
        self._lanes = [
            _Lane(self._queue, number, committer, idle if number == 0 else None, idle_every_sec)
            for number in range(self._queue.lanes)
        ]

    def submit(self, batches: Sequence[OrgBatch]) -> "list[Future[BatchResult]]":
        """Queue the batches of one request, all or none; each future completes once its batch is on disk.

        Raises Unavailable if the queue is full, or if one organization already fills half of it.
        """
        queued = [QueuedBatch(batch, Future()) for batch in batches]
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


class _Lane(threading.Thread):
    """The thread of a lane."""

    def __init__(
        self,
        queue: WriteQueue,
        number: int,
        committer: Committer,
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

    def _run_idle(self) -> None:
        try:
            while self._idle and self._idle() and not self._queue.has_waiting(self._number) and not self._queue.closing:
                pass
        except Exception:  # noqa: BLE001  an error in housekeeping must not stop the writer
            _log.exception("housekeeping failed")
