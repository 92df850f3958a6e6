"""What a budget is on course for, against means of weekdays computed here."""

from collections import Counter, defaultdict
from datetime import date, timedelta
from fractions import Fraction
from math import floor

import pytest

from talkmeter.budgets.pace import Pace, read_pace
from talkmeter.budgets.periods import PeriodName, period_of
from talkmeter.db.engine import reading
from tests.events import Json, conversation
from tests.store.billing import NOW, VOICE, apply_plan, assign_plan, plan
from tests.store.budgets import at, budgets, set_budget
from tests.store.ledger import ORG, FileLedger

EPOCH = date(1970, 1, 1)
TODAY = EPOCH + timedelta(microseconds=NOW)
"""2026-11-10."""
FIRST = date(2026, 9, 21)


def usage(seed: int, first: date = FIRST) -> Counter[date]:
    """Return calls by day until yesterday; a few days have none."""
    return Counter({first + timedelta(n): (n * n + seed) % 6 for n in range((TODAY - first).days)})


def send(ledger: FileLedger, calls: Counter[date], **fields: object) -> None:
    events: list[Json] = [
        conversation(f"{day}-{number}", created_at=f"{day}T10:00:00Z", **fields)
        for day, amount in calls.items()
        for number in range(amount)
    ]
    ledger.send(*events)


def pace(ledger: FileLedger, period: PeriodName) -> Pace | None:
    with reading(ledger.engine) as connection:
        budget = budgets(ledger)["b"].budget
        return read_pace(connection, ORG, budget, period_of(period, (TODAY - EPOCH).days), at(NOW), {})


def expected(calls: Counter[date], start: date, end: date, per_call: int = 1) -> list[int]:
    """Return the expected total through today and through each later day before `end`."""
    used = [day for day, amount in calls.items() if amount and day < TODAY]
    history = [min(used) + timedelta(n) for n in range((TODAY - min(used)).days)]
    by_weekday = defaultdict(list)
    for day in history:
        by_weekday[day.weekday() if len(history) >= 14 else 0].append(calls[day] * per_call)
    total = sum(calls[day] * per_call for day in history if day >= start)
    totals = []
    for n in range((end - TODAY).days):
        day = TODAY + timedelta(n)
        values = by_weekday[day.weekday() if len(history) >= 14 else 0]
        mean = floor(Fraction(sum(values), len(values)) + Fraction(1, 2))
        total += max(mean, calls[day] * per_call) if n == 0 else mean
        totals.append(total)
    return totals


PERIODS: dict[PeriodName, tuple[date, date]] = {
    "day": (TODAY, date(2026, 11, 11)),
    "week": (date(2026, 11, 9), date(2026, 11, 16)),
    "month": (date(2026, 11, 1), date(2026, 12, 1)),
}


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("first", [FIRST, date(2026, 11, 2)])
@pytest.mark.parametrize("today", [0, 9])
def test_calls_are_on_course_for_the_means_of_their_weekdays(
    file_ledger: FileLedger, period: PeriodName, first: date, today: int
) -> None:
    calls = usage(3, first) + Counter({TODAY: today})
    send(file_ledger, calls)
    totals = expected(calls, *PERIODS[period])
    limit = max(1, totals[-1])
    set_budget(file_ledger, period=period, limit=str(limit))
    found = pace(file_ledger, period)
    assert found is not None
    assert found.reading.value_text == str(totals[-1])
    day = TODAY + timedelta(next(n for n, total in enumerate(totals) if total >= limit))
    assert found.reached_on == (day - EPOCH).days
    set_budget(file_ledger, period=period, limit=str(limit + 1))
    above = pace(file_ledger, period)
    assert above is not None
    assert above.reached_on is None


def test_costs_of_a_month_are_priced_with_the_expected_minutes(file_ledger: FileLedger) -> None:
    calls = usage(1)
    send(file_ledger, calls, duration=90)
    charge = {**VOICE, "tiers": [{"up_to": "50", "price": "0.10"}, {"price": "0.02"}]}
    del charge["price"]
    apply_plan(file_ledger, plan(charge, fee="5.00"))
    assign_plan(file_ledger)
    minutes = [Fraction(ms, 60_000) for ms in expected(calls, *PERIODS["month"], per_call=90_000)]
    costs = [
        5 + min(minute, Fraction(50)) * Fraction("0.10") + max(Fraction(0), minute - 50) * Fraction("0.02")
        for minute in minutes
    ]
    set_budget(file_ledger, metric="cost", limit="10")
    found = pace(file_ledger, "month")
    assert found is not None
    assert found.reading.value_text == f"{floor(costs[-1] * 100 + Fraction(1, 2)) / 100:.2f}"
    reached = next(n for n, cost in enumerate(costs) if floor(cost * 100 + Fraction(1, 2)) >= 1_000)
    assert found.reached_on == (TODAY + timedelta(reached) - EPOCH).days


@pytest.mark.parametrize(("metric", "period"), [("cost", "week"), ("charge:voice", "day"), ("silence", "month")])
def test_what_has_no_pace(file_ledger: FileLedger, metric: str, period: PeriodName) -> None:
    send(file_ledger, usage(1))
    apply_plan(file_ledger, plan(VOICE))
    assign_plan(file_ledger)
    set_budget(file_ledger, metric=metric, period=period)
    assert pace(file_ledger, period) is None


def test_pace_needs_three_complete_days(file_ledger: FileLedger) -> None:
    set_budget(file_ledger)
    send(file_ledger, Counter({TODAY - timedelta(2): 4}))
    assert pace(file_ledger, "month") is None
    send(file_ledger, Counter({TODAY - timedelta(3): 1}))
    assert pace(file_ledger, "month") is not None
