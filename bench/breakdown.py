"""Breakdowns and record lists: compared with a GROUP BY over the records, and as the database grows."""

import http.client
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple
from urllib.parse import urlencode, urlsplit

from sqlalchemy import Connection, bindparam, case, func, select

from bench.dataset import agent_id
from bench.load import LARGE
from bench.result_table import LABEL, ResultColumn, ResultTable
from bench.summary import load
from bench.timing import interleaved, milliseconds
from bench.workload import START, YEAR_SEC
from talkmeter.db import tables
from talkmeter.db.engine import open_engine, reading, transaction
from talkmeter.ledger.batch import OrgBatch
from talkmeter.ledger.write import write_batches
from talkmeter.period import Window, present
from talkmeter.records import Conversation, Kind, State, data_hash
from talkmeter.usage.breakdown import read_breakdown
from talkmeter.usage.breakdown_query import BreakdownOptions, breakdown_query
from talkmeter.usage.filters import Filter
from talkmeter.usage.records import read_records
from talkmeter.usage.revision import read_revision
from tests.faults.memory import MIB, memory_of
from tests.servers import environment_for, running_server

AGENTS: Final = 200
ROUNDS: Final = 5
RARE_AGENT: Final = "agent-with-one-call"
_MICROSECONDS: Final = 1_000_000
_NOW: Final = present(int(START.timestamp() + 6 * YEAR_SEC) * _MICROSECONDS, 24)

_call = tables.conversation.c
_IS_COUNTED = _call.status != "token_created"


def _count_if(condition: object) -> object:
    return func.sum(case((condition, 1), else_=0))  # type: ignore[arg-type]  # an SQLAlchemy condition


_GROUP_BY = (
    select(
        _call.agent_id,
        func.count(),
        _count_if(_call.modality == "voice"),
        _count_if(_call.modality == "chat"),
        _count_if(_call.direction == "inbound"),
        _count_if(_call.direction == "outbound"),
        func.count(_call.duration_ms),
        _count_if(_call.status.in_(("triggered", "ringing", "in_progress"))),
        func.sum(case((_call.modality == "voice", _call.duration_ms), else_=0)),
        func.sum(case((_call.modality == "chat", _call.duration_ms), else_=0)),
    )  # type: ignore[call-overload]  # more columns than the overloads of select have
    .where(
        _call.org_id == bindparam("org"),
        _call.created_at >= bindparam("start"),
        _call.created_at < bindparam("end"),
        _IS_COUNTED,
    )
    .group_by(_call.agent_id)
)


def measure_breakdown(conversations: int) -> ResultTable:
    """Measure breakdowns, record pages and the CSV export."""
    with tempfile.TemporaryDirectory() as name:
        rows = tuple(
            (each.name, each.b_ms / each.a_ms, each.target, each.a, each.a_ms, each.b, each.b_ms)
            for each in compare_breakdowns(Path(name), conversations)
        )
        rate, before, after = measure_export(Path(name) / "one", conversations + 1)
    return ResultTable(
        name="breakdown",
        title=f"Breakdowns and record pages in-process: {AGENTS} agents, {conversations:,} conversations, SQLite",
        columns=(
            LABEL,
            ResultColumn("ratio B/A", 2),
            ResultColumn("target"),
            ResultColumn("A"),
            ResultColumn("ms", 2),
            ResultColumn("B"),
            ResultColumn("ms", 2),
        ),
        rows=rows,
        note=(
            f"Medians of {ROUNDS} interleaved runs. CSV export of all records over HTTP: {rate:,.0f} records/s; "
            f"server memory {before:.0f} MiB before, {after:.0f} MiB after."
        ),
    )


class TimingComparison(NamedTuple):
    """Median milliseconds of two interleaved measurements, A and B, and the target for the ratio B/A."""

    name: str
    a: str
    a_ms: float
    b: str
    b_ms: float
    target: str


def compare_breakdowns(folder: Path, conversations: int) -> list[TimingComparison]:
    """Return every comparison; one database spreads the conversations over one year, the other over five."""
    one_year, five_years = folder / "one", folder / "five"
    for subfolder, years in ((one_year, 1), (five_years, 5)):
        subfolder.mkdir()
        load(subfolder, conversations, agents=AGENTS, years=years)
    _add_rare_call(one_year)
    engine = open_engine(environment_for(one_year, {})["TALKMETER_DATABASE_URL"])
    five_year_engine = open_engine(environment_for(five_years, {})["TALKMETER_DATABASE_URL"])
    org_id = LARGE
    start = int(START.timestamp()) * _MICROSECONDS
    year = Window(start, start + YEAR_SEC * _MICROSECONDS)
    week = Window(start + 30 * 86_400 * _MICROSECONDS, start + 37 * 86_400 * _MICROSECONDS)
    with reading(engine) as one, reading(five_year_engine) as five:
        group_by, breakdown = _median_times(
            lambda: one.execute(_GROUP_BY, {"org": org_id, "start": year.start, "end": year.end}).fetchall(),
            lambda: _read(one, year),
        )
        week_of_one, week_of_five = _median_times(
            lambda: _read(one, week),
            lambda: _read(five, week),
        )
        calls = Filter(Kind.CONVERSATION)
        middle = _cursor_after(one, org_id, year, conversations // 4)
        first_page, later_page = _median_times(
            lambda: _page(one, org_id, year, calls),
            lambda: _page(one, org_id, year, calls, middle),
        )
        typical, rare = _median_times(
            lambda: _page(one, org_id, year, Filter(Kind.CONVERSATION, (("agent", agent_id(0)),))),
            lambda: _page(one, org_id, year, Filter(Kind.CONVERSATION, (("agent", RARE_AGENT),))),
        )
    engine.dispose()
    five_year_engine.dispose()
    return [
        TimingComparison(
            *("breakdown by agent, 366 days", "daily totals", breakdown),
            *("GROUP BY over records", group_by, "at least 15"),
        ),
        TimingComparison(
            *("breakdown by agent, 7 days", "1 year stored", week_of_one),
            *("5 years stored", week_of_five, "at most 1.5"),
        ),
        TimingComparison(
            *("page of 50 records", "first page", first_page),
            *(f"after {conversations // 4:,} records", later_page, "at most 1.5"),
        ),
        TimingComparison(
            *("first page of one agent", f"1 of {AGENTS} agents", typical),
            *("an agent with 1 call", rare, ""),
        ),
    ]


def measure_export(folder: Path, conversations: int) -> tuple[float, float, float]:
    """Return the records per second of a CSV export over HTTP, and the server's MiB (PSS) before and after it."""
    with running_server(folder) as server:
        key = server.cli("keys", "add", "--org", LARGE, "--role", "admin")
        connection = http.client.HTTPConnection(urlsplit(server.url).netloc)
        before = memory_of(server) / MIB
        query = urlencode({"of": "records", "from": "2025-01-01", "to": "2026-01-02"})
        started = time.perf_counter()
        connection.request("GET", f"/admin/usage/export?{query}", headers={"Authorization": f"Bearer {key}"})
        response = connection.getresponse()
        assert response.status == 200, response.read()
        lines = sum(chunk.count(b"\n") for chunk in iter(lambda: response.read(1 << 20), b""))
        seconds = time.perf_counter() - started
        assert lines == conversations + 1, lines
        after = memory_of(server) / MIB
        connection.close()
    return conversations / seconds, before, after


def _read(connection: Connection, window: Window) -> None:
    query = breakdown_query(LARGE, window, _NOW, BreakdownOptions("agent", "calls"))
    read_breakdown(connection, query, read_revision(connection, LARGE, _NOW), key="bench")


def _median_times(*functions: Callable[[], object]) -> list[float]:
    """Return the median milliseconds of each function in interleaved rounds, after one warm-up round."""
    measurements = {str(number): partial(milliseconds, function) for number, function in enumerate(functions)}
    return [median(times) for times in interleaved(measurements, ROUNDS, warmup=1).values()]


def _page(connection: Connection, org_id: str, window: Window, filter_: Filter, cursor: str | None = None) -> object:
    revision = read_revision(connection, org_id, _NOW)
    return read_records(connection, org_id, window, filter_, revision, _NOW, key="bench", cursor=cursor)


def _cursor_after(connection: Connection, org_id: str, window: Window, records: int) -> str:
    """Return the cursor after this many records, found by reading pages of 1,000."""
    cursor: str | None = None
    revision = read_revision(connection, org_id, _NOW)
    for _ in range(records // 1_000):
        page = read_records(
            connection,
            org_id,
            window,
            Filter(Kind.CONVERSATION),
            revision,
            _NOW,
            key="bench",
            limit=1_000,
            cursor=cursor,
        )
        cursor = page.next_cursor
    assert cursor is not None
    return cursor


def _add_rare_call(folder: Path) -> None:
    """Add one call in the middle of the year, by an agent with no other calls."""
    created_at = int(START.timestamp() + YEAR_SEC // 2) * _MICROSECONDS
    record = Conversation("telephone", "inbound", "completed", created_at, 60_000, "voice", agent_id=RARE_AGENT)
    state = State(LARGE, Kind.CONVERSATION, "rare", record, created_at, 0, "/bench", "rare", data_hash(record))
    engine = open_engine(environment_for(folder, {})["TALKMETER_DATABASE_URL"])
    with transaction(engine) as connection:
        write_batches(connection, [OrgBatch(LARGE, "bench", [(0, state)])], _NOW.now, keep_history=False)
    engine.dispose()
