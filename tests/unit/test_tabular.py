"""Cells of exports: text that a spreadsheet could run as a formula is escaped, other text is not."""

import pytest

from talkmeter.usage.formats import escape_formula


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
def test_possible_formula_gets_an_apostrophe_as_prefix(text: str) -> None:
    assert escape_formula(text) == f"'{text}"


@pytest.mark.parametrize(
    "text",
    ["", "a", "1", "1-1", "a=1", "'=1", " =1", "+15550001", "+12", "+123456789012345", "\N{FULLWIDTH EQUALS SIGN}1"],
    ids=ascii,
)
def test_phone_number_and_other_text_is_unchanged(text: str) -> None:
    assert escape_formula(text) == text
