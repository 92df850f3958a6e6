"""PostgreSQL: GROUP BY over a table of conversations by a covering index, and daily totals that a trigger keeps."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Final

import psycopg
import pyarrow.csv
import pyarrow.parquet

from bench.baselines import COLUMNS, COUNTED, FIGURES, Asked, DayFigures, Given, Peer, figures_of, grouped, summed
from bench.baselines.sqlite import COVERING

_SUMS: Final = DayFigures._fields[1:]
_KEPT: Final = f"""
CREATE TABLE call_daily (org_id text COLLATE "C", day integer, {", ".join(f"{name} bigint" for name in _SUMS)},
    PRIMARY KEY (org_id, day));
CREATE FUNCTION keep_daily() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO call_daily SELECT org_id, day, {FIGURES} FROM added WHERE {COUNTED} GROUP BY org_id, day
    ON CONFLICT (org_id, day) DO UPDATE
    SET {", ".join(f"{name} = call_daily.{name} + excluded.{name}" for name in _SUMS)};
    RETURN NULL;
END $$;
CREATE TRIGGER keep_daily AFTER INSERT ON call
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION keep_daily();
"""  # noqa: S608  names of ours


@contextmanager
def postgresql_peers(given: Given) -> Iterator[dict[str, Peer]]:
    """One table with its trigger, loaded by COPY, in a database of its own."""
    with psycopg.connect(given.postgresql, autocommit=True) as connection:
        # Ordered by bytes, as the ledger's own are: languages cost more and nobody sorts here.
        collations = {"text": 'text COLLATE "C"'}
        columns = ", ".join(f"{name} {collations.get(type_, type_)}" for name, type_ in COLUMNS.items())
        connection.execute(f"CREATE TABLE call ({columns})".encode())
        connection.execute(_KEPT.encode())
        _copy(connection, given)
        connection.execute(COVERING.encode())
        connection.execute("VACUUM (ANALYZE) call")
        connection.execute("VACUUM (ANALYZE) call_daily")

        def group(asked: Asked) -> Sequence[DayFigures]:
            return figures_of(connection.execute(grouped(asked).encode()).fetchall())

        def read(asked: Asked) -> Sequence[DayFigures]:
            return figures_of(connection.execute(summed(asked).encode()).fetchall())

        yield {
            "PostgreSQL, GROUP BY, covering index": group,
            "PostgreSQL, daily totals kept by a trigger (inserts only)": read,
        }


def _copy(connection: "psycopg.Connection[tuple[object, ...]]", given: Given) -> None:
    """One COPY for each part of the file, so that the trigger runs as it would: for many rows at once."""
    options = pyarrow.csv.WriteOptions(include_header=False)
    for batch in pyarrow.parquet.ParquetFile(given.parquet).iter_batches(50_000, columns=list(COLUMNS)):
        lines = BytesIO()
        pyarrow.csv.write_csv(batch, lines, options)
        with connection.cursor() as cursor, cursor.copy("COPY call FROM STDIN (FORMAT CSV)") as copy:
            copy.write(lines.getvalue())
