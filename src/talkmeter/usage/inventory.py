"""What an organization has now: agents, phone numbers, web widgets, knowledge bases; no date range."""

from typing import NamedTuple

from sqlalchemy import Connection, Integer, and_, bindparam, cast, false, func, or_, select

from talkmeter.ledger import tables
from talkmeter.ledger.statements import Compiled, integer
from talkmeter.records import Kind

_item = tables.inventory_item.c
_floor = tables.inventory_snapshot.c
_COUNTS = Compiled(
    select(
        _item.kind,
        func.count(),
        func.sum(cast(_item.shared, Integer)),
        func.sum(cast(_item.active, Integer)),
    )
    .select_from(
        tables.inventory_item.outerjoin(
            tables.inventory_snapshot, and_(_floor.org_id == _item.org_id, _floor.kind == _item.kind)
        )
    )
    .where(
        _item.org_id == bindparam("org"),
        _item.deleted == false(),
        or_(_floor.floor.is_(None), _item.time >= _floor.floor),
    )
    .group_by(_item.kind)
)


class Inventory(NamedTuple):
    """Current totals, as the summary names them."""

    total_agents: int
    total_phone_numbers: int
    shared_phone_numbers: int
    total_web_widgets: int
    total_datasets: int
    active_datasets: int


def read_inventory(connection: Connection, org_id: str) -> Inventory:
    """Count what exists: the winning state is no deletion and no later snapshot left it out."""
    rows = {str(kind): tuple(map(integer, counts)) for kind, *counts in _COUNTS.run(connection, (org_id,))}
    none = (0, 0, 0)
    numbers, datasets = rows.get(Kind.PHONE_NUMBER, none), rows.get(Kind.DATASET, none)
    return Inventory(
        total_agents=rows.get(Kind.AGENT, none)[0],
        total_phone_numbers=numbers[0],
        shared_phone_numbers=numbers[1],
        total_web_widgets=rows.get(Kind.WEB_WIDGET, none)[0],
        total_datasets=datasets[0],
        active_datasets=datasets[2],
    )
