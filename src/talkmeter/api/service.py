"""What every endpoint works with: the database for reading, the writer, the memory bodies may take."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TypeVar

from talkmeter import metrics
from talkmeter.api.answer_cache import Answers
from talkmeter.api.connector_health import OutcomeBuffer
from talkmeter.api.export_files import Exports
from talkmeter.api.readers import Readers
from talkmeter.backpressure import answering
from talkmeter.db.autocommit import AutocommitConnections
from talkmeter.db.engine import Connection, open_engine, reading, writing
from talkmeter.db.migrate import database_id
from talkmeter.errors import Unavailable
from talkmeter.ledger.history import make_pruner
from talkmeter.ledger.writer import Writer
from talkmeter.settings import Settings

Answer = TypeVar("Answer")


class Service:
    """One process's engine, reader threads and writer; made at start, closed when the last request is answered."""

    def __init__(self, settings: Settings) -> None:
        """Open the database, which has been migrated."""
        self.settings = settings
        self.engine = open_engine(settings.database_url, settings.reader_threads + 4)
        self.exports = Exports(self.engine, settings.export_bytes)
        self._peeks = AutocommitConnections(self.engine)
        self.answers = Answers(self.engine, self._peeks, settings.answer_bytes)
        self.intake = Intake(settings.queue_bytes)
        self.outcomes = OutcomeBuffer()
        self._readers = Readers(settings.reader_threads)
        self._decoders = ThreadPoolExecutor(1, thread_name_prefix="talkmeter-decoder")
        self._changers = ThreadPoolExecutor(1, thread_name_prefix="talkmeter-changer")
        with reading(self.engine) as connection:
            self.database_id = database_id(connection)
        self.writer = Writer(
            self.engine,
            keep_history=settings.history_days != 0,
            most_events=settings.queue_events,
            idle=make_pruner(self.engine, settings.history_days),
        )

    async def read(self, question: Callable[[Connection], Answer]) -> Answer:
        """Ask the database in a reader thread; the question sees one snapshot."""
        return await self._readers.ask(partial(self._ask, question))

    async def answer(self, question: Callable[[Connection], Answer]) -> Answer:
        """As `read`, where somebody waits for a figure: work on batches gives way meanwhile."""
        with answering():
            return await self.read(question)

    async def answer_by(self, question: Callable[[], Answer]) -> Answer:
        """As `answer`, for a question that peeks, and begins a transaction by itself if it needs one."""
        with answering():
            return await self._readers.ask(question)

    async def change(self, change: Callable[[Connection], Answer]) -> Answer:
        """Change what is not usage (sessions, links) in a thread of its own, in one transaction."""
        return await asyncio.get_running_loop().run_in_executor(self._changers, self._make_change, change)

    async def decode(self, work: Callable[[], Answer]) -> Answer:
        """Run the reading of a large body beside the event loop, so that small requests are not held up."""
        return await asyncio.get_running_loop().run_in_executor(self._decoders, work)

    def _ask(self, question: Callable[[Connection], Answer]) -> Answer:
        with reading(self.engine) as connection:
            return question(connection)

    def _make_change(self, change: Callable[[Connection], Answer]) -> Answer:
        with writing(self.engine) as connection:
            return change(connection)

    def close(self) -> None:
        """Finish what was accepted, then let go of the database: of all of it, also where a part of it fails."""
        with ExitStack() as after:
            # The last one comes first.
            after.callback(self.engine.dispose)
            after.callback(self.exports.close)
            after.callback(self._peeks.close)
            after.callback(self._readers.close)
            after.callback(self._changers.shutdown)
            after.callback(self._decoders.shutdown)
            after.callback(self._write_outcomes)
            self.writer.close()

    def _write_outcomes(self) -> None:
        if self.outcomes.waiting:
            self._make_change(self.outcomes.write)


class Intake:
    """The bytes of bodies held in memory, bounded; one caller may hold half of them. Event loop only."""

    def __init__(self, most_bytes: int) -> None:
        """Nothing is held yet."""
        self._most = most_bytes
        self._held: Counter[str] = Counter()

    @contextmanager
    def holding(self, caller: str) -> Iterator[Callable[[int], None]]:
        """A function that counts bytes in as they arrive; they are let go at the end of the block.

        It raises Unavailable where the memory for bodies is full.
        """
        mine = 0

        def hold(size: int) -> None:
            nonlocal mine
            self._admit(caller, size, mine)
            mine += size
            self._held[caller] += size
            metrics.QUEUE_BYTES.set(self._held.total())

        try:
            yield hold
        finally:
            self._held[caller] -= mine
            if self._held[caller] <= 0:
                del self._held[caller]
            metrics.QUEUE_BYTES.set(self._held.total())

    def _admit(self, caller: str, size: int, mine: int) -> None:
        """Refuse what does not fit beside other requests; a request that is alone always fits."""
        total, own = self._held.total(), self._held[caller]
        if total > mine and total + size > self._most:
            raise Unavailable("Too many bytes of requests wait to be written; send the request again shortly.")
        if own > mine and own + size > self._most // 2:
            raise Unavailable("Too many bytes of this sender wait to be written; send the request again shortly.")
