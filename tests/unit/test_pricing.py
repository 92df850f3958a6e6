"""The worked examples of prices, and the laws of prices (docs/explanation/costs.md)."""

from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkmeter.billing.plan import FEE, MINIMUM, Charge
from talkmeter.billing.pricing import exact_price, line_amount, packages, tier_amounts, tier_parts
from talkmeter.counting import billed_seconds
from talkmeter.errors import Misconfigured
from tests.unit.plans import cost_of, daily, day, example_plan, plan

CHAT_TIERS = [{"up_to": "1000", "price": "0.05"}, {"up_to": "10000", "price": "0.04"}, {"price": "0.02"}]
NOVEMBER = {
    "voice-out": {"2026-11-03": 12_000 * 60_000, "2026-11-20": 300 * 60_000},
    "chats": {"2026-11-01": 1_300},
    "runs": {"2026-11-30": 2_500},
    "numbers": {f"2026-11-{number:02}": 2 for number in range(1, 31)},
}


def charge_of(**fields: object) -> Charge:
    return plan(fields).charges[0]


def price_of(charge: Charge, units: str) -> str:
    """Return the exact price of a number of units."""
    return str(exact_price(charge, Fraction(units)))


def test_november_of_the_example_plan_costs_2010() -> None:
    cost = cost_of(example_plan(), "2026-11", NOVEMBER)
    assert {line: amounts[-1] for line, amounts in cost.lines.items()} == {
        "fee": 10_00,
        "voice-out": 1_416_00,
        "chats": 62_00,
        "runs": 6_00,
        "numbers": 2_30,
        "minimum": 513_70,
    }
    assert cost.total(0, 30) == 2_010_00


def test_tiers_of_the_example_are_printed_in_order() -> None:
    chats = next(charge for charge in example_plan().charges if charge.id == "chats")
    parts = tier_parts(chats, Fraction(1_300))
    assert [(int(part.units), part.price) for part in parts] == [(1_000, "0.05"), (300, "0.04")]
    assert tier_amounts(parts, 2) == [50_00, 12_00]


def test_minimum_is_a_line_on_the_last_day_of_the_month_only() -> None:
    minimum = daily(cost_of(example_plan(), "2026-11", NOVEMBER), MINIMUM)
    assert minimum == [0] * 29 + [513_70]


def test_minimum_waits_until_the_last_day_has_begun() -> None:
    before, on = (cost_of(example_plan(), "2026-11", NOVEMBER, day(f"2026-11-{text}")) for text in ("29", "30"))
    assert before.lines[MINIMUM][-1] == 0
    assert on.lines[MINIMUM][-1] == 513_70


def test_minimum_adds_nothing_if_the_charges_reach_it() -> None:
    content = plan({"price": "1"}, minimum="3.00", fee="2.00")
    for calls, added in ((0, 3_00), (2, 1_00), (3, 0), (4, 0)):
        assert cost_of(content, "2026-11", {"line": {"2026-11-01": calls}}).lines[MINIMUM][-1] == added


def test_fee_is_due_on_the_first_day() -> None:
    assert daily(cost_of(plan(fee="10.00"), "2026-11", {}), FEE) == [10_00] + [0] * 29


def test_day_after_today_costs_nothing_even_with_usage() -> None:
    content = plan({"price": "1"}, fee="10.00", minimum="50.00")
    usage = {"line": {"2026-11-10": 1, "2026-11-11": 1}}
    assert cost_of(content, "2026-11", usage, day("2026-10-31")).total(0, 30) == 0
    assert cost_of(content, "2026-11", usage, day("2026-11-10")).total(0, 30) == 11_00
    assert cost_of(content, "2026-11", usage, day("2026-11-11")).total(0, 30) == 12_00


def test_20_seconds_on_each_of_three_days_are_rounded_by_the_cost_so_far() -> None:
    content = plan({"meter": "voice_minutes", "price": "0.10"})
    cost = cost_of(content, "2026-11", {"line": {f"2026-11-0{number}": 20_000 for number in (1, 2, 3)}})
    assert cost.lines["line"][:4] == [0, 3, 7, 10]
    assert daily(cost, "line")[:4] == [3, 4, 3, 0]
    assert cost.amount("line", 1, 30) == 7


def test_volume_tiers_can_make_a_day_negative() -> None:
    content = plan({"meter": "chat_sessions", "tiers": CHAT_TIERS, "mode": "volume"})
    cost = cost_of(content, "2026-11", {"line": {"2026-11-01": 1_000, "2026-11-02": 1}})
    assert cost.lines["line"][1:3] == [50_00, 40_04]
    assert daily(cost, "line")[:3] == [50_00, -9_96, 0]


@pytest.mark.parametrize(("year", "days", "amount"), [(2028, 29, 190), (2027, 28, 189)])
def test_item_days_are_prorated_by_the_days_of_the_month(year: int, days: int, amount: int) -> None:
    content = plan({"meter": "shared_phone_numbers", "price": "1.15"})
    items = {f"{year}-02-{number:02}": 1 + (number >= 11) for number in range(1, days + 1)}
    assert sum(items.values()) == days + days - 10
    assert cost_of(content, f"{year}-02", {"line": items}).total(0, days) == amount


@pytest.mark.parametrize(
    ("currency", "price", "amount"), [("USD", "12.345", 12_35), ("JPY", "12.5", 13), ("KWD", "1.2345", 1_235)]
)
def test_line_is_rounded_half_up_to_the_minor_unit(currency: str, price: str, amount: int) -> None:
    content = plan({"price": price}, currency=currency)
    assert cost_of(content, "2026-11", {"line": {"2026-11-05": 1}}).total(0, 30) == amount


def test_currency_that_has_left_the_standard_is_an_error() -> None:
    content = msgspec.structs.replace(plan({"price": "1"}, fee="10.00"), currency="HRK")
    with pytest.raises(Misconfigured, match="does not contain the currency HRK of stored plans"):
        cost_of(content, "2026-11", {})


def test_line_is_rounded_once_for_the_month_not_for_each_day_or_call() -> None:
    content = plan({"price": "0.004"})
    cost = cost_of(content, "2026-11", {"line": {f"2026-11-{number:02}": 1 for number in range(1, 31)}})
    assert cost.total(0, 30) == 12
    assert sum(daily(cost, "line")) == 12


def test_included_quantity_is_subtracted_first_also_from_packages() -> None:
    assert [price_of(charge_of(price="2", included="10.5"), units) for units in ("0", "10.5", "11")] == ["0", "0", "1"]
    packaged = charge_of(package="100", price="3", included="50")
    assert [price_of(packaged, units) for units in ("50", "51", "150", "151")] == ["0", "3", "3", "6"]
    assert packages(packaged, Fraction(151)) == 2


def test_started_package_costs_a_whole_one_and_can_be_smaller_than_a_unit() -> None:
    runs = charge_of(package="1000", price="2.00", meter="workflow_runs")
    assert [packages(runs, Fraction(number)) for number in (0, 1, 1_000, 1_001, 2_500)] == [0, 1, 1, 2, 3]
    seconds = charge_of(package="0.1", price="0.01", meter="voice_minutes")
    assert packages(seconds, Fraction(20_000, 60_000)) == 4


def test_end_of_a_tier_belongs_to_it() -> None:
    graduated, volume = (charge_of(tiers=CHAT_TIERS, mode=mode) for mode in ("graduated", "volume"))
    assert [price_of(graduated, units) for units in ("1000", "1001", "10000", "10001")] == [
        "50",
        "1251/25",
        "410",
        "20501/50",
    ]
    assert [price_of(volume, units) for units in ("1000", "1001", "10000", "10001")] == [
        "50",
        "1001/25",
        "400",
        "10001/50",
    ]


def test_first_tier_at_zero_takes_the_place_of_an_included_quantity() -> None:
    tiers = charge_of(tiers=[{"up_to": "500", "price": "0"}, {"price": "0.12"}])
    included = charge_of(included="500", price="0.12")
    for units in ("0", "499.9", "500", "500.5", "9999"):
        assert price_of(tiers, units) == price_of(included, units)


def test_quantity_of_zero_is_one_empty_tier() -> None:
    for mode in ("graduated", "volume"):
        parts = tier_parts(charge_of(tiers=CHAT_TIERS, mode=mode), Fraction(0))
        assert [(part.units, part.exact) for part in parts] == [(Fraction(0), Fraction(0))]


PER_CALL = ("1_1", "6_6", "30_6", "60_60")


def billed(*durations_ms: int) -> list[int]:
    """Return the billed seconds of calls by each rule."""
    seconds = [billed_seconds(duration) for duration in durations_ms]
    return [sum(getattr(one, f"billed_{rule}_sec") for one in seconds) for rule in PER_CALL]


def test_durations_of_four_calls_are_billed_in_steps() -> None:
    assert billed(61_000, 60_000, 500, 0) == [122, 132, 156, 240]
    assert billed(30_000)[2] == 30
    assert billed(30_001)[2] == 36


@given(st.lists(st.integers(0, 31_622_400_000) | st.integers(0, 130_000), max_size=10))
def test_longer_steps_never_bill_less(durations_ms: list[int]) -> None:
    amounts: list[Fraction] = [Fraction(sum(durations_ms), 1_000), *map(Fraction, billed(*durations_ms))]
    assert amounts == sorted(amounts)


decimals = st.decimals(min_value=0, max_value=1_000, places=3).map(str)
ends = st.lists(st.integers(1, 500), unique=True, max_size=4).map(sorted)


@st.composite
def monotonic_charges(draw: st.DrawFn) -> Charge:
    """Generate charges by unit, package and graduated tiers: all but volume tiers."""
    fields: dict[str, Any]
    match draw(st.sampled_from(("price", "package", "tiers"))):
        case "tiers":
            bounds = draw(ends)
            tiers = [{"up_to": str(end), "price": draw(decimals)} for end in bounds]
            fields = {"tiers": [*tiers, {"price": draw(decimals)}]}
        case "package":
            package = draw(st.sampled_from(("0.5", "1", "7", "100")))
            fields = {"package": package, "price": draw(decimals), "included": draw(decimals)}
        case _:
            fields = {"price": draw(decimals), "included": draw(decimals)}
    return charge_of(**fields)


@given(monotonic_charges(), st.lists(st.integers(0, 2_000), min_size=2, max_size=10).map(sorted))
def test_graduated_and_package_cost_never_falls_as_the_quantity_grows(charge: Charge, quantities: list[int]) -> None:
    amounts = [line_amount(charge, quantity, 30, 2) for quantity in quantities]
    assert amounts == sorted(amounts)


@given(monotonic_charges(), st.integers(0, 2_000))
def test_parts_of_a_quantity_add_up_to_the_line(charge: Charge, quantity: int) -> None:
    parts = tier_parts(charge, Fraction(quantity))
    assert sum(tier_amounts(parts, 2)) == line_amount(charge, quantity, 30, 2)
    if charge.tiers:
        assert sum(part.units for part in parts) == quantity
