"""The shared services of one server process: the engine, the writer, thread pools, caches and memory limits."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Final, TypeVar

from talkmeter import metrics
from talkmeter.api.answers import Answers
from talkmeter.api.connector_health import OutcomeBuffer
from talkmeter.api.connector_secrets import ConnectorSecrets
from talkmeter.api.decoders import Decoders
from talkmeter.api.export_files import ExportWriter
from talkmeter.api.query_pool import QueryPool, Receive
from talkmeter.budgets.evaluator import BudgetEvaluator
from talkmeter.db.engine import Connection, count_connections, open_engine, reading, writing
from talkmeter.db.migrate import database_id
from talkmeter.db.watch import Watch
from talkmeter.db.write_check import WriteCheck
from talkmeter.errors import Unavailable
from talkmeter.ledger.billed_durations import BilledDurationFiller, billed_durations_filled
from talkmeter.ledger.history import make_pruner
from talkmeter.ledger.retention import retention_sweep
from talkmeter.ledger.writer import Writer
from talkmeter.notify.attempts import Sender
from talkmeter.notify.delivery_loop import DeliveryLoop
from talkmeter.settings import Settings

Result = TypeVar("Result")
LOOKUP_THREADS: Final = 2
LOOKUP_TIMEOUT_SEC: Final = 10
_SLOW_DATABASE: Final = "The database did not answer in time; retry shortly."
OTHER_CONNECTIONS: Final = 5
"""For exports, for changes, for budgets, for deliveries, and one to spare."""


class Service:
    """The engine, threads and writer of one process, from its start until its last request is answered."""

    def __init__(self, settings: Settings) -> None:
        """Open the database, which must be migrated."""
        self.settings = settings
        connections = settings.reader_threads + LOOKUP_THREADS + settings.write_lanes + OTHER_CONNECTIONS
        self.engine = open_engine(settings.database_url, connections)
        count_connections(self.engine, metrics.DATABASE_CONNECTIONS.set)
        self.exports = ExportWriter(self.engine, settings.export_bytes)
        self.intake = Intake(settings.queue_bytes, "write queue")
        self.unverified = Intake(settings.queue_bytes // 4, "memory for unverified webhooks", "eighth", 8)
        self.outcomes = OutcomeBuffer()
        self._queries = QueryPool(settings.reader_threads, settings.query_timeout_sec)
        self._lookups = ThreadPoolExecutor(LOOKUP_THREADS, thread_name_prefix="talkmeter-lookup")
        self._decoders = Decoders()
        self._changers = ThreadPoolExecutor(1, thread_name_prefix="talkmeter-changer")
        with reading(self.engine) as connection:
            self.database_id = database_id(connection)
            self.secrets = ConnectorSecrets(settings.secret_key, connection)
            filled = billed_durations_filled(connection)
        self.answers = Answers(self.database_id, settings.answer_bytes)
        self.writer = Writer(
            self.engine,
            keep_history=settings.history_days != 0,
            lanes=settings.write_lanes,
            commit_timeout_sec=settings.commit_timeout_sec,
            max_events=settings.queue_events,
            idle=make_pruner(self.engine, settings.history_days, retention_sweep(self.engine, settings.retention_days)),
        )
        self.deliveries = DeliveryLoop(self.engine, Sender(settings))
        self.write_check = WriteCheck(settings.database_url)
        self._budgets = BudgetEvaluator(self.engine, settings.stale_hours, self.deliveries.wake)
        self._filler = None if filled else BilledDurationFiller(settings.database_url)

    async def look_up(self, query: Callable[[Connection], Result]) -> Result:
        """Run a short query of the server itself, for a credential or a connector; no organization can delay it."""
        watch = Watch(LOOKUP_TIMEOUT_SEC, _SLOW_DATABASE)
        return await _in_time(self._lookups, partial(self._read, query, watch))

    async def answer(self, org_id: str, receive: Receive, query: Callable[[Connection], Result]) -> Result:
        """Run an organization's query in one snapshot, as long as the client of `receive` is connected."""
        return await self._queries.run(org_id, receive, partial(self._read, query))

    async def change(self, change: Callable[[Connection], Result]) -> Result:
        """Write to tables other than usage (sessions, links) in a separate thread, in one transaction."""
        return await _in_time(self._changers, partial(self._change, change))

    def change_later(self, change: Callable[[Connection], Result]) -> Future[Result]:
        """Write like `change`, without waiting. What was passed before `close` is written."""
        return self._changers.submit(self._change, change)

    async def decode(self, caller: str, body: bytes, job: Callable[[], Result]) -> Result:
        """Decode a body of a caller; large ones in a thread, so that other requests do not wait for them."""
        return await self._decoders.run(caller, body, job)

    def _read(self, query: Callable[[Connection], Result], watch: Watch) -> Result:
        with reading(self.engine, watch) as connection:
            return query(connection)

    def _change(self, change: Callable[[Connection], Result]) -> Result:
        with writing(self.engine, Watch(LOOKUP_TIMEOUT_SEC, _SLOW_DATABASE)) as connection:
            return change(connection)

    def close(self) -> None:
        """Write everything accepted, then release every resource, even if closing one of them fails."""
        with ExitStack() as stack:
            # Callbacks run in reverse order.
            stack.callback(self.engine.dispose)
            stack.callback(self.exports.close)
            stack.callback(self._lookups.shutdown)
            stack.callback(self._queries.close)
            stack.callback(self._changers.shutdown)
            stack.callback(self._decoders.close)
            stack.callback(self._write_outcomes)
            stack.callback(self.write_check.close)
            stack.callback(self.deliveries.close)
            stack.callback(self._budgets.close)
            if self._filler is not None:
                stack.callback(self._filler.close)
            self.writer.close()

    def _write_outcomes(self) -> None:
        if self.outcomes.pending:
            self._change(self.outcomes.write)


async def _in_time(threads: ThreadPoolExecutor, job: Callable[[], Result]) -> Result:
    """Run a short job in a thread. Raises Unavailable if it is not done in time."""
    try:
        async with asyncio.timeout(LOOKUP_TIMEOUT_SEC):
            return await asyncio.get_running_loop().run_in_executor(threads, job)
    except TimeoutError:
        raise Unavailable(_SLOW_DATABASE) from None


class Intake:
    """A limit on the memory of request bodies; one caller may use a part of it. Used in the event loop only."""

    def __init__(self, max_bytes: int, name: str, share: str = "half", parts: int = 2) -> None:
        self._max_bytes = max_bytes
        self._share = share
        self._parts = parts
        self._name = name
        self._reserved: Counter[str] = Counter()

    @contextmanager
    def reservation(self, caller: str) -> Iterator[Callable[[int], None]]:
        """Yield a function that reserves bytes as they arrive; the end of the block releases them.

        The function raises Unavailable if the memory for bodies is full.
        """
        request_bytes = 0

        def reserve(size: int) -> None:
            nonlocal request_bytes
            self._check(caller, size, request_bytes)
            request_bytes += size
            self._reserved[caller] += size
            metrics.QUEUE_BYTES.inc(size)

        try:
            yield reserve
        finally:
            self._reserved[caller] -= request_bytes
            if self._reserved[caller] <= 0:
                del self._reserved[caller]
            metrics.QUEUE_BYTES.dec(request_bytes)

    def _check(self, caller: str, size: int, request_bytes: int) -> None:
        """Raise Unavailable if the bytes exceed a limit; a request that is alone is always accepted."""
        total, of_caller = self._reserved.total(), self._reserved[caller]
        if total > request_bytes and total + size > self._max_bytes:
            raise Unavailable(f"The {self._name} is full (TALKMETER_QUEUE_BYTES); retry shortly.")
        if of_caller > request_bytes and of_caller + size > self._max_bytes // self._parts:
            share = f"its {self._share} of the {self._name}"
            raise Unavailable(f"This sender fills {share} (TALKMETER_QUEUE_BYTES); retry shortly.")
