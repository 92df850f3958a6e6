"""Other ways to the same figures: what each is given, and what each must answer."""

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
"""The columns of a conversation that every peer holds, the day computed once."""


class DayFigures(NamedTuple):
    """The figures of one day's conversations, integers all; days without any are left out."""

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


class Given(NamedTuple):
    """What a peer is loaded from: the ledger's file, and its conversations in a Parquet file."""

    ledger: Path
    parquet: Path
    folder: Path
    """For files of its own."""
    postgresql: str
    """The address of an empty database."""


class Asked(NamedTuple):
    """One organization and the days of a window, the last one not included."""

    org_id: str
    first: int
    end: int


class Peer(Protocol):
    """One way to answer."""

    def __call__(self, asked: Asked) -> Sequence[DayFigures]:
        """The figures of the window, in order of the days."""


Opening = AbstractContextManager[dict[str, Peer]]
"""Peers by name, loaded; they are let go at the end of the block."""

FIGURES: Final = """count(*) AS calls,
    sum(CASE WHEN modality = 'voice' THEN 1 ELSE 0 END) AS voice_calls,
    sum(CASE WHEN modality = 'chat' THEN 1 ELSE 0 END) AS chat_calls,
    sum(CASE WHEN direction = 'inbound' THEN 1 ELSE 0 END) AS inbound_calls,
    sum(CASE WHEN direction = 'outbound' THEN 1 ELSE 0 END) AS outbound_calls,
    count(duration_ms) AS timed_calls,
    sum(CASE WHEN status IN ('triggered', 'ringing', 'in_progress') THEN 1 ELSE 0 END) AS live_calls,
    sum(CASE WHEN modality = 'voice' THEN coalesce(duration_ms, 0) ELSE 0 END) AS voice_ms,
    sum(CASE WHEN modality = 'chat' THEN coalesce(duration_ms, 0) ELSE 0 END) AS chat_ms"""
COUNTED: Final = "status <> 'token_created'"
DAY_OF: Final = f"created_at / {MICROSECONDS_PER_DAY}"


def grouped(asked: Asked, table: str = "call") -> str:
    """The GROUP BY that every engine understands; the names in it are the benchmark's own."""
    return f"SELECT day, {FIGURES} FROM {table} WHERE {_inside(asked)} AND {COUNTED} GROUP BY day ORDER BY day"  # noqa: S608


def summed(asked: Asked, table: str = "call_daily") -> str:
    """The rows of a rollup, of which an engine may hold several for one day."""
    sums = ", ".join(f"sum({name})" for name in DayFigures._fields[1:])
    return f"SELECT day, {sums} FROM {table} WHERE {_inside(asked)} GROUP BY day ORDER BY day"  # noqa: S608


def _inside(asked: Asked) -> str:
    return f"org_id = '{asked.org_id}' AND day >= {asked.first} AND day < {asked.end}"


def figures_of(rows: Sequence[Sequence[object]]) -> list[DayFigures]:
    """Rows of a driver as integers, whatever its sums come as."""
    return [DayFigures(*(int(str(value)) for value in row)) for row in rows]


def imported(module: str) -> ModuleType | None:
    """A module of an engine that only the benchmark uses; None where it is not installed."""
    try:
        return import_module(module)
    except ImportError:
        return None
