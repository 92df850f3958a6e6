"""What became of connectors' messages: counted in memory, written together once the answers are out.

It is the connectors' health, no usage: what a process that is killed had not written yet is missing here alone.
"""

from collections.abc import Awaitable, Callable
from typing import Literal

from talkmeter import clock
from talkmeter.ledger.arrivals import Bin
from talkmeter.ledger.connectors import Tally, add_tallies
from talkmeter.ledger.engine import Connection
from talkmeter.period import day_of

Outcome = Bin | Literal["ignored", "rejected"]
Change = Callable[[Callable[[Connection], None]], Awaitable[None]]


class Outcomes:
    """The messages of this process that are not written yet. Event loop only, but for `write` at the end."""

    def __init__(self) -> None:
        """Nothing has come yet."""
        self._waiting: dict[tuple[str, int, str], Tally] = {}
        self._writing = False

    def note(self, connector_id: str, outcome: Outcome, messages: int = 1) -> None:
        """Count messages of a connector that came to an outcome now."""
        now = clock.now()
        key = connector_id, day_of(now), outcome
        before = self._waiting.get(key)
        self._waiting[key] = Tally(key[1], outcome, messages + (before.messages if before else 0), now)

    async def flush(self, change: Change) -> None:
        """Write what waits; where that is under way already, it is taken along."""
        if self._writing:
            return
        self._writing = True
        try:
            while self._waiting:
                await change(self.write)
        finally:
            self._writing = False

    def write(self, connection: Connection) -> None:
        """Write what waits in the caller's transaction."""
        taken, self._waiting = self._waiting, {}
        add_tallies(connection, [(connector_id, tally) for (connector_id, _, _), tally in taken.items()])
