"""Cells of exports: which texts a spreadsheet would take for a formula, and which only look like it."""

import pytest

from talkmeter.usage.formats import guarded


@pytest.mark.parametrize(
    "text",
    [
        "=1",
        "+1-1",
        "-1",
        "@A1",
        "\t=1",
        "\r=1",
        "=",
        "+",
        "+0",
        "+0155500",
        "+1234567890123456",
        "+15550001 ",
        "+15550001\n",
    ],
    ids=ascii,
)
def test_a_text_that_may_be_a_formula_has_an_apostrophe_before_it(text: str) -> None:
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize(
    "text",
    ["", "a", "1", "1-1", "a=1", "'=1", " =1", "+15550001", "+12", "+123456789012345", "\N{FULLWIDTH EQUALS SIGN}1"],
    ids=ascii,
)
def test_a_phone_number_and_every_other_text_stays_as_it_is(text: str) -> None:
    assert guarded(text) == text
