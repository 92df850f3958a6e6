"""ClickHouse in the process (chDB): GROUP BY over a MergeTree, and daily totals of a materialized view."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Final, Protocol, cast

from bench.baselines import (
    COLUMNS,
    COUNTED,
    FIGURES,
    Asked,
    DayFigures,
    Given,
    Peer,
    figures_of,
    grouped,
    imported,
    summed,
)

GROUPED: Final = "ClickHouse (chDB), GROUP BY"
KEPT: Final = "ClickHouse (chDB), SummingMergeTree by a materialized view (inserts only)"
_TYPES: Final = {"text": "LowCardinality(Nullable(String))", "integer": "Int32", "bigint": "Nullable(Int64)"}
_NOT_NULL: Final = {"org_id": "LowCardinality(String)", "id": "String", "created_at": "Int64"}
_NOT_NULL_EITHER: Final = dict.fromkeys(("modality", "direction", "status"), "LowCardinality(String)")


class _Session(Protocol):
    def query(self, query: str, format_: str = ..., /) -> object: ...
    def close(self) -> None: ...


@contextmanager
def clickhouse_peers(given: Given) -> Iterator[dict[str, Peer]]:
    """A folder of its own; no peer where chDB is not installed."""
    chdb = imported("chdb.session")
    if chdb is None:
        yield {}
        return
    with closing(cast("_Session", chdb.Session(str(given.folder / "clickhouse")))) as session:
        types = _NOT_NULL | _NOT_NULL_EITHER
        columns = ", ".join(f"{name} {types.get(name, _TYPES[type_])}" for name, type_ in COLUMNS.items())
        session.query("CREATE DATABASE bench ENGINE = Atomic")
        session.query("USE bench")
        session.query(
            f"CREATE TABLE call ({columns}) ENGINE = MergeTree ORDER BY (org_id, day, modality, direction, status)"
        )
        kept = f"SELECT org_id, day, {FIGURES} FROM call WHERE {COUNTED} GROUP BY org_id, day"  # noqa: S608  names of ours
        session.query(f"CREATE MATERIALIZED VIEW call_daily ENGINE = SummingMergeTree ORDER BY (org_id, day) AS {kept}")
        session.query(f"INSERT INTO call SELECT {', '.join(COLUMNS)} FROM file('{given.parquet}', Parquet)")  # noqa: S608

        def ask(query: str) -> Sequence[DayFigures]:
            lines = str(session.query(query, "TabSeparated")).splitlines()
            return figures_of([line.split("\t") for line in lines])

        def group(asked: Asked) -> Sequence[DayFigures]:
            return ask(grouped(asked))

        def read(asked: Asked) -> Sequence[DayFigures]:
            return ask(summed(asked))

        yield {GROUPED: group, KEPT: read}
