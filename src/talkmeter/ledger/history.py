"""The history of received states, and its pruning after TALKMETER_HISTORY_DAYS.

Pruning never removes a record's winning state, nor the latest state that gives an inventory item a name.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Final, NamedTuple

from sqlalchemy import Connection, Engine, bindparam, delete, select, tuple_

from talkmeter import clock
from talkmeter.db import tables
from talkmeter.db.damage import UNREADABLE_VALUES, damaged_row, skip_damaged, split_damaged
from talkmeter.db.engine import reading, writing
from talkmeter.db.statements import Compiled, Row, text
from talkmeter.db.watch import Watch
from talkmeter.errors import Damaged
from talkmeter.ledger.organizations import list_organizations
from talkmeter.ledger.rows import decode_history, decode_stored_history, history_key
from talkmeter.ledger.states import history_rows, read_intact_winners
from talkmeter.period import MICROSECONDS_PER_DAY
from talkmeter.records import InventoryItem, Kind, RecordKey, State, rank

RECORDS_PER_STEP: Final = 500
_STEP_TIMEOUT_SEC: Final = 30
_SWEEP_EVERY_SEC: Final = 3_600.0
_STORED_AT: Final = 9
_log = logging.getLogger(__name__)

_state = tables.record_state.c
_KEYS_AFTER = Compiled(
    select(_state.kind, _state.id)
    .distinct()
    .where(
        _state.org_id == bindparam("org"),
        tuple_(_state.kind, _state.id) > tuple_(bindparam("after_kind"), bindparam("after_id")),
    )
    .order_by(_state.kind, _state.id)
    .limit(bindparam("records")),
    checked=False,
)
_DELETE = Compiled(
    delete(tables.record_state).where(
        *(column == bindparam(f"the_{column.name}") for column in tables.record_state.primary_key.columns)
    )
)


class HistoryStep(NamedTuple):
    """The next records that have a history, in order of kind and id, and an error for each damaged key."""

    keys: list[RecordKey]
    damaged: list[Damaged]
    last: Row
    """The last kind and id, damaged or not: the next step begins after them."""


START: Final[Row] = ("", "")


def records_with_history(
    connection: Connection, org_id: str, after: Row = START, limit: int = RECORDS_PER_STEP
) -> HistoryStep | None:
    """Return the records with a history after a kind and id, or None if there are no more."""
    rows = _KEYS_AFTER.run(connection, (org_id, *after, limit))
    return HistoryStep(*split_damaged(rows, partial(_decode_key, org_id)), rows[-1]) if rows else None


def _decode_key(org_id: str, row: Row) -> RecordKey:
    kind, id_ = row
    try:
        return RecordKey(Kind(text(kind)), text(id_))
    except UNREADABLE_VALUES as error:
        raise damaged_row(tables.record_state, (org_id, *row, *[None] * 7), error) from error


class History(NamedTuple):
    """The state with the highest rank of each record, and an error for each state that is damaged."""

    highest: dict[RecordKey, State]
    damaged: list[Damaged]


def read_highest_states(connection: Connection, org_id: str, keys: Iterable[RecordKey]) -> History:
    """Return the readable state with the highest rank in each record's history, if it has one."""
    states, damaged = split_damaged(history_rows(connection, org_id, keys), decode_history)
    return History(_highest(states), damaged)


def latest_named(states: Iterable[State]) -> dict[RecordKey, State]:
    """Return each inventory item's highest state with a name; breakdowns show deleted items by that name."""
    return _highest(state for state in states if isinstance(state.record, InventoryItem) and state.record.name)


def _highest(states: Iterable[State]) -> dict[RecordKey, State]:
    highest: dict[RecordKey, State] = {}
    for state in states:
        key = RecordKey(state.kind, state.id)
        if key not in highest or rank(state) > rank(highest[key]):
            highest[key] = state
    return highest


def _make_sweeper(sweeps: Sequence[Callable[[int], Iterator[None]]]) -> Callable[[], bool] | None:
    """Return a function for the writer's idle time that takes one step and returns whether there is more to do.

    Each hour, all sweeps run from their beginning, in bounded steps; they get the time, in microseconds. Returns None
    if there are none.
    """
    if not sweeps:
        return None
    sweep: Iterator[None] | None = None
    next_sweep = clock.monotonic()

    def step() -> bool:
        nonlocal sweep, next_sweep
        if sweep is None:
            if clock.monotonic() < next_sweep:
                return False
            sweep = chain.from_iterable(one(clock.now()) for one in sweeps)
            next_sweep = clock.monotonic() + _SWEEP_EVERY_SEC
        for _ in sweep:
            return True
        sweep = None
        return False

    return step


def make_pruner(
    engine: Engine, history_days: int | None, retention: Callable[[int], Iterator[None]] | None = None
) -> Callable[[], bool] | None:
    """Return a sweeper that prunes the history and then runs `retention`; None if nothing is ever removed."""
    sweeps: list[Callable[[int], Iterator[None]]] = []
    if history_days:
        sweeps.append(lambda now: _sweep(engine, now - history_days * MICROSECONDS_PER_DAY))
    if retention is not None:
        sweeps.append(retention)
    return _make_sweeper(sweeps)


def _watch() -> Watch:
    """Limit one step: a lane of the writer must not wait for a server that does not answer."""
    return Watch(_STEP_TIMEOUT_SEC, f"Pruning the history took longer than {_STEP_TIMEOUT_SEC} seconds.")


def prune(engine: Engine, before: int) -> None:
    """Delete every state stored before an instant, except those that pruning must keep."""
    for _ in _sweep(engine, before):
        pass


def _sweep(engine: Engine, before: int) -> Iterator[None]:
    with reading(engine, _watch()) as connection:
        organizations = list_organizations(connection)
    for organization in organizations:
        after = START
        while True:
            try:
                with reading(engine, _watch()) as connection:
                    step = records_with_history(connection, organization.org_id, after)
                    if step is None:
                        break
                    rows = history_rows(connection, organization.org_id, step.keys)
                    old = any(_is_old(row, before) for row in rows)
                if old:
                    _prune_records(engine, organization.org_id, step.keys, before)
            except Damaged as error:
                # The next key is unknown; the histories of other organizations are pruned.
                _log.error("The history of an organization was not pruned: %s", error.log_detail)
                break
            after = step.last
            yield


def _is_old(row: Row, before: int) -> bool:
    stored_at = row[_STORED_AT]
    return isinstance(stored_at, int) and stored_at < before


def _prune_records(engine: Engine, org_id: str, keys: list[RecordKey], before: int) -> None:
    with writing(engine, _watch()) as connection:
        # A damaged state is kept, and so is the history of a damaged winner, which it may restore.
        winners = read_intact_winners(connection, org_id, keys)
        received = skip_damaged(history_rows(connection, org_id, keys), decode_stored_history)
        named = latest_named(stored.state for stored in received)
        for state, stored_at in received:
            key = RecordKey(state.kind, state.id)
            kept = {rank(keep) for keep in (winners.get(key), named.get(key)) if keep is not None}
            if stored_at < before and key in winners and rank(state) not in kept:
                _DELETE.change(connection, history_key(state))
