"""Timing helpers: interleaved runs, so that background load on the machine affects every measurement alike."""

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import TypeVar

Result = TypeVar("Result")


def interleaved(
    measurements: Mapping[str, Callable[[], Result]], rounds: int, *, warmup: int = 0
) -> dict[str, list[Result]]:
    """Run every measurement once per round and return its results; the results of `warmup` rounds are dropped."""
    results: dict[str, list[Result]] = {name: [] for name in measurements}
    for number in range(warmup + rounds):
        for name, measure in measurements.items():
            result = measure()
            if number >= warmup:
                results[name].append(result)
    return results


def milliseconds(function: Callable[[], object]) -> float:
    """Return how long one call takes."""
    started = time.perf_counter()
    function()
    return (time.perf_counter() - started) * 1000


def ratio(values: Sequence[float], baseline: Sequence[float]) -> float:
    """Return the median of the per-round ratios."""
    return median(value / base for value, base in zip(values, baseline, strict=True))
