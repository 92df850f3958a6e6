"""Exact amounts: prices are fractions, amounts are integers in a currency's minor unit, rounded half up once.

No float is used, here or elsewhere in this package.
"""

import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate, pairwise
from math import floor
from typing import Final

from talkmeter.errors import Misconfigured

_DECIMAL: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,12})?", re.ASCII)
_HALF: Final = Fraction(1, 2)
QUANTITY_DIGITS: Final = 6


def round_half_up(amount: Fraction) -> int:
    """Return the nearest integer; a half is rounded up."""
    return floor(amount + _HALF)


def running_amounts(exact: Iterable[Fraction]) -> list[int]:
    """Round a list of exact amounts so that they add up to the rounded total.

    Each is the rounded sum through it minus the rounded sum through the one before.
    """
    rounded = [0, *map(round_half_up, accumulate(exact))]
    return [after - before for before, after in pairwise(rounded)]


def share(amount: int, weights: Sequence[int]) -> list[int]:
    """Share an amount in proportion to weights, which are not all zero; the shares add up to it."""
    total = sum(weights)
    return running_amounts(Fraction(amount * weight, total) for weight in weights)


def is_decimal(text: str) -> bool:
    """Return whether a text is a decimal number, 0 or more, with up to 12 digits on each side of the point."""
    return _DECIMAL.fullmatch(text) is not None


@lru_cache(4_096)
def read_decimal(text: str) -> Fraction:
    """Return the exact value of a decimal number that `is_decimal`."""
    return Fraction(text)


@lru_cache(256)
def minor_digits(currency: str) -> int | None:
    """Return how many digits a currency has after the point; None if it is unknown or has no minor unit (XAU)."""
    from iso4217 import Currency  # noqa: PLC0415  it reads its table of currencies when it is imported

    try:
        return Currency(currency).exponent
    except ValueError:
        return None


def currency_digits(currency: str) -> int:
    """Return the digits after the point of a stored currency. Raises Misconfigured if it has left ISO 4217 since."""
    digits = minor_digits(currency)
    if digits is None:
        raise Misconfigured(
            f"The installed package iso4217 does not contain the currency {currency} of stored plans or statements; "
            "install the version that was installed when the plan was applied."
        )
    return digits


def format_amount(minor: int, digits: int) -> str:
    """Write an amount of minor units with the currency's digits: 1234 of USD is 12.34."""
    sign, text = "-" if minor < 0 else "", str(abs(minor)).rjust(digits + 1, "0")
    return sign + (f"{text[:-digits]}.{text[-digits:]}" if digits else text)


def amount_text(minor: int, currency: str) -> str:
    """Write an amount of minor units of a stored currency: 1234 of USD is 12.34. Raises as `currency_digits`."""
    return format_amount(minor, currency_digits(currency))


def read_amount(text: str, digits: int) -> int:
    """Return an amount in minor units. The text must be a decimal number with at most `digits` after the point."""
    return int(read_decimal(text) * 10**digits)


def format_decimal(value: Fraction) -> str:
    """Write a quantity of 0 or more with up to six digits after the point, rounded half up, without trailing zeros."""
    text = format_amount(round_half_up(value * 10**QUANTITY_DIGITS), QUANTITY_DIGITS)
    return text.rstrip("0").removesuffix(".")
