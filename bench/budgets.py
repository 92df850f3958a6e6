"""Budgets: what they cost ingest, a check before a call, and how soon a crossing is stored."""

import resource
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Engine

from bench.dataset import FIRST_DAY
from bench.http_client import KeepAliveConnection, Latencies, post_request, run
from bench.ingest import CONNECTIONS, acknowledged_rate
from bench.result_table import LABEL, Cell, ResultColumn, ResultTable
from bench.timing import interleaved, milliseconds, ratio
from bench.workload import BATCH, Workload
from talkmeter import clock
from talkmeter.billing.apply import apply_changes, plan_changes
from talkmeter.billing.plan import Charge, PlanContent
from talkmeter.billing.plans import read_plans
from talkmeter.budgets.answers import read_allowance
from talkmeter.budgets.budget import Budget
from talkmeter.budgets.evaluator import BudgetEvaluator
from talkmeter.budgets.store import lock_budgets, read_budgets, read_crossings, store_budget
from talkmeter.db.audit import Actor
from talkmeter.db.engine import reading, writing
from talkmeter.db.migrate import migrate
from talkmeter.ledger.batch import OrgBatch
from talkmeter.ledger.organizations import add_organization
from talkmeter.ledger.writer import Writer
from talkmeter.period import MICROSECONDS_PER_DAY, present
from talkmeter.records import State
from tests.postgres import engine_for
from tests.servers import running_server, wait_until

BUDGETS: Final = 20
MANY: Final = 200
"""Organizations that each batch has events of."""
ORGANIZATIONS: Final = 1_000
CHECKS: Final = 500
CROSSINGS: Final = 100
_WARMUP: Final = 5
_DAYS: Final = 30
_AGE: Final = 60 * MICROSECONDS_PER_DAY
_STALE_HOURS: Final = 24
_ACTOR: Final = Actor("operator", "bench")
_PLAN: Final = PlanContent(
    name="Benchmark",
    currency="USD",
    effective="2025-01",
    charges=(Charge(id="voice", name="Voice", meter="voice_minutes", included="500", price="0.12"),),
)
_FAR: Final = "900000000"
_KINDS: Final = (
    Budget(name="Minutes", metric="voice_minutes", period="month", limit=_FAR),
    Budget(name="Calls of an agent", metric="total_calls", filter={"agent": "agent"}, period="day", limit=_FAR),
    Budget(name="Cost", metric="cost", period="month", limit=_FAR),
)
_REACHED: Final = Budget(name="One call", metric="total_calls", period="day", limit="1", thresholds=[100])


def measure_budgets(batches: int, rounds: int) -> Iterable[ResultTable]:
    """Measure ingest with budgets, then checks and evaluations."""
    yield _ingest(batches, rounds)
    yield _latencies()


class _Ingest(NamedTuple):
    """Events per second, and the CPU seconds of the server with its start."""

    rate: float
    cpu: float


def _ingest(batches: int, rounds: int) -> ResultTable:
    rows: list[tuple[Cell, ...]] = []
    for organizations in (1, MANY):
        measurements = {str(number): partial(_run_ingest, batches, organizations, number) for number in (0, BUDGETS)}
        runs = interleaved(measurements, rounds)
        rates, cpu = ({name: [one[place] for one in found] for name, found in runs.items()} for place in (0, 1))
        for name, target in (("0", None), (str(BUDGETS), 0.98)):
            label = f"{organizations} organization{'s' if organizations > 1 else ''}, {name} budgets each"
            more = ratio(cpu[name], cpu["0"])
            rows.append((label, ratio(rates[name], rates["0"]), target, median(rates[name]), more))
    return ResultTable(
        name="budgets-ingest",
        title=(
            f"Durable ingest into SQLite with budgets: {batches} batches of {BATCH:,} events of the last {_DAYS} days, "
            f"{CONNECTIONS} connections"
        ),
        columns=(
            LABEL,
            ResultColumn("ratio", 3),
            ResultColumn("target", 2),
            ResultColumn("events/s", 0),
            ResultColumn("CPU ratio", 3),
        ),
        rows=tuple(rows),
        note=(
            f"Medians of {rounds} interleaved runs; ratios are of pairs. The CPU time is that of the server, with its "
            "start. A third of the budgets is of costs."
        ),
    )


def _run_ingest(batches: int, organizations: int, budgets: int) -> _Ingest:
    workload = _recent(batches * BATCH, organizations)
    with tempfile.TemporaryDirectory() as name, _database(Path(name)) as engine:
        _prepare(engine, workload.organizations, [_KINDS[number % len(_KINDS)] for number in range(budgets)])
        before = _cpu_of_children()
        rate = acknowledged_rate(Path(name), workload, settings={})
        return _Ingest(rate, _cpu_of_children() - before)


def _cpu_of_children() -> float:
    """Return the CPU seconds of the servers that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _recent(conversations: int, organizations: int = 1) -> Workload:
    start = datetime.fromtimestamp(clock.now() / 1_000_000, UTC) - timedelta(_DAYS)
    return Workload(conversations, organizations, start=start, seconds=_DAYS * 86_400)


@contextmanager
def _database(folder: Path) -> Iterator[Engine]:
    with engine_for(f"sqlite:///{folder / 'talkmeter.db'}") as engine:
        migrate(engine)
        yield engine


def _prepare(engine: Engine, org_ids: Iterable[str], budgets: Sequence[Budget]) -> None:
    """Store a plan for all, and budgets that are so old that all periods of the last 35 days are evaluated."""
    now = clock.now()
    with writing(engine) as connection:
        changes = plan_changes(read_plans(connection), {"bench": _PLAN}, "bench", FIRST_DAY)
        apply_changes(connection, changes, _ACTOR, now, restate=True)
        for org_id in org_ids:
            add_organization(connection, org_id, None, now)
            lock_budgets(connection, org_id)
            for number, budget in enumerate(budgets):
                store_budget(connection, org_id, f"b-{number}", budget, _ACTOR, now - _AGE)


def _latencies() -> ResultTable:
    workload = _recent(20 * ORGANIZATIONS, ORGANIZATIONS)
    first, last = workload.organizations[0], workload.organizations[-1]
    rows: list[tuple[Cell, ...]] = []
    with tempfile.TemporaryDirectory() as name, _database(Path(name)) as engine:
        _write(engine, workload)
        _prepare(engine, workload.organizations, _KINDS)
        for number, budget in enumerate(_KINDS):
            checks = [_timed(partial(_check, engine, first, f"b-{number}")) for _ in range(CHECKS)]
            wall, cpu = ([each[place] for each in checks] for place in (0, 1))
            label = f"allowance of {budget.metric} per {budget.period}, in-process"
            rows.append((label, *_summary(wall), 5.0, _summary(cpu)[1]))
        _prepare(engine, [last], [_REACHED])
        evaluation = milliseconds(partial(_evaluate_all, engine, last))
        rows.append(("evaluation of all organizations after a start", evaluation, None, None, None))
        delays = _until_stored(Path(name), engine)
        rows.append(("from the response to the stored crossing", *_summary(delays), 3_000.0, None))
    return ResultTable(
        name="budgets",
        title=f"Budgets: {ORGANIZATIONS:,} organizations of 20 conversations with {len(_KINDS)} budgets, SQLite",
        columns=(
            LABEL,
            ResultColumn("median ms", 1),
            ResultColumn("p99 ms", 1),
            ResultColumn("target p99 ms", 0),
            ResultColumn("p99 CPU ms", 1),
        ),
        rows=tuple(rows),
        note=f"{CHECKS} checks of each budget, one start, and {CROSSINGS} crossings, one after the other.",
    )


def _timed(function: Callable[[], object]) -> tuple[float, float]:
    """Return the milliseconds of a call, and those of CPU of this thread."""
    started = time.thread_time()
    wall = milliseconds(function)
    return wall, (time.thread_time() - started) * 1_000


def _summary(times: list[float]) -> tuple[float, float]:
    return median(times), Latencies(0, times).percentile(0.99)


def _write(engine: Engine, workload: Workload) -> None:
    by_org: dict[str, list[tuple[int, State]]] = {}
    for number, state in enumerate(workload.states(0, workload.total)):
        by_org.setdefault(state.org_id, []).append((number, state))
    writer = Writer(engine, keep_history=True, max_events=workload.total)
    try:
        for future in writer.submit([OrgBatch(org_id, "bench", events) for org_id, events in by_org.items()]):
            future.result()
    finally:
        writer.close()


def _check(engine: Engine, org_id: str, budget_id: str) -> None:
    with reading(engine) as connection:
        stored = read_budgets(connection, org_id)[budget_id]
        answer = read_allowance(connection, org_id, stored, present(clock.now(), _STALE_HOURS))
    assert msgspec.json.encode(answer)


def _is_stored(engine: Engine, org_id: str) -> bool:
    with reading(engine) as connection:
        return bool(read_crossings(connection, org_id, 0))


def _evaluate_all(engine: Engine, last: str) -> None:
    """Evaluate all organizations. Only the last one has reached a limit."""
    evaluator = BudgetEvaluator(engine, _STALE_HOURS, lambda: None)
    try:
        wait_until(lambda: _is_stored(engine, last))
    finally:
        evaluator.close()


def _until_stored(folder: Path, engine: Engine) -> list[float]:
    """Return the milliseconds from each response to the stored crossing, each of another organization."""
    org_ids = [f"probe-{number}" for number in range(_WARMUP + CROSSINGS)]
    _prepare(engine, org_ids, [*_KINDS, _REACHED])
    with running_server(folder) as server:
        times = run(_send(server.url, server.sender_key(), engine, org_ids))
    return times[_WARMUP:]


async def _send(url: str, key: str, engine: Engine, org_ids: Sequence[str]) -> list[float]:
    connection = await KeepAliveConnection.open(url)
    times = []
    for org_id in org_ids:
        workload = Workload(1, start=datetime.now(UTC))
        workload.organizations = [org_id]
        [body] = workload.bodies(0, 1, 1)
        await connection.send(post_request(body, key))
        times.append(milliseconds(partial(wait_until, partial(_is_stored, engine, org_id))))
    await connection.close()
    return times
