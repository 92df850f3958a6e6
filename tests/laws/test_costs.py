"""Costs equal an independent model; days, windows, lines, tiers and rows add up, in any order of events."""

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkmeter.billing.apply import apply_changes, assign, plan_changes
from talkmeter.billing.costs import read_costs
from talkmeter.billing.plans import Assignment, read_plans
from talkmeter.billing.priced_months import CostsQuery
from talkmeter.billing.read_plan import read_plan
from talkmeter.db.audit import Actor
from talkmeter.db.engine import reading, writing
from talkmeter.period import Present, format_day
from tests.laws.histories import Cuts, cuts, histories, laws
from tests.laws.ledgers import NOW, LawLedger, Ledgers, plain_json
from tests.laws.model import DAY, QUERIED_AT, HistoryItem, Json, Model
from tests.laws.priced import (
    BYS,
    CURRENCIES,
    FEBRUARY,
    FIRST_DAYS,
    LENGTHS,
    Expected,
    Pricing,
    months_of,
    pricings,
    windows_of_days,
)
from tests.laws.strategies import DAYS, FIRST_DAY, ORG
from tests.laws.test_any_order import shuffled_copies

pytestmark = pytest.mark.timeout(600)

OPERATOR = Actor("operator", "laws")
Window = tuple[int, int]
todays = st.integers(FIRST_DAY - 30, FIRST_DAY + DAYS + 33)
"""The days on which a query runs: before, between and after the days with usage."""


def store(ledger: LawLedger, pricing: Pricing) -> None:
    """Store the plans, and assign the plan to the organization for its months only."""
    with writing(ledger.engine) as connection:
        for content in pricing.plans.values():
            changes = plan_changes(read_plans(connection), {"plan": read_plan(content)}, None, NOW.today)
            apply_changes(connection, changes, OPERATOR, QUERIED_AT, restate=True)
        for month in ("2024-01", *FIRST_DAYS, "2024-04"):
            number = int(month[:4]) * 12 + int(month[5:]) - 1
            assignment = Assignment(number, "plan" if month in pricing.plans else None)
            assign(connection, ORG, assignment, OPERATOR, QUERIED_AT, restate=True)


def costs(
    ledger: LawLedger, window: Window, by: Any = None, limit: int = 1_000, today: int = FIRST_DAY + DAYS + 33
) -> Json:
    """Return the costs of the days [first, end), asked on the day `today`."""
    query = CostsQuery(ORG, *window, Present(today * DAY + DAY // 2, NOW.stale_before), by, limit)
    with reading(ledger.engine) as connection:
        return plain_json(read_costs(connection, query))


def minor(pricing: Pricing, amount: str) -> int:
    """Return an amount of an answer in minor units, and check its digits."""
    digits = CURRENCIES[pricing.currency]
    assert len(amount.partition(".")[2]) == digits
    return int(Decimal(amount).scaleb(digits))


def model_of(history: list[HistoryItem]) -> Model:
    model = Model()
    model.apply_all(history)
    return model


def has_plan(pricing: Pricing, window: Window) -> bool:
    return any(month in pricing.plans for month, _, _ in months_of(*window))


@laws
@given(histories, pricings(), windows_of_days, todays)
def test_every_day_line_and_tier_equals_the_model(
    ledgers: Ledgers, history: list[HistoryItem], pricing: Pricing, window: Window, today: int
) -> None:
    expected = Expected(model_of(history), pricing, today)
    with ledgers.empty() as ledger:
        ledger.ingest(history)
        store(ledger, pricing)
        answer = costs(ledger, window, today=today)
    if not has_plan(pricing, window):
        assert answer == empty_answer(window)
        return
    assert answer["currency"] == pricing.currency
    lines: Counter[str] = Counter()
    months = {month["month"]: month for month in answer["months"]}
    for name, start, stop in months_of(*window):
        month = months.pop(name)
        assert (month["from"], month["to"]) == (format_day(start), format_day(stop))
        if name in pricing.plans:
            lines.update(check_month(expected, name, month, start, stop))
    assert [month["plan"] for month in months.values()] == [None] * len(months)
    assert minor(pricing, answer["total"]) == sum(lines.values())
    check_days(expected, answer, window)


def empty_answer(window: Window) -> Json:
    first, end = map(format_day, window)
    nothing: Json = dict.fromkeys(("currency", "total", "rows", "others", "unallocated"))
    return {"from": first, "to": end, **nothing, "months": [], "days": []}


def check_month(expected: Expected, name: str, month: Json, start: int, stop: int) -> dict[str, int]:
    """Compare a month with the model, and return its lines."""
    pricing = expected.pricing
    lines = expected.lines(name, start, stop)
    is_whole = start == FIRST_DAYS[name]
    for charge, cost in zip(pricing.plans[name]["charges"], month["charges"], strict=True):
        assert cost["id"] == charge["id"]
        assert minor(pricing, cost["amount"]) == lines[charge["id"]]
        assert cost["base_quantity"] == expected.quantity(charge, start, stop)
        assert {cost[field] is None for field in ("included", "billable", "tiers")} == {not is_whole}
        if is_whole:
            amounts = expected.tier_amounts(charge, start, stop)
            assert [minor(pricing, tier["amount"]) for tier in cost["tiers"]] == amounts
    found = {"fee": month["fee"], "minimum": month["minimum_charge"]}
    assert {line: minor(pricing, amount) for line, amount in found.items()} == {line: lines[line] for line in found}
    assert minor(pricing, month["total"]) == sum(lines.values())
    return lines


def check_days(expected: Expected, answer: Json, window: Window) -> None:
    assert [day["day"] for day in answer["days"]] == [format_day(day) for day in range(*window)]
    for number, day in enumerate(answer["days"], window[0]):
        parts = [part for part in months_of(number, number + 1) if part[0] in expected.pricing.plans]
        if not parts:
            assert day == {"day": format_day(number), "amount": None, "charges": {}}
            continue
        lines = expected.lines(*parts[0])
        assert minor(expected.pricing, day["amount"]) == sum(lines.values())
        charges = {line: minor(expected.pricing, amount) for line, amount in day["charges"].items()}
        assert charges == {line: amount for line, amount in lines.items() if amount and line.startswith("line-")}


@laws
@given(histories, pricings(), windows_of_days, todays, st.sampled_from(BYS), st.sampled_from((1, 2, 1_000)))
def test_rows_equal_the_model_and_add_up_to_the_total(
    ledgers: Ledgers,
    history: list[HistoryItem],
    pricing: Pricing,
    window: Window,
    today: int,
    by: str,
    limit: int,
) -> None:
    values, unallocated = Expected(model_of(history), pricing, today).rows(*window, by)
    with ledgers.empty() as ledger:
        ledger.ingest(history)
        store(ledger, pricing)
        answer = costs(ledger, window, by, limit, today)
    if not has_plan(pricing, window):
        assert answer["total"] is None
        return
    rows = [(row["value"] or "", minor(pricing, row["amount"])) for row in answer["rows"]]
    assert rows == sorted(values.items(), key=lambda item: (-item[1], item[0]))[:limit]
    others = minor(pricing, answer["others"]["amount"])
    assert answer["others"]["values"] == len(values) - len(rows)
    found = {line["id"]: minor(pricing, line["amount"]) for line in answer["unallocated"]}
    assert found == {line: amount for line, amount in unallocated.items() if amount}
    assert sum(amount for _, amount in rows) + others + sum(found.values()) == minor(pricing, answer["total"])


@laws
@given(shuffled_copies(histories), cuts, cuts, pricings(), windows_of_days, st.sampled_from(BYS))
def test_any_order_and_repetition_gives_the_same_costs(
    ledgers: Ledgers,
    copies: tuple[list[HistoryItem], list[HistoryItem]],
    first_cuts: Cuts,
    second_cuts: Cuts,
    pricing: Pricing,
    window: Window,
    by: str,
) -> None:
    answers = []
    for history, cut in zip(copies, (first_cuts, second_cuts), strict=True):
        with ledgers.empty() as ledger:
            ledger.ingest(history, cut)
            store(ledger, pricing)
            answers.append(costs(ledger, window, by))
    assert answers[0] == answers[1]


@laws
@given(histories, pricings(), windows_of_days, st.integers(0, 40))
def test_costs_of_a_window_are_those_of_its_two_parts(
    ledgers: Ledgers, history: list[HistoryItem], pricing: Pricing, window: Window, cut: int
) -> None:
    first, end = window
    middle = min(first + cut, end)
    with ledgers.empty() as ledger:
        ledger.ingest(history)
        store(ledger, pricing)
        whole, *parts = [costs(ledger, days) for days in (window, (first, middle), (middle, end)) if days[0] < days[1]]
    totals = [minor(pricing, part["total"]) for part in parts if part["total"] is not None]
    assert sum(totals) == (0 if whole["total"] is None else minor(pricing, whole["total"]))
    days = [day for part in parts for day in part["days"]]
    assert [day for day in whole["days"] if day["amount"]] == [day for day in days if day["amount"]]


@laws
@given(histories, pricings())
def test_costs_of_a_whole_month_are_its_printed_lines(
    ledgers: Ledgers, history: list[HistoryItem], pricing: Pricing
) -> None:
    model = model_of(history)
    with ledgers.empty() as ledger:
        ledger.ingest(history)
        store(ledger, pricing)
        for month, content in pricing.plans.items():
            first = FIRST_DAYS[month]
            answer = costs(ledger, (first, first + LENGTHS[month]))
            [of_month] = answer["months"]
            lines = [minor(pricing, charge["amount"]) for charge in of_month["charges"]]
            tiers = [sum(minor(pricing, tier["amount"]) for tier in one["tiers"]) for one in of_month["charges"]]
            assert lines == tiers
            extra = minor(pricing, of_month["fee"]) + minor(pricing, of_month["minimum_charge"])
            assert minor(pricing, of_month["total"]) == sum(lines) + extra
            least = int(content["minimum"]) * 10 ** CURRENCIES[pricing.currency]
            assert sum(lines) + minor(pricing, of_month["minimum_charge"]) >= least
            expected = Expected(model, pricing, FIRST_DAY + 100).so_far(month, first + LENGTHS[month])
            assert minor(pricing, answer["total"]) == sum(expected.values())


def test_generated_days_are_in_february_and_march() -> None:
    assert [format_day(day) for day in FIRST_DAYS.values()] == ["2024-02-01", "2024-03-01"]
    assert FIRST_DAYS[FEBRUARY] + LENGTHS[FEBRUARY] == FIRST_DAY + 2
