"""Copies a whole ledger into another database, table by table in key order, and can resume an interrupted copy.

It copies records, history, daily totals, inventory snapshots, quarantine, credentials, sessions, connectors and the
directory. The target keeps its own database id, and every organization gets a new revision there, so that an ETag of
one database is never valid for the other.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Final, NamedTuple, cast

from sqlalchemy import Connection, Engine, Table, func, select, tuple_

from talkmeter.db import tables
from talkmeter.db.engine import reading, writing
from talkmeter.db.meta import COPIED, DATABASE_ID, delete_meta, read_meta, write_meta
from talkmeter.db.migrate import database_id
from talkmeter.db.statements import ColumnTypes, Compiled, OnConflict, Row, insert_rows, integer, text
from talkmeter.errors import OperationFailed
from talkmeter.ledger.organization_rows import new_revision, organization_row

ROWS_PER_STEP: Final = 1_000
_COPYING: Final = "copying_from"
"""The target's `meta` entry during a copy: the source's database id and a hash of its revisions."""


class CopyProgress(NamedTuple):
    """How many rows of a table are in the target."""

    table: str
    rows: int


def copied_tables() -> list[Table]:
    """Return every table that is copied."""
    return [table for table in tables.metadata.sorted_tables if table is not tables.meta]


def count_rows(engine: Engine) -> dict[str, int]:
    """Return the number of rows in each copied table."""
    with reading(engine) as connection:
        return {table.name: _count(connection, table) for table in copied_tables()}


def read_revisions(engine: Engine) -> dict[str, str]:
    """Return the revision of every organization; a revision changes with every write."""
    organization = tables.organization.c
    with reading(engine) as connection:
        rows = connection.execute(select(organization.org_id, organization.revision))
        return {str(org_id): str(revision) for org_id, revision in rows}


def begin_copy(source: Engine, target: Engine, revisions: dict[str, str]) -> None:
    """Claim the target for a copy. Raises OperationFailed if it holds anything but a part of the same copy."""
    with reading(source) as connection:
        source_id = database_id(connection)
        notes = {name: value for name in COPIED if (value := read_meta(connection, name)) is not None}
    state = f"{source_id} {sha256(repr(sorted(revisions.items())).encode()).hexdigest()}"
    with writing(target) as connection:
        if database_id(connection) == source_id:
            raise OperationFailed("The source and the target are the same database.")
        claimed = read_meta(connection, _COPYING)
        if claimed == state:
            return
        if claimed is not None and claimed.startswith(source_id):
            raise OperationFailed(
                "The source was written to since this copy began. Stop all servers and copy again into an empty "
                "database."
            )
        if claimed is not None or any(_count(connection, table) for table in copied_tables()):
            raise OperationFailed(
                "The target database is not empty. Use one that 'talkmeter migrate' has just created."
            )
        for name, value in {**notes, _COPYING: state}.items():
            write_meta(connection, name, value)


def copy_rows(source: Engine, target: Engine) -> Iterator[CopyProgress]:
    """Copy the rows that the target does not have yet; yield the progress after every `ROWS_PER_STEP` rows."""
    for table in copied_tables():
        key = list(table.primary_key.columns)
        with reading(target) as connection:
            done = _count(connection, table)
            last = connection.execute(select(*key).order_by(*(column.desc() for column in key)).limit(1)).first()
        yield CopyProgress(table.name, done)
        types = ColumnTypes(select(*table.c))
        while True:
            query = select(*table.c).order_by(*key).limit(ROWS_PER_STEP)
            if last is not None:
                query = query.where(tuple_(*key) > tuple_(*last))
            with reading(source) as connection:
                rows = [cast("Row", tuple(row)) for row in connection.execute(query)]
            if source.dialect.name == "sqlite":
                # Another database would refuse a value of another type.
                types.check(rows)
            if not rows:
                break
            with writing(target) as connection:
                insert_rows(connection, table, rows, OnConflict.KEEP)
            positions = [list(table.c).index(column) for column in key]
            last = tuple(rows[-1][position] for position in positions)  # type: ignore[assignment]  # like a key row
            done += len(rows)
            yield CopyProgress(table.name, done)


def finish_copy(target: Engine) -> None:
    """Give every organization a new revision, and release the claim on the target."""
    organization = tables.organization.c
    with writing(target) as connection:
        rows = Compiled(select(organization.org_id, organization.last_event_at)).run(connection, ())
        for begin in range(0, len(rows), ROWS_PER_STEP):
            part = [
                organization_row(text(org_id), None if last_event_at is None else integer(last_event_at))
                for org_id, last_event_at in rows[begin : begin + ROWS_PER_STEP]
            ]
            insert_rows(connection, tables.organization, sorted(part), OnConflict.REVISE)
        delete_meta(connection, _COPYING)


def assign_new_identity(engine: Engine) -> None:
    """Give a copy of a whole database file its own database id and revisions."""
    with writing(engine) as connection:
        write_meta(connection, DATABASE_ID, new_revision() + new_revision())
    finish_copy(engine)


def _count(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0
