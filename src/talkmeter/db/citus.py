"""Citus: if its extension is installed, the usage tables are distributed over workers by organization, colocated.

All rows of an organization are on one worker, so a transaction of one organization is local to that worker.
Credentials, sessions, connectors and the directory stay on the coordinator, so that a key can be revoked while a worker
is down.
"""

from typing import Final

from sqlalchemy import Connection

from talkmeter.db import tables

_INSTALLED: Final = "SELECT count(*) FROM pg_extension WHERE extname = 'citus'"
_DISTRIBUTED: Final = "SELECT logicalrelid::text FROM pg_dist_partition WHERE partmethod = 'h'"
_DISTRIBUTE: Final = "SELECT create_distributed_table($1, 'org_id', colocate_with => $2)"
_SEQUENTIAL: Final = "SET LOCAL citus.multi_shard_modify_mode = 'sequential'"
_FIRST: Final = tables.organization.name
"""The table that the others are colocated with."""


def is_citus(connection: Connection) -> bool:
    """Return whether the database has the Citus extension."""
    return connection.dialect.name == "postgresql" and bool(connection.exec_driver_sql(_INSTALLED).scalar())


def undistributed_tables(connection: Connection) -> list[str]:
    """Return the usage tables that are not distributed yet, in the order to distribute them; empty without Citus."""
    if not is_citus(connection):
        return []
    # Distributing a table twice is an error (42P16).
    done = set(connection.exec_driver_sql(_DISTRIBUTED).scalars())
    names = [_FIRST, *(table.name for table in tables.DISTRIBUTED if table.name != _FIRST)]
    return [name for name in names if name not in done]


def distribute(connection: Connection, table: str) -> None:
    """Distribute one table and its rows over the workers, colocated with the tables distributed before."""
    connection.exec_driver_sql(_SEQUENTIAL)
    connection.exec_driver_sql(_DISTRIBUTE, (table, "none" if table == _FIRST else _FIRST))
