"""What a connector's message makes of what is known: an amended state, and which conversation of a call is counted."""

from collections.abc import Iterable

from msgspec.structs import replace
from sqlalchemy import Connection

from talkmeter.ledger.arrivals import Amendment
from talkmeter.ledger.links import linked_of, preferred_side, read_calls
from talkmeter.ledger.winners import read_winners
from talkmeter.records import Conversation, Kind, RecordKey, State, data_hash


def amended(amendment: Amendment, winner: State | None) -> State | None:
    """The state an amendment makes of the winning one; None where it adds nothing. It outranks the one it amends."""
    known = winner.record if winner is not None and isinstance(winner.record, Conversation) else None
    record = amendment.amend(known)
    if record is None or (winner is not None and record == winner.record):
        return None
    later = winner is None or amendment.time > winner.time
    return State(
        org_id=amendment.org_id,
        kind=Kind.CONVERSATION,
        id=amendment.id,
        record=record,
        time=amendment.time if winner is None else max(amendment.time, winner.time),
        sequence=0 if later or winner is None else winner.sequence + 1,
        source=amendment.source,
        event_id=amendment.event_id,
        hash=data_hash(record),
    )


def wrong_links(connection: Connection, org_id: str, ids: Iterable[str]) -> dict[str, tuple[State, State]]:
    """Of some conversations those that are not linked as they should be: as they stand, and as they should."""
    before: dict[RecordKey, State] = {}
    winners: dict[RecordKey, State] = {}
    relink(connection, org_id, ids, before, winners)
    return {key.id: (before[key], state) for key, state in winners.items() if before[key] is not state}


def relink(
    connection: Connection,
    org_id: str,
    ids: Iterable[str],
    before: dict[RecordKey, State],
    winners: dict[RecordKey, State],
) -> None:
    """Say of every conversation of the calls of `ids` whether it is counted, or linked to the one that is.

    `before` holds the stored winning states that are known, `winners` the present ones; both get those of other
    conversations that turn out to be of the same calls.
    """
    calls = [call for call in read_calls(connection, org_id, ids) if len(call) > 1]
    members = {RecordKey(Kind.CONVERSATION, member.id) for call in calls for member in call}
    for key, state in read_winners(connection, org_id, members - winners.keys()).items():
        before[key] = winners[key] = state
    if not calls:
        return
    preferred = preferred_side(connection, org_id)
    states = {key.id: winners[key] for key in members if key in winners}
    for call in calls:
        for id_, linked_to in linked_of(call, states, preferred).items():
            key = RecordKey(Kind.CONVERSATION, id_)
            if winners[key].linked_to != linked_to:
                winners[key] = replace(winners[key], linked_to=linked_to)
