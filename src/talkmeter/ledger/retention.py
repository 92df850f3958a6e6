"""Deletes records after TALKMETER_RETENTION_DAYS, in bounded steps; daily totals stay.

An expired record leaves its id, as a state that outranks every other one: an event that arrives later changes nothing,
so no record is counted twice. Conversations of one call expire together (docs/decisions/0041).
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from sqlalchemy import BigInteger, Connection, Engine, bindparam, delete, func, select, tuple_

from talkmeter import clock
from talkmeter.counting import TOTAL
from talkmeter.db import tables
from talkmeter.db.engine import reading, writing
from talkmeter.db.statements import Compiled, OnConflict, insert_rows, integer
from talkmeter.db.watch import Watch
from talkmeter.errors import Damaged
from talkmeter.ledger.billed_durations import billed_durations_filled
from talkmeter.ledger.call_links import ids_with_calls, read_calls
from talkmeter.ledger.history import START, records_with_history
from talkmeter.ledger.organization_rows import lock_organization, renew_revision, set_records_from
from talkmeter.ledger.organizations import list_organizations
from talkmeter.ledger.rows import record_row
from talkmeter.ledger.states import delete_rows_of, history_rows, read_intact_winners, read_winning_states
from talkmeter.period import MICROSECONDS_PER_DAY, day_of
from talkmeter.records import Conversation, Kind, RecordKey, State, WorkflowExecution, expired_state

RECORDS_PER_STEP: Final = 500
_STEP_TIMEOUT_SEC: Final = 30
_KINDS: Final = (Kind.CONVERSATION, Kind.WORKFLOW_EXECUTION)
_log = logging.getLogger(__name__)
_daily = tables.usage_daily.c
_quarantine = tables.quarantine.c
_FIRST_RECORD = {
    kind: Compiled(select(func.min(table.c.created_at)).where(table.c.org_id == bindparam("org")))
    for kind in _KINDS
    for table in (tables.RECORD_TABLES[kind],)
}
_FIRST_TOTAL = Compiled(
    select(func.min(_daily.day)).where(_daily.org_id == bindparam("org"), _daily.dimension == bindparam("in_dim"))
)
_OLD = {
    kind: Compiled(
        select(table.c.created_at, table.c.id)
        .where(
            table.c.org_id == bindparam("org"),
            table.c.created_at < bindparam("before"),
            tuple_(table.c.created_at, table.c.id) > tuple_(bindparam("at"), bindparam("after")),
        )
        .order_by(table.c.created_at, table.c.id)
        .limit(bindparam("records", type_=BigInteger))
    )
    for kind in _KINDS
    for table in (tables.RECORD_TABLES[kind],)
}
_DELETE_STATE = Compiled(
    delete(tables.record_state).where(
        *(column == bindparam(f"the_{column.name}") for column in tables.record_state.primary_key.columns)
    )
)
_OLD_QUARANTINE = Compiled(
    select(_quarantine.hash)
    .where(_quarantine.org_id == bindparam("org"), _quarantine.last_seen_at < bindparam("before"))
    .limit(bindparam("records", type_=BigInteger))
)
_DROP_QUARANTINE = Compiled(
    delete(tables.quarantine).where(
        _quarantine.org_id == bindparam("org"), _quarantine.hash.in_(bindparam("hashes", expanding=True))
    )
)


def expire(engine: Engine, first_day: int) -> Iterator[None]:
    """Delete the records, the history and the quarantine of all days (since 1970) before one; yield after each step.

    Nothing is deleted until the billed durations of an older version's totals are filled: they come from the records.
    """
    before = first_day * MICROSECONDS_PER_DAY
    with reading(engine, _watch()) as connection:
        if not billed_durations_filled(connection):
            return
        org_ids = [known.org_id for known in list_organizations(connection) if known.closed is None]
    for org_id in org_ids:
        try:
            yield from _expire_usage(engine, org_id, first_day)
        except Damaged as error:
            # Old records of other organizations are deleted.
            _log.error("Old records of an organization were not deleted: %s", error.log_detail)
    for org_id in ("", *org_ids):
        while _expire_quarantine(engine, org_id, before):
            yield


def _expire_usage(engine: Engine, org_id: str, first_day: int) -> Iterator[None]:
    if not _has_older_usage(engine, org_id, first_day):
        return
    before = first_day * MICROSECONDS_PER_DAY
    if _advance(engine, org_id, first_day):
        yield from _expire_voided(engine, org_id, before)
    for kind in _KINDS:
        yield from _expire_kind(engine, org_id, kind, before)


def _watch() -> Watch:
    """Limit one step: a lane of the writer must not wait for a server that does not answer."""
    return Watch(_STEP_TIMEOUT_SEC, f"Deleting old records took longer than {_STEP_TIMEOUT_SEC} seconds.")


def _has_older_usage(engine: Engine, org_id: str, first_day: int) -> bool:
    with reading(engine, _watch()) as connection:
        instants = [query.run(connection, (org_id,))[0][0] for query in _FIRST_RECORD.values()]
        [(total,)] = _FIRST_TOTAL.run(connection, (org_id, TOTAL))
    old_record = any(at is not None and integer(at) < first_day * MICROSECONDS_PER_DAY for at in instants)
    return old_record or (total is not None and integer(total) < first_day)


def _advance(engine: Engine, org_id: str, first_day: int) -> bool:
    """Store the limit before anything is deleted; return False if it was stored already."""
    with writing(engine, _watch()) as connection:
        locked = lock_organization(connection, org_id)
        if locked.records_from >= first_day:
            return False
        set_records_from(connection, org_id, first_day)
        renew_revision(connection, org_id, locked.last_event_at)
    return True


def _expire_kind(engine: Engine, org_id: str, kind: Kind, before: int) -> Iterator[None]:
    position = (-1, "")
    while True:
        with writing(engine, _watch()) as connection:
            locked = lock_organization(connection, org_id)
            rows = _OLD[kind].run(connection, (org_id, before, *position, RECORDS_PER_STEP))
            if not rows:
                return
            ids = _expirable(connection, org_id, kind, [str(id_) for _, id_ in rows], before)
            stubs = [record_row(expired_state(org_id, kind, id_), clock.now()) for id_ in ids]
            insert_rows(connection, tables.RECORD_TABLES[kind], stubs, OnConflict.REPLACE)
            delete_rows_of(connection, tables.record_state, org_id, kind, ids)
            renew_revision(connection, org_id, locked.last_event_at)
            position = (integer(rows[-1][0]), str(rows[-1][1]))
        yield


def _expirable(connection: Connection, org_id: str, kind: Kind, ids: Sequence[str], before: int) -> list[str]:
    """Return the ids in order, each with the other conversations of its call, or without it if one of them is newer."""
    result = set(ids)
    if kind is Kind.CONVERSATION and (linked := ids_with_calls(connection, org_id, ids)):
        for call in read_calls(connection, org_id, linked):
            members = {member.id for member in call}
            states = read_winning_states(connection, org_id, {RecordKey(kind, id_) for id_ in members})
            if all(_is_older(state, before) for state in states.values()):
                result.update(key.id for key, state in states.items() if state.record is not None)
            else:
                result -= members
    return sorted(result)


def _is_older(state: State, before: int) -> bool:
    record = state.record
    return record is None or (isinstance(record, Conversation | WorkflowExecution) and record.created_at < before)


def _expire_voided(engine: Engine, org_id: str, before: int) -> Iterator[None]:
    """Delete what the history says about records that were deleted by an event before the limit."""
    after = START
    while True:
        with writing(engine, _watch()) as connection:
            step = records_with_history(connection, org_id, after)
            if step is None:
                return
            counted = [key for key in step.keys if key.kind in _KINDS]
            winners = read_intact_winners(connection, org_id, counted)
            voided = {key: state for key, state in winners.items() if state.record is None and state.time < before}
            for row in list(history_rows(connection, org_id, voided)):
                winner = voided[RecordKey(Kind(str(row[1])), str(row[2]))]
                if row[3:8] != (winner.time, winner.hash, winner.source, winner.event_id, winner.sequence):
                    _DELETE_STATE.change(connection, row[:8])
        after = step.last
        yield


def _expire_quarantine(engine: Engine, org_id: str, before: int) -> bool:
    with writing(engine, _watch()) as connection:
        hashes = [hash_ for (hash_,) in _OLD_QUARANTINE.run(connection, (org_id, before, RECORDS_PER_STEP))]
        if hashes:
            _DROP_QUARANTINE.change_in(connection, (org_id,), hashes)
    return bool(hashes)


def retention_sweep(engine: Engine, retention_days: int | None) -> Callable[[int], Iterator[None]] | None:
    """Return a sweep that deletes what is older than `retention_days` full days at its time; None: keep all."""
    if retention_days is None:
        return None
    return lambda now: expire(engine, day_of(now) - retention_days)
