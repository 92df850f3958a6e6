"""The summary of windows that are cut inside days: the ragged ends are read from the records."""

import random
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from bench.dataset import FIRST_DAY
from bench.first_days import load_first_days
from bench.http_client import Times
from bench.load import LARGE, prove
from bench.result_table import WORDS, Column, Measured
from bench.timing import alternating, milliseconds
from talkmeter.ledger.engine import reading
from talkmeter.period import MICROSECONDS_PER_DAY, Window, present
from talkmeter.usage.revision import read_revision
from talkmeter.usage.summary import Summary, read_summary
from tests.postgres import engine_for

CONVERSATIONS_A_DAY: Final = 27_000
DAYS: Final = 10
CUTS: Final = 300
_NOW: Final = present((FIRST_DAY + 2 * DAYS) * MICROSECONDS_PER_DAY, 24)
_WHOLE: Final = "whole days"
_AT_MOST: Final = 40


def measure_window() -> Measured:
    """Whole days, one cut and two, and the hardest two: at noon, where as much is to be read as ever can be."""
    drawn = random.Random(1)
    with tempfile.TemporaryDirectory() as name, engine_for(f"sqlite:///{Path(name) / 'talkmeter.db'}") as engine:
        load_first_days(engine, CONVERSATIONS_A_DAY * DAYS, DAYS)
        prove(engine, 0)
        measures: dict[str, Callable[[], float]] = {
            _WHOLE: partial(_time, engine, _whole),
            "one end inside a day": partial(_time, engine, partial(_one_cut, drawn)),
            "both ends inside a day, anywhere": partial(_time, engine, partial(_two_cuts, drawn)),
            "both ends at noon, to the microsecond and beyond": partial(_time, engine, partial(_at_noon, drawn)),
        }
        found = {name: Times(0, times) for name, times in alternating(measures, CUTS, first=1).items()}
    rows = []
    for name, times in found.items():
        p50, p99 = times.at(0.5), times.at(0.99)
        at_most = None if name == _WHOLE else _AT_MOST
        rows.append((name, p50 / found[_WHOLE].at(0.5), p50, p99, at_most))
    return Measured(
        name="partial-days",
        title=(
            f"The summary of windows of up to {DAYS} days of {CONVERSATIONS_A_DAY:,} conversations each, "
            "in the process, SQLite"
        ),
        columns=(
            WORDS,
            Column("times whole days", 1),
            Column("p50 ms", 2),
            Column("p99 ms", 2),
            Column("p99 at most", 0),
        ),
        rows=tuple(rows),
        note=f"{CUTS} windows of each kind, every one another, in turn.",
    )


def _time(engine: Engine, cut: Callable[[], Window]) -> float:
    window = cut()
    return milliseconds(lambda: _summary(engine, window))


def _summary(engine: Engine, window: Window) -> Summary:
    with reading(engine) as connection:
        return read_summary(connection, LARGE, window, read_revision(connection, LARGE, _NOW), _NOW)


def _whole() -> Window:
    return _window(0, DAYS * MICROSECONDS_PER_DAY)


def _one_cut(drawn: random.Random) -> Window:
    return _window(0, (DAYS - 1) * MICROSECONDS_PER_DAY + _inside_a_day(drawn))


def _two_cuts(drawn: random.Random) -> Window:
    return _window(_inside_a_day(drawn), (DAYS - 1) * MICROSECONDS_PER_DAY + _inside_a_day(drawn))


def _at_noon(drawn: random.Random) -> Window:
    """Beyond half a day the rest of it is read instead, so these read the most."""
    noon = MICROSECONDS_PER_DAY // 2
    first, last = sorted(drawn.sample(range(DAYS), 2))
    start = first * MICROSECONDS_PER_DAY + noon + drawn.randrange(1_000_000)
    return _window(start, last * MICROSECONDS_PER_DAY + noon - drawn.randrange(1_000_000))


def _inside_a_day(drawn: random.Random) -> int:
    return drawn.randrange(1, MICROSECONDS_PER_DAY)


def _window(start: int, end: int) -> Window:
    first = FIRST_DAY * MICROSECONDS_PER_DAY
    return Window(first + start, first + end)
