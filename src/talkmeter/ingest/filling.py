"""Fill the empty fields of stored conversations from the rows of a file, without changing what they have."""

from functools import partial

from msgspec.structs import replace

from talkmeter.ledger.batch import PartialUpdate
from talkmeter.records import Conversation, State


def fill_update(state: State) -> PartialUpdate:
    """Return the update that sets the empty fields of the stored conversation, or stores it if it is new."""
    if not isinstance(state.record, Conversation):
        raise TypeError(state.kind)
    return PartialUpdate(state.org_id, state.id, partial(_fill, state.record), state.time, state.source, state.event_id)


def _fill(new: Conversation, stored: Conversation | None) -> Conversation:
    """Return the stored conversation with the fields of the new one where it has none."""
    if stored is None:
        return new
    return replace(
        stored,
        duration_ms=new.duration_ms if stored.duration_ms is None else stored.duration_ms,
        agent_id=stored.agent_id or new.agent_id,
        agent_number=stored.agent_number or new.agent_number,
        web_widget_id=stored.web_widget_id or new.web_widget_id,
    )
