"""Count connectors' messages by outcome in memory, and write the counts in batches after the responses.

The counts describe the health of connectors, not usage: if the process is killed, only unwritten counts are lost.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from talkmeter import clock, metrics
from talkmeter.db.engine import Connection
from talkmeter.ledger.connector_outcomes import IGNORED, DailyOutcome, MessageOutcome, add_daily_outcomes
from talkmeter.period import day_of

Change = Callable[[Callable[[Connection], None]], Awaitable[None]]
_Key = tuple[str, int, str, str]

MAX_TYPE_LENGTH: Final = 64
MAX_TYPES: Final = 32
"""The number of message types that a process counts separately per connector and day; the others share one count.

Senders choose the types: without a limit, a sender with a connector's secret could fill the table.
"""
OTHER_TYPES: Final = "others"


class OutcomeBuffer:
    """The counts of this process that are not written yet. Used in the event loop only, except the final `write`."""

    def __init__(self) -> None:
        self._pending: dict[_Key, DailyOutcome] = {}
        self._writing = False
        self._types: dict[str, set[str]] = {}
        self._types_day = 0

    def add(self, connector_id: str, outcome: MessageOutcome, messages: int = 1, assumed: str = "") -> None:
        """Count messages of a connector that have this outcome, on the current day.

        `assumed` names what the messages do not say.
        """
        now = clock.now()
        metrics.CONNECTOR_MESSAGES.labels(connector_id, outcome).inc(messages)
        self._add(connector_id, DailyOutcome(day_of(now), outcome, assumed, messages, now))

    def add_ignored(self, connector_id: str, type_: str) -> None:
        """Count a message of a type that is not metered."""
        now = clock.now()
        metrics.CONNECTOR_MESSAGES.labels(connector_id, IGNORED).inc()
        detail = self._counted_type(connector_id, day_of(now), type_)
        self._add(connector_id, DailyOutcome(day_of(now), IGNORED, detail, 1, now))

    async def flush(self, change: Change) -> None:
        """Write the pending counts, unless a flush is already running: it includes them."""
        if self._writing:
            return
        self._writing = True
        try:
            while self._pending:
                await self._write_pending(change)
        finally:
            self._writing = False

    @property
    def pending(self) -> bool:
        """Whether there are counts to write."""
        return bool(self._pending)

    def write(self, connection: Connection) -> None:
        """Write the pending counts in the caller's transaction."""
        _write(connection, self._take())

    async def _write_pending(self, change: Change) -> None:
        # Take the counts here, not in the writing thread: a message added meanwhile would be counted twice.
        taken = self._take()
        try:
            await change(lambda connection: _write(connection, taken))
        except Exception:
            for (connector_id, *_), tally in taken.items():
                self._add(connector_id, tally)
            raise

    def _take(self) -> dict[_Key, DailyOutcome]:
        taken, self._pending = self._pending, {}
        return taken

    def _add(self, connector_id: str, tally: DailyOutcome) -> None:
        key = connector_id, tally.day, tally.outcome, tally.detail
        previous = self._pending.get(key)
        if previous is not None:
            messages, last_at = previous.messages + tally.messages, max(previous.last_at, tally.last_at)
            tally = tally._replace(messages=messages, last_at=last_at)
        self._pending[key] = tally

    def _counted_type(self, connector_id: str, day: int, type_: str) -> str:
        """Return the type to count: shortened and printable, or OTHER_TYPES if there are already MAX_TYPES today."""
        if day != self._types_day:
            self._types.clear()
            self._types_day = day
        printable = (character if character.isprintable() else "?" for character in type_[:MAX_TYPE_LENGTH])
        name = "".join(printable) or OTHER_TYPES
        types = self._types.setdefault(connector_id, set())
        if name not in types and len(types) >= MAX_TYPES:
            return OTHER_TYPES
        types.add(name)
        return name


def _write(connection: Connection, tallies: dict[_Key, DailyOutcome]) -> None:
    add_daily_outcomes(connection, [(connector_id, tally) for (connector_id, *_), tally in tallies.items()])
