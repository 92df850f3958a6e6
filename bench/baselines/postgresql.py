"""PostgreSQL: GROUP BY on conversations with a covering index, and daily totals maintained by a trigger."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Final

import psycopg
import pyarrow.csv
import pyarrow.parquet

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
    to_figures,
)
from bench.baselines.sqlite import COVERING

_SUMS: Final = DayFigures._fields[1:]
_DAILY_TOTALS: Final = f"""
CREATE TABLE call_daily (org_id text COLLATE "C", day integer, {", ".join(f"{name} bigint" for name in _SUMS)},
    PRIMARY KEY (org_id, day));
CREATE FUNCTION update_daily() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO call_daily SELECT org_id, day, {FIGURE_COLUMNS} FROM added WHERE {IS_COUNTED} GROUP BY org_id, day
    ON CONFLICT (org_id, day) DO UPDATE
    SET {", ".join(f"{name} = call_daily.{name} + excluded.{name}" for name in _SUMS)};
    RETURN NULL;
END $$;
CREATE TRIGGER update_daily AFTER INSERT ON call
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION update_daily();
"""  # noqa: S608  our own names


@contextmanager
def postgresql_baselines(source: Source) -> Iterator[dict[str, Baseline]]:
    """Create one table with its trigger in the empty database and load it by COPY."""
    with psycopg.connect(source.postgresql, autocommit=True) as connection:
        # Byte order, as in Talkmeter's tables: linguistic collations are slower.
        collations = {"text": 'text COLLATE "C"'}
        columns = ", ".join(f"{name} {collations.get(type_, type_)}" for name, type_ in COLUMNS.items())
        connection.execute(f"CREATE TABLE call ({columns})".encode())
        connection.execute(_DAILY_TOTALS.encode())
        _copy(connection, source)
        connection.execute(COVERING.encode())
        connection.execute("VACUUM (ANALYZE) call")
        connection.execute("VACUUM (ANALYZE) call_daily")

        def group_by(query: BaselineQuery) -> Sequence[DayFigures]:
            return to_figures(connection.execute(group_by_query(query).encode()).fetchall())

        def daily_totals(query: BaselineQuery) -> Sequence[DayFigures]:
            return to_figures(connection.execute(daily_totals_query(query).encode()).fetchall())

        yield {
            "PostgreSQL, GROUP BY, covering index": group_by,
            "PostgreSQL, daily totals maintained by a trigger (inserts only)": daily_totals,
        }


def _copy(connection: "psycopg.Connection[tuple[object, ...]]", source: Source) -> None:
    """COPY the file in portions, so that the trigger runs once for many rows, as in production."""
    options = pyarrow.csv.WriteOptions(include_header=False)
    for batch in pyarrow.parquet.ParquetFile(source.parquet).iter_batches(50_000, columns=list(COLUMNS)):
        lines = BytesIO()
        pyarrow.csv.write_csv(batch, lines, options)
        with connection.cursor() as cursor, cursor.copy("COPY call FROM STDIN (FORMAT CSV)") as copy:
            copy.write(lines.getvalue())
