"""Run the benchmarks and print their tables; every table states its workload, and medians are of interleaved runs."""

import argparse
import time
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from rich.console import Console

from bench.billing import measure_billing
from bench.breakdown import measure_breakdown
from bench.budgets import measure_budgets
from bench.engines import measure_engines
from bench.fairness import measure_fairness
from bench.growth import measure_growth
from bench.hostile_bodies import measure_hostile_bodies
from bench.http_summary import measure_http
from bench.ingest import measure_ingest
from bench.ingest_command import measure_ingest_command
from bench.mixed import measure_mixed
from bench.operator import measure_operator
from bench.page_load import measure_page_load
from bench.partial_days import measure_partial_days
from bench.postgresql import measure_postgresql
from bench.result_table import ResultTable, terminal_table
from bench.saved_results import machine, save, versions
from bench.single_events import measure_single_events
from bench.startup import measure_startup
from bench.summary import measure_summary
from bench.webhooks import measure_webhooks

_MAX_PAGE_CONVERSATIONS: Final = 100_000


class Sizes(NamedTuple):
    """The default sizes of the workloads."""

    conversations: int
    file_batches: int


DEFAULT_SIZES: Final = Sizes(conversations=1_000_000, file_batches=100)
FULL_SIZES: Final = Sizes(conversations=10_000_000, file_batches=1_000)


def main() -> None:
    """Run the chosen benchmarks and print the results."""
    arguments = _arguments()
    console = Console(width=120)
    console.print("; ".join([machine(), *(f"{name} {version}" for name, version in versions().items())]))
    sizes = FULL_SIZES if arguments.full else DEFAULT_SIZES
    if arguments.conversations is not None:
        sizes = sizes._replace(conversations=arguments.conversations)
    for name, measure in benchmark_groups(arguments.batches, arguments.rounds, sizes).items():
        if arguments.only in (None, name):
            started = time.perf_counter()
            for table in measure():
                console.print(terminal_table(table))
                if arguments.save:
                    save(table)
            console.print(f"{name}: {time.perf_counter() - started:.0f} s, including loading.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=40, help="batches of 1,000 events per run (default: 40)")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved runs of each measurement (default: 3)")
    parser.add_argument("--conversations", type=int, help="conversations in the large data set (default: 1,000,000)")
    parser.add_argument("--full", action="store_true", help="10 million conversations and a file of 1 million events")
    parser.add_argument("--only", choices=benchmark_groups(0, 0, DEFAULT_SIZES), help="run one group of tables")
    parser.add_argument("--save", action="store_true", help="save the results in bench/results")
    return parser.parse_args()


def benchmark_groups(batches: int, rounds: int, sizes: Sizes) -> dict[str, Callable[[], Iterable[ResultTable]]]:
    """Return the groups of tables by the name that `--only` takes."""
    conversations = sizes.conversations
    return {
        "ingest": lambda: [measure_ingest(batches, rounds)],
        "single-events": lambda: [measure_single_events(rounds)],
        "webhooks": lambda: [measure_webhooks(rounds)],
        "hostile-bodies": lambda: [measure_hostile_bodies(rounds)],
        "ingest-command": lambda: [measure_ingest_command(sizes.file_batches, rounds)],
        "summary": lambda: [measure_summary(conversations)],
        "partial-days": lambda: [measure_partial_days()],
        "mixed": lambda: measure_mixed(batches, rounds),
        "growth": lambda: measure_growth(conversations),
        "startup": lambda: measure_startup(conversations),
        "postgresql": lambda: measure_postgresql(conversations, batches // 2, rounds),
        "engines": lambda: [measure_engines(conversations)],
        "fairness": lambda: [measure_fairness()],
        "http": lambda: measure_http(rounds),
        "breakdown": lambda: [measure_breakdown(conversations)],
        "billing": lambda: measure_billing(conversations),
        "operator": lambda: [measure_operator()],
        "budgets": lambda: measure_budgets(batches, rounds),
        "page-load": lambda: [measure_page_load(min(conversations, _MAX_PAGE_CONVERSATIONS))],
    }


if __name__ == "__main__":
    main()
