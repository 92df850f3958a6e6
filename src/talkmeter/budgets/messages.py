"""The message that a budget has reached a threshold."""

from talkmeter.budgets.budget import Budget
from talkmeter.budgets.store import Crossing
from talkmeter.notify.messages import CROSSED, CrossingData, Message, MessagePeriod
from talkmeter.period import MICROSECONDS_PER_DAY, format_instant


def crossing_message(org_id: str, budget: Budget, crossing: Crossing, percent: str) -> Message:
    """Return the message about a crossing; `percent` is the value in percent of the limit."""
    start, end = (format_instant(day * MICROSECONDS_PER_DAY) for day in (crossing.period_start, crossing.period_end))
    data = CrossingData(
        budget_id=crossing.budget_id,
        name=budget.name,
        organization_id=org_id,
        metric=budget.metric,
        filter={str(name): value for name, value in (budget.filter or {}).items()},
        period=MessagePeriod(start, end),
        threshold=crossing.threshold,
        limit=crossing.limit,
        value=crossing.value,
        percent=percent,
    )
    return Message(CROSSED, format_instant(crossing.at), data)
