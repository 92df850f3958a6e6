"""The year's figures in the process, as the ledger answers them and as others do: one answer, each way timed."""

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

from bench.baselines import COLUMNS, DAY_OF, Asked, DayFigures, Given, Opening, clickhouse, duckdb
from bench.baselines.clickhouse import clickhouse_peers
from bench.baselines.duckdb import duckdb_peers
from bench.baselines.postgresql import postgresql_peers
from bench.baselines.sqlite import sqlite_peers
from bench.dataset import DAYS, FIRST_DAY
from bench.load import CONVERSATIONS_OF_SMALL, LARGE, SMALL_ORGANIZATIONS, load_year, prove
from bench.result_table import WORDS, Column, Measured
from bench.timing import alternating, milliseconds, ratio
from talkmeter.ledger.engine import reading
from talkmeter.period import MICROSECONDS_PER_DAY, Window, present
from talkmeter.usage.revision import read_revision
from talkmeter.usage.summary import Summary, read_summary
from tests.postgres import engine_for, new_database, postgres_server

ROUNDS: Final = 5
IN_A_ROW: Final = 3
"""Answers of one engine, one after the other: what the others leave in the processor's caches is not its own cost."""
_OURS: Final = "the ledger's summary, SQLite"
_OURS_POSTGRESQL: Final = "the ledger's summary, PostgreSQL"
_PEERS: Final[tuple[Callable[[Given], Opening], ...]] = (
    sqlite_peers,
    postgresql_peers,
    duckdb_peers,
    clickhouse_peers,
)
_OPTIONAL: Final = (duckdb.NAME, clickhouse.GROUPED, clickhouse.KEPT)
_ASKED: Final = Asked(LARGE, FIRST_DAY, FIRST_DAY + DAYS)
_WINDOW: Final = Window(FIRST_DAY * MICROSECONDS_PER_DAY, (FIRST_DAY + DAYS) * MICROSECONDS_PER_DAY)
_NOW: Final = present(_WINDOW.end, 24)
_ROWS_AT_ONCE: Final = 100_000


def measure_year(conversations: int) -> Measured:
    """The year of one organization from each; the answers are compared before any is timed."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(postgres_server(folder))
        ledger, parquet = folder / "talkmeter.db", folder / "conversations.parquet"
        engine = stack.enter_context(engine_for(f"sqlite:///{ledger}"))
        on_server = stack.enter_context(engine_for(stack.enter_context(new_database(server))))
        for each in (engine, on_server):
            load_year(each, conversations)
            prove(each, conversations)
        _write_parquet(ledger, parquet)
        given = Given(ledger, parquet, folder, stack.enter_context(new_database(server)))
        measures: dict[str, Callable[[], object]] = {
            _OURS: partial(_summary, engine),
            _OURS_POSTGRESQL: partial(_summary, on_server),
        }
        summaries = [_summary(one) for one in (engine, on_server)]
        for opening in _PEERS:
            for name, peer in stack.enter_context(opening(given)).items():
                for summary in summaries:
                    _compare(name, peer(_ASKED), summary)
                measures[name] = partial(peer, _ASKED)
        found = alternating({name: partial(_in_a_row, one) for name, one in measures.items()}, ROUNDS, first=1)
    missing = tuple((f"{name}: not installed here", None, None) for name in _OPTIONAL if name not in found)
    return Measured(
        name=f"engines-{conversations}",
        title=(
            f"366 days' daily figures and totals of one organization, {conversations:,} conversations "
            f"beside {SMALL_ORGANIZATIONS} organizations of {CONVERSATIONS_OF_SMALL}, in the process"
        ),
        columns=(WORDS, Column("times the first", 2), Column("p50 ms", 2)),
        rows=(*((name, ratio(times, found[_OURS]), median(times)) for name, times in found.items()), *missing),
        note=(
            f"Each gives the same figures; medians of {ROUNDS} alternating rounds of {IN_A_ROW} answers in a row. "
            "The ledger's summary also reads "
            "revision, runs, inventory and the state of each day. The others hold final conversations, and those that "
            "keep totals take no correction of one."
        ),
    )


def _in_a_row(answer: Callable[[], object]) -> float:
    """Milliseconds of one answer, the median of some."""
    return median(milliseconds(answer) for _ in range(IN_A_ROW))


def _summary(engine: Engine) -> Summary:
    with reading(engine) as connection:
        return read_summary(connection, LARGE, _WINDOW, read_revision(connection, LARGE, _NOW), _NOW)


def _compare(name: str, found: Iterable[DayFigures], summary: Summary) -> None:
    """AssertionError where another gives another figure than ours, for any day or for the window."""
    days = list(found)
    daily = [(day.calls, day.voice_ms, day.chat_ms) for day in days]
    assert daily == [(day.calls, day.voice_duration_ms, day.chat_duration_ms) for day in summary.daily if day.calls], (
        f"{name} gives other figures for a day."
    )
    totals = [sum(figures) for figures in zip(*days, strict=True)][1:]
    assert totals == [
        *(summary.total_calls, summary.voice_calls, summary.chat_calls),
        *(summary.inbound_calls, summary.outbound_calls, summary.timed_calls, summary.live_calls),
        *(summary.voice_duration_ms, summary.chat_duration_ms),
    ], f"{name} gives other totals."


def _write_parquet(ledger: Path, parquet: Path) -> None:
    """All conversations of a ledger, for those who read Parquet."""
    types = {"text": pa.string(), "integer": pa.int32(), "bigint": pa.int64()}
    schema = pa.schema([(name, types[type_]) for name, type_ in COLUMNS.items()])
    with pq.ParquetWriter(parquet, schema) as writer:
        for rows in _conversations(ledger):
            columns = zip(*rows, strict=True)
            writer.write_table(pa.table([list(column) for column in columns], schema=schema))


def _conversations(ledger: Path) -> Iterator[list[tuple[object, ...]]]:
    columns = ", ".join(DAY_OF if name == "day" else name for name in COLUMNS)
    connection = sqlite3.connect(ledger)
    cursor = connection.execute(f"SELECT {columns} FROM conversation")  # noqa: S608  names of ours
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        yield rows
    connection.close()
