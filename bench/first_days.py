"""Writes the first days of the year alone, for a ledger of full days or of many organizations; see bench.load."""

from typing import Final

from sqlalchemy import Engine

from bench.bulk_loader import open_sink
from bench.dataset import drawn_days
from bench.load import LARGE
from talkmeter import clock
from talkmeter.counting import Counters, DayKey
from talkmeter.ledger import tables
from talkmeter.ledger.migrate import migrate
from talkmeter.ledger.statements import Row
from talkmeter.ledger.write import new_revision, total_rows

MONTH: Final = 31


def load_first_days(engine: Engine, conversations: int, days: int, organizations: int = 1) -> None:
    """Fill an empty database: `LARGE` and others like it, each with so many conversations, spread over so many days."""
    migrate(engine)
    now = clock.now()
    names = [LARGE, *(f"org_{number:04}" for number in range(1, organizations))]
    with open_sink(engine) as sink:
        for seed, org_id in enumerate(names):
            totals: dict[DayKey, Counters] = {}
            rows: list[Row] = []
            for day in drawn_days(org_id, conversations, seed, now, history=False, days=days):
                rows += day.conversations
                totals.update(day.totals)
            sink.write(tables.conversation, rows)
            sink.write(tables.usage_daily, total_rows(org_id, totals, now))
        sink.write(tables.organization, [(org_id, new_revision(), now) for org_id in names])
        sink.write(tables.organization_directory, [(org_id, None, now) for org_id in names])
