"""Costs of a month as an organization grows, and how fast a month is closed into statements."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from sqlalchemy import Engine

from bench.dataset import FIRST_DAY
from bench.load import LARGE, MONTH, load_days, load_year
from bench.result_table import LABEL, Cell, ResultColumn, ResultTable
from bench.timing import interleaved, milliseconds
from talkmeter import clock
from talkmeter.billing.apply import apply_changes, plan_changes
from talkmeter.billing.costs import read_costs
from talkmeter.billing.plan import Charge, PlanContent, Tier
from talkmeter.billing.plans import read_plans
from talkmeter.billing.priced_months import By, CostsQuery
from talkmeter.billing.statements import close_month
from talkmeter.db.audit import Actor
from talkmeter.db.engine import reading, writing
from talkmeter.ledger.organizations import list_organizations
from talkmeter.months import month_of
from talkmeter.period import present
from tests.postgres import engine_for, new_database, postgres_server

Stores = dict[str, Callable[[], AbstractContextManager[Engine]]]
SMALL: Final = 10_000
ORGANIZATIONS: Final = 10_000
CONVERSATIONS_EACH: Final = 20
ROUNDS: Final = 30
_ACTOR: Final = Actor("operator", "bench")
_PLAN: Final = PlanContent(
    name="Benchmark",
    currency="USD",
    effective="2025-01",
    fee="10.00",
    minimum="50.00",
    charges=(
        Charge(id="voice", name="Voice", meter="voice_minutes", included="500", price="0.12"),
        Charge(id="outbound", name="Outbound", meter="voice_minutes", where={"direction": "outbound"}, price="0.02"),
        Charge(
            id="chats",
            name="Chats",
            meter="chat_sessions",
            tiers=(Tier("0.05", "1000"), Tier("0.04", "10000"), Tier("0.02")),
        ),
    ),
)


def measure_billing(conversations: int) -> Iterable[ResultTable]:
    """Measure the costs of a month, then statements."""
    yield _costs(conversations)
    yield _statements()


def _costs(conversations: int) -> ResultTable:
    sizes = (SMALL, conversations)
    splits: tuple[By | None, ...] = (None, "agent", "direction")
    rows: list[tuple[Cell, ...]] = []
    with ExitStack() as stack:
        engines = {size: stack.enter_context(sqlite_store()) for size in sizes}
        for size, engine in engines.items():
            load_year(engine, size, small=0)
            apply_plan(engine)
        for by in splits:
            runs = {
                str(size): partial(milliseconds, partial(_read_costs, engine, by)) for size, engine in engines.items()
            }
            medians = [median(times) for times in interleaved(runs, ROUNDS, warmup=2).values()]
            rows.append((f"by {by}" if by else "no split", medians[-1] / medians[0], *medians))
    return ResultTable(
        name="billing-costs",
        title="Costs of a month of 31 days, three charges, in-process, SQLite",
        columns=(LABEL, ResultColumn("ratio", 2), *(ResultColumn(f"ms at {size:,}", 2) for size in sizes)),
        rows=tuple(rows),
        note=f"The columns are the conversations of the year. Medians of {ROUNDS} interleaved runs.",
    )


def _statements() -> ResultTable:
    rows: list[tuple[Cell, ...]] = []
    with tempfile.TemporaryDirectory() as name, postgres_server(Path(name)) as server:
        stores: dict[str, Callable[[], AbstractContextManager[Engine]]] = {
            "SQLite": sqlite_store,
            "PostgreSQL": partial(postgresql_store, server),
        }
        for store, database in stores.items():
            with database() as engine:
                load_days(engine, CONVERSATIONS_EACH, MONTH, ORGANIZATIONS)
                apply_plan(engine)
                took = milliseconds(partial(_close, engine))
            rows.append((store, ORGANIZATIONS / took * 1_000))
    return ResultTable(
        name="billing-statements",
        title=f"Closing a month into statements: {ORGANIZATIONS:,} organizations of {CONVERSATIONS_EACH} conversations",
        columns=(LABEL, ResultColumn("organizations/s", 0)),
        rows=tuple(rows),
        note="The organizations of a transaction are locked: 100 on SQLite, 20 on PostgreSQL.",
    )


@contextmanager
def sqlite_store() -> Iterator[Engine]:
    """Yield a new SQLite database, without tables."""
    with tempfile.TemporaryDirectory() as name, engine_for(f"sqlite:///{Path(name) / 'talkmeter.db'}") as engine:
        yield engine


@contextmanager
def postgresql_store(server: str) -> Iterator[Engine]:
    """Yield a new database of a PostgreSQL server, without tables."""
    with new_database(server) as url, engine_for(url) as engine:
        yield engine


def apply_plan(engine: Engine) -> None:
    """Make a plan the default of all organizations."""
    now = clock.now()
    with writing(engine) as connection:
        changes = plan_changes(read_plans(connection), {"bench": _PLAN}, "bench", FIRST_DAY)
        apply_changes(connection, changes, _ACTOR, now, restate=True)


def _read_costs(engine: Engine, by: By | None) -> None:
    query = CostsQuery(LARGE, FIRST_DAY, FIRST_DAY + MONTH, present(clock.now(), 24), by=by)
    with reading(engine) as connection:
        assert read_costs(connection, query).total not in (None, "50.00")


def _close(engine: Engine) -> None:
    with reading(engine) as connection:
        org_ids = [organization.org_id for organization in list_organizations(connection)]
    assert len(list(close_month(engine, org_ids, month_of(FIRST_DAY), _ACTOR, clock.now()))) == ORGANIZATIONS
