"""Writes batches in one transaction: read the old states, decide, write winners, history and daily totals.

The order is the same on every engine (docs/decisions/0006): an organization's row is locked before anything else of it
is read, so that two writers of one organization run one after the other. A batch that changes nothing writes nothing.
On SQLite a transaction may write several organizations, on PostgreSQL one.
"""

import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace
from sqlalchemy import Connection, Table, bindparam, func, select

from talkmeter.backpressure import Throttle
from talkmeter.counting import TOTAL, ZERO, Counters, DayKey, fold
from talkmeter.db import tables
from talkmeter.db.statements import Compiled, OnConflict, Row, insert_rows, integer
from talkmeter.ledger.batch import BatchResult, CallReport, OrgBatch, QuarantinedEntry, Rejection
from talkmeter.ledger.call_links import CallIds, add_call_ids, apply_update, is_countable, relink
from talkmeter.ledger.rows import history_key, history_row, record_row
from talkmeter.ledger.states import history_rows, read_winning_states
from talkmeter.records import Kind, Outcome, RecordKey, State, classify

QUARANTINE_LIMIT = 10_000
"""Maximum number of events in one organization's quarantine (docs/reference/http-api.md)."""

_org = tables.organization.c
_LOCK = Compiled(select(_org.last_event_at).where(_org.org_id == bindparam("org")).with_for_update())
_WATERMARK = Compiled(
    select(tables.inventory_snapshot.c.floor).where(
        tables.inventory_snapshot.c.org_id == bindparam("org"), tables.inventory_snapshot.c.kind == bindparam("kind")
    )
)
_QUARANTINE_SIZE = Compiled(
    select(func.count()).select_from(tables.quarantine).where(tables.quarantine.c.org_id == bindparam("org"))
)
_IN_QUARANTINE = Compiled(
    select(tables.quarantine.c.hash).where(
        tables.quarantine.c.org_id == bindparam("org"),
        tables.quarantine.c.hash.in_(bindparam("hashes", expanding=True)),
    )
)


def new_revision() -> str:
    """Return a new random revision; an organization gets one whenever its answers may change."""
    return secrets.token_hex(8)


def lock_organization(connection: Connection, org_id: str, now: int) -> int | None:
    """Lock the organization's row, inserting it if absent; return its `last_event_at`, in microseconds."""
    rows = _LOCK.run(connection, (org_id,))
    if not rows:
        insert_rows(connection, tables.organization, [(org_id, new_revision(), None)], OnConflict.KEEP)
        if org_id:
            insert_rows(connection, tables.organization_directory, [(org_id, None, now)], OnConflict.KEEP)
        rows = _LOCK.run(connection, (org_id,))
    last_event_at = rows[0][0]
    return None if last_event_at is None else integer(last_event_at)


def renew_revision(connection: Connection, org_id: str, last_event_at: int | None) -> None:
    """Give an organization a new revision, which invalidates cached answers."""
    insert_rows(connection, tables.organization, [(org_id, new_revision(), last_event_at)], OnConflict.REPLACE)


class _Changes(NamedTuple):
    """What batches change in one organization, and the number of outcomes of each batch."""

    before: dict[RecordKey, State]
    changed: dict[RecordKey, State]
    received: list[State]
    watermarks: dict[Kind, int]
    outcomes: list[Counter[Outcome]]

    @property
    def has_writes(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.changed or self.received or self.watermarks)


def write_batch(
    connection: Connection, by_org: Mapping[str, Sequence[OrgBatch]], now: int, *, keep_history: bool
) -> dict[str, list[BatchResult]]:
    """Write batches by organization in the caller's transaction; return the results in the order of the batches.

    `now` is the time of storage, in microseconds. The caller commits.
    """
    throttle = Throttle()
    changes: dict[str, _Changes] = {}
    results: dict[str, list[BatchResult]] = {}
    for org_id, batches in sorted(by_org.items()):
        lock_organization(connection, org_id, now)
        changes[org_id] = _decide(connection, org_id, batches, throttle, keep_history=keep_history)
        kept = _quarantine(connection, org_id, batches, now)
        results[org_id] = [
            _batch_result(batch, outcomes, kept)
            for batch, outcomes in zip(batches, changes[org_id].outcomes, strict=True)
        ]
    _store(connection, {org_id: changed for org_id, changed in changes.items() if changed.has_writes}, now, throttle)
    return results


def _decide(
    connection: Connection, org_id: str, batches: Sequence[OrgBatch], throttle: Throttle, *, keep_history: bool
) -> _Changes:
    """Decide which states win, as if the events had been applied one by one."""
    keys = {_record_key(event) for batch in batches for event in _valid_events(batch)}
    before = read_winning_states(connection, org_id, keys, throttle)
    winners = dict(before)
    call_ids: dict[str, CallIds] = {}
    received: dict[Row, State] = {}
    losing: dict[Row, State] = {}
    outcomes: list[Counter[Outcome]] = []
    for batch in batches:
        counts: Counter[Outcome] = Counter()
        for event in throttle.iterate(_valid_events(batch)):
            key = _record_key(event)
            winner = winners.get(key)
            if isinstance(event, CallReport):
                call_ids[key.id] = _merge_call_ids(call_ids.get(key.id), event)
            state = _new_state(event, winner)
            if state is None:
                counts[Outcome.DUPLICATE] += 1
                continue
            outcome = classify(state, winner)
            counts[outcome] += 1
            if outcome is Outcome.ACCEPTED:
                winners[key] = replace(state, linked_to=winner.linked_to) if winner and winner.linked_to else state
            if keep_history and outcome is not Outcome.DUPLICATE:
                into = received if outcome is Outcome.ACCEPTED else losing
                into[history_key(state)] = state
        outcomes.append(counts)
    if call_ids:
        add_call_ids(connection, org_id, call_ids)
    # If a conversation no longer counts, another one of its call may have to be counted instead.
    affected = call_ids.keys() | {key.id for key, state in winners.items() if _no_longer_counts(state, before.get(key))}
    if affected:
        relink(connection, org_id, affected, before, winners)
    changed = {key: state for key, state in winners.items() if before.get(key) is not state}
    received |= _not_in_history(connection, org_id, losing)
    return _Changes(
        before=before,
        changed=changed,
        received=list(received.values()),
        watermarks=_raised_watermarks(connection, org_id, batches),
        outcomes=outcomes,
    )


def _store(connection: Connection, by_org: Mapping[str, _Changes], now: int, throttle: Throttle) -> None:
    """Write winners, history, changes to daily totals, watermarks and revisions, table by table."""
    changed = [state for changes in by_org.values() for state in changes.changed.values()]
    by_table: dict[Table, list[Row]] = {table: [] for table in tables.RECORD_TABLES.values()}
    for state in throttle.iterate(changed):
        by_table[tables.RECORD_TABLES[state.kind]].append(record_row(state, now))
    for table, rows in by_table.items():
        insert_rows(connection, table, sorted(rows, key=_first_three_columns), OnConflict.REPLACE)
    received = [state for changes in by_org.values() for state in changes.received]
    history = [history_row(state, now) for state in throttle.iterate(received)]
    insert_rows(connection, tables.record_state, sorted(history), OnConflict.KEEP)
    totals: list[Row] = []
    for org_id, changes in by_org.items():
        differences = fold(
            (changes.before[key].counted if key in changes.before else None, state.counted)
            for key, state in throttle.iterate(changes.changed.items())
        )
        totals += total_rows(org_id, differences, now)
    insert_rows(connection, tables.usage_daily, sorted(totals), OnConflict.ADD)
    watermarks = [
        (org_id, kind.value, time) for org_id, changes in by_org.items() for kind, time in changes.watermarks.items()
    ]
    insert_rows(connection, tables.inventory_snapshot, sorted(watermarks), OnConflict.REPLACE)
    revisions = [(org_id, new_revision(), now) for org_id in sorted(by_org)]
    insert_rows(connection, tables.organization, revisions, OnConflict.REPLACE)


def total_rows(org_id: str, totals: Mapping[DayKey, Counters], now: int) -> list[Row]:
    """Return sorted rows of `usage_daily`. The `total` row of each affected day gets `now` as its `changed_at`.

    It is included even if only other dimensions of the day changed.
    """
    days = {DayKey(TOTAL, key.day, ""): ZERO for key in totals}
    return sorted(
        (org_id, *key, *counters, now if key.dimension == TOTAL else None)
        for key, counters in {**days, **totals}.items()
    )


def _not_in_history(connection: Connection, org_id: str, losing: dict[Row, State]) -> dict[Row, State]:
    """Return the losing states that the history does not contain yet."""
    if not losing:
        return {}
    stored = {row[:8] for row in history_rows(connection, org_id, {_record_key(state) for state in losing.values()})}
    return {key: state for key, state in losing.items() if key not in stored}


def _first_three_columns(row: Row) -> Row:
    return row[:3]


def _valid_events(batch: OrgBatch) -> Iterable[State | CallReport]:
    return (event for _, event in batch.events if not isinstance(event, Rejection))


def _rejections(batch: OrgBatch) -> Iterable[tuple[int, Rejection]]:
    return ((index, event) for index, event in batch.events if isinstance(event, Rejection))


def _record_key(event: State | CallReport) -> RecordKey:
    update = event.update if isinstance(event, CallReport) else event
    return RecordKey(update.kind if isinstance(update, State) else Kind.CONVERSATION, update.id)


def _new_state(event: State | CallReport, winner: State | None) -> State | None:
    """Return the state that an event brings, or None if a partial update changes nothing."""
    update = event.update if isinstance(event, CallReport) else event
    return update if isinstance(update, State) else apply_update(update, winner)


def _merge_call_ids(known: CallIds | None, report: CallReport) -> CallIds:
    """Return a conversation's call ids including those of one more report."""
    return CallIds(report.side, tuple(dict.fromkeys((*(known.linked_ids if known else ()), *report.linked_ids))))


def _no_longer_counts(state: State, before: State | None) -> bool:
    """Return whether a conversation was countable before and is not any more."""
    return before is not None and before is not state and is_countable(before) and not is_countable(state)


def _raised_watermarks(connection: Connection, org_id: str, batches: Sequence[OrgBatch]) -> dict[Kind, int]:
    """Return each kind's latest snapshot time in the batches, if it is later than the stored one."""
    watermarks: dict[Kind, int] = {}
    for batch in batches:
        if batch.watermark is not None:
            kind, time = batch.watermark
            watermarks[kind] = max(time, watermarks.get(kind, -1))
    for kind in list(watermarks):
        stored = _WATERMARK.run(connection, (org_id, kind.value))
        if stored and integer(stored[0][0]) >= watermarks[kind]:
            del watermarks[kind]
    return watermarks


def _quarantine(connection: Connection, org_id: str, batches: Sequence[OrgBatch], now: int) -> set[bytes]:
    """Put rejected events into quarantine; return the hashes of the kept ones."""
    rows: dict[bytes, Row] = {}
    seen: Counter[bytes] = Counter()
    for batch in batches:
        for _, rejection in _rejections(batch):
            hash_ = rejection.hash
            seen[hash_] += 1
            rows[hash_] = (
                *(org_id, hash_, rejection.reason.value, rejection.detail, batch.credential_id, now, now),
                *(seen[hash_], rejection.size, rejection.kept_fields, rejection.complete),
            )
    if not rows:
        return set()
    found = _IN_QUARANTINE.run_in(connection, (org_id,), sorted(rows))
    known = {hash_ for (hash_,) in found if isinstance(hash_, bytes)}
    free = QUARANTINE_LIMIT - integer(_QUARANTINE_SIZE.run(connection, (org_id,))[0][0])
    new = [hash_ for hash_ in rows if hash_ not in known]
    kept = known.union(new[: max(free, 0)])
    insert_rows(connection, tables.quarantine, [rows[hash_] for hash_ in sorted(kept)], OnConflict.SEEN_AGAIN)
    return kept


def _batch_result(batch: OrgBatch, outcomes: Counter[Outcome], kept: set[bytes]) -> BatchResult:
    return BatchResult(
        accepted=outcomes[Outcome.ACCEPTED],
        duplicate=outcomes[Outcome.DUPLICATE],
        conflicting=outcomes[Outcome.CONFLICTING],
        stale=outcomes[Outcome.STALE],
        quarantined=tuple(
            QuarantinedEntry(
                index=index,
                id=rejection.event_id,
                reason=rejection.reason,
                detail=rejection.detail,
                kept=rejection.hash in kept,
            )
            for index, rejection in _rejections(batch)
        ),
    )
