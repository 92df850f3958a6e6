"""The history of received states, and its pruning after TALKMETER_HISTORY_DAYS.

Pruning never removes a record's winning state, nor the latest state that gives an inventory item a name.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from sqlalchemy import Connection, Engine, bindparam, delete, select, tuple_

from talkmeter import clock
from talkmeter.db import tables
from talkmeter.db.engine import reading, writing
from talkmeter.db.statements import Compiled, integer
from talkmeter.db.watch import Watch
from talkmeter.ledger.organizations import list_organizations
from talkmeter.ledger.rows import decode_history
from talkmeter.ledger.states import history_rows, read_winning_states
from talkmeter.period import MICROSECONDS_PER_DAY
from talkmeter.records import InventoryItem, Kind, RecordKey, State, rank

RECORDS_PER_STEP: Final = 500
_STEP_TIMEOUT_SEC: Final = 30
_SWEEP_EVERY_SEC: Final = 3_600.0
_STORED_AT: Final = 9

_state = tables.record_state.c
_KEYS_AFTER = Compiled(
    select(_state.kind, _state.id)
    .distinct()
    .where(
        _state.org_id == bindparam("org"),
        tuple_(_state.kind, _state.id) > tuple_(bindparam("after_kind"), bindparam("after_id")),
    )
    .order_by(_state.kind, _state.id)
    .limit(bindparam("records"))
)
_DELETE = Compiled(
    delete(tables.record_state).where(
        *(column == bindparam(f"the_{column.name}") for column in tables.record_state.primary_key.columns)
    )
)


def records_with_history(
    connection: Connection, org_id: str, after: RecordKey | None, limit: int = RECORDS_PER_STEP
) -> list[RecordKey]:
    """Return the next records that have a history, in order of kind and id."""
    begin = ("", "") if after is None else (after.kind.value, after.id)
    return [RecordKey(Kind(str(kind)), str(id_)) for kind, id_ in _KEYS_AFTER.run(connection, (org_id, *begin, limit))]


def read_highest_states(connection: Connection, org_id: str, keys: Iterable[RecordKey]) -> dict[RecordKey, State]:
    """Return the state with the highest rank in each record's history, if it has one."""
    return _highest(decode_history(row) for row in history_rows(connection, org_id, keys))


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


def make_pruner(engine: Engine, history_days: int | None) -> Callable[[], bool] | None:
    """Return a function for the writer's idle time that prunes one step and returns whether there is more to do.

    Returns None if all history is kept. One sweep per hour visits all records with a history, in bounded steps.
    """
    if not history_days:
        return None
    sweep: Iterator[None] | None = None
    next_sweep = clock.monotonic()

    def step() -> bool:
        nonlocal sweep, next_sweep
        if sweep is None:
            if clock.monotonic() < next_sweep:
                return False
            sweep = _sweep(engine, clock.now() - history_days * MICROSECONDS_PER_DAY)
            next_sweep = clock.monotonic() + _SWEEP_EVERY_SEC
        for _ in sweep:
            return True
        sweep = None
        return False

    return step


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
        after: RecordKey | None = None
        while True:
            with reading(engine, _watch()) as connection:
                keys = records_with_history(connection, organization.org_id, after)
                old = any(
                    integer(row[_STORED_AT]) < before for row in history_rows(connection, organization.org_id, keys)
                )
            if not keys:
                break
            if old:
                _prune_records(engine, organization.org_id, keys, before)
            after = keys[-1]
            yield


def _prune_records(engine: Engine, org_id: str, keys: list[RecordKey], before: int) -> None:
    with writing(engine, _watch()) as connection:
        winners = read_winning_states(connection, org_id, keys)
        rows = list(history_rows(connection, org_id, keys))
        named = latest_named(decode_history(row) for row in rows)
        for row in rows:
            state = decode_history(row)
            key = RecordKey(state.kind, state.id)
            kept = {rank(keep) for keep in (winners.get(key), named.get(key)) if keep is not None}
            if integer(row[_STORED_AT]) < before and key in winners and rank(state) not in kept:
                _DELETE.change(connection, row[:8])
