"""Moves a whole ledger into another database, table by table, by key, so that it can go on where it stopped.

Everything travels: records, history, daily totals, floors, quarantine, credentials, sessions, the directory. The other
database keeps an id of its own, and every organization gets a new revision there, so that no answer of one is taken for
an answer of the other.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Final, NamedTuple, cast

from sqlalchemy import Connection, Engine, Table, delete, func, select, tuple_

from talkmeter.db import tables
from talkmeter.db.engine import reading, writing
from talkmeter.db.migrate import DATABASE_ID, database_id
from talkmeter.db.statements import OnConflict, Row, insert_rows
from talkmeter.errors import Refused
from talkmeter.ledger.write import new_revision

ROWS_AT_ONCE: Final = 1_000
_COPYING: Final = "copying_from"
"""In the other database's meta while a copy is under way: which database it comes from, in which state."""


class Step(NamedTuple):
    """So many rows of a table are in the other database."""

    table: str
    rows: int


def copied_tables() -> list[Table]:
    """Every table whose rows travel."""
    return [table for table in tables.metadata.sorted_tables if table is not tables.meta]


def count_rows(engine: Engine) -> dict[str, int]:
    """How many rows each table that travels has."""
    with reading(engine) as connection:
        return {table.name: _count(connection, table) for table in copied_tables()}


def read_revisions(engine: Engine) -> dict[str, str]:
    """The revision of every organization: they change with every write."""
    organization = tables.organization.c
    with reading(engine) as connection:
        rows = connection.execute(select(organization.org_id, organization.revision))
        return {str(org_id): str(revision) for org_id, revision in rows}


def begin_copy(source: Engine, target: Engine, revisions: dict[str, str]) -> None:
    """Claim the other database for a copy. Refused where it holds anything but a part of the same copy."""
    with reading(source) as connection:
        source_id = database_id(connection)
    state = f"{source_id} {sha256(repr(sorted(revisions.items())).encode()).hexdigest()}"
    with writing(target) as connection:
        if database_id(connection) == source_id:
            raise Refused("Both addresses name the same database.")
        claimed = connection.scalar(select(tables.meta.c.value).where(tables.meta.c.name == _COPYING))
        if claimed == state:
            return
        if claimed is not None and claimed.startswith(source_id):
            raise Refused(
                "The ledger was written to since this copy began: copy again into an empty database, "
                "with all servers stopped."
            )
        if claimed is not None or any(_count(connection, table) for table in copied_tables()):
            raise Refused("The database to copy to is not empty: name one that 'talkmeter migrate' has just made.")
        insert_rows(connection, tables.meta, [(_COPYING, state)], OnConflict.KEEP)


def copy_rows(source: Engine, target: Engine) -> Iterator[Step]:
    """Copy what the other database does not have yet; a step after every some rows."""
    for table in copied_tables():
        key = list(table.primary_key.columns)
        with reading(target) as connection:
            done = _count(connection, table)
            last = connection.execute(select(*key).order_by(*(column.desc() for column in key)).limit(1)).first()
        yield Step(table.name, done)
        while True:
            query = select(*table.c).order_by(*key).limit(ROWS_AT_ONCE)
            if last is not None:
                query = query.where(tuple_(*key) > tuple_(*last))
            with reading(source) as connection:
                rows = [cast("Row", tuple(row)) for row in connection.execute(query)]
            if not rows:
                break
            with writing(target) as connection:
                insert_rows(connection, table, rows, OnConflict.KEEP)
            places = [list(table.c).index(column) for column in key]
            last = tuple(rows[-1][place] for place in places)  # type: ignore[assignment]  # as a row of the key
            done += len(rows)
            yield Step(table.name, done)


def finish_copy(target: Engine) -> None:
    """Give every organization a new revision, and let go of the claim."""
    organization = tables.organization.c
    with writing(target) as connection:
        rows = connection.execute(select(organization.org_id, organization.last_event_at)).fetchall()
        for begin in range(0, len(rows), ROWS_AT_ONCE):
            part = [
                (org_id, new_revision(), last_event_at) for org_id, last_event_at in rows[begin : begin + ROWS_AT_ONCE]
            ]
            insert_rows(connection, tables.organization, sorted(part), OnConflict.REPLACE)
        connection.execute(delete(tables.meta).where(tables.meta.c.name == _COPYING))


def own_identity(engine: Engine) -> None:
    """Give a copy that was made whole an id and revisions of its own."""
    with writing(engine) as connection:
        insert_rows(connection, tables.meta, [(DATABASE_ID, new_revision() + new_revision())], OnConflict.REPLACE)
    finish_copy(engine)


def _count(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0
