"""`talkmeter plans apply` says the file, the line and what is allowed, and writes nothing."""

import pytest

from tests.bad_plans import BAD_PLANS, BadPlan
from tests.cli.terminal import Terminal

PLANS = "plans.toml"
PLAN_ID = "A plan's id must have 1 to 64 lowercase letters, digits and hyphens and not start with a hyphen"


def apply_error(terminal: Terminal, text: str | bytes) -> str:
    """Apply a file that must be rejected, and return the error; nothing is written."""
    (terminal.folder / PLANS).write_bytes(text.encode() if isinstance(text, str) else text)
    error = terminal.error("plans", "apply", PLANS)
    assert terminal.rows("SELECT * FROM plan_version") == []
    assert terminal.rows("SELECT * FROM default_plan") == []
    assert terminal.rows("SELECT * FROM audit") == []
    return error


@pytest.mark.parametrize("bad", BAD_PLANS.values(), ids=BAD_PLANS)
def test_mistake_in_a_plan_is_said_with_file_and_line(terminal: Terminal, bad: BadPlan) -> None:
    assert apply_error(terminal, bad.text) == f"{PLANS}:{bad.line}: {bad.sentence}"


def test_file_that_is_not_toml_is_said_with_its_line(terminal: Terminal) -> None:
    error = apply_error(terminal, '[plans.smb]\nname = "SMB"\ncurrency = USD\n')
    assert error.startswith(f"{PLANS}:3: This is not TOML: ")


@pytest.mark.parametrize(
    "value",
    ["1" * 5_000, "0x" + "f" * 5_000, "1" * 25, "[" * 100_000, "nan", "07:30:00", "[{ a = 0x" + "f" * 5_000 + " }]"],
)
def test_extreme_value_is_rejected_with_one_sentence(terminal: Terminal, value: str) -> None:
    error = apply_error(terminal, f'[plans.smb]\nname = "SMB"\ncurrency = "USD"\neffective = {value}\n')
    assert error.startswith(f"{PLANS}:")
    assert len(error) < 300


def test_file_that_is_not_utf_8_or_too_large_or_missing_is_rejected(terminal: Terminal) -> None:
    assert apply_error(terminal, b'name = "\xff"') == f"{PLANS} is not UTF-8."
    assert apply_error(terminal, "#" * 1_000_001) == f"{PLANS} is larger than 1,000,000 bytes."
    assert terminal.error("plans", "apply", "other.toml") == "other.toml cannot be read: No such file or directory."


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('plan = "smb"', ":1: Unknown field 'plan'. Allowed: default_plan, plans."),
        ("\n\nplans = []", ":3: 'plans' must be a table of plans, such as [plans.smb]."),
        ('\n[plans]\nsmb = "SMB"', ":3: This must be a table with name, currency, effective, fee, minimum, charges."),
        (
            '# a\n[plans.Smb]\nname = "SMB"',
            f":2: {PLAN_ID}, not 'Smb'.",
        ),
        ("\ndefault_plan = 7", ":2: 'default_plan' must be the id of a plan, not 7."),
    ],
)
def test_mistake_outside_the_plans_is_said_with_its_line(terminal: Terminal, text: str, sentence: str) -> None:
    assert apply_error(terminal, text) == PLANS + sentence


def test_default_plan_that_does_not_exist_is_rejected(terminal: Terminal) -> None:
    assert apply_error(terminal, 'default_plan = "smb"') == (
        "The default plan 'smb' does not exist. There is no plan yet; 'talkmeter plans apply FILE' adds some."
    )


def test_one_bad_plan_of_a_file_keeps_the_others_from_being_written(terminal: Terminal) -> None:
    good = '[plans.good]\nname = "Good"\ncurrency = "USD"\neffective = "2099-01"\n\n'
    error = apply_error(terminal, good + good.replace("plans.good", "plans.bad").replace("USD", "GOLD"))
    assert error.startswith(f"{PLANS}:8: 'currency' must be an ISO 4217 code")
