"""Build the two events of a conversation or workflow run that is in progress: its start and its end, each once."""

import threading
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from talkmeter_client.clock import monotonic, now
from talkmeter_client.errors import BadEvent, quoted
from talkmeter_client.events import Event


class Endings(NamedTuple):
    """The statuses of an activity: while it runs, and after it has finished, failed or was cancelled."""

    live: str
    finished: str
    failed: str
    cancelled: str
    allowed: tuple[str, ...]
    """All statuses with which it may end."""


class BuildEvent(Protocol):
    """Builds the event of a record in one status."""

    def __call__(self, *, status: str, created_at: datetime, time: datetime, duration: timedelta | None) -> Event:
        """Return the event."""


class Lifecycle:
    """Builds the event of the start and that of the end, each once. Thread-safe."""

    def __init__(self, build: BuildEvent, endings: Endings, created_at: datetime | None) -> None:
        self.endings = endings
        self._build = build
        self._created_at = created_at
        self._lock = threading.Lock()
        self._started: tuple[datetime, float] | None = None
        self._stopped_at: datetime | None = None
        self._ended = False

    def start(self) -> Event | None:
        """Return the event of the start, None if it was built before."""
        with self._lock:
            if self._started is not None:
                return None
            at = now()
            self._created_at = self._created_at or at
            event = self._build(status=self.endings.live, created_at=self._created_at, time=at, duration=None)
            self._started = (at, monotonic())
            return event

    def end(self, status: str | None, at: datetime | None) -> Event | None:
        """Return the event of the end, None if it was built before or the activity has not started."""
        status = status or self.endings.finished
        if status not in self.endings.allowed:
            raise BadEvent(f"It can end as {', '.join(self.endings.allowed)}, not as {quoted(status)}.")
        with self._lock:
            if self._started is None or self._created_at is None or self._ended:
                return None
            at = at or self._stopped_at or self._now(self._started)
            duration = max(at - self._created_at, timedelta())
            event = self._build(status=status, created_at=self._created_at, time=at, duration=duration)
            self._ended = True
            return event

    def stop(self, at: datetime | None) -> None:
        """Let the activity end at this time or now, if it has started and was not stopped before."""
        with self._lock:
            if self._started is not None and self._stopped_at is None:
                self._stopped_at = at or self._now(self._started)

    def _now(self, started: tuple[datetime, float]) -> datetime:
        """Return the current time. The system's clock may be set during a call; the monotonic clock measures on."""
        at, reading = started
        return at + timedelta(seconds=monotonic() - reading)

    def status_after(self, error: BaseException | None) -> str:
        """Return the status after a block that ended with an exception, or None."""
        if error is None:
            return self.endings.finished
        return self.endings.failed if isinstance(error, Exception) else self.endings.cancelled
