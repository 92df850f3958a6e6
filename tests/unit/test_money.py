"""Amounts are rounded half up once, and lists of amounts add up to their rounded total."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkmeter.billing.money import (
    format_amount,
    format_decimal,
    is_decimal,
    minor_digits,
    read_amount,
    read_decimal,
    round_half_up,
    running_amounts,
    share,
)

fractions = st.fractions(min_value=-1_000, max_value=1_000, max_denominator=10_000)


@pytest.mark.parametrize(
    ("amount", "rounded"), [("1/2", 1), ("-1/2", 0), ("12.5", 13), ("12.4999", 12), ("-12.5", -12), ("-12.51", -13)]
)
def test_half_is_rounded_up(amount: str, rounded: int) -> None:
    assert round_half_up(Fraction(amount)) == rounded


@pytest.mark.parametrize(
    ("currency", "amount", "written"),
    [("USD", "12.344", "12.34"), ("USD", "12.345", "12.35"), ("JPY", "12.5", "13"), ("KWD", "1.2345", "1.235")],
)
def test_amount_is_rounded_to_the_minor_unit_of_the_currency(currency: str, amount: str, written: str) -> None:
    digits = minor_digits(currency)
    assert digits is not None
    assert format_amount(round_half_up(Fraction(amount) * 10**digits), digits) == written


@pytest.mark.parametrize(
    ("currency", "digits"),
    [("USD", 2), ("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("ISK", 0), ("UGX", 0), ("MGA", 2)],
)
def test_minor_units_are_those_of_iso_4217(currency: str, digits: int) -> None:
    assert minor_digits(currency) == digits


@pytest.mark.parametrize("currency", ["XAU", "XXX", "XTS", "usd", "US", "", "USDX", "DEM", "\u00a3"])
def test_unknown_currency_and_currency_without_minor_unit_have_no_digits(currency: str) -> None:
    assert minor_digits(currency) is None


@pytest.mark.parametrize(
    ("minor", "digits", "written"),
    [(0, 2, "0.00"), (5, 2, "0.05"), (-5, 2, "-0.05"), (-996, 2, "-9.96"), (12, 0, "12"), (-1, 3, "-0.001")],
)
def test_amount_has_the_digits_of_its_currency(minor: int, digits: int, written: str) -> None:
    assert format_amount(minor, digits) == written


@given(st.integers(0, 10**15), st.integers(0, 4))
def test_written_amount_is_read_as_the_same_amount(minor: int, digits: int) -> None:
    assert read_amount(format_amount(minor, digits), digits) == minor


@pytest.mark.parametrize("text", ["0", "0.1", "007", "123456789012.123456789012", "999999999999"])
def test_decimal_number_has_up_to_12_digits_on_each_side(text: str) -> None:
    assert is_decimal(text)
    assert read_decimal(text) == Fraction(text)


@pytest.mark.parametrize(
    "text",
    ["", ".5", "5.", "-1", "+1", "1e3", "1,000", "1_000", " 1", "1 ", "1\n", "0x1", "1/2", "NaN", "inf", "\u0661"],
)
def test_other_texts_are_not_decimal_numbers(text: str) -> None:
    assert not is_decimal(text)


@pytest.mark.parametrize("text", ["1234567890123", "0.1234567890123"])
def test_decimal_number_with_13_digits_on_one_side_is_invalid(text: str) -> None:
    assert not is_decimal(text)


@pytest.mark.parametrize(
    ("value", "written"),
    [("0", "0"), ("12300", "12300"), ("1/3", "0.333333"), ("2/3", "0.666667"), ("1/2", "0.5"), ("1/10000000", "0")],
)
def test_quantity_is_rounded_to_six_digits_without_trailing_zeros(value: str, written: str) -> None:
    assert format_decimal(Fraction(value)) == written


def test_100_shared_by_three_equal_agents_adds_up() -> None:
    assert share(10_000, [1, 1, 1]) == [3_333, 3_334, 3_333]


@given(st.lists(fractions, max_size=20))
def test_running_amounts_add_up_to_the_rounded_total(exact: list[Fraction]) -> None:
    amounts = running_amounts(exact)
    assert len(amounts) == len(exact)
    assert sum(amounts) == round_half_up(sum(exact, Fraction(0)))
    assert all(abs(amount - part) < 1 for amount, part in zip(amounts, exact, strict=True))


@given(st.integers(-(10**9), 10**9), st.lists(st.integers(0, 10**6), min_size=1, max_size=20).filter(any))
def test_shares_add_up_to_the_amount_and_differ_by_less_than_one_unit(amount: int, weights: list[int]) -> None:
    shares = share(amount, weights)
    assert sum(shares) == amount
    for part, weight in zip(shares, weights, strict=True):
        assert abs(part - Fraction(amount * weight, sum(weights))) < 1
