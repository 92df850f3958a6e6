"""SQLite: GROUP BY over a table of conversations, by an index in the order of the days that covers the figures."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Final

from bench.baselines import COLUMNS, DAY_OF, Asked, DayFigures, Given, Peer, figures_of, grouped

COVERING: Final = "CREATE INDEX call_covering ON call (org_id, day, modality, direction, status, duration_ms)"


@contextmanager
def sqlite_peers(given: Given) -> Iterator[dict[str, Peer]]:
    """The table beside the ledger, in a file of its own."""
    with closing(sqlite3.connect(given.folder / "peer.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=OFF").fetchall()
        connection.execute("PRAGMA cache_size=-16384")
        connection.execute("ATTACH ? AS ledger", (str(given.ledger),))
        columns = ", ".join(f"{DAY_OF} AS day" if name == "day" else name for name in COLUMNS)
        connection.execute(f"CREATE TABLE call AS SELECT {columns} FROM ledger.conversation")  # noqa: S608  names of ours
        connection.execute(COVERING)
        connection.execute("DETACH ledger")

        def answer(asked: Asked) -> Sequence[DayFigures]:
            return figures_of(connection.execute(grouped(asked)).fetchall())

        yield {"SQLite, GROUP BY, covering index": answer}
