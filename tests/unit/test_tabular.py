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
        " =1",
        "\n=1",
        "\N{FULLWIDTH EQUALS SIGN}1",
        "\N{FULLWIDTH PLUS SIGN}1",
        "\N{FULLWIDTH HYPHEN-MINUS}1",
        "\N{FULLWIDTH COMMERCIAL AT}A1",
        "\N{SMALL EQUALS SIGN}1",
        "\N{MINUS SIGN}1",
        "\N{ZERO WIDTH NO-BREAK SPACE}=1",
        "\N{ZERO WIDTH SPACE}=1",
        "\N{NO-BREAK SPACE}\N{RIGHT-TO-LEFT OVERRIDE}\N{SOFT HYPHEN}=1",
        "\N{HANGUL FILLER}\N{VARIATION SELECTOR-1}\N{IDEOGRAPHIC SPACE}@A1",
        "\N{ZERO WIDTH SPACE}+15550001",
    ],
    ids=ascii,
)
def test_possible_formula_gets_an_apostrophe_as_prefix(text: str) -> None:
    assert escape_formula(text) == f"'{text}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a",
        "1",
        "1-1",
        "a=1",
        "'=1",
        "a;b",
        "+15550001",
        "+12",
        "+123456789012345",
        "\N{ZERO WIDTH SPACE}a",
        "\N{LATIN SMALL LETTER E WITH ACUTE}=1",
    ],
    ids=ascii,
)
def test_phone_number_and_other_text_is_unchanged(text: str) -> None:
    assert escape_formula(text) == text


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a;=1", "a;'=1"),
        ("a; =1;b;\N{ZERO WIDTH SPACE}@A1", "a;' =1;b;'\N{ZERO WIDTH SPACE}@A1"),
        ("=1;=2", "'=1;'=2"),
        ("a;+15550001", "a;'+15550001"),
        (";-1;", ";'-1;"),
    ],
    ids=ascii,
)
def test_formula_after_a_semicolon_is_escaped_because_some_locales_split_there(text: str, escaped: str) -> None:
    assert escape_formula(text) == escaped
