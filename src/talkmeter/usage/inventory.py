"""The current inventory of an organization: agents, phone numbers, web widgets and knowledge bases.

An item exists if its winning state is not a deletion and no later snapshot omits it. Counts and lists use the same
condition.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import Meta
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    and_,
    bindparam,
    cast,
    false,
    func,
    or_,
    select,
    true,
)

from talkmeter.db import tables
from talkmeter.db.statements import Compiled, Row, integer
from talkmeter.ledger.organization_rows import Organizations
from talkmeter.ledger.rows import StoredState, decode_stored
from talkmeter.period import InstantText, format_instant
from talkmeter.records import InventoryItem, Kind
from talkmeter.usage.cursor import Position, read_cursor, write_cursor
from talkmeter.usage.records import EventReference, event_of
from talkmeter.usage.revision import Revision

_item = tables.inventory_item.c
_floor = tables.inventory_snapshot.c
_items_and_floors = tables.inventory_item.outerjoin(
    tables.inventory_snapshot, and_(_floor.org_id == _item.org_id, _floor.kind == _item.kind)
)
_exists = (_item.deleted == false(), or_(_floor.floor.is_(None), _item.time >= _floor.floor))


def _counts(organizations: ColumnElement[bool]) -> Compiled:
    """Count the existing items of each kind."""
    return Compiled(
        select(
            _item.kind,
            func.count(),
            func.sum(cast(_item.shared, Integer)),
            func.sum(cast(_item.active, Integer)),
        )
        .select_from(_items_and_floors)
        .where(*_exists, organizations)
        .group_by(_item.kind)
    )


_COUNTS = _counts(_item.org_id == bindparam("org"))
_COUNTS_OF_MEMBERS = _counts(_item.org_id.in_(bindparam("members", expanding=True)))


def _page(*flags: ColumnElement[bool]) -> Compiled:
    """Select a page of the items of one kind, in order of their ids."""
    return Compiled(
        select(*tables.inventory_item.c)
        .select_from(_items_and_floors)
        .where(
            _item.org_id == bindparam("org"),
            _item.kind == bindparam("kind"),
            _item.id > bindparam("after"),
            *_exists,
            *flags,
        )
        .order_by(_item.id)
        .limit(bindparam("limit", type_=BigInteger)),
        checked=False,
    )


_PAGE = _page()
_FLAGS: Final[dict[Kind, Column[Any]]] = {Kind.PHONE_NUMBER: _item.shared, Kind.DATASET: _item.active}
_FLAG_PAGES = {
    (kind, is_set): _page(flag == (true() if is_set else false()))
    for kind, flag in _FLAGS.items()
    for is_set in (True, False)
}


class Inventory(NamedTuple):
    """The current totals, named as in the summary."""

    total_agents: int
    total_phone_numbers: int
    shared_phone_numbers: int
    total_web_widgets: int
    total_datasets: int
    active_datasets: int


def read_inventory(connection: Connection, organizations: Organizations) -> Inventory:
    """Return the counts of the existing items."""
    found: Iterable[Row]
    if isinstance(organizations, str):
        found = _COUNTS.run(connection, (organizations,))
    else:
        found = _COUNTS_OF_MEMBERS.run_in(connection, (), organizations)
    rows = {str(kind): tuple(map(integer, counts)) for kind, *counts in found}
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


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """An existing item, in its winning state."""

    id: str
    name: str | None
    shared: bool
    active: bool
    event: EventReference
    stored_at: Annotated[InstantText, Meta(description="When the winning state was stored.")]


class Items(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the items that an inventory card counts, in order of their ids."""

    kind: Kind
    items: list[Item]
    next_cursor: Annotated[str | None, Meta(description="The cursor of the next page; null: this is the last page.")]
    total: Annotated[int | None, Meta(description="The number of matching items, on the first page only.")]
    changed: Annotated[bool, Meta(description="Whether the organization's usage changed since the first page.")]


class ItemFilter(NamedTuple):
    """The items of one kind; `flag` filters phone numbers by `shared` and datasets by `active`."""

    kind: Kind
    flag: bool | None = None


def read_items(
    connection: Connection,
    org_id: str,
    filter_: ItemFilter,
    revision: Revision,
    *,
    key: str,
    limit: int,
    cursor: str | None = None,
) -> Items:
    """Return a page of items; `key` signs cursors. Raises Unprocessable if the cursor is not valid for the query."""
    query = (org_id, "inventory", *filter_)
    position = None if cursor is None else read_cursor(cursor, key, query)
    after = "" if position is None else position.id
    page = _PAGE if filter_.flag is None else _FLAG_PAGES[filter_.kind, filter_.flag]
    rows = page.run(connection, (org_id, filter_.kind.value, after, limit + 1))
    first_revision = revision.revision if position is None else position.revision
    found = [decode_stored(filter_.kind, row) for row in rows[:limit]]
    next_cursor = None
    if len(rows) > limit:
        next_cursor = write_cursor(Position(0, found[-1].state.id, first_revision), key, query)
    return Items(
        kind=filter_.kind,
        items=[_item_of(stored) for stored in found],
        next_cursor=next_cursor,
        total=_count(connection, org_id, filter_) if position is None else None,
        changed=first_revision != revision.revision,
    )


def _count(connection: Connection, org_id: str, filter_: ItemFilter) -> int:
    """Return the number of matching items."""
    counts = {str(kind): counts for kind, *counts in _COUNTS.run(connection, (org_id,))}
    items, shared, active = map(integer, counts.get(filter_.kind, (0, 0, 0)))
    if filter_.flag is None:
        return items
    flagged = shared if filter_.kind is Kind.PHONE_NUMBER else active
    return flagged if filter_.flag else items - flagged


def _item_of(stored: StoredState) -> Item:
    record = stored.state.record
    item = record if isinstance(record, InventoryItem) else InventoryItem()
    return Item(
        id=stored.state.id,
        name=item.name,
        shared=item.shared,
        active=item.active,
        event=event_of(stored),
        stored_at=format_instant(stored.stored_at),
    )
