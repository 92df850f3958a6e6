"""The names of agents, phone numbers and web widgets, including deleted ones."""

from collections.abc import Iterable
from functools import partial

from sqlalchemy import Connection

from talkmeter.db.damage import skip_damaged
from talkmeter.ledger.history import latest_named
from talkmeter.ledger.rows import decode_history, decode_state
from talkmeter.ledger.states import history_rows, winning_rows
from talkmeter.records import InventoryItem, Kind, RecordKey, State


def read_item_names(connection: Connection, org_id: str, kind: Kind, ids: Iterable[str]) -> dict[str, str]:
    """Return the names of items by id, without unnamed items; a deleted item has the last name in its history."""
    rows = winning_rows(connection, org_id, [RecordKey(kind, id_) for id_ in ids])
    # The figures are right without a name, so a damaged row does not make the answer fail.
    states = skip_damaged((row for _, row in rows), partial(decode_state, kind))
    winners = {RecordKey(kind, state.id): state for state in states}
    deleted = [key for key, state in winners.items() if state.record is None]
    named = latest_named(skip_damaged(history_rows(connection, org_id, deleted), decode_history))
    return {key.id: name for key, state in {**winners, **named}.items() if (name := _name(state))}


def _name(state: State) -> str | None:
    return state.record.name if isinstance(state.record, InventoryItem) else None
