"""ClickHouse in-process (chDB): GROUP BY on a MergeTree table, and daily totals in a materialized view."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Final, Protocol, cast

from bench.baselines import (
    COLUMNS,
    FIGURE_COLUMNS,
    IS_COUNTED,
    Baseline,
    BaselineQuery,
    DayFigures,
    Source,
    daily_totals_query,
    group_by_query,
    import_optional,
    to_figures,
)

GROUPED: Final = "ClickHouse (chDB), GROUP BY"
MATERIALIZED: Final = "ClickHouse (chDB), SummingMergeTree with a materialized view (inserts only)"
_TYPES: Final = {"text": "LowCardinality(Nullable(String))", "integer": "Int32", "bigint": "Nullable(Int64)"}
_NOT_NULL: Final = {"org_id": "LowCardinality(String)", "id": "String", "created_at": "Int64"}
_NOT_NULL_ENUMS: Final = dict.fromkeys(("modality", "direction", "status"), "LowCardinality(String)")


class _Session(Protocol):
    def query(self, query: str, format_: str = ..., /) -> object: ...
    def close(self) -> None: ...


@contextmanager
def clickhouse_baselines(source: Source) -> Iterator[dict[str, Baseline]]:
    """Load a ClickHouse database in its own folder; yield no baselines if chDB is not installed."""
    chdb = import_optional("chdb.session")
    if chdb is None:
        yield {}
        return
    with closing(cast("_Session", chdb.Session(str(source.folder / "clickhouse")))) as session:
        types = _NOT_NULL | _NOT_NULL_ENUMS
        columns = ", ".join(f"{name} {types.get(name, _TYPES[type_])}" for name, type_ in COLUMNS.items())
        session.query("CREATE DATABASE bench ENGINE = Atomic")
        session.query("USE bench")
        session.query(
            f"CREATE TABLE call ({columns}) ENGINE = MergeTree ORDER BY (org_id, day, modality, direction, status)"
        )
        totals = f"SELECT org_id, day, {FIGURE_COLUMNS} FROM call WHERE {IS_COUNTED} GROUP BY org_id, day"  # noqa: S608  our own names
        session.query(
            f"CREATE MATERIALIZED VIEW call_daily ENGINE = SummingMergeTree ORDER BY (org_id, day) AS {totals}"
        )
        session.query(f"INSERT INTO call SELECT {', '.join(COLUMNS)} FROM file('{source.parquet}', Parquet)")  # noqa: S608

        def execute(sql: str) -> Sequence[DayFigures]:
            lines = str(session.query(sql, "TabSeparated")).splitlines()
            return to_figures([line.split("\t") for line in lines])

        def group_by(query: BaselineQuery) -> Sequence[DayFigures]:
            return execute(group_by_query(query))

        def daily_totals(query: BaselineQuery) -> Sequence[DayFigures]:
            return execute(daily_totals_query(query))

        yield {GROUPED: group_by, MATERIALIZED: daily_totals}
