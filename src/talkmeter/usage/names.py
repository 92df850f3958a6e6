"""The names of agents, phone numbers and web widgets, the last known one of those that were deleted."""

from collections.abc import Iterable

from sqlalchemy import Connection

from talkmeter.ledger.received import history_rows
from talkmeter.ledger.rows import state_of_history
from talkmeter.ledger.winners import read_winners
from talkmeter.records import InventoryItem, Kind, RecordKey, State, rank


def read_item_names(connection: Connection, org_id: str, kind: Kind, ids: Iterable[str]) -> dict[str, str]:
    """The names of items, those without one left out; of a deleted item the one its history knows last."""
    winners = read_winners(connection, org_id, [RecordKey(kind, id_) for id_ in ids])
    deleted = [key for key, state in winners.items() if state.record is None]
    named: dict[str, State] = {}
    for row in history_rows(connection, org_id, deleted):
        state = state_of_history(row)
        if _name(state) and (state.id not in named or rank(state) > rank(named[state.id])):
            named[state.id] = state
    states = {**{key.id: state for key, state in winners.items()}, **named}
    return {id_: name for id_, state in states.items() if (name := _name(state))}


def _name(state: State) -> str | None:
    return state.record.name if isinstance(state.record, InventoryItem) else None
