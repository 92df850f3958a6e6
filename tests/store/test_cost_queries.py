"""Queries of costs read one key per day: their work does not grow with the number of agents or calls."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event
from sqlalchemy.engine import make_url

from talkmeter.billing.cost_rows import record_sums
from talkmeter.billing.costs import read_costs
from talkmeter.billing.plan import PlanContent
from talkmeter.billing.plans import Assignment, add_version, set_assignment
from talkmeter.billing.priced_months import CostsQuery
from talkmeter.billing.read_plan import read_plan
from talkmeter.counting import CALL_DIMENSIONS
from talkmeter.db import tables
from talkmeter.db.engine import reading, writing
from talkmeter.db.statements import OnConflict, Row, Value, insert_rows
from talkmeter.period import Present
from tests.citus_plugin import TEST_STATEMENT
from tests.store.ledger import FileLedger, Ledger

ORG = "acme"
FIRST_DAY = 20_514
"""2026-03-02."""
DAYS = 3
AGENTS = 20_000
PRESENT = Present((FIRST_DAY + DAYS) * 86_400_000_000, 0)
PLAN: dict[str, object] = {
    "name": "Plan",
    "currency": "USD",
    "effective": "2026-01",
    "charges": [
        {"id": "all", "name": "All", "meter": "calls", "price": "0.01"},
        {"id": "one", "name": "One", "meter": "calls", "where": {"agent": "agent-7"}, "price": "1"},
    ],
}


def daily_row(dimension: str, day: int, value: str, calls: int) -> Row:
    """Return a row of `usage_daily` with calls only."""
    columns = tables.usage_daily.columns.keys()
    known: dict[str, Value] = {"org_id": ORG, "dimension": dimension, "day": day, "value": value, "calls": calls}
    return tuple(known.get(name, 0) for name in columns)


def fill(ledger: Ledger, agents: int) -> None:
    """Store the daily totals of agents with a call on each day, and a plan with a charge for one of them."""
    rows = [daily_row("total", day, "", agents) for day in range(FIRST_DAY, FIRST_DAY + DAYS)]
    rows += [
        daily_row("agent", day, f"agent-{number}", 1)
        for day in range(FIRST_DAY, FIRST_DAY + DAYS)
        for number in range(agents)
    ]
    content: PlanContent = read_plan(PLAN)
    with writing(ledger.engine) as connection:
        insert_rows(connection, tables.usage_daily, sorted(rows, key=lambda row: row[:4]), OnConflict.KEEP)
        add_version(connection, "plan", 1, content, 0)
        set_assignment(connection, ORG, Assignment(2026 * 12, "plan"))


def read(ledger: Ledger) -> str | None:
    """Return the total of March to date."""
    with reading(ledger.engine) as connection:
        query = CostsQuery(ORG, FIRST_DAY - 1, FIRST_DAY + DAYS, PRESENT)
        return read_costs(connection, query).total


@contextmanager
def counted_instructions(ledger: FileLedger) -> Iterator[list[int]]:
    """Count the instructions that SQLite's virtual machine runs in the block."""
    counts = [0]

    def count() -> int:
        counts[0] += 1
        return 0

    def start(dbapi_connection: object, *_: object) -> None:
        dbapi_connection.set_progress_handler(count, 1)  # type: ignore[attr-defined]  # of sqlite3

    def stop(dbapi_connection: object, *_: object) -> None:
        dbapi_connection.set_progress_handler(None, 1)  # type: ignore[attr-defined]  # of sqlite3

    event.listen(ledger.engine, "checkout", start)
    event.listen(ledger.engine, "checkin", stop)
    yield counts
    event.remove(ledger.engine, "checkout", start)
    event.remove(ledger.engine, "checkin", stop)


def test_costs_of_one_agent_among_20_000_take_no_more_work_than_among_ten(
    migrated_file_ledgers: tuple[FileLedger, FileLedger],
) -> None:
    instructions = []
    for ledger, agents in zip(migrated_file_ledgers, (10, AGENTS), strict=True):
        fill(ledger, agents)
        with counted_instructions(ledger) as counts:
            assert read(ledger) == f"{DAYS * agents // 100 + DAYS}.{DAYS * agents % 100:02}"
        instructions.append(counts[0])
    few, many = instructions
    assert few > 100
    assert many < few * 1.1


@pytest.fixture
def migrated_file_ledgers(file_ledger: FileLedger) -> Iterator[tuple[FileLedger, ...]]:
    """Two ledgers on SQLite."""
    path = file_ledger.path.with_name("second.db")
    path.write_bytes(file_ledger.path.read_bytes())
    second = FileLedger(path)
    yield file_ledger, second
    second.close()


def test_days_of_one_agent_are_found_by_the_complete_key_on_servers(server_ledger: Ledger) -> None:
    fill(server_ledger, AGENTS)
    executed: list[tuple[str, object]] = []

    def collect(*arguments: object) -> None:
        executed.append((str(arguments[2]), arguments[3]))

    event.listen(server_ledger.engine, "before_cursor_execute", collect)
    assert read(server_ledger) == "603.00"
    event.remove(server_ledger.engine, "before_cursor_execute", collect)
    of_days = [(sql, values) for sql, values in executed if "usage_daily.value" in sql and "IN (" in sql]
    assert len(of_days) == 2
    server_ledger.execute("ANALYZE usage_daily")
    for sql, values in of_days:
        with reading(server_ledger.engine) as connection:
            rows = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, COSTS OFF) {sql}", values, TEST_STATEMENT).fetchall()  # type: ignore[arg-type]  # as the program passed them
        plan = "\n".join(row[0] for row in rows)
        assert "Seq Scan" not in plan
        [condition] = re.findall(r"Index Cond: (.*)", plan)
        assert all(name in condition for name in ("org_id", "dimension", "day", "value")), plan
        assert "Rows Removed" not in plan


@pytest.mark.parametrize("where", CALL_DIMENSIONS)
@pytest.mark.parametrize("each_duration", [False, True])
def test_records_of_a_split_are_one_range_of_the_window(
    file_ledger: FileLedger, where: str, each_duration: bool
) -> None:
    dialect = make_url("sqlite://").get_dialect()()
    for by in CALL_DIMENSIONS:
        sql = record_sums(by, where, each_duration=each_duration).text(dialect)
        with file_ledger.raw_connection() as connection:
            steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", [None] * sql.count("?"))]
        searches = [step for step in steps if step.startswith(("SEARCH", "SCAN conversation"))]
        assert searches
        for step in searches:
            assert re.match(
                r"SEARCH conversation USING (COVERING )?INDEX conversation_window "
                r"\(org_id=\? AND created_at>\? AND created_at<\?\)",
                step,
            )
