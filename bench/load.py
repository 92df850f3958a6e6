"""Load generated conversations directly into the tables, with the daily totals that Talkmeter would have written.

Records and totals come from the same generator, so `talkmeter verify` finds no differences.
"""

from typing import Final

from sqlalchemy import Engine, Table

from bench.bulk_loader import BulkLoader, bulk_loading
from bench.dataset import DAYS, generate_days
from bench.workload import AGENTS
from talkmeter import clock
from talkmeter.counting import DailyTotal, DayKey
from talkmeter.db import tables
from talkmeter.db.engine import reading
from talkmeter.db.migrate import migrate
from talkmeter.db.statements import Row
from talkmeter.ledger.month_totals import month_rows
from talkmeter.ledger.organization_rows import organization_row
from talkmeter.ledger.organizations import directory_row, list_organizations
from talkmeter.ledger.verify import verify_organization
from talkmeter.ledger.write import total_rows

LARGE: Final = "org_0000"
SMALL_ORGANIZATIONS: Final = 200
SMALL_CONVERSATIONS: Final = 50
MONTH: Final = 31
MAX_VERIFIED: Final = 200_000
"""The large organization is verified only up to this many conversations; more would take too long."""
VERIFIED_SMALL_ORGANIZATIONS: Final = 10
_ROWS_PER_WRITE: Final = 20_000


def load_year(
    engine: Engine,
    conversations: int,
    *,
    small: int = SMALL_ORGANIZATIONS,
    history: bool = False,
    agents: int = AGENTS,
    years: int = 1,
) -> int:
    """Load a year of `LARGE` and of `small` organizations into an empty database; return the conversations loaded.

    `agents` and `years` apply to every organization; the conversations are spread over all years.
    """
    migrate(engine)
    sizes = {LARGE: conversations} | {f"org_{number:04}": SMALL_CONVERSATIONS for number in range(1, small + 1)}
    now = clock.now()
    days = years * DAYS
    with bulk_loading(engine) as loader:
        buffer = _Buffer(loader)
        totals: list[Row] = []
        for seed, (org_id, number) in enumerate(sizes.items()):
            org_totals: dict[DayKey, DailyTotal] = {}
            for day in generate_days(org_id, number, seed, now, history=history, agents=agents, days=days):
                buffer.add(tables.conversation, day.conversations)
                buffer.add(tables.record_state, day.history)
                org_totals.update(day.totals)
            totals += total_rows(org_id, org_totals, now)
        buffer.add(tables.usage_daily, totals)
        buffer.add(tables.usage_monthly, month_rows(totals))
        buffer.add(tables.organization, [organization_row(org_id, now) for org_id in sizes])
        buffer.add(tables.organization_directory, [directory_row(org_id, None, now) for org_id in sizes])
        buffer.flush()
    return sum(sizes.values())


def load_days(engine: Engine, conversations: int, days: int, organizations: int = 1) -> None:
    """Load the first `days` of the year into an empty database, with `conversations` for each organization."""
    migrate(engine)
    now = clock.now()
    names = [LARGE, *(f"org_{number:04}" for number in range(1, organizations))]
    with bulk_loading(engine) as loader:
        for seed, org_id in enumerate(names):
            totals: dict[DayKey, DailyTotal] = {}
            rows: list[Row] = []
            for day in generate_days(org_id, conversations, seed, now, history=False, days=days):
                rows += day.conversations
                totals.update(day.totals)
            loader.write(tables.conversation, rows)
            daily = total_rows(org_id, totals, now)
            loader.write(tables.usage_daily, daily)
            loader.write(tables.usage_monthly, month_rows(daily))
        loader.write(tables.organization, [organization_row(org_id, now) for org_id in names])
        loader.write(tables.organization_directory, [directory_row(org_id, None, now) for org_id in names])


class _Buffer:
    """Collects the rows of each table, so that they are written in large portions."""

    def __init__(self, loader: BulkLoader) -> None:
        self._loader = loader
        self._buffered: dict[Table, list[Row]] = {}

    def add(self, table: Table, rows: list[Row]) -> None:
        buffered = self._buffered.setdefault(table, [])
        buffered += rows
        if len(buffered) >= _ROWS_PER_WRITE:
            self._loader.write(table, self._buffered.pop(table))

    def flush(self) -> None:
        for table, rows in self._buffered.items():
            if rows:
                self._loader.write(table, rows)


def verify_load(engine: Engine, conversations: int) -> None:
    """Verify a sample of the loaded organizations as `talkmeter verify` does, with `LARGE` if it is not too large.

    Raises:
        AssertionError: if a total differs from its records.
    """
    with reading(engine) as connection:
        organizations = [organization.org_id for organization in list_organizations(connection)]
    large = [LARGE] if conversations <= MAX_VERIFIED else []
    step = max(len(organizations) // VERIFIED_SMALL_ORGANIZATIONS, 1)
    for org_id in (*large, *organizations[1::step]):
        for difference in verify_organization(engine, org_id, repair=False):
            raise AssertionError(f"{org_id}: {difference.sentence}")
