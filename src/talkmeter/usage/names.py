"""The names of agents, phone numbers and web widgets, including deleted ones."""

from collections.abc import Iterable
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta
from sqlalchemy import Connection

from talkmeter.db.damage import skip_damaged
from talkmeter.ledger.history import latest_named
from talkmeter.ledger.rows import decode_history, decode_state
from talkmeter.ledger.states import history_rows, winning_rows
from talkmeter.records import Conversation, InventoryItem, Kind, RecordKey, State

Names = Annotated[dict[str, str], Meta(description="Last known name by id; items without a name are left out.")]


class CallNames(msgspec.Struct, frozen=True, kw_only=True):
    """The names of the items that conversations refer to."""

    agents: Names
    numbers: Names
    widgets: Names


def read_call_names(connection: Connection, org_id: str, calls: Iterable[Conversation]) -> CallNames:
    """Return the names of the agents, phone numbers and web widgets of conversations."""
    calls = list(calls)

    def names(kind: Kind, ids: Iterable[str | None]) -> dict[str, str]:
        return read_item_names(connection, org_id, kind, sorted({id_ for id_ in ids if id_ is not None}))

    return CallNames(
        agents=names(Kind.AGENT, (call.agent_id for call in calls)),
        numbers=names(Kind.PHONE_NUMBER, (call.agent_number for call in calls)),
        widgets=names(Kind.WEB_WIDGET, (call.web_widget_id for call in calls)),
    )


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
