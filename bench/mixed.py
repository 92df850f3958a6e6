"""Readers and senders at once: what each leaves the other, beside what each has alone."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from bench.dataset import DAYS, FIRST_DAY
from bench.http_client import Kept, Times, get, in_turn, post, run
from bench.load import LARGE, load_year
from bench.result_table import WORDS, Column, Measured
from bench.timing import ratio
from bench.workload import BATCH, Workload
from talkmeter.period import format_day
from tests.postgres import engine_for
from tests.servers import running_server

READERS: Final = 16
SENDERS: Final = 2
READS: Final = 600
MONTH: Final = 30
_CONVERSATIONS: Final = 100_000


class _Round(NamedTuple):
    """What was found in one round; rates a second, of events and of reads."""

    alone: Times
    """Batches, with nobody reading."""
    most: Times
    """Reads as fast as they are answered, with nobody sending."""
    quiet: Times
    """Reads at half that rate."""
    mixed: Times
    """Batches, while reads come at half their greatest rate."""
    beside: Times
    """Those reads."""


def measure_mixed(batches: int, rounds: int) -> Measured:
    """Both at once against each alone, on one server, one organization."""
    bodies = iter(Workload(2 * batches * (rounds + 1) * BATCH).bodies(0, 2 * batches * (rounds + 1)))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        engine = stack.enter_context(engine_for(f"sqlite:///{folder / 'talkmeter.db'}"))
        load_year(engine, _CONVERSATIONS)
        # No answer is kept, so that each is computed.
        server = stack.enter_context(running_server(folder, answer_bytes="0"))
        key = server.cli("keys", "add", "--org", LARGE, "--role", "admin")
        sender = server.cli("keys", "add", "--sender")
        reads = [get(_month(number), key) for number in range(READS)]
        found = []
        for _ in range(rounds + 1):
            sent, beside = ([post(next(bodies), sender) for _ in range(batches)] for _ in range(2))
            found.append(run(_one_round(server.url, reads, sent, beside)))
    return _table(found[1:], batches)


def _table(found: list[_Round], batches: int) -> Measured:
    alone = [each.alone.per_second * BATCH for each in found]
    mixed = [each.mixed.per_second * BATCH for each in found]
    quiet = [each.quiet.at(0.99) for each in found]
    beside = [each.beside.at(0.99) for each in found]
    return Measured(
        name="mixed",
        title=(
            f"Summaries of a month, each of another month, by {READERS} readers at half of their greatest rate, while "
            f"{batches} batches of {BATCH:,} events come in over {SENDERS} connections: one organization, SQLite"
        ),
        columns=(WORDS, Column("ratio", 2), Column("wanted"), Column("per second", 0), Column("p99 ms", 1)),
        rows=(
            ("events, nobody reads", 1.0, "", median(alone), median(each.alone.at(0.99) for each in found)),
            (
                *("events, beside readers", ratio(mixed, alone), "at least 0.40"),
                *(median(mixed), median(each.mixed.at(0.99) for each in found)),
            ),
            (
                *("reads, nobody sends, as fast as they are answered", None, ""),
                *(median(each.most.per_second for each in found), median(each.most.at(0.99) for each in found)),
            ),
            (
                *("reads, nobody sends, half that rate", 1.0, ""),
                *(median(each.quiet.per_second for each in found), median(quiet)),
            ),
            (
                *("reads, beside senders, half that rate", ratio(beside, quiet), "p99 at most 8 times"),
                *(median(each.beside.per_second for each in found), median(beside)),
            ),
        ),
        note=(
            f"{_CONVERSATIONS:,} conversations beforehand; medians of {len(found)} rounds; history on. "
            "A reader that falls behind asks at once; how many were asked a second says how often."
        ),
    )


async def _one_round(url: str, reads: list[bytes], sent: list[bytes], beside: list[bytes]) -> _Round:
    most = await in_turn(url, reads, READERS)
    half = most.per_second / 2
    quiet = await _paced(url, iter(reads), half, asyncio.Event())
    alone = await in_turn(url, sent, SENDERS)
    enough = asyncio.Event()
    reading = asyncio.create_task(_paced(url, cycle(reads), half, enough))
    mixed = await in_turn(url, beside, SENDERS)
    enough.set()
    return _Round(alone, most, quiet, mixed, await reading)


async def _paced(url: str, reads: Iterator[bytes], per_second: float, enough: asyncio.Event) -> Times:
    """Reads at a rate, in turn by several readers, until there are no more or it is enough."""
    interval = READERS / per_second

    async def one_reader(number: int, kept: Kept) -> list[float]:
        times = []
        # Evenly one after another, not all at once.
        due = started + number / per_second
        for read in reads:
            await asyncio.sleep(due - time.perf_counter())
            if enough.is_set():
                break
            times.append(await kept.time(read))
            due = max(due + interval, time.perf_counter())
        return times

    open_ones = [await Kept.opened(url) for _ in range(READERS)]
    started = time.perf_counter()
    times = [
        one for of_reader in await asyncio.gather(*map(one_reader, range(READERS), open_ones)) for one in of_reader
    ]
    seconds = time.perf_counter() - started
    for kept in open_ones:
        await kept.close()
    return Times(len(times) / seconds, times)


def _month(number: int) -> str:
    """A month that begins on another day each time."""
    first = FIRST_DAY + number % (DAYS - MONTH)
    return f"/admin/usage/summary?from={format_day(first)}&to={format_day(first + MONTH)}"
