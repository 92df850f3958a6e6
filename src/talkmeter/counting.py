"""The counting rules: what each record adds to which day (docs/reference/counting.md; one test for each rule).

Every figure is computed here, by pure functions: `fold` sums the counts of records to daily totals, and partial days
apply the same `call_counts` and `run_counts` to groups of equal records.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from operator import attrgetter
from typing import Final, Literal, NamedTuple

from talkmeter.period import day_of
from talkmeter.records import (
    LIVE_RUN_STATUSES,
    LIVE_STATUSES,
    UNCOUNTED_STATUS,
    Conversation,
    InventoryItem,
    Record,
    WorkflowExecution,
)


class Counters(NamedTuple):
    """The counters of one daily total: integer counts and milliseconds."""

    calls: int = 0
    voice_calls: int = 0
    chat_calls: int = 0
    inbound_calls: int = 0
    outbound_calls: int = 0
    timed_calls: int = 0
    live_calls: int = 0
    voice_ms: int = 0
    chat_ms: int = 0
    runs: int = 0
    runs_success: int = 0
    runs_failed: int = 0
    live_runs: int = 0


COUNTERS: Final = Counters._fields
ZERO: Final = Counters()


class DayKey(NamedTuple):
    """The key of a daily total: `day` is in days since 1970 (UTC); `value` is empty for `total` and missing values."""

    dimension: str
    day: int
    value: str


def call_counts(modality: str, direction: str, status: str, calls: int, timed_calls: int, duration_ms: int) -> Counters:
    """Return what `calls` conversations with one modality, direction and status add; `timed_calls` have a duration.

    Every conversation counts except `token_created`: unanswered, failed, cancelled and live ones are calls.
    """
    if status == UNCOUNTED_STATUS:
        return ZERO
    voice = modality == "voice"
    inbound = direction == "inbound"
    return Counters(
        calls=calls,
        voice_calls=calls if voice else 0,
        chat_calls=0 if voice else calls,
        inbound_calls=calls if inbound else 0,
        outbound_calls=0 if inbound else calls,
        timed_calls=timed_calls,
        live_calls=calls if status in LIVE_STATUSES else 0,
        voice_ms=duration_ms if voice else 0,
        chat_ms=0 if voice else duration_ms,
    )


def run_counts(status: str, runs: int) -> Counters:
    """Return what `runs` workflow executions with one status add; running, waiting and cancelled ones add to `runs`."""
    return Counters(
        runs=runs,
        runs_success=runs if status == "success" else 0,
        runs_failed=runs if status == "failed" else 0,
        live_runs=runs if status in LIVE_RUN_STATUSES else 0,
    )


def counts_of(record: Record | None) -> Counters:
    """Return what one record adds to its day; deletions (None) and inventory items add nothing."""
    match record:
        case Conversation(modality=modality, direction=direction, status=status, duration_ms=duration_ms):
            return call_counts(modality, direction, status, 1, int(duration_ms is not None), duration_ms or 0)
        case WorkflowExecution(status=status):
            return run_counts(status, 1)
        case _:
            return ZERO


Dimension = Literal["agent", "number", "widget", "channel", "modality", "direction", "status", "workflow", "run_status"]
CALL_DIMENSIONS: Final[dict[Dimension, str]] = {
    "agent": "agent_id",
    "number": "agent_number",
    "widget": "web_widget_id",
    "channel": "channel",
    "modality": "modality",
    "direction": "direction",
    "status": "status",
}
"""The dimensions of conversations, each with the field of `Conversation` that holds its value."""
RUN_DIMENSIONS: Final[dict[Dimension, str]] = {"workflow": "workflow_id", "run_status": "status"}
"""The dimensions of workflow executions, each with the field of `WorkflowExecution` that holds its value."""
DIMENSIONS: Final = (*CALL_DIMENSIONS, *RUN_DIMENSIONS)
TOTAL: Final = "total"
DAILY_DIMENSIONS: Final = (TOTAL, *DIMENSIONS)
"""The dimensions of daily totals."""
_call_values: Final = attrgetter(*CALL_DIMENSIONS.values())
_run_values: Final = attrgetter(*RUN_DIMENSIONS.values())


def dimensions_of(record: Conversation | WorkflowExecution) -> Iterator[tuple[str, str]]:
    """Yield every (dimension, value) that a record counts under; a missing value is the empty string."""
    yield TOTAL, ""
    is_call = isinstance(record, Conversation)
    names, values = (CALL_DIMENSIONS, _call_values(record)) if is_call else (RUN_DIMENSIONS, _run_values(record))
    for name, value in zip(names, values, strict=True):
        yield name, value or ""


def fold(changes: Iterable[tuple[Record | None, Record | None]]) -> dict[DayKey, Counters]:
    """Sum `counts_of(new) - counts_of(old)` of (old, new) pairs by daily total; unchanged totals are left out."""
    sums: dict[tuple[str, int, str], list[int]] = {}
    for old, new in changes:
        _contribute(sums, old, -1)
        _contribute(sums, new, 1)
    return {DayKey(*key): Counters(*amounts) for key, amounts in sums.items() if any(amounts)}


def _contribute(sums: dict[tuple[str, int, str], list[int]], record: Record | None, sign: int) -> None:
    """Add or subtract one record's counts in every daily total that it belongs to."""
    if record is None or isinstance(record, InventoryItem):
        return
    ones, milliseconds, duration_ms = _increments(record)
    if not ones:
        return
    day = day_of(record.created_at)
    for dimension, value in dimensions_of(record):
        key = (dimension, day, value)
        counters = sums.get(key)
        if counters is None:
            counters = sums[key] = [0] * len(COUNTERS)
        for index in ones:
            counters[index] += sign
        for index in milliseconds:
            counters[index] += sign * duration_ms


def _increments(record: Conversation | WorkflowExecution) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """Return the indexes of the counters that go up by one, of those that go up by the duration, and the duration."""
    if isinstance(record, WorkflowExecution):
        return _run_increments(record.status), (), 0
    timed = record.duration_ms is not None
    return *_call_increments(record.modality, record.direction, record.status, timed), record.duration_ms or 0


@cache
def _call_increments(
    modality: str,
    direction: str,
    status: str,
    timed: bool,  # noqa: FBT001  a key of the cache
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the indexes of the counters that such a call increases by one, and of those it adds its duration to."""
    ones = call_counts(modality, direction, status, 1, int(timed), 0)
    with_duration = call_counts(modality, direction, status, 1, int(timed), 1)
    return _nonzero(ones), tuple(index for index in _nonzero(with_duration) if not ones[index])


@cache
def _run_increments(status: str) -> tuple[int, ...]:
    """Return the indexes of the counters that a run with this status increases by one."""
    return _nonzero(run_counts(status, 1))


def _nonzero(counts: Counters) -> tuple[int, ...]:
    return tuple(index for index, amount in enumerate(counts) if amount)


def add(rows: Iterable[Counters]) -> Counters:
    """Return the sum of counters."""
    return Counters(*map(sum, zip(*rows, strict=True))) if (rows := list(rows)) else ZERO


def minutes(milliseconds: int) -> float:
    """Convert to minutes with two decimals, rounded half up once per figure (docs/reference/counting.md, "Minutes")."""
    return ((milliseconds + 300) // 600) / 100


def average_seconds(milliseconds: int, timed_calls: int) -> float:
    """Return the mean duration of the timed calls, in seconds with one decimal, rounded half up; 0 without any."""
    if timed_calls == 0:
        return 0.0
    return ((milliseconds * 2 + 100 * timed_calls) // (200 * timed_calls)) / 10
