"""Citus: where its extension is, the usage tables are spread over workers by organization, side by side.

Everything of one organization stands on one worker, so a transaction of one organization is local there. Credentials,
sessions, connectors and the directory stay on the coordinator: a lost worker never stops a revocation.
"""

from typing import Final

from sqlalchemy import Connection

from talkmeter.db import tables

_INSTALLED: Final = "SELECT count(*) FROM pg_extension WHERE extname = 'citus'"
_DISTRIBUTED: Final = "SELECT logicalrelid::text FROM pg_dist_partition WHERE partmethod = 'h'"
_DISTRIBUTE: Final = "SELECT create_distributed_table($1, 'org_id', colocate_with => $2)"
_SEQUENTIALLY: Final = "SET LOCAL citus.multi_shard_modify_mode = 'sequential'"
_FIRST: Final = tables.organization.name
"""The table that the others stand beside."""


def undistributed_tables(connection: Connection) -> list[str]:
    """The usage tables that have still to be distributed, in the order to do it; none where there is no Citus."""
    if connection.dialect.name != "postgresql" or not connection.exec_driver_sql(_INSTALLED).scalar():
        return []
    # One call twice is an error (42P16), so what is done is read first.
    done = set(connection.exec_driver_sql(_DISTRIBUTED).scalars())
    names = [_FIRST, *(table.name for table in tables.DISTRIBUTED if table.name != _FIRST)]
    return [name for name in names if name not in done]


def distribute(connection: Connection, table: str) -> None:
    """Spread one table over the workers, its rows with it, beside those that were spread before."""
    connection.exec_driver_sql(_SEQUENTIALLY)
    connection.exec_driver_sql(_DISTRIBUTE, (table, "none" if table == _FIRST else _FIRST))
