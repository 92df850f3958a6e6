"""A small pool of autocommit connections for single statements, such as reading an organization's revision.

A single statement always sees one snapshot. Without BEGIN, COMMIT and a connection check, a query takes one round trip
to the server instead of four.
"""

from collections import deque
from contextlib import closing
from typing import cast

from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPIModule

from talkmeter.db.engine import Engine, translate_errors
from talkmeter.db.statements import Compiled, Row


class AutocommitConnections:
    """A thread-safe pool, separate from the engine's own. It holds as many connections as threads used it at once."""

    def __init__(self, engine: Engine) -> None:
        """Start with an empty pool."""
        self._engine = engine
        self._dialect = engine.dialect
        self._idle: deque[DBAPIConnection] = deque()

    def rows(self, query: Compiled, parameters: Row) -> list[Row]:
        """Return every row of a query without an expanding parameter. Raises the same errors as `reading`."""
        sql, values = query.for_driver(self._dialect, parameters)
        with translate_errors():
            while (connection := self._pop_idle()) is not None:
                try:
                    return self._fetch(connection, sql, values)
                except self._dialect.loaded_dbapi.Error as error:
                    # An idle connection that was dropped only shows it when it is used: try the next one.
                    if not self._is_lost(connection, error):
                        raise
            return self._fetch(self._open(), sql, values)

    def close(self) -> None:
        """Close all idle connections; call it when no thread uses the pool any more."""
        while (connection := self._pop_idle()) is not None:
            connection.close()

    def _fetch(self, connection: DBAPIConnection, sql: str, values: Row) -> list[Row]:
        try:
            with closing(connection.cursor()) as cursor:
                cursor.execute(sql, values)
                rows = cast("list[Row]", cursor.fetchall())
        except self._dialect.loaded_dbapi.Error as error:
            if not self._is_lost(connection, error):
                self._idle.append(connection)
            raise
        self._idle.append(connection)
        return rows

    def _is_lost(self, connection: DBAPIConnection, error: DBAPIModule.Error) -> bool:
        return self._dialect.is_disconnect(error, connection, None)

    def _pop_idle(self) -> DBAPIConnection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _open(self) -> DBAPIConnection:
        """Open and check a connection as the engine does, then detach it from the engine's pool."""
        pooled = self._engine.raw_connection()
        pooled.detach()
        # It is None only after it was closed.
        connection = cast("DBAPIConnection", pooled.dbapi_connection)
        self._dialect.set_isolation_level(connection, "AUTOCOMMIT")
        return connection
