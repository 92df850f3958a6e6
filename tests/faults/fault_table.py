"""The table of faults: each test says what it did and what it found, and the end of the run shows all of it."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import pytest

PROPERTY = "fault"
ReportFault = Callable[[str, str, int, str], None]
"""A fault, where it was made, how often, and what was found."""


class FaultRow(NamedTuple):
    """A fault as the table shows it."""

    fault: str
    where: str
    rounds: str
    found: str


def fault_rows(reports: Iterable[object]) -> list[FaultRow]:
    """The rows that tests told; of a test that failed, one that says so."""
    rows = []
    for report in reports:
        if not isinstance(report, pytest.TestReport):
            continue
        told = [
            FaultRow(*value)
            for name, value in report.user_properties
            if name == PROPERTY and report.when == "call" and isinstance(value, list)
        ]
        if report.failed and "tests/faults/" in report.nodeid:
            told = [FaultRow(report.nodeid.rpartition("::")[2], "", "", "FAILED")]
        rows += told
    return sorted(rows)


def fault_table(rows: Iterable[FaultRow]) -> str:
    """The rows as a table of Markdown, as docs/explanation/reliability.md shows it."""
    lines = [FaultRow("Fault", "Where", "Rounds", "Found"), FaultRow("---", "---", "---:", "---"), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
