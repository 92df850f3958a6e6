"""Mixed load: ingest and reads at the same time, compared with each alone."""

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
from bench.http_client import KeepAliveConnection, Latencies, get_request, post_request, run, send_all
from bench.load import LARGE, load_year
from bench.result_table import LABEL, ResultColumn, ResultTable
from bench.timing import ratio
from bench.workload import BATCH, Workload
from talkmeter.period import format_day
from tests.postgres import engine_for
from tests.servers import running_server

READERS: Final = 16
SENDERS: Final = 2
READS: Final = 600
MONTH_DAYS: Final = 30
_CONVERSATIONS: Final = 100_000
_MAX_RATIO: Final = {1: 15, 2: 6}
"""The p99 of reads with ingest, by the number of workers, as a multiple of that of reads alone."""


class _Round(NamedTuple):
    """The results of one round."""

    ingest_alone: Latencies
    """Batches, without reads."""
    max_reads: Latencies
    """Reads as fast as possible, without ingest."""
    reads_alone: Latencies
    """Reads at half that rate, without ingest."""
    ingest_mixed: Latencies
    """Batches, while reads run at half their maximum rate."""
    reads_mixed: Latencies
    """The reads at the same time."""


def measure_mixed(batches: int, rounds: int) -> Iterator[ResultTable]:
    """Measure ingest and reads, alone and mixed, with one worker and with two."""
    for workers in (1, 2):
        yield _measure(workers, batches, rounds)


def _measure(workers: int, batches: int, rounds: int) -> ResultTable:
    bodies = iter(Workload(2 * batches * (rounds + 1) * BATCH).bodies(0, 2 * batches * (rounds + 1)))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        engine = stack.enter_context(engine_for(f"sqlite:///{folder / 'talkmeter.db'}"))
        load_year(engine, _CONVERSATIONS)
        # The answer cache is off, so every response is computed.
        server = stack.enter_context(running_server(folder, answer_bytes="0", workers=str(workers)))
        key = server.cli("keys", "add", "--org", LARGE, "--role", "admin")
        sender = server.cli("keys", "add", "--sender")
        reads = [get_request(_month(number), key) for number in range(READS)]
        results = []
        for _ in range(rounds + 1):
            first, second = ([post_request(next(bodies), sender) for _ in range(batches)] for _ in range(2))
            results.append(run(_run_round(server.url, reads, first, second)))
    return _table(results[1:], batches, workers)


def _table(results: list[_Round], batches: int, workers: int) -> ResultTable:
    ingest_alone = [each.ingest_alone.per_second * BATCH for each in results]
    ingest_mixed = [each.ingest_mixed.per_second * BATCH for each in results]
    reads_alone = [each.reads_alone.percentile(0.99) for each in results]
    reads_mixed = [each.reads_mixed.percentile(0.99) for each in results]
    return ResultTable(
        name="mixed" if workers == 1 else f"mixed-{workers}-workers",
        title=(
            f"{READERS} readers request summaries of different months at half their maximum rate, while "
            f"{batches} batches of {BATCH:,} events arrive over {SENDERS} connections; one organization, SQLite, "
            f"{workers} worker{'' if workers == 1 else 's'}"
        ),
        columns=(
            LABEL,
            ResultColumn("ratio", 2),
            ResultColumn("target"),
            ResultColumn("per second", 0),
            ResultColumn("p99 ms", 1),
        ),
        rows=(
            (
                *("ingest alone: events", 1.0, ""),
                *(median(ingest_alone), median(each.ingest_alone.percentile(0.99) for each in results)),
            ),
            (
                *("ingest with reads: events", ratio(ingest_mixed, ingest_alone), "at least 0.40"),
                *(median(ingest_mixed), median(each.ingest_mixed.percentile(0.99) for each in results)),
            ),
            (
                *("reads alone, maximum rate", None, ""),
                *(
                    median(each.max_reads.per_second for each in results),
                    median(each.max_reads.percentile(0.99) for each in results),
                ),
            ),
            (
                *("reads alone, half that rate", 1.0, ""),
                *(median(each.reads_alone.per_second for each in results), median(reads_alone)),
            ),
            (
                *(
                    "reads with ingest, half that rate",
                    ratio(reads_mixed, reads_alone),
                    f"p99 ratio at most {_MAX_RATIO[workers]}",
                ),
                *(median(each.reads_mixed.per_second for each in results), median(reads_mixed)),
            ),
        ),
        note=(
            f"{_CONVERSATIONS:,} conversations stored before; medians of {len(results)} rounds; history on. A reader "
            "that falls behind its schedule sends at once, so the rate reached may be below half the maximum."
        ),
    )


async def _run_round(url: str, reads: list[bytes], first_batches: list[bytes], second_batches: list[bytes]) -> _Round:
    max_reads = await send_all(url, reads, READERS)
    half_rate = max_reads.per_second / 2
    reads_alone = await _read_at_rate(url, iter(reads), half_rate, asyncio.Event())
    ingest_alone = await send_all(url, first_batches, SENDERS)
    stop = asyncio.Event()
    reading = asyncio.create_task(_read_at_rate(url, cycle(reads), half_rate, stop))
    ingest_mixed = await send_all(url, second_batches, SENDERS)
    stop.set()
    return _Round(ingest_alone, max_reads, reads_alone, ingest_mixed, await reading)


async def _read_at_rate(url: str, reads: Iterator[bytes], per_second: float, stop: asyncio.Event) -> Latencies:
    """Send reads at a fixed rate, spread over several readers, until all are sent or `stop` is set."""
    interval = READERS / per_second

    async def run_reader(number: int, connection: KeepAliveConnection) -> list[float]:
        times = []
        # The readers start one after another, evenly spaced.
        due = started + number / per_second
        for read in reads:
            await asyncio.sleep(due - time.perf_counter())
            if stop.is_set():
                break
            times.append(await connection.time(read))
            due = max(due + interval, time.perf_counter())
        return times

    connections = [await KeepAliveConnection.open(url) for _ in range(READERS)]
    started = time.perf_counter()
    times = await asyncio.gather(*map(run_reader, range(READERS), connections))
    seconds = time.perf_counter() - started
    for connection in connections:
        await connection.close()
    all_times = [each for of_reader in times for each in of_reader]
    return Latencies(len(all_times) / seconds, all_times)


def _month(number: int) -> str:
    """Return the URL of a summary of 30 days; each number starts on a different day."""
    first = FIRST_DAY + number % (DAYS - MONTH_DAYS)
    return f"/admin/usage/summary?from={format_day(first)}&to={format_day(first + MONTH_DAYS)}"
