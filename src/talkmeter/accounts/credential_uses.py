"""The UTC day on which each key or token was last used."""

from sqlalchemy import Connection, select

from talkmeter.db import tables
from talkmeter.db.statements import Compiled, OnConflict, insert_rows, integer

_USES = Compiled(select(tables.credential_use.c.credential_id, tables.credential_use.c.day))


def record_use(connection: Connection, credential_id: str, day: int) -> None:
    """Store the day (since 1970) of a credential's last use."""
    insert_rows(connection, tables.credential_use, [(credential_id, day)], OnConflict.REPLACE)


def read_last_uses(connection: Connection) -> dict[str, int]:
    """Return the day of the last use by credential id, without credentials that were never used."""
    return {str(credential_id): integer(day) for credential_id, day in _USES.run(connection, ())}
