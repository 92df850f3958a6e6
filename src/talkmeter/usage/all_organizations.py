"""The usage of all organizations: of whole months from the monthly totals, of other days from the daily totals."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, select

from talkmeter.counting import COUNTERS, TOTAL, ZERO, Counters, add
from talkmeter.db import tables
from talkmeter.db.statements import Compiled, Value, integer
from talkmeter.ledger.organizations import list_organizations
from talkmeter.months import first_day, month_of

_daily = tables.usage_daily.c
_monthly = tables.usage_monthly.c
_org = tables.organization.c
_quarantine = tables.quarantine.c
_sums = tuple(func.sum(_daily[name]) for name in COUNTERS)
_MONTH = Compiled(
    select(_monthly.org_id, *(_monthly[name] for name in COUNTERS)).where(_monthly.month == bindparam("month"))
)
_DAYS = Compiled(
    select(_daily.org_id, *_sums)
    .where(_daily.dimension == bindparam("in_dim"), _daily.day >= bindparam("first"), _daily.day < bindparam("end"))
    .group_by(_daily.org_id)
)
_ONE = Compiled(
    select(*_sums).where(
        _daily.org_id == bindparam("org"),
        _daily.dimension == bindparam("in_dim"),
        _daily.day >= bindparam("first"),
        _daily.day < bindparam("end"),
    )
)
_LAST_EVENTS = Compiled(select(_org.org_id, _org.last_event_at))
_QUARANTINED = Compiled(
    select(func.count()).select_from(tables.quarantine).where(_quarantine.org_id == bindparam("org"))
)


class OrganizationUsage(NamedTuple):
    """An organization's usage of some days; `last_event_at` is in microseconds, None before the first event."""

    org_id: str
    name: str
    counters: Counters
    last_event_at: int | None


def whole_months(first: int, end: int) -> range | None:
    """Return the months of the days [first, end), or None if they are not whole months."""
    months = range(month_of(first), month_of(end - 1) + 1)
    return months if first == first_day(months.start) and end == first_day(months.stop) else None


def read_all_usage(connection: Connection, first: int, end: int) -> dict[str, Counters]:
    """Return the usage on the days [first, end) of each organization that has some."""
    months = whole_months(first, end)
    if months is None:
        return {str(org_id): _counters(sums) for org_id, *sums in _DAYS.run(connection, (TOTAL, first, end))}
    found: dict[str, Counters] = {}
    for month in months:
        for org_id, *amounts in _MONTH.run(connection, (month,)):
            key = str(org_id)
            # Ten thousand rows; the types of their columns are checked already.
            counters = Counters(*amounts)  # type: ignore[arg-type]
            found[key] = add((found[key], counters)) if key in found else counters
    return found


def read_days_of(connection: Connection, org_id: str, first: int, end: int) -> Counters:
    """Return one organization's usage on the days [first, end)."""
    [sums] = _ONE.run(connection, (org_id, TOTAL, first, end))
    return _counters(sums)


def list_usage(connection: Connection, first: int, end: int, search: str) -> list[OrganizationUsage]:
    """Return the usage of all organizations whose id or name contains a text, in any case, in any order.

    Closed organizations are included only if they have usage on these days.
    """
    usage = read_all_usage(connection, first, end)
    known = {one.org_id: one for one in list_organizations(connection)}
    last_events = {str(org_id): None if at is None else integer(at) for org_id, at in _LAST_EVENTS.run(connection, ())}
    wanted = search.casefold()
    rows = []
    for org_id in (*known, *(org_id for org_id in usage if org_id not in known)):
        counters = usage.get(org_id, ZERO)
        organization = known.get(org_id)
        if organization is not None and organization.closed is not None and counters == ZERO:
            continue
        name = (organization.name if organization is not None else None) or org_id
        if not wanted or wanted in name.casefold() or wanted in org_id.casefold():
            rows.append(OrganizationUsage(org_id, name, counters, last_events.get(org_id)))
    return rows


def count_quarantined(connection: Connection, org_id: str) -> int:
    """Return the number of an organization's events in quarantine."""
    [(number,)] = _QUARANTINED.run(connection, (org_id,))
    return integer(number)


def _counters(amounts: Iterable[Value]) -> Counters:
    return Counters(*map(integer, amounts))
