"""Connections for one statement at a time: what an answer depends on is asked with each request, and mostly alone.

A single statement sees one snapshot by itself, so no transaction begins and ends around it and nothing asks first
whether the connection is still there: of four ways to a server and back that leaves one, and of a file's tenth of a
millisecond a twentieth.
"""

from collections import deque
from typing import cast

from sqlalchemy.engine.interfaces import DBAPIConnection

from talkmeter.ledger.engine import Engine, sentences
from talkmeter.ledger.statements import Compiled, Row


class Peeks:
    """Open connections beside an engine's own, as many as there were threads that asked at once. Any thread may ask."""

    def __init__(self, engine: Engine) -> None:
        """None is open yet."""
        self._engine = engine
        self._dialect = engine.dialect
        self._idle: deque[DBAPIConnection] = deque()

    def rows(self, query: Compiled, parameters: Row) -> list[Row]:
        """Every row of a query without an expanding parameter. Errors are those of `reading`."""
        sql, values = query.as_sent(self._dialect, parameters)
        with sentences():
            while self._idle:
                try:
                    return self._ask(self._idle.pop(), sql, values)
                except (IndexError, self._dialect.loaded_dbapi.Error):
                    # Another thread was faster; or it was cut while nobody used it, which only its use can tell.
                    continue
            return self._ask(self._open(), sql, values)

    def close(self) -> None:
        """Close what is open; nobody asks any more."""
        while self._idle:
            self._idle.pop().close()

    def _ask(self, connection: DBAPIConnection, sql: str, values: Row) -> list[Row]:
        try:
            cursor = connection.cursor()
            cursor.execute(sql, values)
            rows: list[Row] = list(cursor.fetchall())
            cursor.close()
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return rows

    def _open(self) -> DBAPIConnection:
        """A connection opened and checked as all are, which the engine's pool forgets."""
        pooled = self._engine.raw_connection()
        pooled.detach()
        # None only of one that was closed.
        connection = cast("DBAPIConnection", pooled.dbapi_connection)
        self._dialect.set_isolation_level(connection, "AUTOCOMMIT")
        return connection
