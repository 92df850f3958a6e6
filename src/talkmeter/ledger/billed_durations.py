"""Fills the billed durations of the daily totals that an older version wrote, while servers read and write.

The migration leaves them null. Null plus a number is null, so a write leaves such a total unfilled, and a total that is
inserted later is complete. A step counts some days of an organization in a snapshot, locks the organization, and writes
the days that have not changed since. So it can be interrupted at any time, and several processes can fill at once.
"""

import random
import threading
from collections.abc import Iterator
from typing import Final, NamedTuple

import structlog
from sqlalchemy import Connection, Engine, bindparam, select
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from talkmeter import clock
from talkmeter.counting import BILLED_COUNTERS, DAILY_DIMENSIONS, TOTAL, ZERO, ZERO_TOTAL, DayKey
from talkmeter.db import tables
from talkmeter.db.engine import open_engine, reading, writing
from talkmeter.db.meta import BILLED_DURATIONS, delete_meta, read_meta
from talkmeter.db.statements import Compiled, OnConflict, Row, insert_rows, integer
from talkmeter.errors import TalkmeterError, Unavailable
from talkmeter.ledger.day_totals import count_day
from talkmeter.ledger.organization_rows import lock_organization
from talkmeter.ledger.organizations import organizations_with_usage

DAYS_PER_STEP: Final = 100
CALLS_PER_STEP: Final = 20_000
SNAPSHOT_ATTEMPTS: Final = 3
"""After this many steps that found every day changed, one day is counted under the organization's lock."""
RETRY_SEC: Final = 60
_ATTEMPTS: Final = 6
_daily = tables.usage_daily.c
_unfilled = _daily[BILLED_COUNTERS[0]].is_(None)
_DAYS = Compiled(
    select(_daily.day, _daily.changed_at, _daily.calls)
    .where(_daily.org_id == bindparam("org"), _daily.dimension == TOTAL, _unfilled)
    .order_by(_daily.day)
    .limit(bindparam("days"))
)
_CHANGED_AT = Compiled(
    select(_daily.day, _daily.changed_at).where(
        _daily.org_id == bindparam("org"),
        _daily.dimension == TOTAL,
        _daily.day >= bindparam("first"),
        _daily.day <= bindparam("last"),
    )
)
_VALUES = Compiled(
    select(_daily.day, _daily.value).where(
        _daily.org_id == bindparam("org"),
        _daily.dimension == bindparam("in_dim"),
        _daily.day >= bindparam("first"),
        _daily.day <= bindparam("last"),
        _unfilled,
    )
)
_log = structlog.get_logger()


class FillProgress(NamedTuple):
    """How many organizations are filled, of how many."""

    filled: int
    organizations: int


class _Days(NamedTuple):
    """Unfilled days in ascending order, each with its `changed_at`."""

    changed_at: dict[int, int | None]

    @property
    def bounds(self) -> tuple[int, int]:
        """The first and the last day."""
        return min(self.changed_at), max(self.changed_at)


def billed_durations_filled(connection: Connection) -> bool:
    """Return whether all daily totals have their billed durations."""
    return read_meta(connection, BILLED_DURATIONS) is None


def fill_billed_durations(engine: Engine) -> Iterator[FillProgress]:
    """Fill all daily totals; yield the progress after each step. While the database is busy, a step is retried."""
    with reading(engine) as connection:
        if billed_durations_filled(connection):
            return
        org_ids = organizations_with_usage(connection)
    # Several processes share the work if each has its own order.
    random.shuffle(org_ids)
    for number, org_id in enumerate(org_ids):
        for _ in _fill_organization(engine, org_id):
            yield FillProgress(number, len(org_ids))
    with writing(engine) as connection:
        delete_meta(connection, BILLED_DURATIONS)
    yield FillProgress(len(org_ids), len(org_ids))


def _fill_organization(engine: Engine, org_id: str) -> Iterator[None]:
    attempts = Retrying(
        retry=retry_if_exception_type(Unavailable),
        stop=stop_after_attempt(_ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.05, max=5.0),
        reraise=True,
    )
    missed = 0
    while (filled := attempts(_fill_step, engine, org_id, locked=missed >= SNAPSHOT_ATTEMPTS)) is not None:
        missed = 0 if filled else missed + 1
        yield


def _fill_step(engine: Engine, org_id: str, *, locked: bool) -> int | None:
    """Fill the next days of an organization; return how many, or None if no day is left."""
    if locked:
        with writing(engine) as connection:
            lock_organization(connection, org_id)
            days = _next_days(connection, org_id, limit=1)
            return _write(connection, _count(connection, org_id, days)) if days else None
    with reading(engine) as connection:
        days = _next_days(connection, org_id, limit=DAYS_PER_STEP)
        if days is None:
            return None
        counted = _count(connection, org_id, days)
    with writing(engine) as connection:
        lock_organization(connection, org_id)
        now = {integer(day): at for day, at in _CHANGED_AT.run(connection, (org_id, *days.bounds))}
        unchanged = {day: rows for day, rows in counted.items() if now.get(day) == days.changed_at[day]}
        return _write(connection, unchanged)


def _next_days(connection: Connection, org_id: str, limit: int) -> _Days | None:
    """Return the first unfilled days, up to a number of days and calls; None if there are none."""
    days: dict[int, int | None] = {}
    all_calls = 0
    for day, changed_at, calls in _DAYS.run(connection, (org_id, limit)):
        all_calls += integer(calls)
        if days and all_calls > CALLS_PER_STEP:
            break
        days[integer(day)] = None if changed_at is None else integer(changed_at)
    return _Days(days) if days else None


def _count(connection: Connection, org_id: str, days: _Days) -> dict[int, list[Row]]:
    """Return the rows to write for each day: the billed durations of its unfilled totals."""
    counted = {day: count_day(connection, org_id, day) for day in days.changed_at}
    rows: dict[int, list[Row]] = {day: [] for day in counted}
    for dimension in DAILY_DIMENSIONS:
        for day, value in _VALUES.run(connection, (org_id, dimension, *days.bounds)):
            key = DayKey(dimension, integer(day), str(value))
            if key.day in counted:
                rows[key.day].append((org_id, *key, *ZERO, None, *counted[key.day].get(key, ZERO_TOTAL).billed))
    return rows


def _write(connection: Connection, by_day: dict[int, list[Row]]) -> int:
    """Write the rows of days; return the number of days."""
    rows = sorted((row for rows in by_day.values() for row in rows), key=lambda row: row[:4])
    insert_rows(connection, tables.usage_daily, rows, OnConflict.FILL_BILLED)
    return len(by_day)


class BilledDurationFiller:
    """Fills in a thread of a server, over its own connection, and leaves at least half of the time to requests."""

    def __init__(self, database_url: str) -> None:
        """Start the thread; it ends as soon as everything is filled."""
        self._engine = open_engine(database_url, 1)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="talkmeter-billed-durations", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread after its current step, and close its connection."""
        self._closing.set()
        self._thread.join()
        self._engine.dispose()

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._fill()
            except TalkmeterError as error:
                _log.warning("filling billed durations failed; it will be retried", detail=error.log_detail)
            except Exception:  # noqa: BLE001  an error must not end the thread for good
                _log.exception("filling billed durations failed; it will be retried")
            else:
                return
            self._closing.wait(RETRY_SEC)

    def _fill(self) -> None:
        started = clock.monotonic()
        for _ in fill_billed_durations(self._engine):
            if self._closing.wait(clock.monotonic() - started):
                return
            started = clock.monotonic()
        _log.info("billed durations are filled")
