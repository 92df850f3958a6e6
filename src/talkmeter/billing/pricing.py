"""What a quantity costs: exact fractions of a charge's price, its tiers and packages (pure).

A quantity is an integer in base units: milliseconds, calls, runs or item-days.
"""

from fractions import Fraction
from math import ceil
from typing import NamedTuple

from talkmeter.billing.money import read_decimal, round_half_up, running_amounts
from talkmeter.billing.plan import Charge


class TierPart(NamedTuple):
    """The part of a quantity that one price applies to, and its exact amount in major units."""

    start: Fraction
    end: Fraction | None
    units: Fraction
    price: str
    exact: Fraction


def billable_units(charge: Charge, units: Fraction) -> Fraction:
    """Return the units beyond the included quantity."""
    return max(Fraction(0), units - read_decimal(charge.included))


def packages(charge: Charge, units: Fraction) -> int | None:
    """Return the number of started packages, or None if the charge is not priced by package."""
    return None if charge.package is None else ceil(billable_units(charge, units) / read_decimal(charge.package))


def tier_parts(charge: Charge, units: Fraction) -> list[TierPart]:
    """Return the parts of a quantity by price, in order; their exact amounts add up to its price.

    A charge without tiers has one part: the units beyond the included quantity.
    """
    if charge.price is not None:
        billable, started = billable_units(charge, units), packages(charge, units)
        counted = billable if started is None else Fraction(started)
        exact = counted * read_decimal(charge.price)
        return [TierPart(read_decimal(charge.included), None, billable, charge.price, exact)]
    parts, start = [], Fraction(0)
    for tier in charge.tiers:
        end = None if tier.up_to is None else read_decimal(tier.up_to)
        is_last = end is None or units <= end
        price = read_decimal(tier.price)
        if charge.mode == "volume" and is_last:
            return [TierPart(start, end, units, tier.price, units * price)]
        if charge.mode == "graduated":
            part = (units if end is None else min(units, end)) - start
            parts.append(TierPart(start, end, part, tier.price, part * price))
        if is_last:
            break
        start = end or start
    return parts


def exact_price(charge: Charge, units: Fraction) -> Fraction:
    """Return the exact price of a quantity, in major units."""
    return sum((part.exact for part in tier_parts(charge, units)), Fraction(0))


def line_amount(charge: Charge, base_quantity: int, days_in_month: int, digits: int) -> int:
    """Return the price of a quantity of base units, rounded half up to minor units."""
    units = base_quantity * charge.units_per_base(days_in_month)
    return round_half_up(exact_price(charge, units) * 10**digits)


def tier_amounts(parts: list[TierPart], digits: int) -> list[int]:
    """Return the printed amounts of tiers, in minor units; they add up to the printed line."""
    return running_amounts(part.exact * 10**digits for part in parts)
