"""Figures are divided once and rounded half up; durations in any notation are rounded half up to milliseconds."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import floor

from hypothesis import example, given
from hypothesis import strategies as st

from talkmeter.counting import average_seconds, minutes
from talkmeter.ingest.fields import read_duration
from tests.laws.histories import laws

durations = st.integers(0, 366 * 86_400_000 * 10_000)
sums = durations | st.builds(
    lambda halves, beside: halves * 300 + beside, st.integers(1, 10**9), st.sampled_from((-1, 0, 1))
)
calls = st.integers(1, 10**6)


@laws
@given(sums)
def test_minutes_are_rounded_half_up_to_two_decimals(milliseconds: int) -> None:
    exact = Decimal(milliseconds) / 60_000
    assert minutes(milliseconds) == float(exact.quantize(Decimal("0.01"), ROUND_HALF_UP))


@laws
@given(
    calls.flatmap(
        lambda timed: st.tuples(
            durations | st.integers(1, 10**6).map(lambda halves: halves * 50 * timed),
            st.sampled_from((-1, 0, 1)),
            st.just(timed),
        )
    )
)
def test_average_is_rounded_half_up_to_one_decimal(figures: tuple[int, int, int]) -> None:
    milliseconds, beside, timed = figures
    total = max(0, milliseconds + beside)
    assert average_seconds(total, timed) == floor(Fraction(total, 100 * timed) + Fraction(1, 2)) / 10
    assert average_seconds(total, 0) == 0


@laws
@given(st.integers(0, 31_622_399), st.text("0123456789", min_size=1, max_size=60), st.integers(-3, 3))
@example(12, "0004" + "9" * 30, 0)
def test_duration_with_any_digits_is_rounded_half_up_to_milliseconds(integer: int, digits: str, tens: int) -> None:
    text = f"{integer}.{digits}e{tens}"
    seconds = Fraction(text)
    if seconds <= 31_622_400:
        assert read_duration(text.encode()) == floor(seconds * 1_000 + Fraction(1, 2))
