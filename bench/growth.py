"""How the cost of reads and writes grows with the data: an exponent of 0 is constant, 1 is proportional."""

import math
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import linear_regression, median
from typing import Final, NamedTuple

from sqlalchemy import Engine

from bench.dataset import DAYS, FIRST_DAY
from bench.load import LARGE, MONTH, load_days, load_year
from bench.result_table import LABEL, Cell, ResultColumn, ResultTable
from bench.timing import interleaved, milliseconds
from bench.workload import BATCH, Workload
from talkmeter import clock
from talkmeter.db.engine import reading, transaction
from talkmeter.ledger.batch import OrgBatch
from talkmeter.ledger.write import write_batches
from talkmeter.period import MICROSECONDS_PER_DAY, Window, present
from talkmeter.records import Kind, State
from talkmeter.usage.breakdown import read_breakdown
from talkmeter.usage.breakdown_query import BreakdownOptions, breakdown_query
from talkmeter.usage.filters import Filter
from talkmeter.usage.records import read_records
from talkmeter.usage.revision import read_revision
from talkmeter.usage.summary import read_summary, summary_query
from tests.postgres import engine_for

SIZES: Final = (10_000, 100_000, 1_000_000, 10_000_000)
ORGANIZATIONS: Final = (1, 10, 100, 1_000)
CONVERSATIONS_EACH: Final = 1_000
ROUNDS: Final = 15
BATCHES_PER_WRITE: Final = 5
WRITE_ROUNDS: Final = 3
_NOW: Final = present((FIRST_DAY + DAYS) * MICROSECONDS_PER_DAY, 24)
_NOON: Final = MICROSECONDS_PER_DAY // 2
_BY_AGENT: Final = BreakdownOptions("agent", "calls")
_FIRST_WRITTEN_DAY: Final = 300


class _Measurement(NamedTuple):
    """One operation and how many rounds it is measured."""

    name: str
    run: Callable[[Engine], object]
    rounds: int = ROUNDS


def measure_growth(conversations: int) -> Iterable[ResultTable]:
    """Measure a growing organization, then a growing number of organizations."""
    sizes = [size for size in SIZES if size <= conversations]
    yield _growth_table(
        "growth-conversations",
        "Cost as one organization grows, 366 days",
        {size: partial(load_year, conversations=size, small=0) for size in sizes},
    )
    yield _growth_table(
        "growth-organizations",
        f"Cost as the number of organizations grows, {CONVERSATIONS_EACH:,} conversations in one month each",
        {
            number: partial(load_days, conversations=CONVERSATIONS_EACH, days=MONTH, organizations=number)
            for number in ORGANIZATIONS
        },
    )


def _growth_table(name: str, title: str, loads: Mapping[int, Callable[[Engine], object]]) -> ResultTable:
    rows: list[tuple[Cell, ...]] = []
    with ExitStack() as stack:
        engines = {}
        for size, load in loads.items():
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            engines[size] = stack.enter_context(engine_for(f"sqlite:///{Path(folder) / 'talkmeter.db'}"))
            load(engines[size])
        for measurement in _measurements():
            results = interleaved(
                {
                    str(size): partial(milliseconds, partial(measurement.run, engine))
                    for size, engine in engines.items()
                },
                measurement.rounds,
                warmup=1,
            )
            medians = [median(times) for times in results.values()]
            rows.append((measurement.name, exponent(list(engines), medians), *medians))
    return ResultTable(
        name=name,
        title=f"{title}, in-process, SQLite",
        columns=(LABEL, ResultColumn("exponent", 2), *(ResultColumn(f"ms at {size:,}", 2) for size in loads)),
        rows=tuple(rows),
        note=(
            "The exponent is the least-squares slope of log(time) over log(size). Medians of "
            f"{ROUNDS} interleaved runs, {WRITE_ROUNDS} for the write. BatchResult events are not removed."
        ),
    )


def exponent(sizes: list[int], times: list[float]) -> float:
    """Return e such that the times grow as size**e."""
    return linear_regression([math.log(size) for size in sizes], [math.log(time) for time in times]).slope


def _measurements() -> list[_Measurement]:
    year = _window(0, DAYS * MICROSECONDS_PER_DAY)
    month = _window(0, MONTH * MICROSECONDS_PER_DAY)
    cut_month = _window(_NOON - 1, (MONTH - 1) * MICROSECONDS_PER_DAY + _NOON + 1)
    return [
        _Measurement("summary of 366 days", partial(_summary, year)),
        _Measurement("summary of a month", partial(_summary, month)),
        _Measurement("breakdown of a month by agent", partial(_breakdown, month)),
        _Measurement("summary of a month, both ends at noon", partial(_summary, cut_month)),
        _Measurement("first page of 50 records", partial(_first_page, month)),
        _Measurement(f"durable write of {BATCHES_PER_WRITE} batches of {BATCH:,} events", _Writes(), WRITE_ROUNDS),
    ]


def _window(start: int, end: int) -> Window:
    first = FIRST_DAY * MICROSECONDS_PER_DAY
    return Window(first + start, first + end)


def _summary(window: Window, engine: Engine) -> None:
    with reading(engine) as connection:
        read_summary(connection, summary_query(LARGE, window, _NOW), read_revision(connection, LARGE, _NOW))


def _breakdown(window: Window, engine: Engine) -> None:
    with reading(engine) as connection:
        revision = read_revision(connection, LARGE, _NOW)
        read_breakdown(connection, breakdown_query(LARGE, window, _NOW, _BY_AGENT), revision, key="bench")


def _first_page(window: Window, engine: Engine) -> None:
    with reading(engine) as connection:
        revision = read_revision(connection, LARGE, _NOW)
        read_records(connection, LARGE, window, Filter(Kind.CONVERSATION), revision, _NOW, key="bench")


class _Writes:
    """Writes new events, one transaction per batch; every database gets the same events."""

    def __init__(self) -> None:
        """Generate all events in advance, 1,000 per day, for days that the other measurements do not read."""
        batches = BATCHES_PER_WRITE * (WRITE_ROUNDS + 1)
        states = Workload(DAYS * BATCH).states(_FIRST_WRITTEN_DAY * BATCH, batches * BATCH)
        self._batches = [list(islice(states, BATCH)) for _ in range(batches)]
        self._remaining: dict[Engine, Iterator[list[State]]] = {}

    def __call__(self, engine: Engine) -> None:
        """Write the next batches of this database."""
        remaining = self._remaining.setdefault(engine, iter(self._batches))
        for states in islice(remaining, BATCHES_PER_WRITE):
            with transaction(engine) as connection:
                write_batches(
                    connection, [OrgBatch(LARGE, "bench", list(enumerate(states)))], clock.now(), keep_history=True
                )
