"""Connections for one statement at a time: what an answer depends on is asked with each request, and mostly alone.

A single statement sees one snapshot by itself, so no transaction begins and ends around it and nothing asks first
whether the connection is still there: of four ways to a server and back that leaves one.
"""

from collections import deque
from contextlib import closing
from typing import cast

from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPIModule

from talkmeter.db.engine import Engine, translate_errors
from talkmeter.db.statements import Compiled, Row


class AutocommitConnections:
    """Open connections beside an engine's own, as many as there were threads that asked at once. Any thread may ask."""

    def __init__(self, engine: Engine) -> None:
        """None is open yet."""
        self._engine = engine
        self._dialect = engine.dialect
        self._idle: deque[DBAPIConnection] = deque()

    def rows(self, query: Compiled, parameters: Row) -> list[Row]:
        """Every row of a query without an expanding parameter. Errors are those of `reading`."""
        sql, values = query.as_sent(self._dialect, parameters)
        with translate_errors():
            while (connection := self._take()) is not None:
                try:
                    return self._ask(connection, sql, values)
                except self._dialect.loaded_dbapi.Error as error:
                    # Only its use can tell that it was cut while nobody used it.
                    if not self._is_lost(connection, error):
                        raise
            return self._ask(self._open(), sql, values)

    def close(self) -> None:
        """Close what is open; nobody asks any more."""
        while (connection := self._take()) is not None:
            connection.close()

    def _ask(self, connection: DBAPIConnection, sql: str, values: Row) -> list[Row]:
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

    def _take(self) -> DBAPIConnection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _open(self) -> DBAPIConnection:
        """A connection opened and checked as all are, which the engine's pool forgets."""
        pooled = self._engine.raw_connection()
        pooled.detach()
        # None only of one that was closed.
        connection = cast("DBAPIConnection", pooled.dbapi_connection)
        self._dialect.set_isolation_level(connection, "AUTOCOMMIT")
        return connection
