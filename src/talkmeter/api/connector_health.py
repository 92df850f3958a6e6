"""What became of connectors' messages: counted in memory, written together once the answers are out.

It is the connectors' health, no usage: what a process that is killed had not written yet is missing here alone.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from talkmeter import clock
from talkmeter.db.engine import Connection
from talkmeter.ledger.connector_outcomes import IGNORED, DailyOutcome, MessageOutcome, add_daily_outcomes
from talkmeter.period import day_of

Change = Callable[[Callable[[Connection], None]], Awaitable[None]]
_Key = tuple[str, int, str, str]

MAX_TYPE: Final = 64
MAX_TYPES: Final = 32
"""The different types of ignored messages that a process notes of one connector and day; all others are one more.

Types are the sender's own words: without a bound, whoever holds a connector's secret could fill the table.
"""
OTHER_TYPES: Final = "others"


class OutcomeBuffer:
    """The messages of this process that are not written yet. Event loop only, but for `write` at the end."""

    def __init__(self) -> None:
        """Nothing has come yet."""
        self._waiting: dict[_Key, DailyOutcome] = {}
        self._writing = False
        self._types: dict[str, set[str]] = {}
        self._day_of_types = 0

    def note(self, connector_id: str, outcome: MessageOutcome, messages: int = 1) -> None:
        """Count messages of a connector that came to an outcome now."""
        now = clock.now()
        self._add(connector_id, DailyOutcome(day_of(now), outcome, "", messages, now))

    def note_ignored(self, connector_id: str, type_: str) -> None:
        """Count a message of a type that is not metered."""
        now = clock.now()
        detail = self._noted_type(connector_id, day_of(now), type_)
        self._add(connector_id, DailyOutcome(day_of(now), IGNORED, detail, 1, now))

    async def flush(self, change: Change) -> None:
        """Write what waits; where that is under way already, it is taken along."""
        if self._writing:
            return
        self._writing = True
        try:
            while self._waiting:
                await self._write_waiting(change)
        finally:
            self._writing = False

    @property
    def waiting(self) -> bool:
        """Whether any are still to be written."""
        return bool(self._waiting)

    def write(self, connection: Connection) -> None:
        """Write what waits in the caller's transaction."""
        _write(connection, self._take())

    async def _write_waiting(self, change: Change) -> None:
        # Taken here and not in the thread that writes: a message noted meanwhile would be in both.
        taken = self._take()
        try:
            await change(lambda connection: _write(connection, taken))
        except Exception:
            for (connector_id, *_), tally in taken.items():
                self._add(connector_id, tally)
            raise

    def _take(self) -> dict[_Key, DailyOutcome]:
        taken, self._waiting = self._waiting, {}
        return taken

    def _add(self, connector_id: str, tally: DailyOutcome) -> None:
        key = connector_id, tally.day, tally.outcome, tally.detail
        before = self._waiting.get(key)
        if before is not None:
            messages, last_at = before.messages + tally.messages, max(before.last_at, tally.last_at)
            tally = tally._replace(messages=messages, last_at=last_at)
        self._waiting[key] = tally

    def _noted_type(self, connector_id: str, day: int, type_: str) -> str:
        """A type as it is kept; that of all others where a connector has sent too many different ones today."""
        if day != self._day_of_types:
            self._types.clear()
            self._day_of_types = day
        kept = "".join(letter if letter.isprintable() else "?" for letter in type_[:MAX_TYPE]) or OTHER_TYPES
        noted = self._types.setdefault(connector_id, set())
        if kept not in noted and len(noted) >= MAX_TYPES:
            return OTHER_TYPES
        noted.add(kept)
        return kept


def _write(connection: Connection, tallies: dict[_Key, DailyOutcome]) -> None:
    add_daily_outcomes(connection, [(connector_id, tally) for (connector_id, *_), tally in tallies.items()])
