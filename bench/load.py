"""Writes a year of conversations straight into the tables, as the ledger's own writes would have left them.

Records and daily totals come from one draw, so `talkmeter verify` finds nothing to mend.
"""

from typing import Final

from sqlalchemy import Engine, Table

from bench.bulk_loader import Sink, open_sink
from bench.dataset import DAYS, drawn_days
from bench.workload import AGENTS
from talkmeter import clock
from talkmeter.counting import Counters, DayKey
from talkmeter.ledger import tables
from talkmeter.ledger.engine import reading
from talkmeter.ledger.migrate import migrate
from talkmeter.ledger.organizations import list_organizations
from talkmeter.ledger.statements import Row
from talkmeter.ledger.verify import verify_organization
from talkmeter.ledger.write import new_revision, total_rows

LARGE: Final = "org_0000"
SMALL_ORGANIZATIONS: Final = 200
CONVERSATIONS_OF_SMALL: Final = 50
PROVED_WHOLE: Final = 200_000
"""Up to so many conversations the large organization is verified too; beyond, it takes too long."""
PROVED_SMALL: Final = 10
_ROWS_AT_ONCE: Final = 20_000


def load_year(
    engine: Engine,
    conversations: int,
    *,
    small: int = SMALL_ORGANIZATIONS,
    history: bool = False,
    agents: int = AGENTS,
    years: int = 1,
) -> int:
    """Fill an empty database with the year of `LARGE` and of small organizations; how many conversations it holds.

    `LARGE` may have other agents than usual, and its conversations be spread over more years.
    """
    migrate(engine)
    sizes = {LARGE: conversations} | {f"org_{number:04}": CONVERSATIONS_OF_SMALL for number in range(1, small + 1)}
    now = clock.now()
    days = years * DAYS
    with open_sink(engine) as sink:
        loading = _Loading(sink)
        totals: list[Row] = []
        for seed, (org_id, number) in enumerate(sizes.items()):
            of_org: dict[DayKey, Counters] = {}
            for day in drawn_days(org_id, number, seed, now, history=history, agents=agents, days=days):
                loading.take(tables.conversation, day.conversations)
                loading.take(tables.record_state, day.history)
                of_org.update(day.totals)
            totals += total_rows(org_id, of_org, now)
        loading.take(tables.usage_daily, totals)
        loading.take(tables.organization, [(org_id, new_revision(), now) for org_id in sizes])
        loading.take(tables.organization_directory, [(org_id, None, now) for org_id in sizes])
        loading.finish()
    return sum(sizes.values())


class _Loading:
    """Rows on their way: small portions of a table wait until they are worth a call."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._waiting: dict[Table, list[Row]] = {}

    def take(self, table: Table, rows: list[Row]) -> None:
        waiting = self._waiting.setdefault(table, [])
        waiting += rows
        if len(waiting) >= _ROWS_AT_ONCE:
            self._sink.write(table, self._waiting.pop(table))

    def finish(self) -> None:
        for table, rows in self._waiting.items():
            if rows:
                self._sink.write(table, rows)


def prove(engine: Engine, conversations: int) -> None:
    """Verify what was loaded, as `talkmeter verify` does. AssertionError at a difference.

    Beyond a size a sample of the small organizations alone: theirs was drawn and written by the same lines.
    """
    with reading(engine) as connection:
        organizations = [one.org_id for one in list_organizations(connection)]
    large = [LARGE] if conversations <= PROVED_WHOLE else []
    for org_id in (*large, *organizations[1 :: max(len(organizations) // PROVED_SMALL, 1)]):
        for difference in verify_organization(engine, org_id, repair=False):
            raise AssertionError(f"{org_id}: {difference.sentence}")
