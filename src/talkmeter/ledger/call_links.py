"""One call that several stacks tell of: which conversations it is, and which one of them is counted.

Stacks name a call by ids of their own and carry those of others. All conversations that share such a name, directly or
through another one, are one call. One of them is counted: of the side that the organization prefers (the agent stack,
unless it says otherwise), among these the one that most name, then the smallest id. The others are kept and point at it
(docs/reference/counting.md, "Linked calls").
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from msgspec.structs import replace
from sqlalchemy import Connection, bindparam, select

from talkmeter.db import tables
from talkmeter.db.statements import Compiled, OnConflict, insert_rows
from talkmeter.ledger.batch import AGENT, SIDES, PartialUpdate, Side
from talkmeter.ledger.states import read_winning_states
from talkmeter.records import UNCOUNTED_STATUS, Conversation, Kind, RecordKey, State, data_hash

MAX_OF_ONE_CALL: Final = 200
"""Conversations of one call that are looked at; a name that more of them share is no name of a call."""
_PREFERRED: Final = "counted_side"

_link = tables.conversation_link.c
_setting = tables.organization_setting.c
# Without the side, which its index does not hold: SQLite would rather read all of an organization's key.
_CALLS = Compiled(
    select(_link.call).where(_link.org_id == bindparam("org"), _link.id.in_(bindparam("ids", expanding=True)))
)
_MEMBERS = Compiled(
    select(_link.call, _link.id, _link.side).where(
        _link.org_id == bindparam("org"), _link.call.in_(bindparam("calls", expanding=True))
    )
)
_LINKED_AFTER = Compiled(
    select(_link.id)
    .distinct()
    .where(_link.org_id == bindparam("org"), _link.id > bindparam("after"))
    .order_by(_link.id)
    .limit(bindparam("most"))
)
_SETTING = Compiled(
    select(_setting.value).where(_setting.org_id == bindparam("org"), _setting.name == bindparam("name"))
)


class Names(NamedTuple):
    """Of one conversation: which side it is of, and what the call is called elsewhere, its own id left out."""

    side: Side
    elsewhere: tuple[str, ...]


class Member(NamedTuple):
    """A conversation of a call; `named` by how many others."""

    id: str
    side: Side
    named: int


def preferred_side(connection: Connection, org_id: str) -> Side:
    """The side an organization counts where both tell of a call."""
    rows = _SETTING.run(connection, (org_id, _PREFERRED))
    return SIDES[str(rows[0][0])] if rows else AGENT


def prefer_side(connection: Connection, org_id: str, side: Side) -> None:
    """Count this side from now on; calls that are known already are linked anew by whoever calls."""
    insert_rows(connection, tables.organization_setting, [(org_id, _PREFERRED, side)], OnConflict.REPLACE)


def add_names(connection: Connection, org_id: str, names: Mapping[str, Names]) -> None:
    """Keep what conversations are called; each is called by its own id too."""
    rows = {
        (org_id, call, id_): (org_id, call, id_, known.side)
        for id_, known in names.items()
        for call in (id_, *known.elsewhere)
    }
    insert_rows(connection, tables.conversation_link, [rows[key] for key in sorted(rows)], OnConflict.KEEP)


def read_calls(connection: Connection, org_id: str, ids: Iterable[str]) -> list[list[Member]]:
    """The calls that some conversations belong to, each with all its conversations."""
    calls: list[list[Member]] = []
    done: set[str] = set()
    for id_ in sorted(ids):
        if id_ not in done:
            members = _members_of(connection, org_id, id_)
            done.update(member.id for member in members)
            calls.append(members)
    return calls


def _members_of(connection: Connection, org_id: str, id_: str) -> list[Member]:
    """Everything that shares a name with a conversation, or with something that does, and so on."""
    sides: dict[str, Side] = {}
    named_by: dict[str, set[str]] = {}
    new_ids, calls = {id_}, set[str]()
    while new_ids and len(sides) <= MAX_OF_ONE_CALL:
        new_calls = {str(call) for (call,) in _CALLS.run_in(connection, (org_id,), sorted(new_ids))} - calls
        calls |= new_calls
        found = _MEMBERS.run_in(connection, (org_id,), sorted(new_calls))
        rows = [(str(call), str(member), str(side)) for call, member, side in found]
        new_ids = {member for _, member, _ in rows} - sides.keys()
        for call, member, side in rows:
            sides[member] = SIDES[side]
            named_by.setdefault(call, set()).add(member)
    return [Member(member, side, len(named_by.get(member, ()))) for member, side in sorted(sides.items())]


def choose_links(members: Iterable[Member], states: Mapping[str, State], preferred: Side) -> dict[str, str | None]:
    """Of each conversation of one call what it is linked to; None of the counted one, and of those that add nothing."""
    known = [member for member in members if member.id in states]
    counting = [member for member in known if adds_to_usage(states[member.id])]
    first = min(counting, key=lambda one: (one.side != preferred, -one.named, one.id), default=None)
    return {member.id: first.id if first and member in counting and member != first else None for member in known}


def adds_to_usage(state: State) -> bool:
    """Whether a conversation is one that is counted, linked or not: no deletion, and not one that nobody joined."""
    return isinstance(state.record, Conversation) and state.record.status != UNCOUNTED_STATUS


def linked_after(connection: Connection, org_id: str, after: str, most: int) -> list[str]:
    """The next conversations that a connector told of, in order of their ids."""
    return [str(id_) for (id_,) in _LINKED_AFTER.run(connection, (org_id, after, most))]


def apply_update(amendment: PartialUpdate, winner: State | None) -> State | None:
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
    for key, state in read_winning_states(connection, org_id, members - winners.keys()).items():
        before[key] = winners[key] = state
    if not calls:
        return
    preferred = preferred_side(connection, org_id)
    states = {key.id: winners[key] for key in members if key in winners}
    for call in calls:
        for id_, linked_to in choose_links(call, states, preferred).items():
            key = RecordKey(Kind.CONVERSATION, id_)
            if winners[key].linked_to != linked_to:
                winners[key] = replace(winners[key], linked_to=linked_to)
