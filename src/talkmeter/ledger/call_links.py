"""Linked calls: several providers report one call, and one of its conversations is counted.

Each provider has its own id for a call and may report ids of other providers. All conversations that share an id,
directly or through others, are one call. The counted one is on the organization's preferred side (agent by default).
Among several on that side, it is the one whose id most conversations report, then an inbound one, then the one that
began first. The others are kept and linked to it. If the counted one has no agent, it is counted with the agent of a
linked one (docs/reference/counting.md, "Linked calls").
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace
from sqlalchemy import Connection, Table, bindparam, select

from talkmeter.db import tables
from talkmeter.db.damage import damaged_row
from talkmeter.db.statements import Compiled, OnConflict, Row, Value, insert_rows
from talkmeter.ledger.batch import AGENT, RECONCILE_SUFFIX, SIDES, PartialUpdate, Side
from talkmeter.ledger.states import read_winning_states
from talkmeter.records import UNCOUNTED_STATUS, Conversation, Kind, RecordKey, State, data_hash

MAX_CONVERSATIONS_PER_CALL: Final = 200
"""The search for a call's conversations stops here: an id that more of them share does not identify one call."""
_PREFERRED_SIDE: Final = "counted_side"

_link = tables.conversation_link.c
_setting = tables.organization_setting.c
# Without `side`, which the index does not contain: with it, SQLite would scan the organization's whole primary key.
_CALLS = Compiled(
    select(_link.call).where(_link.org_id == bindparam("org"), _link.id.in_(bindparam("ids", expanding=True)))
)
_WITH_CALLS = Compiled(
    select(_link.id).distinct().where(_link.org_id == bindparam("org"), _link.id.in_(bindparam("ids", expanding=True)))
)
_MEMBERS = Compiled(
    select(_link.call, _link.id, _link.side).where(
        _link.org_id == bindparam("org"), _link.call.in_(bindparam("calls", expanding=True))
    )
)
_REPORTED_AFTER = Compiled(
    select(_link.id)
    .distinct()
    .where(_link.org_id == bindparam("org"), _link.id > bindparam("after"))
    .order_by(_link.id)
    .limit(bindparam("limit"))
)
_SETTING = Compiled(
    select(_setting.value).where(_setting.org_id == bindparam("org"), _setting.name == bindparam("name"))
)


class CallIds(NamedTuple):
    """A conversation's side, and the ids of its call at other providers."""

    side: Side
    linked_ids: tuple[str, ...]


class CallMember(NamedTuple):
    """A conversation of a call; `references` is how many of the call's conversations report its id, itself included."""

    id: str
    side: Side
    references: int


def read_preferred_side(connection: Connection, org_id: str) -> Side:
    """Return the side that an organization counts if both report a call."""
    rows = _SETTING.run(connection, (org_id, _PREFERRED_SIDE))
    return _side(tables.organization_setting, (org_id, _PREFERRED_SIDE, rows[0][0]), rows[0][0]) if rows else AGENT


def set_preferred_side(connection: Connection, org_id: str, side: Side) -> None:
    """Store the side to count. Calls that are already stored change only when the caller relinks them."""
    insert_rows(connection, tables.organization_setting, [(org_id, _PREFERRED_SIDE, side)], OnConflict.REPLACE)


def add_call_ids(connection: Connection, org_id: str, call_ids: Mapping[str, CallIds]) -> None:
    """Store the ids of the calls that conversations belong to; a conversation's own id is one of them."""
    rows = {
        (org_id, call, id_): (org_id, call, id_, ids.side)
        for id_, ids in call_ids.items()
        for call in (id_, *ids.linked_ids)
    }
    insert_rows(connection, tables.conversation_link, [rows[key] for key in sorted(rows)], OnConflict.KEEP)


def ids_with_calls(connection: Connection, org_id: str, ids: Iterable[str]) -> set[str]:
    """Return those ids whose conversations were reported by connectors."""
    return {str(id_) for (id_,) in _WITH_CALLS.run_in(connection, (org_id,), sorted(ids))}


def read_calls(connection: Connection, org_id: str, ids: Iterable[str]) -> list[list[CallMember]]:
    """Return the calls that conversations belong to, each with all its conversations."""
    calls: list[list[CallMember]] = []
    done: set[str] = set()
    for id_ in sorted(ids):
        if id_ not in done:
            members = _read_call(connection, org_id, id_)
            done.update(member.id for member in members)
            calls.append(members)
    return calls


def _read_call(connection: Connection, org_id: str, id_: str) -> list[CallMember]:
    """Return every conversation that shares a call id with this one, directly or through others."""
    sides: dict[str, Side] = {}
    referenced_by: dict[str, set[str]] = {}
    new_ids, calls = {id_}, set[str]()
    while new_ids and len(sides) <= MAX_CONVERSATIONS_PER_CALL:
        new_calls = {str(call) for (call,) in _CALLS.run_in(connection, (org_id,), sorted(new_ids))} - calls
        calls |= new_calls
        found = _MEMBERS.run_in(connection, (org_id,), sorted(new_calls))
        rows = [
            (str(call), str(member), _side(tables.conversation_link, (org_id, call, member), side))
            for call, member, side in found
        ]
        new_ids = {member for _, member, _ in rows} - sides.keys()
        for call, member, side in rows:
            sides[member] = side
            referenced_by.setdefault(call, set()).add(member)
    return [CallMember(member, side, len(referenced_by.get(member, ()))) for member, side in sorted(sides.items())]


def _side(table: Table, row: Row, side: Value) -> Side:
    """Return a stored side. Raises Damaged, with the row's key, if the side is unknown."""
    try:
        return SIDES[str(side)]
    except KeyError:
        raise damaged_row(table, row, ValueError(f"{side!r} is not a side")) from None


class Link(NamedTuple):
    """The links of one conversation: the one that is counted instead of it, or the agent of a linked one."""

    linked_to: str | None = None
    call_agent: str | None = None


def choose_links(members: Sequence[CallMember], states: Mapping[str, State], preferred: Side) -> dict[str, Link]:
    """Return the link of each stored member of a call; it is empty for those that are not countable anyway."""
    links = {member.id: Link() for member in members if member.id in states}
    countable: list[tuple[CallMember, Conversation]] = []
    for member in members:
        record = countable_record(states.get(member.id))
        if record is not None:
            countable.append((member, record))
    if not countable:
        return links
    expired = next((member.id for member in members if member.id in states and states[member.id].expired), None)
    if expired is not None:
        # The call counts in the daily totals already.
        links.update((member.id, Link(linked_to=expired)) for member, _ in countable)
        return links
    countable.sort(key=lambda pair: _order(pair[0], pair[1], preferred))
    (counted, record), *others = countable
    links.update((other.id, Link(linked_to=counted.id)) for other, _ in others)
    if record.agent_id is None:
        agent = next((other.agent_id for _, other in others if other.agent_id is not None), None)
        links[counted.id] = Link(call_agent=agent)
    return links


def _order(member: CallMember, record: Conversation, preferred: Side) -> tuple[bool, int, bool, int, str]:
    """Sort key: the conversation to count comes first. Ids decide only between legs that began at the same instant."""
    return (member.side != preferred, -member.references, record.direction != "inbound", record.created_at, member.id)


def countable_record(state: State | None) -> Conversation | None:
    """Return a conversation that counts unless it is linked: it is not deleted and not `token_created`; else None."""
    record = state.record if state is not None else None
    return record if isinstance(record, Conversation) and record.status != UNCOUNTED_STATUS else None


def affects_links(state: State, before: State | None) -> bool:
    """Return whether a changed state can change the links of its call: which conversation is counted, or its agent."""
    if before is None or before is state or state.kind is not Kind.CONVERSATION:
        return False
    old, new = countable_record(before), countable_record(state)
    if old is None or new is None:
        return old is not new
    return (old.direction, old.created_at, old.agent_id) != (new.direction, new.created_at, new.agent_id)


def keep_link(state: State, winner: State | None) -> State:
    """Return the new winning state with the links of the previous one."""
    if winner is None or (winner.linked_to, winner.call_agent) == (None, None):
        return state
    has_agent = not isinstance(state.record, Conversation) or state.record.agent_id is not None
    return replace(state, linked_to=winner.linked_to, call_agent=None if has_agent else winner.call_agent)


def reported_after(connection: Connection, org_id: str, after: str, limit: int) -> list[str]:
    """Return the next ids of conversations that connectors reported, in order."""
    return [str(id_) for (id_,) in _REPORTED_AFTER.run(connection, (org_id, after, limit))]


def apply_update(update: PartialUpdate, winner: State | None) -> State | None:
    """Return the state that merges an update into the winning state, or None if nothing changes.

    The new state outranks the winning one.
    """
    stored = winner.record if winner is not None and isinstance(winner.record, Conversation) else None
    record = update.merge(stored)
    if record is None or (winner is not None and record == winner.record):
        return None
    later = winner is None or update.time > winner.time
    return State(
        org_id=update.org_id,
        kind=Kind.CONVERSATION,
        id=update.id,
        record=record,
        time=update.time if winner is None else max(update.time, winner.time),
        sequence=0 if later or winner is None else winner.sequence + 1,
        source=update.source,
        event_id=update.event_id,
        hash=data_hash(record),
    )


def add_details(report: State, winner: State | None) -> State | None:
    """Return the winning state with the agent and the number of a late webhook, or None if that changes nothing.

    Only a state from a provider's list is completed: lists do not contain what a webhook's address says.
    """
    if winner is None or not winner.source.endswith(RECONCILE_SUFFIX):
        return None
    listed, webhook = winner.record, report.record
    if not isinstance(listed, Conversation) or not isinstance(webhook, Conversation):
        return None
    record = replace(
        listed,
        agent_id=webhook.agent_id or listed.agent_id,
        agent_number=webhook.agent_number or listed.agent_number,
    )
    if record == listed:
        return None
    return replace(winner, record=record, sequence=winner.sequence + 1, hash=data_hash(record))


def find_wrong_links(connection: Connection, org_id: str, ids: Iterable[str]) -> dict[str, tuple[State, State]]:
    """Return the conversations with a wrong link, by id: the stored state and the state with the right link."""
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
    """Set or remove the links of every conversation of the calls that `ids` belong to.

    `before` holds the stored winning states, `winners` the current ones. The states of further conversations of the
    same calls are added to both.
    """
    calls = [call for call in read_calls(connection, org_id, ids) if len(call) > 1]
    members = {RecordKey(Kind.CONVERSATION, member.id) for call in calls for member in call}
    for key, state in read_winning_states(connection, org_id, members - winners.keys()).items():
        before[key] = winners[key] = state
    if not calls:
        return
    preferred = read_preferred_side(connection, org_id)
    states = {key.id: winners[key] for key in members if key in winners}
    for call in calls:
        for id_, link in choose_links(call, states, preferred).items():
            key = RecordKey(Kind.CONVERSATION, id_)
            if (winners[key].linked_to, winners[key].call_agent) != link:
                winners[key] = replace(winners[key], linked_to=link.linked_to, call_agent=link.call_agent)
