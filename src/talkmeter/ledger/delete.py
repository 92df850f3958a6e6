"""Deletes all usage of a closed organization, in bounded transactions."""

from collections.abc import Iterator

from sqlalchemy import Engine

from talkmeter.db.engine import writing
from talkmeter.ledger.closing import USAGE_TABLES, check_delete, delete_some_rows
from talkmeter.ledger.write import lock_organization


def delete_usage(engine: Engine, org_id: str) -> Iterator[int]:
    """Delete everything, and yield the number of deleted rows after each transaction. It can be repeated."""
    for table in USAGE_TABLES:
        while True:
            with writing(engine) as connection:
                lock_organization(connection, org_id)
                check_delete(connection, org_id)
                deleted = delete_some_rows(connection, table, org_id)
            if not deleted:
                break
            yield deleted
