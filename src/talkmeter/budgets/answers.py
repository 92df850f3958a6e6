"""The answers about budgets: their current values, crossings and pace, and whether usage is still allowed."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Annotated, Final

import msgspec
from msgspec import Meta
from msgspec.structs import asdict
from sqlalchemy import Connection

from talkmeter.billing.money import format_decimal
from talkmeter.billing.plan import DecimalText
from talkmeter.budgets.budget import Budget
from talkmeter.budgets.names import BudgetCharge, BudgetNames, read_names
from talkmeter.budgets.pace import read_pace
from talkmeter.budgets.periods import LONGEST_PERIOD, period_of
from talkmeter.budgets.store import Crossing, StoredBudget, read_crossings
from talkmeter.budgets.values import PricedMonths, read_values
from talkmeter.notify.answers import DeliveryAnswer, delivery_answer
from talkmeter.notify.deliveries import DeliveryHistory, read_messages
from talkmeter.period import MICROSECONDS_PER_DAY, DayText, InstantText, Present, format_day, format_instant

HISTORY_DAYS: Final = 366
"""The answer about one budget has the crossings of periods that began in so many days."""
SHOWN: Final = 100
"""The crossings of one budget, the newest."""


class CrossingDelivery(DeliveryAnswer, frozen=True, kw_only=True):
    """The message about a crossing to one receiver."""

    channel: Annotated[str, Meta(description="webhook or email.")]
    target: Annotated[str, Meta(description="The id of the webhook, or the address.")]


class CrossingAnswer(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """A threshold that was reached in the period [from, to): when that was found, and the value and the limit then."""

    from_: DayText
    to: DayText
    threshold: int
    at: InstantText
    value: DecimalText
    limit: DecimalText
    deliveries: Annotated[list[CrossingDelivery] | None, Meta(description="Its messages; null in a list of budgets.")]


class CurrentPeriod(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """The current period [from, to) of a budget (UTC). The value can be less than at a crossing, after corrections."""

    from_: DayText
    to: DayText
    value: Annotated[
        DecimalText | None,
        Meta(description="Null: the plan does not give it, or, for silence, no event is expected at this time."),
    ]
    limit: DecimalText | None
    percent: Annotated[DecimalText | None, Meta(description="The value in percent of the limit, rounded down.")]


class PaceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the current period is on course for."""

    value: DecimalText
    percent: DecimalText
    reached_on: Annotated[
        DayText | None, Meta(description="The day on which 100 % is reached; null: not in the period.")
    ]


class BudgetVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A stored budget without its values."""

    id: str
    budget: Budget
    version: Annotated[str, Meta(description="Its ETag, for If-Match.")]
    changed_at: InstantText
    changed_by: str


class BudgetAnswer(BudgetVersion, frozen=True, kw_only=True):
    """A budget, its names, current period and pace, and its crossings, the newest first.

    In a list: those of the current period. Alone: the newest 100 of periods that began in the last 366 days.
    """

    filter_name: Annotated[str | None, Meta(description="The name of the filter's agent, number or widget.")]
    charge: Annotated[BudgetCharge | None, Meta(description="The charge of the metric, in the plan of this month.")]
    currency: Annotated[str | None, Meta(description="The currency of a budget of costs, in the plan of this month.")]
    current: CurrentPeriod
    pace: PaceAnswer | None
    crossings: list[CrossingAnswer]


class BudgetList(msgspec.Struct, frozen=True):
    """The budgets of an organization, by id."""

    budgets: list[BudgetAnswer]


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a budget's limit is not reached, by the totals of now."""

    allowed: bool
    remaining: Annotated[DecimalText | None, Meta(description="The limit minus the value, at least 0; null: unknown.")]
    resets_at: InstantText


def version_of(stored: StoredBudget) -> BudgetVersion:
    """Return a stored budget without its values."""
    return BudgetVersion(
        id=stored.id,
        budget=stored.budget,
        version=stored.etag,
        changed_at=format_instant(stored.changed_at),
        changed_by=stored.changed_by,
    )


def budget_answers(
    connection: Connection, org_id: str, budgets: Iterable[StoredBudget], present: Present
) -> list[BudgetAnswer]:
    """Return the answers about budgets in a list; the connection must be in one snapshot."""
    budgets = list(budgets)
    crossings: dict[str, list[CrossingAnswer]] = {}
    periods = {stored.id: period_of(stored.budget.period, present.today) for stored in budgets}
    for crossing in _newest_first(read_crossings(connection, org_id, present.today - LONGEST_PERIOD)):
        if (period := periods.get(crossing.budget_id)) is not None and crossing.period_start == period.start:
            crossings.setdefault(crossing.budget_id, []).append(_crossing(crossing, None))
    names = read_names(connection, org_id, (stored.budget for stored in budgets), present)
    priced: PricedMonths = {}
    return [
        _answer(connection, org_id, stored, (named, crossings.get(stored.id, [])), present, priced)
        for stored, named in zip(budgets, names, strict=True)
    ]


def budget_answer(connection: Connection, org_id: str, stored: StoredBudget, present: Present) -> BudgetAnswer:
    """Return the answer about one budget, with older crossings and the messages about them."""
    found = read_crossings(connection, org_id, present.today - HISTORY_DAYS)
    crossings = _newest_first(crossing for crossing in found if crossing.budget_id == stored.id)[:SHOWN]
    deliveries: dict[str, list[CrossingDelivery]] = {crossing.message_id: [] for crossing in crossings}
    for history in read_messages(connection, org_id, list(deliveries)):
        deliveries[history.delivery.message_id].append(_delivery(history))
    [names] = read_names(connection, org_id, [stored.budget], present)
    answers = [_crossing(crossing, deliveries[crossing.message_id]) for crossing in crossings]
    return _answer(connection, org_id, stored, (names, answers), present, {})


def _newest_first(crossings: Iterable[Crossing]) -> list[Crossing]:
    return sorted(crossings, key=lambda one: (-one.at, -one.period_start, -one.threshold))


def _answer(
    connection: Connection,
    org_id: str,
    stored: StoredBudget,
    details: tuple[BudgetNames, list[CrossingAnswer]],
    present: Present,
    priced: PricedMonths,
) -> BudgetAnswer:
    budget, (names, crossings) = stored.budget, details
    period = period_of(budget.period, present.today)
    [reading] = read_values(connection, org_id, budget, [period], present, priced)
    pace = read_pace(connection, org_id, budget, period, present, priced)
    return BudgetAnswer(
        **asdict(version_of(stored)),
        **names._asdict(),
        current=CurrentPeriod(
            from_=format_day(period.start),
            to=format_day(period.stop),
            value=None if reading is None else reading.value_text,
            limit=None if reading is None else reading.limit_text,
            percent=None if reading is None else reading.percent,
        ),
        pace=None
        if pace is None
        else PaceAnswer(
            value=pace.reading.value_text,
            percent=pace.reading.percent,
            reached_on=None if pace.reached_on is None else format_day(pace.reached_on),
        ),
        crossings=crossings,
    )


def _crossing(crossing: Crossing, deliveries: list[CrossingDelivery] | None) -> CrossingAnswer:
    return CrossingAnswer(
        from_=format_day(crossing.period_start),
        to=format_day(crossing.period_end),
        threshold=crossing.threshold,
        at=format_instant(crossing.at),
        value=crossing.value,
        limit=crossing.limit,
        deliveries=deliveries,
    )


def _delivery(history: DeliveryHistory) -> CrossingDelivery:
    delivery = history.delivery
    return CrossingDelivery(**asdict(delivery_answer(history)), channel=delivery.channel, target=delivery.target)


def read_allowance(connection: Connection, org_id: str, stored: StoredBudget, present: Present) -> Allowance:
    """Return whether usage is allowed by a budget. An unknown value or limit allows it."""
    period = period_of(stored.budget.period, present.today)
    [reading] = read_values(connection, org_id, stored.budget, [period], present, {})
    return Allowance(
        allowed=reading is None or not reading.reaches(100),
        remaining=None if reading is None else format_decimal(max(reading.limit - reading.value, Fraction(0))),
        resets_at=format_instant(period.stop * MICROSECONDS_PER_DAY),
    )
