"""The batches that wait to be written, in one queue for each lane of the writer; their number of events is bounded."""

import threading
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Final, NamedTuple
from zlib import crc32

from talkmeter import metrics
from talkmeter.errors import Unavailable
from talkmeter.ledger.batch import BatchResult, OrgBatch

EVENTS_PER_TRANSACTION: Final = 10_000


class QueuedBatch(NamedTuple):
    """A waiting batch; its future completes when its events are on disk."""

    batch: OrgBatch
    future: "Future[BatchResult]"

    @property
    def events(self) -> int:
        """The room it takes in the queue."""
        return max(len(self.batch.events), 1)


class WriteQueue:
    """The waiting batches of all lanes, bounded together."""

    def __init__(self, lanes: int, max_events: int) -> None:
        self.lanes = lanes
        self.closing = False
        self._max_events = max_events
        self._waiting: list[deque[QueuedBatch]] = [deque() for _ in range(lanes)]
        self._events = 0
        self._events_by_org: Counter[str] = Counter()
        self._events_by_lane = [0] * lanes
        lock = threading.Lock()
        self._changed = [threading.Condition(lock) for _ in range(lanes)]
        self._lock = lock

    def put(self, queued: Sequence[QueuedBatch]) -> None:
        """Add the batches of a request, each to the lane of its organization."""
        with self._lock:
            if self.closing:
                raise Unavailable("The server is shutting down; retry shortly.")
            self._admit(queued)
            for one in queued:
                lane = self._lane_of(one)
                self._events_by_lane[lane] += one.events
                self._waiting[lane].append(one)
                self._changed[lane].notify()

    def take(self, lane: int, timeout_sec: float) -> list[QueuedBatch] | None:
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

    def release(self, group: Sequence[QueuedBatch]) -> None:
        """Free the room of batches that were written or have failed."""
        with self._lock:
            for one in group:
                org_id = one.batch.org_id
                self._events -= one.events
                self._events_by_lane[self._lane_of(one)] -= one.events
                self._events_by_org[org_id] -= one.events
                if not self._events_by_org[org_id]:
                    del self._events_by_org[org_id]
            metrics.QUEUE_EVENTS.set(self._events)

    def close(self) -> None:
        """Accept no more batches."""
        with self._lock:
            self.closing = True
            for changed in self._changed:
                changed.notify()

    def _admit(self, queued: Sequence[QueuedBatch]) -> None:
        """Reserve room for a request. Raises Unavailable if it does not fit; an empty queue takes any request."""
        sizes: Counter[str] = Counter()
        for one in queued:
            sizes[one.batch.org_id] += one.events
        events = self._events + sizes.total()
        if self._events and events > self._max_events:
            raise Unavailable("The write queue is full (TALKMETER_QUEUE_EVENTS); retry shortly.")
        half = self._max_events // 2
        for org_id, size in sizes.items():
            if self._events_by_org[org_id] and self._events_by_org[org_id] + size > half:
                raise Unavailable(
                    "This organization fills its half of the write queue (TALKMETER_QUEUE_EVENTS); retry shortly."
                )
        self._check_lanes(queued, half)
        self._events_by_org.update(sizes)
        self._events = events
        metrics.QUEUE_EVENTS.set(events)

    def _check_lanes(self, queued: Sequence[QueuedBatch], half: int) -> None:
        """Raise Unavailable if one of several lanes would fill more than half of the queue."""
        sizes: Counter[int] = Counter()
        for one in queued:
            sizes[self._lane_of(one)] += one.events
        held = self._events_by_lane
        if self.lanes > 1 and any(held[lane] and held[lane] + size > half for lane, size in sizes.items()):
            raise Unavailable("A lane of the write queue is full (TALKMETER_QUEUE_EVENTS); retry shortly.")

    def _lane_of(self, queued: QueuedBatch) -> int:
        return crc32(queued.batch.org_id.encode()) % self.lanes
