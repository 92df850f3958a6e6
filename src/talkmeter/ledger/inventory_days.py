"""The days of inventory items: for each UTC day, the highest state of an item, and the latest snapshot of a kind.

They are merged in the write transaction by maximum and OR, so they depend neither on the order of arrival nor on
TALKMETER_HISTORY_DAYS. In a ledger of an older version, an item has no days before its next state arrives; then the
winning state until then is stored first. Readers add the present winning state and snapshot.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from msgspec.structs import replace
from sqlalchemy import Connection, bindparam, delete, select

from talkmeter.db import inventory_tables
from talkmeter.db.damage import UNREADABLE_VALUES, damaged_row
from talkmeter.db.meta import INVENTORY_SINCE, read_meta
from talkmeter.db.statements import Compiled, OnConflict, Row, insert_rows, integer, text
from talkmeter.period import day_of
from talkmeter.records import INVENTORY_KINDS, InventoryItem, Kind, RecordKey, State, rank

_day = inventory_tables.inventory_day.c
_snapshot_day = inventory_tables.inventory_snapshot_day.c
_STORED = Compiled(
    select(*_day).where(
        _day.org_id == bindparam("org"),
        _day.kind == bindparam("in_kind"),
        _day.day == bindparam("at_day"),
        _day.id.in_(bindparam("ids", expanding=True)),
    )
)
_STORED_SNAPSHOT = Compiled(
    select(_snapshot_day.time).where(
        _snapshot_day.org_id == bindparam("org"),
        _snapshot_day.kind == bindparam("in_kind"),
        _snapshot_day.day == bindparam("at_day"),
    )
)


_OF_ITEMS = Compiled(
    select(*_day).where(
        _day.org_id == bindparam("org"),
        _day.kind == bindparam("in_kind"),
        _day.id.in_(bindparam("ids", expanding=True)),
    )
)
_DROP_ITEMS = Compiled(
    delete(inventory_tables.inventory_day).where(
        _day.org_id == bindparam("org"),
        _day.kind == bindparam("in_kind"),
        _day.id.in_(bindparam("ids", expanding=True)),
    )
)
_SNAPSHOTS = Compiled(
    select(_snapshot_day.kind, _snapshot_day.time)
    .where(_snapshot_day.org_id == bindparam("org"))
    .order_by(_snapshot_day.kind, _snapshot_day.day)
)
_DROP_SNAPSHOTS = Compiled(
    delete(inventory_tables.inventory_snapshot_day).where(_snapshot_day.org_id == bindparam("org"))
)


class DayStates(NamedTuple):
    """The states of an item on a day: the highest one, and whether any of them exists and is shared."""

    highest: State
    any_exists: bool
    any_shared: bool

    def merge(self, other: "DayStates") -> "DayStates":
        """Return the states of both."""
        highest = self.highest if rank(self.highest) >= rank(other.highest) else other.highest
        return DayStates(highest, self.any_exists or other.any_exists, self.any_shared or other.any_shared)


class _Key(NamedTuple):
    kind: Kind
    day: int
    id: str


class InventoryDays(NamedTuple):
    """Rows to write. `previous` are the winning states until now, for items without days."""

    days: list[Row]
    previous: list[Row]
    snapshots: list[Row]

    @property
    def has_writes(self) -> bool:
        """Whether a day changes."""
        return bool(self.days or self.snapshots)


NO_INVENTORY_DAYS = InventoryDays([], [], [])


def inventory_since(connection: Connection) -> int | None:
    """Return the instant from which on all states are in the days, in microseconds; None: they always were."""
    value = read_meta(connection, INVENTORY_SINCE)
    return None if value is None else int(value)


def changed_days(
    connection: Connection,
    org_id: str,
    states: Iterable[State],
    before: Mapping[RecordKey, State],
    snapshots: Iterable[tuple[Kind, int]],
) -> InventoryDays:
    """Return what changes if states and snapshots (kind, time) are merged into the days of an organization.

    `before` are the winning states until now.
    """
    received: dict[_Key, DayStates] = {}
    for state in states:
        if state.kind in INVENTORY_KINDS:
            _add(received, state)
    return _changed(connection, org_id, received, before, snapshots)


def move_days(
    connection: Connection, source: str, target: str, moved: Iterable[State], before: Mapping[RecordKey, State]
) -> None:
    """Merge the days of items into those of another organization.

    `moved` are the winning states of the source's items, and `before` those of the target until now.
    """
    received: dict[_Key, DayStates] = {}
    ids: dict[Kind, list[str]] = {}
    for state in moved:
        _add(received, replace(state, org_id=target))
        ids.setdefault(state.kind, []).append(state.id)
    for kind, of_kind in ids.items():
        for row in _OF_ITEMS.run_in(connection, (source, kind.value), sorted(of_kind)):
            states = decode_day(row)
            _merge(received, integer(row[3]), states._replace(highest=replace(states.highest, org_id=target)))
        _DROP_ITEMS.change_in(connection, (source, kind.value), sorted(of_kind))
    write_days(connection, [_changed(connection, target, received, before, ())])


def move_snapshot_days(connection: Connection, source: str, target: str) -> None:
    """Give another organization the later snapshot of each day."""
    snapshots = [(Kind(text(kind)), integer(time)) for kind, time in _SNAPSHOTS.run(connection, (source,))]
    write_days(connection, [InventoryDays([], [], _later_snapshots(connection, target, snapshots))])
    _DROP_SNAPSHOTS.change(connection, (source,))


def _changed(
    connection: Connection,
    org_id: str,
    received: Mapping[_Key, DayStates],
    before: Mapping[RecordKey, State],
    snapshots: Iterable[tuple[Kind, int]],
) -> InventoryDays:
    previous: dict[_Key, DayStates] = {}
    for item in {RecordKey(key.kind, key.id) for key in received}:
        if item in before:
            _add(previous, before[item])
    stored = _read(connection, org_id, received)
    changed: dict[_Key, DayStates] = {}
    for key, states_of_day in received.items():
        known = stored.get(key, previous.get(key))
        merged = states_of_day if known is None else known.merge(states_of_day)
        if merged != stored.get(key):
            changed[key] = merged
    items = {(key.kind, key.id) for key in changed}
    kept = {key: day for key, day in previous.items() if key not in changed and (key.kind, key.id) in items}
    return InventoryDays(_rows(changed), _rows(kept), _later_snapshots(connection, org_id, snapshots))


def write_days(connection: Connection, changes: Iterable[InventoryDays]) -> None:
    """Write the changes of organizations."""
    several = list(changes)
    previous = sorted(row for one in several for row in one.previous)
    insert_rows(connection, inventory_tables.inventory_day, previous, OnConflict.KEEP)
    insert_rows(
        connection,
        inventory_tables.inventory_day,
        sorted(row for one in several for row in one.days),
        OnConflict.REPLACE,
    )
    snapshots = sorted(row for one in several for row in one.snapshots)
    insert_rows(connection, inventory_tables.inventory_snapshot_day, snapshots, OnConflict.REPLACE)


def _add(days: dict[_Key, DayStates], state: State) -> None:
    record = state.record
    exists, is_shared = record is not None, isinstance(record, InventoryItem) and record.shared
    _merge(days, day_of(state.time), DayStates(state, exists, is_shared))


def _merge(days: dict[_Key, DayStates], day: int, states: DayStates) -> None:
    key = _Key(states.highest.kind, day, states.highest.id)
    days[key] = days[key].merge(states) if key in days else states


def _read(connection: Connection, org_id: str, keys: Iterable[_Key]) -> dict[_Key, DayStates]:
    ids: dict[tuple[Kind, int], list[str]] = {}
    for key in keys:
        ids.setdefault((key.kind, key.day), []).append(key.id)
    stored: dict[_Key, DayStates] = {}
    for (kind, day), of_day in ids.items():
        for row in _STORED.run_in(connection, (org_id, kind.value, day), sorted(of_day)):
            stored[_Key(kind, day, text(row[2]))] = decode_day(row)
    return stored


def decode_day(row: Row) -> DayStates:
    """Return the states in a row of `inventory_day`. Raises Damaged if it cannot be decoded."""
    org_id, kind, id_, _, deleted, shared, time, sequence, source, event_id, hash_, any_exists, any_shared = row
    try:
        if not isinstance(hash_, bytes):
            message = "its hash is not binary"
            raise TypeError(message)
        state = State(
            org_id=text(org_id),
            kind=Kind(text(kind)),
            id=text(id_),
            record=None if deleted else InventoryItem(shared=bool(shared)),
            time=integer(time),
            sequence=integer(sequence),
            source=text(source),
            event_id=text(event_id),
            hash=hash_,
        )
    except UNREADABLE_VALUES as error:
        raise damaged_row(inventory_tables.inventory_day, row, error) from error
    return DayStates(state, bool(any_exists), bool(any_shared))


def _rows(days: Mapping[_Key, DayStates]) -> list[Row]:
    return [_row(key, day) for key, day in days.items()]


def _row(key: _Key, day: DayStates) -> Row:
    state, record = day.highest, day.highest.record
    return (
        *(state.org_id, key.kind.value, key.id, key.day),
        *(record is None, isinstance(record, InventoryItem) and record.shared),
        *(state.time, state.sequence, state.source, state.event_id, state.hash),
        *(day.any_exists, day.any_shared),
    )


def _later_snapshots(connection: Connection, org_id: str, snapshots: Iterable[tuple[Kind, int]]) -> list[Row]:
    """Return a row for each day whose latest snapshot is later than the stored one."""
    latest: dict[tuple[Kind, int], int] = {}
    for kind, time in snapshots:
        key = (kind, day_of(time))
        latest[key] = max(time, latest.get(key, time))
    rows: list[Row] = []
    for (kind, day), time in latest.items():
        stored = _STORED_SNAPSHOT.run(connection, (org_id, kind.value, day))
        if not stored or integer(stored[0][0]) < time:
            rows.append((org_id, kind.value, day, time))
    return rows
