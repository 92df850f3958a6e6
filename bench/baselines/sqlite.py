"""SQLite: GROUP BY on a table of conversations with a covering index."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Final

from bench.baselines import (
    COLUMNS,
    DAY_EXPRESSION,
    Baseline,
    BaselineQuery,
    DayFigures,
    Source,
    group_by_query,
    to_figures,
)

COVERING: Final = "CREATE INDEX call_covering ON call (org_id, day, modality, direction, status, duration_ms)"


@contextmanager
def sqlite_baselines(source: Source) -> Iterator[dict[str, Baseline]]:
    """Copy the conversations into a separate database file."""
    with closing(sqlite3.connect(source.folder / "baseline.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=OFF").fetchall()
        connection.execute("PRAGMA cache_size=-16384")
        connection.execute("ATTACH ? AS talkmeter", (str(source.database),))
        columns = ", ".join(f"{DAY_EXPRESSION} AS day" if name == "day" else name for name in COLUMNS)
        connection.execute(f"CREATE TABLE call AS SELECT {columns} FROM talkmeter.conversation")  # noqa: S608  our own names
        connection.execute(COVERING)
        connection.execute("DETACH talkmeter")

        def group_by(query: BaselineQuery) -> Sequence[DayFigures]:
            return to_figures(connection.execute(group_by_query(query)).fetchall())

        yield {"SQLite, GROUP BY, covering index": group_by}
