"""Shares the printed amount of each charge among the values of a dimension, in proportion to their quantities.

Daily totals hold no pairs of dimensions. A charge whose `where` names another dimension is shared by reading its
records, if they are stored and there are at most 200,000 of them in the month's part of the window.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from sqlalchemy import Connection, bindparam, func, select

from talkmeter.billing.money import share
from talkmeter.billing.plan import FEE, FEE_NAME, MINIMUM, MINIMUM_NAME, Charge, billed_counter
from talkmeter.billing.priced_months import By, PricedMonth
from talkmeter.billing.quantities import MILLISECONDS_PER_SECOND, counter_of, read_item_days
from talkmeter.counting import DAILY_COUNTERS, Dimension, billed_seconds, call_counts
from talkmeter.db import tables
from talkmeter.db.json_rows import JsonRows
from talkmeter.db.statements import Compiled, integer
from talkmeter.ledger.organization_rows import read_records_from
from talkmeter.period import MICROSECONDS_PER_DAY
from talkmeter.usage.dimensions import SPLITS
from talkmeter.usage.names import read_item_names

MAX_RECORDS: Final = 200_000
Reason = Literal["not_of_a_value", "too_many_records", "records_deleted"]
Weights = Mapping[str, int]
"""Base units by value; the empty string stands for records without a value."""

_daily = tables.usage_daily.c
_SUMS: Final = {
    counter: JsonRows(
        select(_daily.value, func.sum(_daily[counter]))
        .where(
            _daily.org_id == bindparam("org"),
            _daily.dimension == bindparam("dimension"),
            _daily.day >= bindparam("first"),
            _daily.day < bindparam("end"),
        )
        .group_by(_daily.value)
    )
    for counter in DAILY_COUNTERS
}
_RECORDS: Final = JsonRows(
    select(func.sum(_daily.calls + _daily.runs)).where(
        _daily.org_id == bindparam("org"),
        _daily.dimension == bindparam("dimension"),
        _daily.value == bindparam("value"),
        _daily.day.in_(bindparam("days", expanding=True)),
    )
)


class Unallocated(NamedTuple):
    """Why a charge is not shared among values."""

    reason: Reason


class SplitCosts(NamedTuple):
    """Amounts by value and, by id, name and reason, of the lines that are not shared, in minor units."""

    values: dict[str, int]
    unallocated: dict[tuple[str, str, Reason], int]

    def ranked(self) -> list[tuple[str, int]]:
        """Return the values and their amounts, the largest first."""
        return sorted(self.values.items(), key=lambda item: (-item[1], item[0]))


def split_costs(connection: Connection, org_id: str, months: Iterable[PricedMonth], by: By, today: int) -> SplitCosts:
    """Split the printed amounts of months by a dimension, or by charge; both parts add up to the total.

    Records of days after `today` are not priced, so they do not count in the split either.
    """
    values: defaultdict[str, int] = defaultdict(int)
    unallocated: defaultdict[tuple[str, str, Reason], int] = defaultdict(int)
    for priced in months:
        if priced.version is None or priced.cost is None:
            continue
        for line, name in ((FEE, FEE_NAME), (MINIMUM, MINIMUM_NAME)):
            unallocated[line, name, "not_of_a_value"] += priced.cost.amount(line, priced.start, priced.end)
        days = range(priced.days.start, min(priced.days.stop, today + 1))
        for charge in priced.version.content.charges:
            amount = priced.cost.amount(charge.id, priced.start, priced.end)
            weights = {charge.id: 1} if by == "charge" else weights_of(connection, org_id, charge, by, days)
            if isinstance(weights, Unallocated):
                unallocated[charge.id, charge.name, weights.reason] += amount
                continue
            for value, part in shares(amount, weights).items():
                values[value] += part
    return SplitCosts(dict(values), {line: amount for line, amount in unallocated.items() if amount})


def read_names(
    connection: Connection, org_id: str, by: By, values: Collection[str], months: Iterable[PricedMonth]
) -> dict[str, str]:
    """Return the names of values that have one."""
    if by == "charge":
        versions = [priced.version for priced in months if priced.version]
        return {charge.id: charge.name for version in versions for charge in version.content.charges}
    items = SPLITS[by].items
    return {} if items is None else read_item_names(connection, org_id, items, [value for value in values if value])


def weights_of(
    connection: Connection, org_id: str, charge: Charge, by: Dimension, days: range
) -> Weights | Unallocated:
    """Return the base units of a charge by value of a dimension, on some days, or why it has none."""
    if charge.priced.items is not None and charge.priced.items is SPLITS[by].items:
        items = read_item_days(connection, org_id, charge, days)
        return {id_: sum(map(len, ranges)) for id_, ranges in items.items()}
    if by not in charge.priced.dimensions:
        return Unallocated("not_of_a_value")
    condition, (counter, size) = charge.condition, counter_of(charge)
    if condition is not None and condition[0] != by:
        return _weights_of_records(connection, org_id, charge, condition, by, days)
    rows = _SUMS[counter].run(connection, (org_id, by, days.start, days.stop))
    sums = {str(value): integer(amount) * size for value, amount in rows}
    return sums if condition is None else {condition[1]: sums.get(condition[1], 0)}


def shares(amount: int, weights: Weights) -> dict[str, int]:
    """Share a printed amount among values, the largest quantity first, then by value; the shares add up to it."""
    values = sorted((value for value, weight in weights.items() if weight), key=lambda value: (-weights[value], value))
    if not values:
        return {}
    return dict(zip(values, share(amount, [weights[value] for value in values]), strict=True))


@lru_cache(64)
def record_sums(by: Dimension, where: Dimension, *, each_duration: bool) -> Compiled:
    """Return the statement that groups the records of a `where` value by the value of another dimension.

    `each_duration` groups by duration too, because a billed duration is rounded for each call.
    """
    column, record = SPLITS[by].column, tables.conversation.c
    condition = func.coalesce(SPLITS[where].column, "") == bindparam("value")
    durations = [record.duration_ms] if each_duration else []
    group = [column, record.modality, record.direction, record.status, *durations]
    duration = record.duration_ms if each_duration else func.sum(record.duration_ms)
    return JsonRows(
        select(*group[:4], func.count(), func.count(record.duration_ms), duration)
        .where(record.org_id == bindparam("org"), record.created_at >= bindparam("start"))
        .where(record.created_at < bindparam("end"), condition)
        .group_by(*group)
    )


def _weights_of_records(
    connection: Connection, org_id: str, charge: Charge, condition: tuple[Dimension, str], by: Dimension, days: range
) -> Weights | Unallocated:
    where, value = condition
    [(records,)] = _RECORDS.run_in(connection, (org_id, where, value), days) if days else [(0,)]
    if integer(records) > MAX_RECORDS:
        return Unallocated("too_many_records")
    if days and days.start < read_records_from(connection, org_id):
        return Unallocated("records_deleted")
    billed = billed_counter(charge.per_call)
    bounds = (org_id, days.start * MICROSECONDS_PER_DAY, days.stop * MICROSECONDS_PER_DAY, value)
    weights: defaultdict[str, int] = defaultdict(int)
    statement = record_sums(by, where, each_duration=billed is not None)
    for of_value, modality, direction, status, calls, timed, duration in statement.run(connection, bounds):
        number, duration_ms = integer(calls), integer(duration)
        counts = call_counts(
            str(modality), str(direction), str(status), number, integer(timed), duration_ms if billed is None else 0
        )
        if billed is None:
            amount = integer(getattr(counts, charge.priced.counter or ""))
        else:
            is_voice = counts.voice_calls > 0
            seconds = getattr(billed_seconds(duration_ms), billed) if is_voice else 0
            amount = number * integer(seconds) * MILLISECONDS_PER_SECOND
        weights["" if of_value is None else str(of_value)] += amount
    return weights
