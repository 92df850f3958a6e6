"""Prints the tables of `make bench`: ratios first, medians of alternating runs, each workload stated."""

import argparse
import time
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from rich.console import Console

from bench.breakdown import measure_breakdown
from bench.engines import measure_year
from bench.growth import measure_growth
from bench.http_summary import measure_http
from bench.ingest import measure_ingest
from bench.ingest_command import measure_command
from bench.mixed import measure_mixed
from bench.page_load import measure_paint
from bench.partial_days import measure_window
from bench.postgresql import measure_postgresql
from bench.result_table import Measured, screen_table
from bench.saved_results import machine, save, versions
from bench.single_events import measure_single
from bench.startup import measure_start
from bench.summary import measure_summary
from bench.webhooks import measure_hooks

_MOST_PAINTED: Final = 100_000


class _Sizes(NamedTuple):
    """How large the workloads are, where nothing else is asked for."""

    conversations: int
    file_batches: int


_USUAL: Final = _Sizes(conversations=1_000_000, file_batches=100)
_FULL: Final = _Sizes(conversations=10_000_000, file_batches=1_000)


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    console = Console(width=120)
    console.print("; ".join([machine(), *(f"{name} {version}" for name, version in versions().items())]))
    sizes = _FULL if arguments.full else _USUAL
    if arguments.conversations is not None:
        sizes = sizes._replace(conversations=arguments.conversations)
    for name, measure in _tables(arguments.batches, arguments.rounds, sizes).items():
        if arguments.only in (None, name):
            started = time.perf_counter()
            for measured in measure():
                console.print(screen_table(measured))
                if arguments.save:
                    save(measured)
            console.print(f"{name}: {time.perf_counter() - started:.0f} s, loading included.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=40, help="batches of 1 000 events a run")
    parser.add_argument("--rounds", type=int, default=3, help="alternating runs of each measure")
    parser.add_argument("--conversations", type=int, help="conversations of the large year; 1 000 000 where not given")
    parser.add_argument("--full", action="store_true", help="ten million conversations, a file of a million events")
    parser.add_argument("--only", choices=_tables(0, 0, _USUAL), help="one group of tables alone")
    parser.add_argument("--save", action="store_true", help="keep the results in bench/results")
    return parser.parse_args()


def _tables(batches: int, rounds: int, sizes: _Sizes) -> dict[str, Callable[[], Iterable[Measured]]]:
    conversations = sizes.conversations
    return {
        "ingest": lambda: [measure_ingest(batches, rounds)],
        "single-events": lambda: [measure_single(rounds)],
        "webhooks": lambda: [measure_hooks(rounds)],
        "ingest-command": lambda: [measure_command(sizes.file_batches, rounds)],
        "summary": lambda: [measure_summary(conversations)],
        "partial-days": lambda: [measure_window()],
        "mixed": lambda: [measure_mixed(batches, rounds)],
        "growth": lambda: measure_growth(conversations),
        "startup": lambda: measure_start(conversations),
        "postgresql": lambda: measure_postgresql(conversations, batches // 2, rounds),
        "engines": lambda: [measure_year(conversations)],
        "http": lambda: measure_http(rounds),
        "breakdown": lambda: [measure_breakdown(conversations)],
        "page-load": lambda: [measure_paint(min(conversations, _MOST_PAINTED))],
    }


main()
