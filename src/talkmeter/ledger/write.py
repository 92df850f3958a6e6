"""One batch, one transaction: read the old states, decide, write winners, history and daily totals.

The order is the same on every engine (docs/decisions/0006): an organization's row is locked before anything
else of it is read, so that two writers of one organization follow each other. A batch that changes nothing writes
nothing. SQLite joins organizations in one transaction; elsewhere a batch holds one.
"""

import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace
from sqlalchemy import Connection, Table, bindparam, func, select

from talkmeter.backpressure import Pauses
from talkmeter.counting import ZERO, Counters, DayKey, fold
from talkmeter.db import tables
from talkmeter.db.statements import Compiled, OnConflict, Row, insert_rows, integer
from talkmeter.ledger.batch import BatchResult, CallReport, OrgBatch, Quarantined, Rejection
from talkmeter.ledger.call_links import Names, add_names, adds_to_usage, apply_update, relink
from talkmeter.ledger.rows import history_key_of, history_row_of, row_of
from talkmeter.ledger.states import history_rows, read_winning_states
from talkmeter.records import Kind, Outcome, RecordKey, State, judge

QUARANTINE_LIMIT = 10_000
"""Events kept in one organization's quarantine (docs/reference/http-api.md)."""

_org = tables.organization.c
_LOCK = Compiled(select(_org.last_event_at).where(_org.org_id == bindparam("org")).with_for_update())
_FLOOR = Compiled(
    select(tables.inventory_snapshot.c.floor).where(
        tables.inventory_snapshot.c.org_id == bindparam("org"), tables.inventory_snapshot.c.kind == bindparam("kind")
    )
)
_QUARANTINED = Compiled(
    select(func.count()).select_from(tables.quarantine).where(tables.quarantine.c.org_id == bindparam("org"))
)
_IN_QUARANTINE = Compiled(
    select(tables.quarantine.c.hash).where(
        tables.quarantine.c.org_id == bindparam("org"),
        tables.quarantine.c.hash.in_(bindparam("hashes", expanding=True)),
    )
)


def new_revision() -> str:
    """A fresh random revision: it changes with everything that can change an answer."""
    return secrets.token_hex(8)


def lock_organization(connection: Connection, org_id: str, now: int) -> int | None:
    """Lock the organization's row, made now if it is absent; when its newest event was stored, in microseconds."""
    rows = _LOCK.run(connection, (org_id,))
    if not rows:
        insert_rows(connection, tables.organization, [(org_id, new_revision(), None)], OnConflict.KEEP)
        if org_id:
            insert_rows(connection, tables.organization_directory, [(org_id, None, now)], OnConflict.KEEP)
        rows = _LOCK.run(connection, (org_id,))
    last_event_at = rows[0][0]
    return None if last_event_at is None else integer(last_event_at)


def renew_revision(connection: Connection, org_id: str, last_event_at: int | None) -> None:
    """A new revision, so that no earlier answer is taken for the present one."""
    insert_rows(connection, tables.organization, [(org_id, new_revision(), last_event_at)], OnConflict.REPLACE)


class _Decision(NamedTuple):
    """What a batch changes in one organization."""

    before: dict[RecordKey, State]
    changed: dict[RecordKey, State]
    received: list[State]
    floors: dict[Kind, int]
    bins: list[Counter[Outcome]]

    @property
    def changes_something(self) -> bool:
        """Whether anything is to be written."""
        return bool(self.changed or self.received or self.floors)


def write_batch(
    connection: Connection, by_org: Mapping[str, Sequence[OrgBatch]], now: int, *, keep_history: bool
) -> dict[str, list[BatchResult]]:
    """Write what requests bring to organizations, inside the caller's transaction; one answer a work, in order.

    `now` is when it is stored, in microseconds. Nothing is committed here.
    """
    pauses = Pauses()
    decisions: dict[str, _Decision] = {}
    answers: dict[str, list[BatchResult]] = {}
    for org_id in sorted(by_org):
        lock_organization(connection, org_id, now)
        decision = decisions[org_id] = _decide(connection, org_id, by_org[org_id], pauses, keep_history=keep_history)
        kept = _quarantine(connection, org_id, by_org[org_id], now)
        answers[org_id] = [
            _written(work, counts, kept) for work, counts in zip(by_org[org_id], decision.bins, strict=True)
        ]
    _store(connection, {org_id: one for org_id, one in decisions.items() if one.changes_something}, now, pauses)
    return answers


def _decide(
    connection: Connection, org_id: str, works: Sequence[OrgBatch], pauses: Pauses, *, keep_history: bool
) -> _Decision:
    """Which states win, as if the events had been applied one by one."""
    before = read_winning_states(connection, org_id, {_key(one) for work in works for one in _told(work)}, pauses)
    winners = dict(before)
    names: dict[str, Names] = {}
    received: dict[Row, State] = {}
    losing: dict[Row, State] = {}
    bins: list[Counter[Outcome]] = []
    for work in works:
        counts: Counter[Outcome] = Counter()
        for told in pauses.between(_told(work)):
            key = _key(told)
            winner = winners.get(key)
            if isinstance(told, CallReport):
                names[key.id] = _with(names.get(key.id), told)
            state = _state_of(told, winner)
            if state is None:
                counts[Outcome.DUPLICATE] += 1
                continue
            outcome = judge(state, winner)
            counts[outcome] += 1
            if outcome is Outcome.ACCEPTED:
                winners[key] = replace(state, linked_to=winner.linked_to) if winner and winner.linked_to else state
            if keep_history and outcome is not Outcome.DUPLICATE:
                into = received if outcome is Outcome.ACCEPTED else losing
                into[history_key_of(state)] = state
        bins.append(counts)
    if names:
        add_names(connection, org_id, names)
    # Where a conversation adds nothing any more, another one of its call may have to.
    touched = names.keys() | {key.id for key, state in winners.items() if _has_left(state, before.get(key))}
    if touched:
        relink(connection, org_id, touched, before, winners)
    changed = {key: state for key, state in winners.items() if before.get(key) is not state}
    received |= _not_yet_received(connection, org_id, losing)
    return _Decision(
        before=before,
        changed=changed,
        received=list(received.values()),
        floors=_raised_floors(connection, org_id, works),
        bins=bins,
    )


def _store(connection: Connection, decisions: Mapping[str, _Decision], now: int, pauses: Pauses) -> None:
    """Write winners, history, the difference to the daily totals, floors and revisions; each table's rows together."""
    changed = [state for one in decisions.values() for state in one.changed.values()]
    by_table: dict[Table, list[Row]] = {table: [] for table in tables.RECORD_TABLES.values()}
    for state in pauses.between(changed):
        by_table[tables.RECORD_TABLES[state.kind]].append(row_of(state, now))
    for table, rows in by_table.items():
        insert_rows(connection, table, sorted(rows, key=_first_three), OnConflict.REPLACE)
    received = [state for one in decisions.values() for state in one.received]
    history = [history_row_of(state, now) for state in pauses.between(received)]
    insert_rows(connection, tables.record_state, sorted(history), OnConflict.KEEP)
    totals: list[Row] = []
    for org_id, one in decisions.items():
        differences = fold(
            (one.before[key].counted if key in one.before else None, state.counted)
            for key, state in pauses.between(one.changed.items())
        )
        totals += total_rows(org_id, differences, now)
    insert_rows(connection, tables.usage_daily, sorted(totals), OnConflict.ADD)
    floors = [(org_id, kind.value, floor) for org_id, one in decisions.items() for kind, floor in one.floors.items()]
    insert_rows(connection, tables.inventory_snapshot, sorted(floors), OnConflict.REPLACE)
    revisions = [(org_id, new_revision(), now) for org_id in sorted(decisions)]
    insert_rows(connection, tables.organization, revisions, OnConflict.REPLACE)


def total_rows(org_id: str, totals: Mapping[DayKey, Counters], now: int) -> list[Row]:
    """Rows of `usage_daily`, sorted; the total of each day touched says that the day changed now.

    A day whose total stays as it was has such a row too, where another split of the day changed.
    """
    days = {DayKey("total", key.day, ""): ZERO for key in totals}
    return sorted(
        (org_id, *key, *counters, now if key.dimension == "total" else None)
        for key, counters in {**days, **totals}.items()
    )


def _not_yet_received(connection: Connection, org_id: str, losing: dict[Row, State]) -> dict[Row, State]:
    """Of states that do not win, those that the history does not hold."""
    if not losing:
        return {}
    known = {row[:8] for row in history_rows(connection, org_id, {_key(state) for state in losing.values()})}
    return {key: state for key, state in losing.items() if key not in known}


def _first_three(row: Row) -> Row:
    return row[:3]


def _told(work: OrgBatch) -> Iterable[State | CallReport]:
    return (arrival for _, arrival in work.arrivals if not isinstance(arrival, Rejection))


def _rejections(work: OrgBatch) -> Iterable[tuple[int, Rejection]]:
    return ((index, arrival) for index, arrival in work.arrivals if isinstance(arrival, Rejection))


def _key(told: State | CallReport) -> RecordKey:
    one = told.of if isinstance(told, CallReport) else told
    return RecordKey(one.kind if isinstance(one, State) else Kind.CONVERSATION, one.id)


def _state_of(told: State | CallReport, winner: State | None) -> State | None:
    """The state that an arrival makes of what is known; None where it adds nothing to that."""
    one = told.of if isinstance(told, CallReport) else told
    return one if isinstance(one, State) else apply_update(one, winner)


def _with(known: Names | None, told: CallReport) -> Names:
    """The names of a conversation, with those of one more message."""
    return Names(told.side, tuple(dict.fromkeys((*(known.elsewhere if known else ()), *told.elsewhere))))


def _has_left(state: State, before: State | None) -> bool:
    """Whether a conversation that was counted adds nothing now."""
    return before is not None and before is not state and adds_to_usage(before) and not adds_to_usage(state)


def _raised_floors(connection: Connection, org_id: str, works: Sequence[OrgBatch]) -> dict[Kind, int]:
    """The floors that rise: the greatest time seen of each kind, where it is above the stored one."""
    floors: dict[Kind, int] = {}
    for work in works:
        if work.floor is not None:
            floors[work.floor.kind] = max(work.floor.time, floors.get(work.floor.kind, -1))
    for kind in list(floors):
        known = _FLOOR.run(connection, (org_id, kind.value))
        if known and integer(known[0][0]) >= floors[kind]:
            del floors[kind]
    return floors


def _quarantine(connection: Connection, org_id: str, works: Sequence[OrgBatch], now: int) -> set[bytes]:
    """Put rejected events into quarantine; the hashes of those that are kept."""
    rows: dict[bytes, Row] = {}
    seen: Counter[bytes] = Counter()
    for work in works:
        for _, one in _rejections(work):
            seen[one.hash] += 1
            rows[one.hash] = (
                *(org_id, one.hash, one.reason.value, one.detail, work.credential_id, now, now),
                *(seen[one.hash], one.size, one.kept_fields, one.complete),
            )
    if not rows:
        return set()
    hashes = sorted(rows)
    found = _IN_QUARANTINE.run_in(connection, (org_id,), hashes)
    known = {hash_ for (hash_,) in found if isinstance(hash_, bytes)}
    room = QUARANTINE_LIMIT - integer(_QUARANTINED.run(connection, (org_id,))[0][0])
    new = [hash_ for hash_ in rows if hash_ not in known]
    kept = known.union(new[: max(room, 0)])
    insert_rows(connection, tables.quarantine, [rows[hash_] for hash_ in sorted(kept)], OnConflict.SEEN_AGAIN)
    return kept


def _written(work: OrgBatch, counts: Counter[Outcome], kept: set[bytes]) -> BatchResult:
    return BatchResult(
        accepted=counts[Outcome.ACCEPTED],
        duplicate=counts[Outcome.DUPLICATE],
        conflicting=counts[Outcome.CONFLICTING],
        stale=counts[Outcome.STALE],
        quarantined=tuple(
            Quarantined(index=index, id=one.event_id, reason=one.reason, detail=one.detail, kept=one.hash in kept)
            for index, one in _rejections(work)
        ),
    )
