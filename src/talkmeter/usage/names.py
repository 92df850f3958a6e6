"""The names of agents, phone numbers and web widgets, including deleted ones."""

from collections.abc import Iterable

from sqlalchemy import Connection

from talkmeter.ledger.history import latest_named
from talkmeter.ledger.rows import decode_history
from talkmeter.ledger.states import history_rows, read_winning_states
from talkmeter.records import InventoryItem, Kind, RecordKey, State


def read_item_names(connection: Connection, org_id: str, kind: Kind, ids: Iterable[str]) -> dict[str, str]:
    """Return the names of items by id, without unnamed items; a deleted item has the last name in its history."""
    winners = read_winning_states(connection, org_id, [RecordKey(kind, id_) for id_ in ids])
    deleted = [key for key, state in winners.items() if state.record is None]
    named = latest_named(decode_history(row) for row in history_rows(connection, org_id, deleted))
    return {key.id: name for key, state in {**winners, **named}.items() if (name := _name(state))}


def _name(state: State) -> str | None:
    return state.record.name if isinstance(state.record, InventoryItem) else None
