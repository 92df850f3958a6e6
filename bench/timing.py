"""Runs of several measures in turn, so that whatever else the machine does falls on all of them alike."""

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import TypeVar

Found = TypeVar("Found")


def alternating(measures: Mapping[str, Callable[[], Found]], rounds: int, *, first: int = 0) -> dict[str, list[Found]]:
    """What each measure found in each round; the `first` rounds are not counted."""
    found: dict[str, list[Found]] = {name: [] for name in measures}
    for turn in range(first + rounds):
        for name, measure in measures.items():
            one = measure()
            if turn >= first:
                found[name].append(one)
    return found


def milliseconds(measured: Callable[[], object]) -> float:
    """How long one run takes."""
    started = time.perf_counter()
    measured()
    return (time.perf_counter() - started) * 1000


def ratio(found: Sequence[float], against: Sequence[float]) -> float:
    """The median of the ratios of each round."""
    return median(one / other for one, other in zip(found, against, strict=True))
