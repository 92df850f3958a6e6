"""`talkmeter ingest` of a file of events, compared with `executemany` of the conversation rows only."""

import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from bench.http_client import single_events
from bench.ingest import BASELINE, executemany_rate
from bench.result_table import LABEL, ResultColumn, ResultTable
from bench.timing import interleaved, ratio
from bench.workload import BATCH, Workload
from talkmeter.db.sqlite import BULK
from talkmeter.ingest.files import LINES_PER_BATCH
from tests.servers import TALKMETER, environment_for

_TUNED_BASELINE: Final = "executemany with the command's transaction and cache sizes"
_TARGET: Final = 0.35


def measure_ingest_command(batches: int, rounds: int) -> ResultTable:
    """Measure the whole command, including its start."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "events.jsonl"
        with file.open("wb") as lines:
            for event in single_events(Workload(batches * BATCH)):
                lines.write(event + b"\n")
        mebibytes = file.stat().st_size / (1 << 20)
        measurements: dict[str, Callable[[Path], float]] = {
            BASELINE: partial(executemany_rate, batches=batches),
            _TUNED_BASELINE: partial(
                executemany_rate, batches=batches, rows_per_transaction=LINES_PER_BATCH, pragmas=BULK.pragmas
            ),
            "talkmeter ingest, history off": partial(command_rate, file=file, events=batches * BATCH, history_days="0"),
            "talkmeter ingest, history on": partial(command_rate, file=file, events=batches * BATCH, history_days=""),
        }
        results = interleaved(
            {name: partial(_in_temporary_folder, measure) for name, measure in measurements.items()}, rounds
        )
    return ResultTable(
        name="ingest-command",
        title=(
            f"`talkmeter ingest` of a file of {batches * BATCH:,} events, {mebibytes:,.0f} MiB, over one year in time "
            "order, UUID ids, one organization, SQLite"
        ),
        columns=(LABEL, ResultColumn("ratio", 2), ResultColumn("target", 2), ResultColumn("events/s", 0)),
        rows=tuple(
            (name, ratio(rates, results[BASELINE]), _TARGET if name.startswith("talkmeter") else None, median(rates))
            for name, rates in results.items()
        ),
        note=(
            "Includes the start of the command. The baseline is one table with the same indexes and durability, 1,000 "
            f"rows per transaction and SQLite's default settings otherwise. Medians of {rounds} interleaved runs."
        ),
    )


def command_rate(folder: Path, file: Path, events: int, history_days: str) -> float:
    """Return the events per second of one run of the command into a new database."""
    environment = environment_for(folder, {"history_days": history_days})
    started = time.perf_counter()
    result = subprocess.run(
        [str(TALKMETER), "ingest", str(file)], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - started
    assert result.stdout.startswith(f"{events:,} events: {events:,} accepted"), result.stdout + result.stderr
    return events / seconds


def _in_temporary_folder(measure: Callable[[Path], float]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        return measure(Path(folder))
