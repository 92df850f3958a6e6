"""`talkmeter verify` on stored statements: rows that contradict each other are named."""

from pathlib import Path

import pytest

from tests.cli.closed_months import adjust, close, terminal_with_usage
from tests.cli.terminal import Terminal


@pytest.fixture
def adjusted(tmp_path: Path) -> Terminal:
    """A terminal whose March was closed and adjusted."""
    terminal = terminal_with_usage(tmp_path, "acme")
    close(terminal)
    adjust(terminal, "acme")
    assert terminal.run("verify").startswith("1 organization verified")
    return terminal


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            "DELETE FROM statement WHERE number = 0",
            "acme: statement 1 of 2026-03 exists, but statement 0 is missing.",
        ),
        (
            "DELETE FROM statement WHERE number = 1",
            "acme: line 'voice' belongs to statement 1 of 2026-03, which is missing.",
        ),
        (
            "INSERT INTO statement_push VALUES ('acme', 24314, 0, 'none', 'live', 'cus_1', 'hash', 'ii_1', 0)",
            "acme: line 'none' of statement 0 of 2026-03 was pushed to Stripe, but it is missing.",
        ),
    ],
)
def test_contradicting_rows_of_statements_are_named(adjusted: Terminal, change: str, problem: str) -> None:
    adjusted.change(change)

    done = adjusted.execute("verify")

    assert done.returncode == 1
    assert problem in done.stdout.splitlines()
