"""Summaries of windows that start or end within a day; such partial days are read from the records."""

import random
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from bench.dataset import FIRST_DAY
from bench.http_client import Latencies
from bench.load import LARGE, load_days, verify_load
from bench.result_table import LABEL, ResultColumn, ResultTable
from bench.timing import interleaved, milliseconds
from talkmeter.db.engine import reading
from talkmeter.period import MICROSECONDS_PER_DAY, Window, present
from talkmeter.usage.revision import read_revision
from talkmeter.usage.summary import Summary, read_summary, summary_query
from tests.postgres import engine_for

CONVERSATIONS_PER_DAY: Final = 27_000
DAYS: Final = 10
WINDOWS: Final = 300
_NOW: Final = present((FIRST_DAY + 2 * DAYS) * MICROSECONDS_PER_DAY, 24)
_WHOLE_DAYS: Final = "whole days"
_TARGET_P99_MS: Final = 40


def measure_partial_days() -> ResultTable:
    """Measure whole days, one partial day, two partial days, and two of half a day, which read the most records."""
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as name, engine_for(f"sqlite:///{Path(name) / 'talkmeter.db'}") as engine:
        load_days(engine, CONVERSATIONS_PER_DAY * DAYS, DAYS)
        verify_load(engine, 0)
        measurements: dict[str, Callable[[], float]] = {
            _WHOLE_DAYS: partial(_time, engine, _whole_days),
            "one end within a day": partial(_time, engine, partial(_one_partial_day, rng)),
            "both ends within a day, random times": partial(_time, engine, partial(_two_partial_days, rng)),
            "both ends at noon (worst case)": partial(_time, engine, partial(_half_days, rng)),
        }
        results = {name: Latencies(0, times) for name, times in interleaved(measurements, WINDOWS, warmup=1).items()}
    rows = []
    for name, latencies in results.items():
        p50, p99 = latencies.percentile(0.5), latencies.percentile(0.99)
        target = None if name == _WHOLE_DAYS else _TARGET_P99_MS
        rows.append((name, p50 / results[_WHOLE_DAYS].percentile(0.5), p50, p99, target))
    return ResultTable(
        name="partial-days",
        title=(
            f"Summaries of windows of up to {DAYS} days with {CONVERSATIONS_PER_DAY:,} conversations per day, "
            "in-process, SQLite"
        ),
        columns=(
            LABEL,
            ResultColumn("ratio to whole days", 1),
            ResultColumn("p50 ms", 2),
            ResultColumn("p99 ms", 2),
            ResultColumn("p99 target", 0),
        ),
        rows=tuple(rows),
        note=f"{WINDOWS} different windows of each kind, interleaved.",
    )


def _time(engine: Engine, next_window: Callable[[], Window]) -> float:
    window = next_window()
    return milliseconds(lambda: _summary(engine, window))


def _summary(engine: Engine, window: Window) -> Summary:
    with reading(engine) as connection:
        return read_summary(connection, summary_query(LARGE, window, _NOW), read_revision(connection, LARGE, _NOW))


def _whole_days() -> Window:
    return _window(0, DAYS * MICROSECONDS_PER_DAY)


def _one_partial_day(rng: random.Random) -> Window:
    return _window(0, (DAYS - 1) * MICROSECONDS_PER_DAY + _time_of_day(rng))


def _two_partial_days(rng: random.Random) -> Window:
    return _window(_time_of_day(rng), (DAYS - 1) * MICROSECONDS_PER_DAY + _time_of_day(rng))


def _half_days(rng: random.Random) -> Window:
    """Return the worst case: of a longer partial day, the rest of the day is read instead."""
    noon = MICROSECONDS_PER_DAY // 2
    first, last = sorted(rng.sample(range(DAYS), 2))
    start = first * MICROSECONDS_PER_DAY + noon + rng.randrange(1_000_000)
    return _window(start, last * MICROSECONDS_PER_DAY + noon - rng.randrange(1_000_000))


def _time_of_day(rng: random.Random) -> int:
    return rng.randrange(1, MICROSECONDS_PER_DAY)


def _window(start: int, end: int) -> Window:
    first = FIRST_DAY * MICROSECONDS_PER_DAY
    return Window(first + start, first + end)
