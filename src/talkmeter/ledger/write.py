"""One batch of one organization, in one transaction: read the old states, decide, write winners, history and totals.

The order is the same on every engine (design.md, section 8, "A write"): the organization's row is locked first, so that
two writers of one organization follow each other; a batch that changes nothing writes nothing.
"""

import secrets
from collections import Counter
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, func, select, update

from talkmeter.counting import fold
from talkmeter.ledger import tables
from talkmeter.ledger.arrivals import Floor, Quarantined, Rejection, Work, Written
from talkmeter.ledger.rows import history_row_of, row_of, state_of
from talkmeter.ledger.statements import ROWS_PER_STATEMENT, Compiled, OnConflict, Row, insert_rows, integer
from talkmeter.records import INVENTORY_KINDS, Kind, Outcome, RecordKey, State, judge

QUARANTINE_LIMIT = 10_000
"""Events kept in one organization's quarantine (design.md, section 5)."""

_org = tables.organization.c
_LOCK = Compiled(select(_org.revision).where(_org.org_id == bindparam("org")).with_for_update())
_TOUCH = Compiled(
    update(tables.organization)
    .where(_org.org_id == bindparam("org"))
    .values(revision=bindparam("new_revision"), last_event_at=func.coalesce(bindparam("at"), _org.last_event_at))
)
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


def _winners_query(kind: Kind) -> Compiled:
    table = tables.RECORD_TABLES[kind]
    query = select(*table.c).where(table.c.org_id == bindparam("org"))
    if kind in INVENTORY_KINDS:
        query = query.where(table.c.kind == bindparam("kind"))
    return Compiled(query.where(table.c.id.in_(bindparam("ids", expanding=True))))


_WINNERS = {kind: _winners_query(kind) for kind in Kind}


def new_revision() -> str:
    """A fresh random revision: it changes with everything that can change an answer."""
    return secrets.token_hex(8)


def lock_organization(connection: Connection, org_id: str, now: int) -> None:
    """Lock the organization's row, made now if it is absent; every other statement of a write comes after this one."""
    if _LOCK.run(connection, (org_id,)):
        return
    made = insert_rows(connection, tables.organization, [(org_id, new_revision(), None)], OnConflict.KEEP)
    if made and org_id:
        insert_rows(connection, tables.organization_directory, [(org_id, None, now)], OnConflict.KEEP)
    _LOCK.run(connection, (org_id,))


def touch_organization(connection: Connection, org_id: str, heard_at: int | None) -> None:
    """A new revision, and the instant its newest event was stored (None: no event came)."""
    _TOUCH.change(connection, (new_revision(), heard_at, org_id))


def read_winners(connection: Connection, org_id: str, keys: Iterable[RecordKey]) -> dict[RecordKey, State]:
    """The winning states of the records that exist."""
    by_kind: dict[Kind, set[str]] = {}
    for key in keys:
        by_kind.setdefault(key.kind, set()).add(key.id)
    winners: dict[RecordKey, State] = {}
    for kind, ids in by_kind.items():
        head: Row = (org_id, kind.value) if kind in INVENTORY_KINDS else (org_id,)
        wanted = sorted(ids)
        for begin in range(0, len(wanted), ROWS_PER_STATEMENT):
            part = wanted[begin : begin + ROWS_PER_STATEMENT]
            for row in _WINNERS[kind].run(connection, (*head, *part), expanded=len(part)):
                state = state_of(kind, row)
                winners[RecordKey(kind, state.id)] = state
    return winners


def write_organization(
    connection: Connection, org_id: str, works: Sequence[Work], now: int, *, keep_history: bool
) -> list[Written]:
    """Write what several requests bring to one organization, inside the caller's transaction; one answer a request.

    `now` is when it is stored, in microseconds. Nothing is committed here.
    """
    lock_organization(connection, org_id, now)
    before = read_winners(connection, org_id, (_key(state) for work in works for state in _states(work)))
    winners = dict(before)
    received: dict[Row, Row] = {}
    bins: list[Counter[Outcome]] = []
    for work in works:
        counts: Counter[Outcome] = Counter()
        for state in _states(work):
            key = _key(state)
            outcome = judge(state, winners.get(key))
            counts[outcome] += 1
            if outcome is Outcome.ACCEPTED:
                winners[key] = state
            if keep_history and outcome is not Outcome.DUPLICATE:
                row = history_row_of(state, now)
                received.setdefault(row[:8], row)
        bins.append(counts)
    changed = {key: state for key, state in winners.items() if before.get(key) is not state}
    stored = _store(connection, org_id, changed, before, now)
    if received:
        stored += insert_rows(
            connection, tables.record_state, sorted(received.values(), key=_history_key), OnConflict.KEEP
        )
    raised = [_raise_floor(connection, org_id, work.floor) for work in works if work.floor]
    if stored or any(raised):
        touch_organization(connection, org_id, now)
    kept = _quarantine(connection, org_id, works, now)
    return [_written(work, counts, kept) for work, counts in zip(works, bins, strict=True)]


def _states(work: Work) -> Iterable[State]:
    return (arrival for _, arrival in work.arrivals if isinstance(arrival, State))


def _rejections(work: Work) -> Iterable[tuple[int, Rejection]]:
    return ((index, arrival) for index, arrival in work.arrivals if isinstance(arrival, Rejection))


def _key(state: State) -> RecordKey:
    return RecordKey(state.kind, state.id)


def _history_key(row: Row) -> Row:
    return row[:8]


def _store(
    connection: Connection, org_id: str, changed: dict[RecordKey, State], before: dict[RecordKey, State], now: int
) -> int:
    """Write the new winners and the difference they make to the daily totals; how many winners there were."""
    for table in dict.fromkeys(tables.RECORD_TABLES.values()):
        states = [state for key, state in changed.items() if tables.RECORD_TABLES[key.kind] is table]
        if states:
            states.sort(key=lambda state: (state.kind.value, state.id))
            insert_rows(connection, table, [row_of(state, now) for state in states], OnConflict.REPLACE)
    totals = fold((before[key].record if key in before else None, state.record) for key, state in changed.items())
    if totals:
        rows = [(org_id, *key, *counters) for key, counters in sorted(totals.items())]
        insert_rows(connection, tables.usage_daily, rows, OnConflict.ADD)
    return len(changed)


def _raise_floor(connection: Connection, org_id: str, floor: Floor) -> bool:
    """Raise the floor of one kind to the greatest time seen; whether that changed it."""
    known = _FLOOR.run(connection, (org_id, floor.kind.value))
    if known and integer(known[0][0]) >= floor.time:
        return False
    insert_rows(connection, tables.inventory_snapshot, [(org_id, floor.kind.value, floor.time)], OnConflict.REPLACE)
    return True


def _quarantine(connection: Connection, org_id: str, works: Sequence[Work], now: int) -> set[bytes]:
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
    known: set[bytes] = set()
    for begin in range(0, len(hashes), ROWS_PER_STATEMENT):
        part = hashes[begin : begin + ROWS_PER_STATEMENT]
        found = _IN_QUARANTINE.run(connection, (org_id, *part), expanded=len(part))
        known.update(hash_ for (hash_,) in found if isinstance(hash_, bytes))
    room = QUARANTINE_LIMIT - integer(_QUARANTINED.run(connection, (org_id,))[0][0])
    new = [hash_ for hash_ in rows if hash_ not in known]
    kept = known.union(new[: max(room, 0)])
    insert_rows(connection, tables.quarantine, [rows[hash_] for hash_ in sorted(kept)], OnConflict.SEEN_AGAIN)
    return kept


def _written(work: Work, counts: Counter[Outcome], kept: set[bytes]) -> Written:
    return Written(
        accepted=counts[Outcome.ACCEPTED],
        duplicate=counts[Outcome.DUPLICATE],
        conflicting=counts[Outcome.CONFLICTING],
        stale=counts[Outcome.STALE],
        quarantined=tuple(
            Quarantined(index=index, id=one.event_id, reason=one.reason, detail=one.detail, kept=one.hash in kept)
            for index, one in _rejections(work)
        ),
    )
