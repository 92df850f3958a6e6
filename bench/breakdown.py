"""What drives the usage and the records behind it: against a GROUP BY over raw records, and as the ledger grows."""

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

from bench.dataset import agent_of
from bench.load import LARGE
from bench.result_table import WORDS, Column, Measured
from bench.summary import load
from bench.timing import alternating, milliseconds
from bench.workload import START, YEAR_SEC
from talkmeter.ledger import tables
from talkmeter.ledger.arrivals import Work
from talkmeter.ledger.engine import open_engine, reading, transaction
from talkmeter.ledger.write import write_batch
from talkmeter.period import Window, present
from talkmeter.records import Conversation, Kind, State, data_hash
from talkmeter.usage.breakdown import Split, read_breakdown
from talkmeter.usage.matching import Filter
from talkmeter.usage.records import read_records
from talkmeter.usage.revision import read_revision
from tests.faults.memory import MIB, memory_of
from tests.servers import environment_for, running_server

AGENTS: Final = 200
ROUNDS: Final = 5
RARE_AGENT: Final = "agent-of-one-call"
_MICROSECONDS: Final = 1_000_000
_NOW: Final = present(int(START.timestamp() + 6 * YEAR_SEC) * _MICROSECONDS, 24)

_call = tables.conversation.c
_COUNTED = _call.status != "token_created"


def _when(condition: object) -> object:
    return func.sum(case((condition, 1), else_=0))  # type: ignore[arg-type]  # a condition of SQLAlchemy


_RAW = (
    select(
        _call.agent_id,
        func.count(),
        _when(_call.modality == "voice"),
        _when(_call.modality == "chat"),
        _when(_call.direction == "inbound"),
        _when(_call.direction == "outbound"),
        func.count(_call.duration_ms),
        _when(_call.status.in_(("triggered", "ringing", "in_progress"))),
        func.sum(case((_call.modality == "voice", _call.duration_ms), else_=0)),
        func.sum(case((_call.modality == "chat", _call.duration_ms), else_=0)),
    )  # type: ignore[call-overload]  # as many sums as a breakdown has
    .where(
        _call.org_id == bindparam("org"),
        _call.created_at >= bindparam("start"),
        _call.created_at < bindparam("end"),
        _COUNTED,
    )
    .group_by(_call.agent_id)
)


def measure_breakdown(conversations: int) -> Measured:
    """What drives the usage and the records behind it, each against what it must not fall behind."""
    with tempfile.TemporaryDirectory() as name:
        rows = tuple(
            (one.name, one.large_ms / one.small_ms, one.wanted, one.small, one.small_ms, one.large, one.large_ms)
            for one in breakdown_growth(Path(name), conversations)
        )
        rate, before, after = export_growth(Path(name) / "one", conversations + 1)
    return Measured(
        name="breakdown",
        title=f"{AGENTS} agents, {conversations:,} conversations; medians of alternating runs, in the process",
        columns=(
            WORDS,
            Column("ratio", 2),
            Column("wanted"),
            WORDS,
            Column("ms", 2),
            Column("against"),
            Column("ms", 2),
        ),
        rows=rows,
        note=f"CSV of all records over HTTP: {rate:,.0f} records/s; server {before:.0f} MiB before, {after:.0f} after.",
    )


class Growth(NamedTuple):
    """Milliseconds of one thing, small and large, medians of alternating rounds."""

    name: str
    small: str
    small_ms: float
    large: str
    large_ms: float
    wanted: str


def breakdown_growth(folder: Path, conversations: int) -> list[Growth]:
    """Every comparison, on ledgers that hold `conversations` of one year, and as many of five."""
    year, years = folder / "one", folder / "five"
    for place, number in ((year, 1), (years, 5)):
        place.mkdir()
        load(place, conversations, agents=AGENTS, years=number)
    _add_rare_call(year)
    engine = open_engine(environment_for(year, {})["TALKMETER_DATABASE_URL"])
    large = open_engine(environment_for(years, {})["TALKMETER_DATABASE_URL"])
    org_id = LARGE
    start = int(START.timestamp()) * _MICROSECONDS
    whole = Window(start, start + YEAR_SEC * _MICROSECONDS)
    week = Window(start + 30 * 86_400 * _MICROSECONDS, start + 37 * 86_400 * _MICROSECONDS)
    split = Split("agent", "calls")
    with reading(engine) as one, reading(large) as five:
        raw, ours = _alternating(
            lambda: one.execute(_RAW, {"org": org_id, "start": whole.start, "end": whole.end}).fetchall(),
            lambda: read_breakdown(one, org_id, whole, split, _NOW),
        )
        week_of_one, week_of_five = _alternating(
            lambda: read_breakdown(one, org_id, week, split, _NOW),
            lambda: read_breakdown(five, org_id, week, split, _NOW),
        )
        calls = Filter(Kind.CONVERSATION)
        middle = _cursor_after(one, org_id, whole, conversations // 4)
        first_page, later_page = _alternating(
            lambda: _page(one, org_id, whole, calls),
            lambda: _page(one, org_id, whole, calls, middle),
        )
        usual, rare = _alternating(
            lambda: _page(one, org_id, whole, Filter(Kind.CONVERSATION, (("agent", agent_of(0)),))),
            lambda: _page(one, org_id, whole, Filter(Kind.CONVERSATION, (("agent", RARE_AGENT),))),
        )
    engine.dispose()
    large.dispose()
    return [
        Growth("breakdown by agent, 366 days", "daily totals", ours, "GROUP BY over records", raw, "at least 15"),
        Growth(
            "breakdown by agent, 7 days", "1 year stored", week_of_one, "5 years stored", week_of_five, "at most 1.5"
        ),
        Growth("page of 50 records", "first", first_page, f"after {conversations // 4:,}", later_page, "at most 1.5"),
        Growth("first page of one agent", "1 of 200 agents", usual, "an agent of 1 call", rare, ""),
    ]


def export_growth(folder: Path, conversations: int) -> tuple[float, float, float]:
    """Records a second of a CSV export over HTTP, and the server's MiB (PSS) before it and at its end."""
    with running_server(folder) as server:
        key = server.cli("keys", "add", "--org", LARGE, "--role", "admin")
        connection = http.client.HTTPConnection(urlsplit(server.url).netloc)
        before = memory_of(server) / MIB
        query = urlencode({"of": "records", "from": "2025-01-01", "to": "2026-01-02"})
        started = time.perf_counter()
        connection.request("GET", f"/admin/usage/export?{query}", headers={"Authorization": f"Bearer {key}"})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        lines = sum(chunk.count(b"\n") for chunk in iter(lambda: answer.read(1 << 20), b""))
        seconds = time.perf_counter() - started
        assert lines == conversations + 1, lines
        after = memory_of(server) / MIB
        connection.close()
    return conversations / seconds, before, after


def _alternating(*measured: Callable[[], object]) -> list[float]:
    """Milliseconds of each, medians of rounds in turn, after one that is not counted."""
    measures = {str(number): partial(milliseconds, one) for number, one in enumerate(measured)}
    return [median(each) for each in alternating(measures, ROUNDS, first=1).values()]


def _page(connection: Connection, org_id: str, window: Window, wanted: Filter, cursor: str | None = None) -> object:
    revision = read_revision(connection, org_id, _NOW)
    return read_records(connection, org_id, window, wanted, revision, _NOW, key="bench", cursor=cursor)


def _cursor_after(connection: Connection, org_id: str, window: Window, records: int) -> str:
    """The cursor of the page after so many records: the same pages as a reader's, only longer."""
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
    """One call in the middle of the year by an agent who has no other."""
    created_at = int(START.timestamp() + YEAR_SEC // 2) * _MICROSECONDS
    record = Conversation("telephone", "inbound", "completed", created_at, 60_000, "voice", agent_id=RARE_AGENT)
    state = State(LARGE, Kind.CONVERSATION, "rare", record, created_at, 0, "/bench", "rare", data_hash(record))
    engine = open_engine(environment_for(folder, {})["TALKMETER_DATABASE_URL"])
    with transaction(engine) as connection:
        write_batch(connection, {LARGE: [Work("bench", [(0, state)])]}, _NOW.now, keep_history=False)
    engine.dispose()
