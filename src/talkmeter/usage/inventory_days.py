"""The days on which inventory items count, by the rule in `counting.item_days`.

Each item's states by day and its kind's snapshots by day are read, and the present winning state and snapshot, which a
ledger of an older version has in no day.
"""

from collections import defaultdict
from typing import Final

from sqlalchemy import Connection, and_, bindparam, func, select

from talkmeter.counting import InventoryDay, SnapshotDay, item_days
from talkmeter.db import inventory_tables, tables
from talkmeter.db.statements import Compiled, integer
from talkmeter.ledger.inventory_days import inventory_since
from talkmeter.period import day_of
from talkmeter.records import Kind

_item = tables.inventory_item.c
_day = inventory_tables.inventory_day.c
_earlier = inventory_tables.inventory_day.alias("earlier")
_snapshot = tables.inventory_snapshot.c
_snapshot_day = inventory_tables.inventory_snapshot_day.c
_last_earlier_day = (
    select(func.max(_earlier.c.day))
    .where(
        _earlier.c.org_id == bindparam("org_of_earlier"),
        _earlier.c.kind == _item.kind,
        _earlier.c.id == _item.id,
        _earlier.c.day < bindparam("before"),
    )
    .scalar_subquery()
)
_DAYS: Final = Compiled(
    select(
        *(_item.id, _item.time, _item.deleted, _item.shared),
        *(_day.day, _day.time.label("day_time"), _day.deleted.label("day_deleted"), _day.shared.label("day_shared")),
        *(_day.any_exists, _day.any_shared),
    )
    .select_from(
        tables.inventory_item.outerjoin(
            inventory_tables.inventory_day,
            and_(
                _day.org_id == _item.org_id,
                _day.kind == _item.kind,
                _day.id == _item.id,
                _day.day >= func.coalesce(_last_earlier_day, bindparam("first")),
                _day.day < bindparam("end"),
            ),
        )
    )
    .where(_item.org_id == bindparam("org"), _item.kind == bindparam("in_kind"))
    .order_by(_item.id, _day.day),
    # Every column of a missing day is null.
    checked=False,
)
_SNAPSHOTS: Final = Compiled(
    select(_snapshot_day.day, _snapshot_day.time)
    .where(
        _snapshot_day.org_id == bindparam("org"),
        _snapshot_day.kind == bindparam("in_kind"),
        _snapshot_day.day < bindparam("end"),
    )
    .order_by(_snapshot_day.day)
)
_LATEST_SNAPSHOT: Final = Compiled(
    select(_snapshot.floor).where(_snapshot.org_id == bindparam("org"), _snapshot.kind == bindparam("in_kind"))
)

ItemDays = dict[str, list[range]]
"""The days (since 1970, UTC) on which each item counts, as separate ascending ranges; items without days are absent."""


def read_counted_from(connection: Connection) -> int | None:
    """Return the first day on which items count: the day on which an older ledger was upgraded; None: every day."""
    since = inventory_since(connection)
    return None if since is None else day_of(since)


def read_inventory_days(
    connection: Connection, org_id: str, kind: Kind, first_day: int, last_day: int, *, shared: bool = False
) -> ItemDays:
    """Return the days from first to last (included) on which each item of a kind counts, or is shared (`shared`).

    Days before `read_counted_from` do not count. States after today (UTC) count: the caller limits `last_day`.
    """
    days = range(max(first_day, read_counted_from(connection) or first_day), last_day + 1)
    if not days:
        return {}
    snapshots = _read_snapshots(connection, org_id, kind, days.stop)
    winners: dict[str, InventoryDay] = {}
    states: defaultdict[str, list[InventoryDay]] = defaultdict(list)
    parameters = (days.start, days.start, days.stop)
    for row in _DAYS.run(connection, (org_id, *parameters, org_id, kind.value)):
        id_, time, deleted, is_shared, *of_day = row
        exists = not deleted
        winners[str(id_)] = InventoryDay(
            day_of(integer(time)), integer(time), exists, bool(is_shared), exists, bool(is_shared)
        )
        if of_day[0] is not None:
            day, day_time, day_deleted, day_shared, any_exists, any_shared = of_day
            states[str(id_)].append(
                InventoryDay(
                    integer(day),
                    integer(day_time),
                    not day_deleted,
                    bool(day_shared),
                    bool(any_exists),
                    bool(any_shared),
                )
            )
    counted: ItemDays = {}
    for id_, winner in winners.items():
        known = states[id_]
        if winner.day < days.stop and (not known or known[-1].day < winner.day):
            known = [*known, winner]
        if ranges := item_days(known, snapshots, days, shared=shared):
            counted[id_] = ranges
    return counted


def _read_snapshots(connection: Connection, org_id: str, kind: Kind, end: int) -> list[SnapshotDay]:
    rows = _SNAPSHOTS.run(connection, (org_id, kind.value, end))
    snapshots = [SnapshotDay(integer(day), integer(time)) for day, time in rows]
    for (floor,) in _LATEST_SNAPSHOT.run(connection, (org_id, kind.value)):
        latest = SnapshotDay(day_of(integer(floor)), integer(floor))
        if latest.day < end and (not snapshots or snapshots[-1].day < latest.day):
            snapshots.append(latest)
    return snapshots
