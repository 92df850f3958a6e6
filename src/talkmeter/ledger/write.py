"""Writes batches in one transaction: read the old states, decide, write winners, history and daily totals.

The order is the same on every engine (docs/decisions/0006): the rows of the organizations are locked, in the order of
their ids, before anything else of them is read, so that two writers of one organization run one after the other. A
batch that changes nothing writes nothing. On Citus a transaction writes one organization.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from sqlalchemy import Connection, Table, bindparam, func, select

from talkmeter.counting import TOTAL, ZERO_TOTAL, DailyTotal, DayKey, fold
from talkmeter.db import tables
from talkmeter.db.statements import Compiled, OnConflict, Row, insert_rows, integer
from talkmeter.ledger.batch import (
    BatchResult,
    CallReport,
    OrgBatch,
    PartialUpdate,
    QuarantinedEntry,
    Rejection,
    SnapshotWatermark,
)
from talkmeter.ledger.call_links import (
    CallIds,
    add_call_ids,
    add_details,
    affects_links,
    apply_update,
    ids_with_calls,
    keep_link,
    relink,
)
from talkmeter.ledger.erased import erase_events
from talkmeter.ledger.inventory_days import InventoryDays, changed_days, write_days
from talkmeter.ledger.month_totals import add_totals
from talkmeter.ledger.organization_rows import lock_organizations, organization_row
from talkmeter.ledger.parents import apply_claims
from talkmeter.ledger.refused import refuse_events
from talkmeter.ledger.rows import history_key, history_row, record_row
from talkmeter.ledger.states import history_rows, read_winning_states
from talkmeter.records import Kind, Outcome, ParentClaim, RecordKey, State, classify

QUARANTINE_LIMIT = 10_000
"""Maximum number of events in one organization's quarantine (docs/reference/http-api.md)."""

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


ValidEvent = State | CallReport | PartialUpdate


class _Decisions(NamedTuple):
    """What the events of an organization's batches come to, before links and history are looked at."""

    winners: dict[RecordKey, State]
    accepted: dict[Row, State]
    losing: dict[Row, State]
    """States for the history, by history key: those that won when they came, and those that did not."""
    call_ids: dict[str, CallIds]
    outcomes: list[Counter[Outcome]]
    """One for each batch."""


class _Changes(NamedTuple):
    """What batches change in one organization."""

    before: dict[RecordKey, State]
    changed: dict[RecordKey, State]
    history: list[State]
    watermarks: dict[Kind, int]
    inventory: InventoryDays

    @property
    def has_writes(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.changed or self.history or self.watermarks or self.inventory.has_writes)


def write_batches(
    connection: Connection, batches: Sequence[OrgBatch], now: int, *, keep_history: bool
) -> list[BatchResult]:
    """Write batches in the caller's transaction, as if their events had been applied one by one; return the results.

    The results have the order of the batches. `now` is the time of storage, in microseconds. The caller commits. Events
    of a closed organization go to its quarantine. Raises OrganizationClosed for a batch that quarantine cannot keep.
    """
    by_org: dict[str, list[int]] = {}
    for index, batch in enumerate(batches):
        by_org.setdefault(batch.org_id, []).append(index)
    locked = lock_organizations(connection, list(by_org))
    batches = [refuse_events(batch) if locked[batch.org_id].closed else batch for batch in batches]
    batches = [erase_events(connection, batch) if locked[batch.org_id].has_erased else batch for batch in batches]
    results: dict[int, BatchResult] = {}
    changes: dict[str, _Changes] = {}
    for org_id, indexes in sorted(by_org.items()):
        of_org = [batches[index] for index in indexes]
        before = read_winning_states(connection, org_id, _record_keys(of_org))
        decisions = _decide(of_org, before)
        for outcomes, of_claims in zip(
            decisions.outcomes, apply_claims(connection, org_id, [_claims(batch) for batch in of_org]), strict=True
        ):
            outcomes.update(of_claims)
        _link(connection, org_id, decisions, before)
        stored, received = _watermarks(connection, org_id, of_org)
        changes[org_id] = _Changes(
            before=before,
            changed={key: state for key, state in decisions.winners.items() if before.get(key) is not state},
            history=_history(connection, org_id, decisions) if keep_history else [],
            watermarks=_raised(stored, received),
            inventory=changed_days(
                connection,
                org_id,
                chain(decisions.accepted.values(), decisions.losing.values()),
                before,
                (*stored.items(), *received),
            ),
        )
        kept = _quarantine(connection, org_id, of_org, now)
        for index, batch, outcomes in zip(indexes, of_org, decisions.outcomes, strict=True):
            results[index] = _batch_result(batch, outcomes, kept)
    _store(connection, {org_id: changed for org_id, changed in changes.items() if changed.has_writes}, now)
    return [results[index] for index in range(len(batches))]


def _decide(batches: Sequence[OrgBatch], before: Mapping[RecordKey, State]) -> _Decisions:
    """Decide which states win."""
    decisions = _Decisions(dict(before), {}, {}, {}, [])
    for batch in batches:
        counts: Counter[Outcome] = Counter()
        for event in _valid_events(batch):
            counts[_decide_event(event, decisions)] += 1
        decisions.outcomes.append(counts)
    return decisions


def _decide_event(event: ValidEvent, decisions: _Decisions) -> Outcome:
    """Decide about one event, and note what it changes."""
    key = _record_key(event)
    winner = decisions.winners.get(key)
    if isinstance(event, CallReport):
        decisions.call_ids[key.id] = _merge_call_ids(decisions.call_ids.get(key.id), event)
    state = _new_state(event, winner)
    if state is None:
        return Outcome.DUPLICATE
    outcome = classify(state, winner)
    if outcome is Outcome.STALE and isinstance(event, CallReport):
        completed = add_details(state, winner)
        if completed is not None:
            decisions.losing[history_key(state)] = state
            state, outcome = completed, Outcome.ACCEPTED
    if outcome is Outcome.ACCEPTED:
        decisions.winners[key] = keep_link(state, winner)
        decisions.accepted[history_key(state)] = state
    elif outcome is not Outcome.DUPLICATE and not (winner is not None and winner.expired):
        decisions.losing[history_key(state)] = state
    return outcome


def _link(connection: Connection, org_id: str, decisions: _Decisions, before: dict[RecordKey, State]) -> None:
    """Store call ids, and link the conversations of each affected call again."""
    if decisions.call_ids:
        add_call_ids(connection, org_id, decisions.call_ids)
    # An event that is not a connector's can change which conversation of a call is counted, or the call's agent.
    changed = {key.id for key, state in decisions.winners.items() if affects_links(state, before.get(key))}
    others = changed - decisions.call_ids.keys()
    if affected := decisions.call_ids.keys() | (ids_with_calls(connection, org_id, others) if others else set()):
        relink(connection, org_id, affected, before, decisions.winners)


def _history(connection: Connection, org_id: str, decisions: _Decisions) -> list[State]:
    """Return the states that the history does not contain yet."""
    if not decisions.losing:
        return list(decisions.accepted.values())
    keys = {_record_key(state) for state in decisions.losing.values()}
    stored = {row[:8] for row in history_rows(connection, org_id, keys)}
    unseen = {key: state for key, state in decisions.losing.items() if key not in stored}
    return list({**decisions.accepted, **unseen}.values())


def _store(connection: Connection, by_org: Mapping[str, _Changes], now: int) -> None:
    """Write winners, history, changes to daily totals, watermarks and revisions, table by table."""
    changed = [state for changes in by_org.values() for state in changes.changed.values()]
    by_table: dict[Table, list[Row]] = {table: [] for table in tables.RECORD_TABLES.values()}
    for state in changed:
        by_table[tables.RECORD_TABLES[state.kind]].append(record_row(state, now))
    for table, rows in by_table.items():
        insert_rows(connection, table, sorted(rows, key=_first_three_columns), OnConflict.REPLACE)
    received = [state for changes in by_org.values() for state in changes.history]
    history = [history_row(state, now) for state in received]
    insert_rows(connection, tables.record_state, sorted(history), OnConflict.KEEP)
    totals: list[Row] = []
    for org_id, changes in by_org.items():
        differences = fold(
            (changes.before[key].counted if key in changes.before else None, state.counted)
            for key, state in changes.changed.items()
        )
        totals += total_rows(org_id, differences, now)
    add_totals(connection, sorted(totals))
    watermarks = [
        (org_id, kind.value, time) for org_id, changes in by_org.items() for kind, time in changes.watermarks.items()
    ]
    insert_rows(connection, tables.inventory_snapshot, sorted(watermarks), OnConflict.REPLACE)
    write_days(connection, (changes.inventory for changes in by_org.values()))
    revisions = [organization_row(org_id, now) for org_id in sorted(by_org)]
    insert_rows(connection, tables.organization, revisions, OnConflict.REVISE)


def total_rows(org_id: str, totals: Mapping[DayKey, DailyTotal], now: int) -> list[Row]:
    """Return sorted rows of `usage_daily`. The `total` row of each affected day gets `now` as its `changed_at`.

    It is included even if only other dimensions of the day changed.
    """
    days = {DayKey(TOTAL, key.day, ""): ZERO_TOTAL for key in totals}
    return sorted(
        (org_id, *key, *total.counters, now if key.dimension == TOTAL else None, *total.billed)
        for key, total in {**days, **totals}.items()
    )


def _first_three_columns(row: Row) -> Row:
    return row[:3]


def _valid_events(batch: OrgBatch) -> Iterable[ValidEvent]:
    return (event for _, event in batch.events if not isinstance(event, Rejection | ParentClaim))


def _claims(batch: OrgBatch) -> list[ParentClaim]:
    return [event for _, event in batch.events if isinstance(event, ParentClaim)]


def _rejections(batch: OrgBatch) -> Iterable[tuple[int, Rejection]]:
    return ((index, event) for index, event in batch.events if isinstance(event, Rejection))


def _record_keys(batches: Iterable[OrgBatch]) -> set[RecordKey]:
    return {_record_key(event) for batch in batches for event in _valid_events(batch)}


def _record_key(event: ValidEvent) -> RecordKey:
    update = event.update if isinstance(event, CallReport) else event
    return RecordKey(update.kind if isinstance(update, State) else Kind.CONVERSATION, update.id)


def _new_state(event: ValidEvent, winner: State | None) -> State | None:
    """Return the state that an event brings, or None if a partial update changes nothing."""
    update = event.update if isinstance(event, CallReport) else event
    if isinstance(update, State):
        return update
    if isinstance(event, PartialUpdate) and winner is not None:
        # The stored state keeps its time, so that a correction by its sender still wins.
        update = update._replace(time=min(update.time, winner.time))
    return apply_update(update, winner)


def _merge_call_ids(known: CallIds | None, report: CallReport) -> CallIds:
    """Return a conversation's call ids including those of one more report."""
    return CallIds(report.side, tuple(dict.fromkeys((*(known.linked_ids if known else ()), *report.linked_ids))))


def _watermarks(
    connection: Connection, org_id: str, batches: Sequence[OrgBatch]
) -> tuple[dict[Kind, int], list[SnapshotWatermark]]:
    """Return the watermarks of the batches' snapshots, after the stored ones of the same kinds."""
    received = [batch.watermark for batch in batches if batch.watermark is not None]
    stored: dict[Kind, int] = {}
    for kind in {watermark.kind for watermark in received}:
        for (floor,) in _WATERMARK.run(connection, (org_id, kind.value)):
            stored[kind] = integer(floor)
    return stored, received


def _raised(stored: Mapping[Kind, int], received: Iterable[SnapshotWatermark]) -> dict[Kind, int]:
    """Return each kind's latest snapshot time, if it is later than the stored one."""
    raised: dict[Kind, int] = {}
    for kind, time in received:
        if time > stored.get(kind, -1):
            raised[kind] = max(time, raised.get(kind, time))
    return raised


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
