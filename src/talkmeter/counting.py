"""The counting rules: what each record adds to which day (docs/reference/counting.md; one test for each rule).

Every figure is computed here, by pure functions: `fold` sums the counts of records to daily totals, and partial days
apply the same `call_counts` and `run_counts` to groups of equal records. Billed durations exist for whole days only.
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
_VOICE_MS: Final = COUNTERS.index("voice_ms")
ZERO: Final = Counters()


class BilledSeconds(NamedTuple):
    """The billed duration of a day's voice calls, in seconds, one for each pair of least duration and step."""

    billed_1_1_sec: int = 0
    billed_6_6_sec: int = 0
    billed_30_6_sec: int = 0
    billed_60_60_sec: int = 0


BILLED_COUNTERS: Final = BilledSeconds._fields
_NOTHING_BILLED: Final = BilledSeconds()


class DailyTotal(NamedTuple):
    """One daily total. Only whole days have billed durations; a part of a day has `Counters` alone."""

    counters: Counters = ZERO
    billed: BilledSeconds = _NOTHING_BILLED

    @property
    def amounts(self) -> tuple[int, ...]:
        """All amounts, in the order of `DAILY_COUNTERS`."""
        return (*self.counters, *self.billed)


DAILY_COUNTERS: Final = (*COUNTERS, *BILLED_COUNTERS)
ZERO_TOTAL: Final = DailyTotal()


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


def billed_seconds(duration_ms: int) -> BilledSeconds:
    """Return the billed duration of one voice call; a duration of 0 adds nothing."""
    if not duration_ms:
        return _NOTHING_BILLED
    return BilledSeconds(
        _billed(duration_ms, 1, 1),
        _billed(duration_ms, 6, 6),
        _billed(duration_ms, 30, 6),
        _billed(duration_ms, 60, 60),
    )


def _billed(duration_ms: int, least: int, step: int) -> int:
    """Return the least duration, or from there on the next full step, in seconds."""
    over_ms = duration_ms - 1_000 * least
    return least if over_ms <= 0 else least - (-over_ms // (1_000 * step)) * step


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


def fold(changes: Iterable[tuple[Record | None, Record | None]]) -> dict[DayKey, DailyTotal]:
    """Sum what `new` adds minus what `old` adds, of (old, new) pairs, by daily total; unchanged ones are left out."""
    sums: dict[tuple[str, int, str], list[int]] = {}
    for old, new in changes:
        _contribute(sums, old, -1)
        _contribute(sums, new, 1)
    counted = len(COUNTERS)
    return {
        DayKey(*key): DailyTotal(Counters._make(amounts[:counted]), BilledSeconds._make(amounts[counted:]))
        for key, amounts in sums.items()
        if any(amounts)
    }


def _contribute(sums: dict[tuple[str, int, str], list[int]], record: Record | None, sign: int) -> None:
    """Add or subtract one record's amounts in every daily total that it belongs to."""
    if record is None or isinstance(record, InventoryItem):
        return
    ones, milliseconds, duration_ms = _increments(record)
    if not ones:
        return
    day = day_of(record.created_at)
    durations = [(index, sign * duration_ms) for index in milliseconds]
    if duration_ms and _VOICE_MS in milliseconds:
        durations += [(index, sign * sec) for index, sec in enumerate(billed_seconds(duration_ms), len(COUNTERS))]
    for dimension, value in dimensions_of(record):
        key = (dimension, day, value)
        amounts = sums.get(key)
        if amounts is None:
            amounts = sums[key] = [0] * len(DAILY_COUNTERS)
        for index in ones:
            amounts[index] += sign
        for index, amount in durations:
            amounts[index] += amount


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
