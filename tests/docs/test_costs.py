"""The examples of prices in the documents are computed, and the lists in them match the code."""

import json
import re
import tomllib
from fractions import Fraction
from pathlib import Path
from typing import get_args

from talkmeter.billing.cost_rows import MAX_RECORDS
from talkmeter.billing.costs import ChargeCost, Costs, MonthCosts
from talkmeter.billing.money import format_amount, format_decimal, minor_digits, round_half_up, share
from talkmeter.billing.plan import MAX_CHARGES, MAX_TIERS, METERS, Charge, PerCall, PlanContent, billed_counter
from talkmeter.billing.priced_months import BYS
from talkmeter.billing.pricing import tier_parts
from talkmeter.counting import billed_seconds
from tests.cli.terminal import Terminal
from tests.docs.documents import HTTP_API, ROOT, read
from tests.unit.plans import cost_of, daily, example_plan, plan

COSTS = read("docs/explanation/costs.md")
PLANS = read("docs/reference/plans.md")
PRICING = read("docs/how-to/pricing.md")
NOVEMBER = {"voice-out": 12_300 * 60_000, "chats": 1_300, "runs": 2_500, "numbers": 60}


def amount(minor: int) -> str:
    return format_amount(minor, 2)


def shortened(value: Fraction, digits: int) -> str:
    """Write a value as the page does: exactly, or cut after some digits and marked with an ellipsis."""
    cut = value * 10**digits
    whole = format_amount(int(cut), digits)
    return f"{whole}…" if cut.denominator != 1 else whole.rstrip("0").rstrip(".")


def test_month_of_the_example_is_computed() -> None:
    content = example_plan()
    cost = cost_of(content, "2026-11", {line: {"2026-11-01": units} for line, units in NOVEMBER.items()})
    amounts = {line: cost.amount(line, 0, 30) for line in cost.lines}
    units = {charge.id: NOVEMBER[charge.id] * charge.units_per_base(30) for charge in content.charges}
    expected = [
        [charge.name, format_decimal(units[charge.id]), amount(amounts[charge.id])] for charge in content.charges
    ]
    expected += [["Minimum charge", "", amount(amounts["minimum"])], ["Monthly fee", "", amount(amounts["fee"])]]
    rows = COSTS.section("A month, line by line").rows()

    assert [[row[0], row[1], row[3]] for row in rows] == [*expected, ["Total", "", amount(cost.total(0, 30))]]


def test_billed_durations_are_computed() -> None:
    calls = {"61 s": 61_000, "60 s": 60_000, "0.5 s": 500, "none": 0}
    rules = [counter for rule in get_args(PerCall) if (counter := billed_counter(rule))]
    rows = {
        name: [Fraction(ms, 1_000), *(getattr(billed_seconds(ms), rule) for rule in rules)]
        for name, ms in calls.items()
    }
    rows["all"] = [sum(column, Fraction(0)) for column in zip(*rows.values(), strict=True)]
    expected = [[name, *(format_decimal(Fraction(one)) for one in row)] for name, row in rows.items()]

    assert COSTS.section("Quantities are integers").rows() == expected


def test_rounded_days_are_computed() -> None:
    content = plan({"meter": "voice_minutes", "price": "0.10"})
    cost = cost_of(content, "2026-11", {"line": {f"2026-11-0{day}": 20_000 for day in (1, 2, 3)}})
    expected = [
        [
            str(day),
            str(20 * day),
            shortened(Fraction(20 * day, 60) * Fraction("0.1"), 4),
            amount(cost.lines["line"][day]),
            amount(daily(cost, "line")[day - 1]),
        ]
        for day in (1, 2, 3)
    ]

    assert COSTS.section("Rounding").rows()[:3] == expected


def test_shares_of_three_agents_are_computed() -> None:
    shares = share(10_000, [1, 1, 1])
    expected = [[f"a{n}", shortened(Fraction(100, 3), 3), amount(part)] for n, part in enumerate(shares, 1)]

    assert COSTS.section("Rounding").rows()[3:] == expected


def test_minor_units_are_as_documented() -> None:
    for currency, exact, rounded in re.findall(r"([A-Z]{3}) ([\d.]+) is ([\d.]*\d)", COSTS.section("Rounding").prose):
        digits = minor_digits(currency) or 0
        assert format_amount(round_half_up(Fraction(exact) * 10**digits), digits) == rounded


def test_negative_day_is_computed() -> None:
    chats = next(charge for charge in example_plan().charges if charge.id == "chats")
    tiers = [{"price": tier.price, **({"up_to": tier.up_to} if tier.up_to else {})} for tier in chats.tiers]
    content = plan({"meter": "chat_sessions", "tiers": tiers, "mode": "volume"})
    cost = cost_of(content, "2026-11", {"line": {"2026-11-01": 1_000, "2026-11-02": 1}})
    expected = []
    for day, chats_of_day in ((1, 1_000), (2, 1)):
        so_far = cost.quantities["line"][day]
        [part] = tier_parts(content.charges[0], Fraction(so_far))
        figures = (amount(cost.lines["line"][day]), amount(daily(cost, "line")[day - 1]))
        expected.append([str(day), str(chats_of_day), str(so_far), part.price, *figures])

    assert COSTS.section("Negative days").rows() == expected


def test_prorated_items_are_computed() -> None:
    content, expected = plan({"meter": "phone_numbers", "price": "1.15"}), []
    for year, days in ((2028, 29), (2027, 28)):
        items = {f"{year}-02-{day:02}": 1 + (day >= 11) for day in range(1, days + 1)}
        total = cost_of(content, f"{year}-02", {"line": items}).total(0, days)
        expected.append([str(year), str(sum(items.values())), str(days), amount(total)])

    assert COSTS.section("Prorated items").rows() == expected


def test_limit_of_records_matches_the_code() -> None:
    assert f"up to {MAX_RECORDS:,} in a month" in COSTS.section("Splits").prose.replace("\n", " ")


def test_fields_of_plans_and_charges_match_the_code() -> None:
    assert PLANS.section("Fields of a plan").column() == list(PlanContent.__struct_fields__)
    assert set(PLANS.section("Fields of a charge").column()) == set(Charge.__struct_fields__)
    prose = f"{PLANS.section('Fields of a plan').text} {PLANS.section('Fields of a charge').text}"
    assert f"up to {MAX_CHARGES} charges" in prose
    assert f"There can be {MAX_TIERS}." in prose
    [row] = [row for row in PLANS.section("Fields of a charge").rows() if row[0] == "`per_call`"]
    assert re.findall(r"`([\w/]+)`", row[2])[1:] == list(get_args(PerCall))


def test_meters_match_the_code() -> None:
    rows = PLANS.section("Meters").rows()
    expected = [
        [f"`{name}`", meter.unit, ", ".join(f"`{one}`" for one in meter.dimensions)] for name, meter in METERS.items()
    ]

    assert rows == expected


def test_fields_of_costs_match_the_code() -> None:
    section = HTTP_API.section("Costs")
    listed = {name for row in section.rows() for name in re.findall(r"`(\w+)`", row[0])}
    month = section.prose.split("A month has ")[1].split("A month without")[0]
    charge = section.prose.split("A charge has ")[1].split(". ")[0]

    assert {name.rstrip("_") for name in Costs.__struct_fields__} | {"by", "limit"} == listed
    assert {name.rstrip("_") for name in MonthCosts.__struct_fields__} <= set(re.findall(r"`(\w+)`", month))
    assert set(re.findall(r"`(\w+)`", charge)) == set(ChargeCost.__struct_fields__)
    [row] = [row for row in section.rows() if row[0] == "`by`"]
    assert re.findall(r"`(\w+)`", row[1]) == list(BYS)


def test_commands_of_the_guide_print_what_it_shows(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    [file] = PRICING.blocks("toml")
    [shown] = PRICING.blocks("text")
    (terminal.folder / "plans.toml").write_text(file)
    terminal.run("orgs", "add", "acme")

    assert terminal.run("plans", "apply", "plans.toml", "--dry-run") == shown.strip()
    terminal.run("plans", "apply", "plans.toml")
    for title in ("Apply it", "Give it to organizations", "See what it costs", "Manage plans over HTTP"):
        for block in PRICING.section(title).blocks(""):
            for line in block.splitlines():
                terminal.run(*line.removeprefix("talkmeter ").split())
    assert terminal.run("plans", "list").startswith("basic\tBasic\tUSD\t1 charges")
    assert json.loads(terminal.run("costs", "--org", "acme", "--json"))["total"] is None


def test_example_file_has_the_default_plan_that_it_describes() -> None:
    example = tomllib.loads(Path(ROOT, "examples", "plans.toml").read_text())
    assert example["default_plan"] in example["plans"]
