"""The expected costs of the bank's calls, computed directly from the table and the text of the plans.

This module shares no code with talkmeter: it sums the calls of each day, prices them with fractions and rounds half up.
"""

import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate, pairwise
from math import ceil, floor
from typing import Any

from tests.acceptance.bank_figures import STATUS, BankCall

PLANS = """
[plans.flat]
name = "Flat price for minutes, some included"
currency = "USD"
effective = "1999-02"
fee = "49.90"

[[plans.flat.charges]]
id = "minutes"
name = "Minutes"
meter = "voice_minutes"
per_call = "60/60"
included = "5000"
price = "0.0137"

[[plans.flat.charges]]
id = "first-line"
name = "Calls on the first line"
meter = "calls"
where = { number = "AA0101" }
package = "10"
price = "0.07"

[plans.graduated]
name = "Graduated tiers on calls"
currency = "KWD"
effective = "1999-01"
minimum = "100.000"

[[plans.graduated.charges]]
id = "calls"
name = "Calls"
meter = "calls"
tiers = [{ up_to = "500", price = "0" }, { up_to = "5000", price = "0.04125" }, { price = "0.0333" }]

[[plans.graduated.charges]]
id = "unanswered"
name = "Unanswered calls"
meter = "inbound_calls"
where = { status = "unanswered" }
price = "0.0007"

[[plans.graduated.charges]]
id = "michal"
name = "Minutes of Michal"
meter = "voice_minutes"
per_call = "30/6"
where = { agent = "MICHAL" }
tiers = [{ up_to = "100.5", price = "0.25" }, { price = "0.333333333333" }]

[plans.volume]
name = "Volume tiers with a minimum"
currency = "EUR"
effective = "1998-12"
fee = "10.00"
minimum = "2000.00"

[[plans.volume.charges]]
id = "calls"
name = "Calls"
meter = "voice_calls"
mode = "volume"
tiers = [{ up_to = "1000", price = "0.05" }, { up_to = "9999", price = "0.03" }, { price = "0.0201" }]

[[plans.volume.charges]]
id = "no-agent"
name = "Minutes without an agent"
meter = "voice_minutes"
where = { agent = "" }
price = "1"
"""
DIGITS = {"USD": 2, "KWD": 3, "EUR": 2}
FEBRUARY_DAYS = [datetime(1999, 2, day, tzinfo=UTC) for day in range(1, 29)]
Charge = dict[str, Any]
VALUES: dict[str, Callable[[BankCall], str]] = {
    "agent": lambda call: call.value("agent") or "",
    "number": lambda call: call.line,
    "status": lambda call: STATUS[call.outcome],
    "channel": lambda _: "telephone",
    "direction": lambda _: "inbound",
}


def half_up(exact: Fraction) -> int:
    return floor(exact + Fraction(1, 2))


def printed(exact: Iterable[Fraction]) -> list[int]:
    """Round the running sums of amounts, and return their differences."""
    return [after - before for before, after in pairwise([0, *map(half_up, accumulate(exact))])]


def tiers_of(charge: Charge, units: Fraction) -> list[tuple[Fraction, Fraction]]:
    """Return the units and the exact amount of each tier that the units reach."""
    beyond = max(Fraction(0), units - Fraction(charge.get("included", "0")))
    if "package" in charge:
        return [(beyond, ceil(beyond / Fraction(charge["package"])) * Fraction(charge["price"]))]
    if "price" in charge:
        return [(beyond, beyond * Fraction(charge["price"]))]
    bounds = [Fraction(0), *(Fraction(tier.get("up_to", "1e18")) for tier in charge["tiers"])]
    prices = [Fraction(tier["price"]) for tier in charge["tiers"]]
    if charge.get("mode") == "volume":
        price = next(price for bound, price in zip(bounds[1:], prices, strict=True) if units <= bound)
        return [(units, units * price)]
    parts = [min(units, upper) - lower for lower, upper in pairwise(bounds)]
    return [(part, part * price) for part, price in zip(parts, prices, strict=True) if part > 0] or [
        (Fraction(0), Fraction(0))
    ]


class ExpectedCosts:
    """The costs of the calls under one of the plans; amounts are in minor units."""

    def __init__(self, calls: list[BankCall], plan_id: str) -> None:
        """Sum the calls of each day and charge."""
        self.calls = calls
        self.plan = tomllib.loads(PLANS)["plans"][plan_id]
        self.charges: list[Charge] = self.plan["charges"]
        self.digits = DIGITS[self.plan["currency"]]
        self._by_day = {charge["id"]: self._sum_days(charge) for charge in self.charges}

    def _sum_days(self, charge: Charge) -> Counter[date]:
        by_day: Counter[date] = Counter()
        for call in self.priced_calls(charge):
            by_day[call.entered.date()] += base_units(charge, call)
        return by_day

    def priced_calls(self, charge: Charge) -> Iterator[BankCall]:
        """Yield the calls that a charge counts."""
        for call in self.calls:
            if all(VALUES[name](call) == value for name, value in charge.get("where", {}).items()):
                yield call

    def written(self, minor: int) -> str:
        """Write an amount with the digits of the currency."""
        return f"{Decimal(minor).scaleb(-self.digits):.{self.digits}f}"

    def base_quantity(self, charge: Charge, first: date, end: date) -> int:
        """Return the seconds or calls of the days [first, end)."""
        return sum(units for day, units in self._by_day[charge["id"]].items() if first <= day < end)

    def units(self, charge: Charge, first: date, end: date) -> Fraction:
        """Return the minutes or calls of the days [first, end)."""
        base = self.base_quantity(charge, first, end)
        return Fraction(base, 60) if charge["meter"] == "voice_minutes" else Fraction(base)

    def tiers(self, charge: Charge, first: date, end: date) -> list[tuple[Fraction, int]]:
        """Return the units and the printed amount of each tier."""
        parts = tiers_of(charge, self.units(charge, first, end))
        amounts = printed(exact * 10**self.digits for _, exact in parts)
        return [(units, amount) for (units, _), amount in zip(parts, amounts, strict=True)]

    def lines(self, first: date, end: date) -> dict[str, int]:
        """Return the amount of each line in the days [first, end) of one month."""
        before, after = self._so_far(first, first), self._so_far(first, end)
        return {line: after[line] - before[line] for line in after}

    def _so_far(self, day_of_month: date, end: date) -> dict[str, int]:
        """Return the printed lines of a month through the day before `end`."""
        first = day_of_month.replace(day=1)
        if end <= first:
            return dict.fromkeys(("fee", *self._by_day, "minimum"), 0)
        lines = {charge["id"]: sum(amount for _, amount in self.tiers(charge, first, end)) for charge in self.charges}
        missing = int(Decimal(self.plan.get("minimum", "0")).scaleb(self.digits)) - sum(lines.values())
        is_over = end.day == 1
        fee = int(Decimal(self.plan.get("fee", "0")).scaleb(self.digits))
        return {"fee": fee, **lines, "minimum": max(0, missing) if is_over else 0}

    def rows(self, first: date, end: date, by: str) -> tuple[Counter[str], Counter[str]]:
        """Return the amounts by value of a dimension, and the lines that are not split, in the days of one month."""
        lines = self.lines(first, end)
        values: Counter[str] = Counter()
        for charge in self.charges:
            weights: Counter[str] = Counter()
            for call in self.priced_calls(charge):
                if first <= call.entered.date() < end:
                    weights[VALUES[by](call)] += base_units(charge, call)
            amount, total = lines.pop(charge["id"]), sum(weights.values())
            ranked = sorted((-weight, value) for value, weight in weights.items() if weight)
            parts = printed(Fraction(-amount * weight, total) for weight, _ in ranked)
            values.update({value: part for (_, value), part in zip(ranked, parts, strict=True)})
        return values, Counter({line: amount for line, amount in lines.items() if amount})


def base_units(charge: Charge, call: BankCall) -> int:
    """Return the billed seconds of a call, or 1 if the charge prices calls."""
    if charge["meter"] != "voice_minutes":
        return 1
    least, step = map(int, charge.get("per_call", "1/1").split("/"))
    # The table has whole seconds, so steps of one second are exact.
    billed = range(least, 2 * 86_400, step)
    return next(seconds for seconds in billed if seconds >= call.served_sec) if call.served_sec else 0


def days_of(first: date, end: date) -> list[date]:
    """Return the days [first, end)."""
    return [first + timedelta(days=number) for number in range((end - first).days)]
