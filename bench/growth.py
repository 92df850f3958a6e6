"""How the cost of what is cheap grows with what is stored: the exponent, 0 where it does not and 1 where it doubles."""

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
from bench.first_days import MONTH, load_first_days
from bench.load import LARGE, load_year
from bench.result_table import WORDS, Cell, Column, Measured
from bench.timing import alternating, milliseconds
from bench.workload import BATCH, Workload
from talkmeter import clock
from talkmeter.ledger.arrivals import Work
from talkmeter.ledger.engine import reading, transaction
from talkmeter.ledger.write import write_batch
from talkmeter.period import MICROSECONDS_PER_DAY, Window, present
from talkmeter.records import Kind, State
from talkmeter.usage.breakdown import Split, read_breakdown
from talkmeter.usage.matching import Filter
from talkmeter.usage.records import read_records
from talkmeter.usage.revision import read_revision
from talkmeter.usage.summary import read_summary
from tests.postgres import engine_for

SIZES: Final = (10_000, 100_000, 1_000_000, 10_000_000)
ORGANIZATIONS: Final = (1, 10, 100, 1_000)
CONVERSATIONS_OF_EACH: Final = 1_000
ROUNDS: Final = 15
APPENDED: Final = 5
APPENDING_ROUNDS: Final = 3
_NOW: Final = present((FIRST_DAY + DAYS) * MICROSECONDS_PER_DAY, 24)
_NOON: Final = MICROSECONDS_PER_DAY // 2
_BY_AGENT: Final = Split("agent", "calls")
_APPENDED_FROM_DAY: Final = 300


class _Measure(NamedTuple):
    """One thing that ought to be cheap, for a number of rounds."""

    name: str
    run: Callable[[Engine], object]
    rounds: int = ROUNDS


def measure_growth(conversations: int) -> Iterable[Measured]:
    """One organization that grows, and organizations that become more."""
    sizes = [size for size in SIZES if size <= conversations]
    yield _grown(
        "growth-conversations",
        "What is cheap, as one organization grows over 366 days",
        {size: partial(load_year, conversations=size, small=0) for size in sizes},
    )
    yield _grown(
        "growth-organizations",
        f"What is cheap, as organizations of {CONVERSATIONS_OF_EACH:,} conversations in a month become more",
        {
            number: partial(load_first_days, conversations=CONVERSATIONS_OF_EACH, days=MONTH, organizations=number)
            for number in ORGANIZATIONS
        },
    )


def _grown(name: str, title: str, loads: Mapping[int, Callable[[Engine], object]]) -> Measured:
    rows: list[tuple[Cell, ...]] = []
    with ExitStack() as stack:
        engines = {}
        for size, load in loads.items():
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            engines[size] = stack.enter_context(engine_for(f"sqlite:///{Path(folder) / 'talkmeter.db'}"))
            load(engines[size])
        for measure in _measures():
            found = alternating(
                {str(size): partial(milliseconds, partial(measure.run, engine)) for size, engine in engines.items()},
                measure.rounds,
                first=1,
            )
            medians = [median(times) for times in found.values()]
            rows.append((measure.name, exponent(list(engines), medians), *medians))
    return Measured(
        name=name,
        title=f"{title}; in the process, SQLite",
        columns=(WORDS, Column("exponent", 2), *(Column(f"ms at {size:,}", 2) for size in loads)),
        rows=tuple(rows),
        note=(
            "The exponent is the slope of the logarithms, by least squares. Medians of "
            f"{ROUNDS} alternating runs, {APPENDING_ROUNDS} of appending; what is appended stays."
        ),
    )


def exponent(sizes: list[int], times: list[float]) -> float:
    """How the times grow with the sizes: as the size to this power."""
    return linear_regression([math.log(size) for size in sizes], [math.log(one) for one in times]).slope


def _measures() -> list[_Measure]:
    year = _window(0, DAYS * MICROSECONDS_PER_DAY)
    month = _window(0, MONTH * MICROSECONDS_PER_DAY)
    ragged = _window(_NOON - 1, (MONTH - 1) * MICROSECONDS_PER_DAY + _NOON + 1)
    return [
        _Measure("summary of 366 days", partial(_summary, year)),
        _Measure("summary of a month", partial(_summary, month)),
        _Measure("breakdown of a month by agent", partial(_breakdown, month)),
        _Measure("summary of a month, both ends at noon", partial(_summary, ragged)),
        _Measure("first page of 50 records", partial(_first_page, month)),
        _Measure(f"durable: {APPENDED} batches of {BATCH:,} events", _Appending(), APPENDING_ROUNDS),
    ]


def _window(start: int, end: int) -> Window:
    first = FIRST_DAY * MICROSECONDS_PER_DAY
    return Window(first + start, first + end)


def _summary(window: Window, engine: Engine) -> None:
    with reading(engine) as connection:
        read_summary(connection, LARGE, window, read_revision(connection, LARGE, _NOW), _NOW)


def _breakdown(window: Window, engine: Engine) -> None:
    with reading(engine) as connection:
        read_breakdown(connection, LARGE, window, _BY_AGENT, _NOW)


def _first_page(window: Window, engine: Engine) -> None:
    with reading(engine) as connection:
        revision = read_revision(connection, LARGE, _NOW)
        read_records(connection, LARGE, window, Filter(Kind.CONVERSATION), revision, _NOW, key="bench")


class _Appending:
    """Writes what a ledger does not hold yet, a transaction for each batch; every ledger is sent the same."""

    def __init__(self) -> None:
        """Draw all of it beforehand: conversations of days that nobody reads here, 1,000 to a day."""
        batches = APPENDED * (APPENDING_ROUNDS + 1)
        states = Workload(DAYS * BATCH).states(_APPENDED_FROM_DAY * BATCH, batches * BATCH)
        self._batches = [list(islice(states, BATCH)) for _ in range(batches)]
        self._left: dict[Engine, Iterator[list[State]]] = {}

    def __call__(self, engine: Engine) -> None:
        """Write the next ones."""
        left = self._left.setdefault(engine, iter(self._batches))
        for states in islice(left, APPENDED):
            with transaction(engine) as connection:
                write_batch(
                    connection, {LARGE: [Work("bench", list(enumerate(states)))]}, clock.now(), keep_history=True
                )
