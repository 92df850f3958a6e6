"""Prints the table of `make bench`: ratios first, medians of alternating runs, each workload stated."""

import argparse
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from bench.breakdown import AGENTS, breakdown_growth, export_growth
from bench.ingest import executemany_rate, http_rate
from bench.paint import LOADS, paint_times
from bench.summary import load, summary_latency


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=60, help="batches of 1 000 events a run")
    parser.add_argument("--rounds", type=int, default=3, help="alternating runs of each measure")
    parser.add_argument("--conversations", type=int, default=1_000_000, help="conversations of the large year")
    parser.add_argument("--only", choices=["ingest", "summary", "breakdown", "paint"], help="one table alone")
    arguments = parser.parse_args()
    console = Console(width=110)
    console.print(f"{platform.machine()}, Python {platform.python_version()}, {platform.system()} {platform.release()}")
    tables: dict[str, Callable[[], Table | str]] = {
        "ingest": lambda: measure_ingest(arguments.batches, arguments.rounds),
        "summary": lambda: measure_summary(arguments.conversations),
        "breakdown": lambda: measure_breakdown(arguments.conversations),
        "paint": lambda: measure_paint(min(arguments.conversations, 100_000)),
    }
    for name, measure in tables.items():
        if arguments.only in (None, name):
            console.print(measure())


def measure_ingest(batches: int, rounds: int) -> Table:
    """Durable ingest against executemany, alternating within each round."""
    runs: dict[str, list[tuple[float, float]]] = {}
    measures: dict[str, Callable[[Path], tuple[float, float]]] = {
        "executemany of the rows alone": lambda folder: (executemany_rate(folder, batches), 0.0),
        "HTTP, history off": lambda folder: http_rate(folder, batches, history_days="0"),
        "HTTP, history on": lambda folder: http_rate(folder, batches),
        "HTTP, history off, 200 organizations": lambda folder: http_rate(folder, batches, 200, history_days="0"),
        "HTTP, history on, 200 organizations": lambda folder: http_rate(folder, batches, 200),
    }
    for _ in range(rounds):
        for name, run in measures.items():
            with tempfile.TemporaryDirectory() as folder:
                runs.setdefault(name, []).append(run(Path(folder)))
    table = Table(
        title=f"Durable ingest: {batches} batches of 1 000 events, UUID ids, 50 agents, 20 numbers, time order"
    )
    for column in ("", "ratio", "events/s", "bytes/conversation"):
        table.add_column(column, justify="left" if not column else "right")
    baselines = [rate for rate, _ in runs["executemany of the rows alone"]]
    for name, figures in runs.items():
        ratio = median(rate / baseline for (rate, _), baseline in zip(figures, baselines, strict=True))
        rate, size = (median(values) for values in zip(*figures, strict=True))
        table.add_row(name, f"{ratio:.2f}", f"{rate:,.0f}", f"{size:,.0f}" if size else "")
    return table


def measure_summary(conversations: int) -> Table:
    """The year's summary at two sizes of the same year."""
    table = Table(title="Summary of 366 days over HTTP, one connection, computed anew each time")
    for column in (
        "conversations",
        "cost ratio",
        "p50 ms",
        "p99 ms",
        "requests/s",
        "server MiB (PSS)",
        "bytes/conversation",
    ):
        table.add_column(column, justify="right")
    first: float | None = None
    for number in (10_000, conversations):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            load(folder, number)
            size = sum(path.stat().st_size for path in folder.glob("talkmeter.db*")) / number
            measured = summary_latency(folder, number)
        first = first or measured.p50_ms
        table.add_row(
            f"{number:,}",
            f"{measured.p50_ms / first:.2f}",
            f"{measured.p50_ms:.2f}",
            f"{measured.p99_ms:.2f}",
            f"{measured.per_second:,.0f}",
            f"{measured.server_mib:.0f}",
            f"{size:,.0f}",
        )
    return table


def measure_breakdown(conversations: int) -> Table:
    """What drives the usage and the records behind it, each against what it must not fall behind."""
    title = f"{AGENTS} agents, {conversations:,} conversations; medians of alternating runs, in the process"
    table = Table(title=title)
    for column in ("", "ratio", "wanted", "", "ms", "against", "ms"):
        table.add_column(column, justify="right" if column in ("ratio", "ms") else "left")
    with tempfile.TemporaryDirectory() as name:
        for one in breakdown_growth(Path(name), conversations):
            ratio = f"{one.large_ms / one.small_ms:.2f}"
            table.add_row(
                one.name, ratio, one.wanted, one.small, f"{one.small_ms:.2f}", one.large, f"{one.large_ms:.2f}"
            )
        rate, before, after = export_growth(Path(name) / "one", conversations + 1)
    table.caption = (
        f"CSV of all records over HTTP: {rate:,.0f} records/s; server {before:.0f} MiB before, {after:.0f} after"
    )
    return table


def measure_paint(conversations: int) -> Table | str:
    """How soon the page shows its numbers."""
    with tempfile.TemporaryDirectory() as folder:
        measured = paint_times(Path(folder), conversations)
    if measured is None:
        return "The page was not timed: there is no Chromium (apt-get install chromium, or TALKMETER_CHROMIUM)."
    table = Table(title=f"The page in Chromium, medians of {LOADS}, nothing in its cache")
    for column in ("", "seconds", "at most"):
        table.add_column(column, justify="left" if not column else "right")
    names = ("cards with numbers", "last chart", "range changed to a year")
    for name, seconds, most in zip(names, measured, (1.0, 1.5, 0.8), strict=True):
        table.add_row(name, f"{seconds:.2f}", f"{most:.1f}")
    return table


main()
