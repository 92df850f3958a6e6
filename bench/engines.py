"""Daily figures of a year from Talkmeter and from other database engines, in-process."""

import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Engine

from bench.baselines import (
    COLUMNS,
    DAY_EXPRESSION,
    BaselineQuery,
    DayFigures,
    OpenBaselines,
    Source,
    clickhouse,
    duckdb,
)
from bench.baselines.clickhouse import clickhouse_baselines
from bench.baselines.duckdb import duckdb_baselines
from bench.baselines.postgresql import postgresql_baselines
from bench.baselines.sqlite import sqlite_baselines
from bench.dataset import DAYS, FIRST_DAY
from bench.load import LARGE, SMALL_CONVERSATIONS, SMALL_ORGANIZATIONS, load_year, verify_load
from bench.result_table import LABEL, ResultColumn, ResultTable
from bench.timing import interleaved, milliseconds, ratio
from talkmeter.db.engine import reading
from talkmeter.period import MICROSECONDS_PER_DAY, Window, present
from talkmeter.usage.revision import read_revision
from talkmeter.usage.summary import Summary, read_summary, summary_query
from tests.postgres import engine_for, new_database, postgres_server

ROUNDS: Final = 5
CONSECUTIVE: Final = 3
"""Consecutive queries of one engine per round, so that CPU caches filled by the others do not count against it."""
_TALKMETER_SQLITE: Final = "Talkmeter summary, SQLite"
_TALKMETER_POSTGRESQL: Final = "Talkmeter summary, PostgreSQL"
_BASELINES: Final[tuple[Callable[[Source], OpenBaselines], ...]] = (
    sqlite_baselines,
    postgresql_baselines,
    duckdb_baselines,
    clickhouse_baselines,
)
_OPTIONAL: Final = (duckdb.NAME, clickhouse.GROUPED, clickhouse.MATERIALIZED)
_QUERY: Final = BaselineQuery(LARGE, FIRST_DAY, FIRST_DAY + DAYS)
_WINDOW: Final = Window(FIRST_DAY * MICROSECONDS_PER_DAY, (FIRST_DAY + DAYS) * MICROSECONDS_PER_DAY)
_NOW: Final = present(_WINDOW.end, 24)
_ROWS_PER_GROUP: Final = 100_000


def measure_engines(conversations: int) -> ResultTable:
    """Measure the year of one organization with every engine; all results are compared before any is timed."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(postgres_server(folder))
        database, parquet = folder / "talkmeter.db", folder / "conversations.parquet"
        engine = stack.enter_context(engine_for(f"sqlite:///{database}"))
        postgresql_engine = stack.enter_context(engine_for(stack.enter_context(new_database(server))))
        for each in (engine, postgresql_engine):
            load_year(each, conversations)
            verify_load(each, conversations)
        _write_parquet(database, parquet)
        source = Source(database, parquet, folder, stack.enter_context(new_database(server)))
        measurements: dict[str, Callable[[], object]] = {
            _TALKMETER_SQLITE: partial(_summary, engine),
            _TALKMETER_POSTGRESQL: partial(_summary, postgresql_engine),
        }
        summaries = [_summary(each) for each in (engine, postgresql_engine)]
        for open_baselines in _BASELINES:
            for name, baseline in stack.enter_context(open_baselines(source)).items():
                for summary in summaries:
                    _compare(name, baseline(_QUERY), summary)
                measurements[name] = partial(baseline, _QUERY)
        results = interleaved(
            {name: partial(_consecutive, query) for name, query in measurements.items()}, ROUNDS, warmup=1
        )
    missing = tuple((f"{name}: not installed", None, None) for name in _OPTIONAL if name not in results)
    baseline_times = results[_TALKMETER_SQLITE]
    return ResultTable(
        name=f"engines-{conversations}",
        title=(
            f"Daily figures and totals of one organization over 366 days, {conversations:,} conversations, in-process; "
            f"{SMALL_ORGANIZATIONS} other organizations have {SMALL_CONVERSATIONS} each"
        ),
        columns=(LABEL, ResultColumn("ratio to first row", 2), ResultColumn("p50 ms", 2)),
        rows=(*((name, ratio(times, baseline_times), median(times)) for name, times in results.items()), *missing),
        note=(
            f"All return the same figures. Medians of {ROUNDS} interleaved rounds of {CONSECUTIVE} consecutive "
            "queries. The Talkmeter summary also reads the revision, workflow runs, inventory and the state of each "
            "day. The other tables hold final conversations only; those with daily totals cannot apply corrections."
        ),
    )


def _consecutive(query: Callable[[], object]) -> float:
    """Return the median milliseconds of a few consecutive queries."""
    return median(milliseconds(query) for _ in range(CONSECUTIVE))


def _summary(engine: Engine) -> Summary:
    with reading(engine) as connection:
        return read_summary(connection, summary_query(LARGE, _WINDOW, _NOW), read_revision(connection, LARGE, _NOW))


def _compare(name: str, figures: Iterable[DayFigures], summary: Summary) -> None:
    """Compare the figures of an engine with the summary, for every day and for the window.

    Raises:
        AssertionError: if any figure differs.
    """
    days = list(figures)
    daily = [(day.calls, day.voice_ms, day.chat_ms) for day in days]
    assert daily == [(day.calls, day.voice_duration_ms, day.chat_duration_ms) for day in summary.daily if day.calls], (
        f"{name} returned different figures for a day."
    )
    totals = [sum(values) for values in zip(*days, strict=True)][1:]
    assert totals == [
        *(summary.total_calls, summary.voice_calls, summary.chat_calls),
        *(summary.inbound_calls, summary.outbound_calls, summary.timed_calls, summary.live_calls),
        *(summary.voice_duration_ms, summary.chat_duration_ms),
    ], f"{name} returned different totals."


def _write_parquet(database: Path, parquet: Path) -> None:
    """Write all conversations of a database into a Parquet file."""
    types = {"text": pa.string(), "integer": pa.int32(), "bigint": pa.int64()}
    schema = pa.schema([(name, types[type_]) for name, type_ in COLUMNS.items()])
    with pq.ParquetWriter(parquet, schema) as writer:
        for rows in _conversations(database):
            columns = zip(*rows, strict=True)
            writer.write_table(pa.table([list(column) for column in columns], schema=schema))


def _conversations(database: Path) -> Iterator[list[tuple[object, ...]]]:
    columns = ", ".join(DAY_EXPRESSION if name == "day" else name for name in COLUMNS)
    connection = sqlite3.connect(database)
    cursor = connection.execute(f"SELECT {columns} FROM conversation")  # noqa: S608  our own column names
    while rows := cursor.fetchmany(_ROWS_PER_GROUP):
        yield rows
    connection.close()
