"""Reads and deletes quarantined events, for the commands that list, show, drop and replay them."""

from collections.abc import Iterable
from typing import Final

import msgspec
from sqlalchemy import Connection, bindparam, delete, select

from talkmeter.db import tables
from talkmeter.db.damage import UNREADABLE_VALUES, damaged_row, split_damaged
from talkmeter.db.statements import Compiled, Row
from talkmeter.errors import Damaged
from talkmeter.ledger.batch import Reason

_row = tables.quarantine.c
_LIST = Compiled(
    select(*_row)
    .where(_row.org_id == bindparam("org"))
    .order_by(_row.first_seen_at, _row.hash)
    .limit(bindparam("limit")),
    checked=False,
)
_FIND = Compiled(select(*_row).where(_row.org_id == bindparam("org"), _row.hash == bindparam("hash_")), checked=False)
_DROP = Compiled(delete(tables.quarantine).where(_row.org_id == bindparam("org"), _row.hash == bindparam("hash_")))
_decode_json: Final = msgspec.json.Decoder().decode


class QuarantinedEvent(msgspec.Struct, frozen=True, array_like=True):
    """A row of `quarantine`; instants are in microseconds, `kept_fields` is JSON of the known fields."""

    org_id: str
    hash: bytes
    reason: Reason
    detail: str
    credential_id: str
    first_seen_at: int
    last_seen_at: int
    times_seen: int
    size: int
    kept_fields: bytes
    complete: bool

    @property
    def id(self) -> str:
        """The id that the commands use."""
        return self.hash.hex()


def decode_quarantined(row: Row) -> QuarantinedEvent:
    """Return the event in a row of `quarantine`. Raises Damaged if it cannot be decoded."""
    try:
        event = msgspec.convert(row, QuarantinedEvent, strict=False)
        _decode_json(event.kept_fields.decode())
    except UNREADABLE_VALUES as error:
        raise damaged_row(tables.quarantine, row, error) from error
    return event


def list_quarantine(
    connection: Connection, org_ids: Iterable[str], limit: int
) -> tuple[list[QuarantinedEvent], list[Damaged]]:
    """Return up to `limit` quarantined events of each organization, oldest first within each, and the damaged ones."""
    rows = [row for org_id in org_ids for row in _LIST.run(connection, (org_id, limit))]
    return split_damaged(rows, decode_quarantined)


def find_quarantined(connection: Connection, org_ids: Iterable[str], id_: str) -> list[QuarantinedEvent]:
    """Return the events with an id; several organizations may have sent the same event."""
    try:
        hash_ = bytes.fromhex(id_)
    except ValueError:
        return []
    return [decode_quarantined(row) for org_id in org_ids for row in _FIND.run(connection, (org_id, hash_))]


def drop_quarantined(connection: Connection, events: Iterable[QuarantinedEvent]) -> int:
    """Delete events from quarantine; return the number deleted."""
    return sum(_DROP.change(connection, (event.org_id, event.hash)) for event in events)
