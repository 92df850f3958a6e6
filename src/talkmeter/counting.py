"""The counting rules: what each record adds to which day (docs/reference/counting.md; one test for each rule).

Every figure is computed here, by pure functions: `fold` sums the counts of records to daily totals, and partial days
apply the same `call_counts` and `run_counts` to groups of equal records. Billed durations exist for whole days only.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from operator import attrgetter
from struct import Struct
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
    sums: defaultdict[tuple[str, int, str], int] = defaultdict(int)
    for old, new in changes:
        if old is not None:
            _contribute(sums, old, -1)
        if new is not None:
            _contribute(sums, new, 1)
    return {DayKey(*key): _unpack(packed) for key, packed in sums.items() if packed}


def _contribute(sums: defaultdict[tuple[str, int, str], int], record: Record, sign: int) -> None:
    """Add or subtract one record's amounts in every daily total that it belongs to."""
    if isinstance(record, InventoryItem):
        return
    packed = sign * _packed_amounts(record)
    if packed:
        day = day_of(record.created_at)
        for dimension, value in dimensions_of(record):
            sums[dimension, day, value] += packed


# While they are summed, the amounts of a daily total are one integer, 64 bits for each of `DAILY_COUNTERS`: a record
# then costs one addition per daily total instead of up to ten.
_BITS: Final = 64
_SIGNS: Final = sum(1 << _BITS * index + _BITS - 1 for index in range(len(DAILY_COUNTERS)))
_FIELDS: Final = Struct(f"<{len(DAILY_COUNTERS)}q")
_BILLED_FIELDS: Final = Struct(f"<{len(BILLED_COUNTERS)}q")
_BILLED_SHIFT: Final = _BITS * len(COUNTERS)


def _pack(counters: Counters) -> int:
    return sum(amount << _BITS * index for index, amount in enumerate(counters))


def _unpack(packed: int) -> DailyTotal:
    # A negative field borrows from the next one. Adding 2**63 to each field makes all of them positive; flipping the
    # highest bit of each again gives its two's complement.
    fields = _FIELDS.unpack((packed + _SIGNS ^ _SIGNS).to_bytes(_FIELDS.size, "little"))
    return DailyTotal(Counters._make(fields[: len(COUNTERS)]), BilledSeconds._make(fields[len(COUNTERS) :]))


def _packed_amounts(record: Conversation | WorkflowExecution) -> int:
    if isinstance(record, WorkflowExecution):
        return _packed_run(record.status)
    duration_ms = record.duration_ms
    each, per_ms = _packed_call(record.modality, record.direction, record.status, duration_ms is not None)
    if not duration_ms:
        return each
    if per_ms != _VOICE_MS:
        return each + per_ms * duration_ms
    billed = int.from_bytes(_BILLED_FIELDS.pack(*billed_seconds(duration_ms)), "little")
    return each + per_ms * duration_ms + (billed << _BILLED_SHIFT)


_VOICE_MS: Final = _pack(Counters(voice_ms=1))


@cache
def _packed_call(modality: str, direction: str, status: str, timed: bool) -> tuple[int, int]:  # noqa: FBT001  a key of the cache
    """Return what such a call adds, and what each millisecond of its duration adds."""
    each = _pack(call_counts(modality, direction, status, 1, int(timed), 0))
    return each, _pack(call_counts(modality, direction, status, 1, int(timed), 1)) - each


@cache
def _packed_run(status: str) -> int:
    return _pack(run_counts(status, 1))


class InventoryDay(NamedTuple):
    """The states of one inventory item on one UTC day: the one with the highest rank, and what any of them says."""

    day: int
    time: int
    exists: bool
    shared: bool
    any_exists: bool
    any_shared: bool


class SnapshotDay(NamedTuple):
    """The latest snapshot of one kind on one UTC day."""

    day: int
    time: int


def item_days(
    states: Sequence[InventoryDay], snapshots: Sequence[SnapshotDay], days: range, *, shared: bool = False
) -> list[range]:
    """Return the days on which one item counts, as separate ascending ranges; `shared` counts only shared days.

    An item counts on a day if it existed when the day began, or if a state of that day says that it exists. It existed
    if the highest state of earlier days is not a deletion and no snapshot of earlier days is later than that state.
    `states` and `snapshots` are in ascending order, `states` from the last one before `days` on.
    """
    counted: list[range] = []
    snapshot_days = [snapshot.day for snapshot in snapshots]
    for index, state in enumerate(states):
        if state.any_shared if shared else state.any_exists:
            _append(counted, state.day, state.day, days)
        if state.exists and (state.shared or not shared):
            last = states[index + 1].day if index + 1 < len(states) else days.stop - 1
            after = bisect_left(snapshot_days, state.day)
            if after < len(snapshots) and snapshots[after].time <= state.time:
                after += 1
            if after < len(snapshots):
                last = min(last, snapshots[after].day)
            _append(counted, state.day + 1, last, days)
    return counted


def _append(counted: list[range], first: int, last: int, days: range) -> None:
    """Append the days from first to last that are in `days` and not in the last range yet."""
    first, stop = max(first, days.start), min(last + 1, days.stop)
    if counted and first <= counted[-1].stop:
        first = counted.pop().start if stop > counted[-1].stop else stop
    if first < stop:
        counted.append(range(first, stop))


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
