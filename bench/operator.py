"""The list of all organizations, as the number of their calls grows."""

import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from sqlalchemy import Engine

from bench.billing import ORGANIZATIONS, apply_plan, postgresql_store, sqlite_store
from bench.bulk_loader import bulk_loading
from bench.dataset import FIRST_DAY, generate_days
from bench.load import MONTH
from bench.result_table import LABEL, Cell, ResultColumn, ResultTable
from bench.timing import milliseconds
from talkmeter import clock
from talkmeter.billing.organization_list import OrganizationsQuery, read_organizations
from talkmeter.counting import DailyTotal, DayKey
from talkmeter.db import tables
from talkmeter.db.engine import reading
from talkmeter.db.migrate import migrate
from talkmeter.ledger.month_totals import month_rows
from talkmeter.ledger.organization_rows import organization_row
from talkmeter.ledger.organizations import directory_row
from talkmeter.ledger.write import total_rows
from talkmeter.months import first_day, month_of
from talkmeter.period import present
from tests.postgres import postgres_server

CALLS_EACH: Final = (20, 2_000)
ROUNDS: Final = 100
TARGET_MS: Final = 300
_DIMENSIONS: Final = frozenset({"total", "direction", "modality"})
_ORGANIZATIONS_PER_WRITE: Final = 100


def measure_operator() -> ResultTable:
    """Measure the first page of a month, by calls."""
    rows: list[tuple[Cell, ...]] = []
    with tempfile.TemporaryDirectory() as name, postgres_server(Path(name)) as server:
        stores: dict[str, Callable[[], AbstractContextManager[Engine]]] = {
            "SQLite": sqlite_store,
            "PostgreSQL": partial(postgresql_store, server),
        }
        for store, database in stores.items():
            for calls in CALLS_EACH:
                with database() as engine:
                    _load(engine, calls)
                    apply_plan(engine)
                    rows.append((f"{store}, {calls:,} calls each", *_measure(engine), TARGET_MS))
    return ResultTable(
        name="operator",
        title=f"The first 50 of {ORGANIZATIONS:,} organizations by calls of a month, with cost and change, in-process",
        columns=(
            LABEL,
            ResultColumn("median ms", 1),
            ResultColumn("p99 ms", 1),
            ResultColumn("median CPU ms", 1),
            ResultColumn("target p99 ms", 0),
        ),
        rows=tuple(rows),
        note=f"{ROUNDS} reads, one after the other. The calls of all organizations are alike.",
    )


def _measure(engine: Engine) -> tuple[float, float, float]:
    """Return the median and the p99 of the times, and the median of the CPU times of this process."""
    times, cpu_times = [], []
    for number in range(ROUNDS + 2):
        started = time.process_time()
        took = milliseconds(partial(_read, engine))
        if number >= 2:
            times.append(took)
            cpu_times.append((time.process_time() - started) * 1_000)
    return median(times), quantiles(times, n=100)[-1], median(cpu_times)


def _load(engine: Engine, calls: int) -> None:
    """Load the totals of a month of `ORGANIZATIONS` organizations, all alike; the records are not read, or loaded."""
    migrate(engine)
    totals: dict[DayKey, DailyTotal] = {}
    for day in generate_days("", calls, 1, clock.now(), history=False, days=MONTH):
        totals.update((key, total) for key, total in day.totals.items() if key.dimension in _DIMENSIONS)
    names = [f"org_{number:05}" for number in range(ORGANIZATIONS)]
    now = clock.now()
    with bulk_loading(engine) as loader:
        for begin in range(0, ORGANIZATIONS, _ORGANIZATIONS_PER_WRITE):
            some = names[begin : begin + _ORGANIZATIONS_PER_WRITE]
            daily = [row for org_id in some for row in total_rows(org_id, totals, now)]
            loader.write(tables.usage_daily, daily)
            loader.write(tables.usage_monthly, month_rows(daily))
        loader.write(tables.organization, [organization_row(org_id, now) for org_id in names])
        loader.write(tables.organization_directory, [directory_row(org_id, None, now) for org_id in names])


def _read(engine: Engine) -> None:
    month = month_of(FIRST_DAY)
    query = OrganizationsQuery(
        first_day(month), first_day(month + 1), present(clock.now(), 24), "calls", descending=True
    )
    with reading(engine) as connection:
        page = read_organizations(connection, query, "bench")
    assert (len(page.organizations), page.total_organizations) == (50, ORGANIZATIONS)
    assert page.organizations[0].cost is not None
