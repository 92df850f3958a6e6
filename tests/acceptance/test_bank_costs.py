"""The bank's calls, priced by three plans, cost what the table and the text of the plans say, to the minor unit."""

from collections import Counter
from datetime import date, timedelta
from fractions import Fraction
from random import Random

import pytest

from tests.acceptance.bank import Bank, Json, get_usage
from tests.acceptance.bank_prices import PLANS, ExpectedCosts, days_of

FEBRUARY, MARCH = date(1999, 2, 1), date(1999, 3, 1)
DAY = timedelta(days=1)
PLAN_IDS = ("flat", "graduated", "volume")
DIMENSIONS = ("agent", "number", "channel", "direction")


class PricedBank:
    """The bank with one of the plans, and the costs that are expected."""

    def __init__(self, bank: Bank, plan_id: str) -> None:
        self._bank = bank
        self.plan_id = plan_id
        self.expected = ExpectedCosts(bank.calls, plan_id)

    def costs(self, first: date, end: date, **query: str) -> Json:
        bounds = {"from": first.isoformat(), "to": end.isoformat()}
        return get_usage(self._bank.client, "costs", {**bounds, "limit": "1000", **query})


@pytest.fixture(scope="module", params=PLAN_IDS)
def priced(bank: Bank, request: pytest.FixtureRequest) -> PricedBank:
    """The bank with each plan from February 1999 on; an assignment changes no usage."""
    plans = bank.server.folder / "plans.toml"
    plans.write_text(PLANS)
    bank.server.cli("plans", "apply", str(plans), "--restate")
    bank.server.cli("plans", "assign", "bank", request.param, "--from", "1999-02", "--restate")
    return PricedBank(bank, request.param)


def random_windows(seed: int, number: int) -> list[tuple[date, date]]:
    """Return windows of days in February."""
    random = Random(seed)
    firsts = [random.randrange(28) for _ in range(number)]
    return [(FEBRUARY + first * DAY, FEBRUARY + random.randint(first + 1, 28) * DAY) for first in firsts]


def assert_window(priced: PricedBank, first: date, end: date) -> None:
    """Compare the lines, the quantities and the days of a window with the table."""
    expected, answer = priced.expected, priced.costs(first, end)
    lines = expected.lines(first, end)
    [month] = answer["months"]
    assert (month["month"], month["plan"], month["state"]) == ("1999-02", priced.plan_id, "open")
    found = {"fee": month["fee"], **{one["id"]: one["amount"] for one in month["charges"]}}
    assert {**found, "minimum": month["minimum_charge"]} == {
        line: expected.written(amount) for line, amount in lines.items()
    }
    assert answer["total"] == month["total"] == expected.written(sum(lines.values()))
    for charge, cost in zip(expected.charges, month["charges"], strict=True):
        base = expected.base_quantity(charge, first, end)
        assert cost["base_quantity"] == base * (1_000 if cost["unit"] == "minute" else 1)
        assert abs(Fraction(cost["quantity"]) - expected.units(charge, first, end)) <= Fraction(1, 2_000_000)
    assert [day["day"] for day in answer["days"]] == [day.isoformat() for day in days_of(first, end)]
    for number, day in zip(days_of(first, end), answer["days"], strict=True):
        of_day = expected.lines(number, number + DAY)
        assert day["amount"] == expected.written(sum(of_day.values()))
        assert day["charges"] == {
            charge["id"]: expected.written(of_day[charge["id"]]) for charge in expected.charges if of_day[charge["id"]]
        }


def assert_rows(priced: PricedBank, first: date, end: date, by: str) -> None:
    """Compare the rows of a dimension with the table, and add them up."""
    expected, answer = priced.expected, priced.costs(first, end, by=by)
    values, unallocated = expected.rows(first, end, by)
    assert [(row["value"] or "", row["amount"]) for row in answer["rows"]] == [
        (value, expected.written(amount))
        for value, amount in sorted(values.items(), key=lambda item: (-item[1], item[0]))
    ]
    assert answer["others"] == {"values": 0, "amount": expected.written(0)}
    assert {line["id"]: line["amount"] for line in answer["unallocated"]} == {
        line: expected.written(amount) for line, amount in unallocated.items()
    }
    parts = [*answer["rows"], answer["others"], *answer["unallocated"]]
    assert sum(Fraction(part["amount"]) for part in parts) == Fraction(answer["total"])


def test_plans_price_all_calls_of_the_table(priced: PricedBank) -> None:
    assert len(priced.expected.calls) == 17_456
    assert all(priced.expected.base_quantity(charge, FEBRUARY, MARCH) for charge in priced.expected.charges)


def test_february_costs_what_the_table_says_line_by_line(priced: PricedBank) -> None:
    assert_window(priced, FEBRUARY, MARCH)


def test_tiers_of_february_match_the_table(priced: PricedBank) -> None:
    [month] = priced.costs(FEBRUARY, MARCH)["months"]
    for charge, cost in zip(priced.expected.charges, month["charges"], strict=True):
        tiers = priced.expected.tiers(charge, FEBRUARY, MARCH)
        assert [tier["amount"] for tier in cost["tiers"]] == [priced.expected.written(amount) for _, amount in tiers]
        for (units, _), tier in zip(tiers, cost["tiers"], strict=True):
            assert abs(Fraction(tier["quantity"]) - units) <= Fraction(1, 2_000_000)


def test_every_day_costs_what_the_table_says(priced: PricedBank) -> None:
    for day in days_of(FEBRUARY, MARCH):
        assert_window(priced, day, day + DAY)


def test_30_random_windows_cost_what_the_table_says(priced: PricedBank) -> None:
    for first, end in random_windows(2_199, 30):
        assert_window(priced, first, end)


@pytest.mark.parametrize("by", DIMENSIONS)
def test_rows_of_february_match_the_table_and_add_up(priced: PricedBank, by: str) -> None:
    assert_rows(priced, FEBRUARY, MARCH, by)


@pytest.mark.parametrize("by", ["agent", "number"])
def test_rows_of_random_windows_match_the_table_and_add_up(priced: PricedBank, by: str) -> None:
    for first, end in random_windows(2_299, 12):
        assert_rows(priced, first, end, by)


def test_rows_beyond_the_limit_are_summed_in_others(priced: PricedBank) -> None:
    expected = priced.expected
    values, _ = expected.rows(FEBRUARY, MARCH, "number")
    answer = priced.costs(FEBRUARY, MARCH, by="number", limit="5")
    rest = sorted(values.values(), reverse=True)[5:]
    assert len(answer["rows"]) == 5
    assert answer["others"] == {"values": len(values) - 5, "amount": expected.written(sum(rest))}


def test_rows_by_charge_are_the_lines_of_the_month(priced: PricedBank) -> None:
    lines = priced.expected.lines(FEBRUARY, MARCH)
    answer = priced.costs(FEBRUARY, MARCH, by="charge")
    assert Counter({row["value"]: row["amount"] for row in answer["rows"]}) == Counter(
        {charge["id"]: priced.expected.written(lines[charge["id"]]) for charge in priced.expected.charges}
    )


def test_january_has_no_plan_and_no_costs(priced: PricedBank) -> None:
    answer = priced.costs(date(1999, 1, 1), MARCH)
    january, february = answer["months"]
    assert [january[name] for name in ("plan", "version", "fee", "minimum_charge", "total")] == [None] * 5
    assert january["charges"] == []
    assert answer["total"] == february["total"]
    assert [day["amount"] for day in answer["days"][:31]] == [None] * 31
