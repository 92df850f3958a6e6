"""Evaluates budgets in a thread of each server process; a lease lets one of all processes do it at a time.

Once a second it looks which organizations with budgets have changed since their evaluation, so it also finds what other
servers have committed.
"""

import secrets
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

import structlog
from sqlalchemy import select

from talkmeter import clock, metrics
from talkmeter.billing.plans import read_plans_revision
from talkmeter.budgets.evaluate import find_crossings, store_crossings
from talkmeter.budgets.rest import CpuTime, rest_after
from talkmeter.budgets.schedule import Schedule, Version
from talkmeter.db import budget_tables, tables
from talkmeter.db.engine import Connection, Engine, reading, writing
from talkmeter.db.lease import is_expired, release_lease, renew_lease, take_lease
from talkmeter.db.statements import Compiled, text
from talkmeter.db.watch import Watch
from talkmeter.errors import DatabaseUnavailable, TalkmeterError
from talkmeter.period import day_of, present

LEASE: Final = "budgets"
LEASE_SEC: Final = 20
RENEW_SEC: Final = 7
POLL_SEC: Final = 1.0
_TIMEOUT_SEC: Final = 5
_NOT_EVALUATED: Final = "budgets of an organization not evaluated; it will be retried"
_SLOW: Final = "Evaluating the budgets took too long."
_org = tables.organization.c
_REVISIONS: Final = Compiled(
    select(_org.org_id, _org.revision).where(_org.org_id.in_(select(budget_tables.budget.c.org_id)))
)
_log = structlog.get_logger()


class LeaseLost(Exception):
    """Another process has taken the lease."""


class BudgetEvaluator:
    """The thread, which uses one connection of the engine at a time; `close` it."""

    def __init__(self, engine: Engine, stale_hours: int, deliver: Callable[[], None]) -> None:
        """Start the thread. It calls `deliver` after it has stored deliveries."""
        self._engine = engine
        self._stale_hours = stale_hours
        self._deliver = deliver
        self._holder = secrets.token_hex(8)
        self._renew_at: float | None = None
        """When the lease must be renewed, by the monotonic clock; None: this process does not have it."""
        self._schedule = Schedule()
        self._is_failing = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="talkmeter-budgets", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread after its current evaluation, and let another process take over at once."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._look()
            self._closing.wait(POLL_SEC)
        if self._renew_at is not None:
            try:
                with self._writing() as connection:
                    release_lease(connection, LEASE, self._holder)
            except TalkmeterError as error:
                _log.warning("the lease of the budgets expires instead of being released", detail=error.log_detail)

    def _look(self) -> None:
        """Evaluate what has changed. Log an error once, not once a second while it lasts."""
        try:
            self._evaluate_due()
        except LeaseLost:
            self._renew_at, self._schedule = None, Schedule()
        except TalkmeterError as error:
            if not self._is_failing:
                _log.warning("budgets not evaluated; it will be retried", detail=error.log_detail)
            self._is_failing = True
        except Exception:  # noqa: BLE001  an error must not end the thread for good
            if not self._is_failing:
                _log.exception("budgets not evaluated; it will be retried")
            self._is_failing = True
        else:
            self._is_failing = False
        self._report_delay()

    def _report_delay(self) -> None:
        metrics.BUDGET_DELAY.set(self._schedule.delay(clock.monotonic()))

    def _evaluate_due(self) -> None:
        with self._reading() as connection:
            plans_revision, rows = read_plans_revision(connection), _REVISIONS.run(connection, ())
        if not rows or not self._hold():
            return
        day = day_of(clock.now())
        versions = {text(org_id): Version(text(revision), plans_revision, day) for org_id, revision in rows}
        self._schedule.update(versions, clock.monotonic())
        for org_id in self._schedule.due(clock.monotonic()):
            if self._closing.is_set():
                return
            self._hold()
            started = _cpu_time()
            self._evaluate(org_id)
            self._report_delay()
            self._closing.wait(rest_after(started, _cpu_time()))

    def _evaluate(self, org_id: str) -> None:
        """Evaluate the budgets of an organization; those of others must not wait for one that fails."""
        started = clock.monotonic()
        try:
            depends_on_time = self._store_crossings(org_id)
        except (LeaseLost, DatabaseUnavailable):
            # These concern all organizations.
            raise
        except TalkmeterError as error:
            self._schedule.failed(org_id, started, clock.monotonic())
            _log.warning(_NOT_EVALUATED, org_id=org_id, detail=error.log_detail)
        except Exception:  # noqa: BLE001  an unexpected error of one organization must not stop the others
            self._schedule.failed(org_id, started, clock.monotonic())
            _log.exception(_NOT_EVALUATED, org_id=org_id)
        else:
            self._schedule.done(org_id, started, clock.monotonic(), again=depends_on_time)

    def _store_crossings(self, org_id: str) -> bool:
        """Store the crossings of an organization that are new; return whether its budgets depend on time."""
        now = present(clock.now(), self._stale_hours)
        with self._reading() as connection:
            evaluation = find_crossings(connection, org_id, now)
        if evaluation.crossings:
            with self._writing() as connection:
                # The row of the lease stays locked until this transaction ends.
                self._renew(connection)
                stored = store_crossings(connection, org_id, evaluation.crossings)
            metrics.BUDGET_CROSSINGS.inc(len(stored))
            self._deliver()
        return evaluation.depends_on_time

    def _hold(self) -> bool:
        """Take or renew the lease in time; return whether this process has it."""
        if self._renew_at is not None:
            if self._renew_at <= clock.monotonic():
                with self._writing() as connection:
                    self._renew(connection)
            return True
        now = clock.now()
        with self._reading() as connection:
            is_free = is_expired(connection, LEASE, now)
        if is_free:
            with self._writing() as connection:
                taken = take_lease(connection, LEASE, self._holder, now, LEASE_SEC)
            if taken:
                self._renew_at = clock.monotonic() + RENEW_SEC
        return self._renew_at is not None

    def _renew(self, connection: Connection) -> None:
        if not renew_lease(connection, LEASE, self._holder, clock.now(), LEASE_SEC):
            raise LeaseLost
        self._renew_at = clock.monotonic() + RENEW_SEC

    def _reading(self) -> AbstractContextManager[Connection]:
        return reading(self._engine, Watch(_TIMEOUT_SEC, _SLOW))

    def _writing(self) -> AbstractContextManager[Connection]:
        return writing(self._engine, Watch(_TIMEOUT_SEC, _SLOW))


def _cpu_time() -> CpuTime:
    return CpuTime(clock.monotonic(), clock.cpu_of_process(), clock.cpu_of_thread())
