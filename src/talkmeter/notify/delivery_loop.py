"""Delivers messages in a thread of each server process, which has a separate event loop.

Any number of processes may do so for one database. Each looks for due deliveries once a second and claims what it has
room for. An organization has few places, so one whose receivers are slow does not delay the others.
"""

import asyncio
import secrets
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

import structlog

from talkmeter import clock, metrics
from talkmeter.db.engine import Connection, Engine, reading, writing
from talkmeter.db.watch import Watch
from talkmeter.errors import TalkmeterError
from talkmeter.notify.attempts import Prepared, Sender, attempt, record
from talkmeter.notify.deliveries import claim_due, due_organizations

MAX_SENDS: Final = 64
MAX_SENDS_PER_ORGANIZATION: Final = 4
POLL_SEC: Final = 1.0
CLOSE_SEC: Final = 3.0
"""How long the end of a process waits for running attempts."""
_DATABASE_SEC: Final = 10
_SLOW_DATABASE: Final = "The database did not answer in time; the delivery is attempted again."
_JITTERS: Final = 1_000
Result = TypeVar("Result")
_log = structlog.get_logger()


class DeliveryLoop:
    """The thread; `close` it."""

    def __init__(self, engine: Engine, sender: Sender, close_sec: float = CLOSE_SEC) -> None:
        """Start the thread. It uses one connection of the engine at a time."""
        self._close_sec = close_sec
        self._engine = engine
        self._sender = sender
        self._database = ThreadPoolExecutor(1, thread_name_prefix="talkmeter-deliveries")
        self._sends: dict[asyncio.Task[None], str] = {}
        """The organization of each running attempt."""
        self._wake = asyncio.Event()
        self._closing = False
        self._failing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run_thread, name="talkmeter-delivery-loop", daemon=True)
        self._thread.start()
        self._started.wait()

    def wake(self) -> None:
        """Look for due deliveries now. Any thread may call it."""
        with suppress(RuntimeError):  # the loop has ended
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._wake.set)

    def close(self) -> None:
        """End the thread. An attempt that does not end in time is made again at once, by another process."""
        self._closing = True
        self.wake()
        self._thread.join()
        self._database.shutdown()

    def _run_thread(self) -> None:
        with asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            self._started.set()
            runner.run(self._run())

    async def _run(self) -> None:
        while not self._closing:
            await self._look()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), POLL_SEC)
            self._wake.clear()
        if self._sends:
            await asyncio.wait(self._sends, timeout=self._close_sec)
        for task in self._sends:
            task.cancel()
        await asyncio.gather(*self._sends, return_exceptions=True)

    async def _look(self) -> None:
        """Start what is due. Log an error once, not once a second while it lasts."""
        try:
            await self._start_due()
        except TalkmeterError as error:
            if not self._failing:
                _log.warning("due deliveries not read; it will be retried", detail=error.log_detail)
        except Exception:  # noqa: BLE001  an error must not end the thread for good
            if not self._failing:
                _log.exception("due deliveries not read; it will be retried")
        else:
            self._failing = False
            return
        self._failing = True

    async def _start_due(self) -> None:
        """Claim and start due deliveries, as many as there is room for; first of organizations with the fewest."""
        if len(self._sends) >= MAX_SENDS:
            return
        organizations = await self._in_database(partial(self._read, partial(due_organizations, now=clock.now())))
        running = Counter(self._sends.values())
        for org_id in sorted(organizations, key=lambda one: running[one]):
            room = min(MAX_SENDS - len(self._sends), MAX_SENDS_PER_ORGANIZATION - running[org_id])
            if room > 0 and not self._closing:
                await self._start_organization(org_id, room)

    async def _start_organization(self, org_id: str, room: int) -> None:
        def claim(connection: Connection) -> list[Prepared]:
            now = clock.now()
            claimed = claim_due(connection, org_id, now, room)
            return [self._sender.prepare(connection, delivery, now) for delivery in claimed]

        try:
            claimed = await self._in_database(partial(self._write, claim))
        except TalkmeterError as error:
            # The others must not wait for an organization whose rows are damaged or locked.
            _log.warning("deliveries not claimed; it will be retried", detail=error.log_detail)
            return
        for prepared in claimed:
            task = asyncio.create_task(self._attempt(prepared))
            self._sends[task] = org_id
            task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        del self._sends[task]
        self._wake.set()

    async def _attempt(self, prepared: Prepared) -> None:
        """Make an attempt and store its result."""
        outcome = await attempt(self._sender, prepared)
        jitter = secrets.randbelow(_JITTERS) / _JITTERS
        store = partial(record, delivery=prepared.delivery, outcome=outcome, now=clock.now(), jitter=jitter)
        try:
            state = await self._in_database(partial(self._write, store))
        except TalkmeterError as error:
            _log.warning("result of a delivery not stored; it is attempted again", detail=error.log_detail)
            return
        metrics.DELIVERIES.labels(prepared.delivery.channel, state).inc()

    async def _in_database(self, job: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._database, job)

    def _read(self, query: Callable[[Connection], Result]) -> Result:
        with reading(self._engine, Watch(_DATABASE_SEC, _SLOW_DATABASE)) as connection:
            return query(connection)

    def _write(self, change: Callable[[Connection], Result]) -> Result:
        with writing(self._engine, Watch(_DATABASE_SEC, _SLOW_DATABASE)) as connection:
            return change(connection)
