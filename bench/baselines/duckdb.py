"""DuckDB: GROUP BY over a table of conversations in the order of organization and day."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Final, Protocol, cast

from bench.baselines import Asked, DayFigures, Given, Peer, figures_of, grouped, imported

NAME: Final = "DuckDB, GROUP BY"


class _Connection(Protocol):
    def execute(self, query: str) -> "_Connection": ...
    def fetchall(self) -> list[tuple[object, ...]]: ...
    def close(self) -> None: ...


@contextmanager
def duckdb_peers(given: Given) -> Iterator[dict[str, Peer]]:
    """A file of its own; no peer where DuckDB is not installed."""
    duckdb = imported("duckdb")
    if duckdb is None:
        yield {}
        return
    with closing(cast("_Connection", duckdb.connect(str(given.folder / "duck.db")))) as connection:
        connection.execute(f"CREATE TABLE call AS SELECT * FROM read_parquet('{given.parquet}') ORDER BY org_id, day")  # noqa: S608

        def answer(asked: Asked) -> Sequence[DayFigures]:
            return figures_of(connection.execute(grouped(asked)).fetchall())

        yield {NAME: answer}
