"""DuckDB: GROUP BY on a table of conversations, sorted by organization and day."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Final, Protocol, cast

from bench.baselines import Baseline, BaselineQuery, DayFigures, Source, group_by_query, import_optional, to_figures

NAME: Final = "DuckDB, GROUP BY"


class _Connection(Protocol):
    def execute(self, query: str) -> "_Connection": ...
    def fetchall(self) -> list[tuple[object, ...]]: ...
    def close(self) -> None: ...


@contextmanager
def duckdb_baselines(source: Source) -> Iterator[dict[str, Baseline]]:
    """Load a DuckDB file; yield no baselines if DuckDB is not installed."""
    duckdb = import_optional("duckdb")
    if duckdb is None:
        yield {}
        return
    with closing(cast("_Connection", duckdb.connect(str(source.folder / "duck.db")))) as connection:
        connection.execute(f"CREATE TABLE call AS SELECT * FROM read_parquet('{source.parquet}') ORDER BY org_id, day")  # noqa: S608

        def group_by(query: BaselineQuery) -> Sequence[DayFigures]:
            return to_figures(connection.execute(group_by_query(query)).fetchall())

        yield {NAME: group_by}
