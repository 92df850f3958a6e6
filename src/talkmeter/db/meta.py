"""The entries of `meta`: facts about the whole database."""

from typing import Final

from sqlalchemy import Connection, bindparam, delete, select

from talkmeter.db import tables
from talkmeter.db.statements import Compiled, OnConflict, insert_rows

DATABASE_ID: Final = "database_id"
LEDGER_ID: Final = "ledger_id"
"""The first database id: backups get another database id, but the same ledger id."""
BILLED_DURATIONS: Final = "billed_durations"
"""Present while daily totals of an older version have no billed durations."""
INVENTORY_SINCE: Final = "inventory_since"
"""The instant from which on all inventory states are in `inventory_day`; absent if that was always so."""
PLANS_REVISION: Final = "plans_revision"
"""Changes with every change of a plan or of the default plan."""
COPIED: Final = (BILLED_DURATIONS, INVENTORY_SINCE)
"""The entries that describe the rows of the other tables, so that a copy of these needs them."""
_name = tables.meta.c.name
_READ: Final = Compiled(select(tables.meta.c.value).where(_name == bindparam("the_name")))
_DELETE: Final = Compiled(delete(tables.meta).where(_name == bindparam("the_name")))


def read_meta(connection: Connection, name: str) -> str | None:
    """Return an entry, or None if it does not exist."""
    rows = _READ.run(connection, (name,))
    return str(rows[0][0]) if rows else None


def write_meta(connection: Connection, name: str, value: str) -> None:
    """Set an entry."""
    insert_rows(connection, tables.meta, [(name, value)], OnConflict.REPLACE)


def delete_meta(connection: Connection, name: str) -> None:
    """Delete an entry, if it exists."""
    _DELETE.change(connection, (name,))
