"""Merge the rows of one call, such as its legs, into one state."""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
from msgspec.structs import replace

from talkmeter.errors import OperationFailed
from talkmeter.ingest.maps import Merge
from talkmeter.records import Conversation, State, data_hash

MAX_MERGED_CALLS: Final = 1_000_000
"""All calls of a file are in memory until its last row is read, in 0.9 GB for this many."""

_ANSWERED: Final = frozenset({"completed", "transferred"})


class _Legs(msgspec.Struct, gc=False):
    """The rows of one call so far: the one that began first, the one that counts most, the one of the latest time."""

    number: int
    first: State
    main: State
    last: State
    total_ms: int | None
    rows: int = 1


class MergedCalls:
    """The calls of a file, each with its rows merged."""

    def __init__(self, merge: Merge) -> None:
        """`merge` says which duration a call has: the sum of its rows, or the longest."""
        self._merge = merge
        self._calls: dict[tuple[str, str], _Legs] = {}

    def add(self, number: int, state: State) -> None:
        """Add the state of a row. Raises OperationFailed if there are too many calls."""
        call = _call(state)
        key = (state.org_id, state.id)
        legs = self._calls.get(key)
        if legs is None:
            if len(self._calls) == MAX_MERGED_CALLS:
                raise OperationFailed(
                    f"merge keeps the calls of a file in memory, at most {MAX_MERGED_CALLS:,}; split the file."
                )
            self._calls[key] = _Legs(number, state, state, state, call.duration_ms)
            return
        legs.rows += 1
        if call.created_at < _call(legs.first).created_at:
            legs.first = state
        if _weight(state) > _weight(legs.main):
            legs.main = state
        if (state.time, state.sequence) >= (legs.last.time, legs.last.sequence):
            legs.last = state
        if call.duration_ms is not None:
            legs.total_ms = (legs.total_ms or 0) + call.duration_ms

    def calls(self) -> Iterator[tuple[int, State]]:
        """Yield each call with the number of its first row."""
        for legs in self._calls.values():
            yield legs.number, legs.first if legs.rows == 1 else self._merged(legs)

    def _merged(self, legs: _Legs) -> State:
        """Return the state of a call: it begins like its first row, and ends like its answered or longest one."""
        first, main, last = _call(legs.first), _call(legs.main), _call(legs.last)
        record = Conversation(
            channel=first.channel,
            direction=first.direction,
            status=main.status,
            created_at=first.created_at,
            duration_ms=legs.total_ms if self._merge == "sum" else main.duration_ms,
            modality=first.modality,
            agent_id=_first_known(call.agent_id for call in (main, last, first)),
            agent_number=_first_known(call.agent_number for call in (first, main, last)),
            web_widget_id=_first_known(call.web_widget_id for call in (first, main, last)),
        )
        return replace(legs.last, record=record, hash=data_hash(record))


def _call(state: State) -> Conversation:
    if not isinstance(state.record, Conversation):
        raise TypeError(state.kind)
    return state.record


def _weight(state: State) -> tuple[bool, int]:
    """Return what decides between rows: answered ones first, then the longest."""
    call = _call(state)
    return call.status in _ANSWERED, -1 if call.duration_ms is None else call.duration_ms


def _first_known(values: Iterable[str | None]) -> str | None:
    return next((value for value in values if value is not None), None)
