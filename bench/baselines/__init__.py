"""Baselines: other database engines and servers that return the same figures or bytes as Talkmeter."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple, Protocol

from talkmeter.period import MICROSECONDS_PER_DAY

COLUMNS: Final = {
    "org_id": "text",
    "id": "text",
    "day": "integer",
    "created_at": "bigint",
    "duration_ms": "bigint",
    "modality": "text",
    "direction": "text",
    "status": "text",
    "channel": "text",
    "agent_id": "text",
    "agent_number": "text",
    "web_widget_id": "text",
}
"""The conversation columns that every engine stores; the day is computed when loading."""


class DayFigures(NamedTuple):
    """The figures of one day with conversations, all integers."""

    day: int
    calls: int
    voice_calls: int
    chat_calls: int
    inbound_calls: int
    outbound_calls: int
    timed_calls: int
    live_calls: int
    voice_ms: int
    chat_ms: int


class Source(NamedTuple):
    """The data that an engine is loaded from."""

    database: Path
    """The SQLite database of Talkmeter."""
    parquet: Path
    """The same conversations as a Parquet file."""
    folder: Path
    """A folder for the files of the engine."""
    postgresql: str
    """The URL of an empty PostgreSQL database."""


class BaselineQuery(NamedTuple):
    """One organization and a range of days; `end` is exclusive."""

    org_id: str
    first: int
    end: int


class Baseline(Protocol):
    """A query method of one engine."""

    def __call__(self, query: BaselineQuery) -> Sequence[DayFigures]:
        """Return the figures of each day in the range, in order."""


OpenBaselines = AbstractContextManager[dict[str, Baseline]]
"""Loaded baselines by name; they are closed at the end of the block."""

FIGURE_COLUMNS: Final = """count(*) AS calls,
    sum(CASE WHEN modality = 'voice' THEN 1 ELSE 0 END) AS voice_calls,
    sum(CASE WHEN modality = 'chat' THEN 1 ELSE 0 END) AS chat_calls,
    sum(CASE WHEN direction = 'inbound' THEN 1 ELSE 0 END) AS inbound_calls,
    sum(CASE WHEN direction = 'outbound' THEN 1 ELSE 0 END) AS outbound_calls,
    count(duration_ms) AS timed_calls,
    sum(CASE WHEN status IN ('triggered', 'ringing', 'in_progress') THEN 1 ELSE 0 END) AS live_calls,
    sum(CASE WHEN modality = 'voice' THEN coalesce(duration_ms, 0) ELSE 0 END) AS voice_ms,
    sum(CASE WHEN modality = 'chat' THEN coalesce(duration_ms, 0) ELSE 0 END) AS chat_ms"""
IS_COUNTED: Final = "status <> 'token_created'"
DAY_EXPRESSION: Final = f"created_at / {MICROSECONDS_PER_DAY}"


def group_by_query(query: BaselineQuery, table: str = "call") -> str:
    """Return a GROUP BY query in SQL that every engine supports."""
    where = f"{_condition(query)} AND {IS_COUNTED}"
    return f"SELECT day, {FIGURE_COLUMNS} FROM {table} WHERE {where} GROUP BY day ORDER BY day"  # noqa: S608


def daily_totals_query(query: BaselineQuery, table: str = "call_daily") -> str:
    """Return a query on a table of daily totals, which may have several rows per day."""
    sums = ", ".join(f"sum({name})" for name in DayFigures._fields[1:])
    return f"SELECT day, {sums} FROM {table} WHERE {_condition(query)} GROUP BY day ORDER BY day"  # noqa: S608


def _condition(query: BaselineQuery) -> str:
    return f"org_id = '{query.org_id}' AND day >= {query.first} AND day < {query.end}"


def to_figures(rows: Sequence[Sequence[object]]) -> list[DayFigures]:
    """Convert rows to integers; drivers return sums as int, Decimal or str."""
    return [DayFigures(*(int(str(value)) for value in row)) for row in rows]


def import_optional(module: str) -> ModuleType | None:
    """Import the driver of an engine, or return None if it is not installed."""
    try:
        return import_module(module)
    except ImportError:
        return None
