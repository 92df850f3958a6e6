"""A file of events through `talkmeter ingest`, beside `executemany` of the winning conversation rows alone."""

import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from bench.http_client import single_events
from bench.ingest import executemany_rate
from bench.result_table import WORDS, Column, Measured
from bench.timing import alternating, ratio
from bench.workload import BATCH, Workload
from talkmeter.ingest.files import LINES_PER_BATCH
from talkmeter.ledger.sqlite import BULK
from tests.servers import TALKMETER, environment_for

_BARE: Final = "executemany of the rows alone"
_BARE_IN_OUR_WAY: Final = "the same, transactions and memory as the command's"


def measure_command(batches: int, rounds: int) -> Measured:
    """The whole command, from its start to its end."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "events.jsonl"
        with file.open("wb") as lines:
            for event in single_events(Workload(batches * BATCH)):
                lines.write(event + b"\n")
        mebibytes = file.stat().st_size / (1 << 20)
        measures: dict[str, Callable[[Path], float]] = {
            _BARE: partial(executemany_rate, batches=batches),
            _BARE_IN_OUR_WAY: partial(
                executemany_rate, batches=batches, rows_at_once=LINES_PER_BATCH, room=BULK.settings
            ),
            "talkmeter ingest, history off": partial(command_rate, file=file, events=batches * BATCH, history_days="0"),
            "talkmeter ingest, history on": partial(command_rate, file=file, events=batches * BATCH, history_days=""),
        }
        found = alternating({name: partial(_in_a_folder, measure) for name, measure in measures.items()}, rounds)
    return Measured(
        name="ingest-command",
        title=(
            f"`talkmeter ingest` of a file of {batches * BATCH:,} events, {mebibytes:,.0f} MiB, spread over a year in "
            "time order, UUID ids, one organization, SQLite"
        ),
        columns=(WORDS, Column("ratio", 2), Column("at least", 2), Column("events/s", 0)),
        rows=tuple(
            (name, ratio(rates, found[_BARE]), 0.35 if name.startswith("talkmeter") else None, median(rates))
            for name, rates in found.items()
        ),
        note=(
            "The start of the command is in it. Against one table of the same indexes and durability, 1 000 rows a "
            f"transaction, SQLite's own settings otherwise; medians of {rounds} alternating runs."
        ),
    )


def command_rate(folder: Path, file: Path, events: int, history_days: str) -> float:
    """Events a second of one run of the command, into a ledger that is not there yet."""
    environment = environment_for(folder, {"history_days": history_days})
    started = time.perf_counter()
    done = subprocess.run(
        [str(TALKMETER), "ingest", str(file)], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - started
    assert done.stdout.startswith(f"{events:,} events: {events:,} accepted"), done.stdout + done.stderr
    return events / seconds


def _in_a_folder(measure: Callable[[Path], float]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        return measure(Path(folder))
