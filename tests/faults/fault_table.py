"""The table of faults that is printed at the end of a run: what each test did and found."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import pytest

PROPERTY = "fault"
ReportFault = Callable[[str, str, int, str], None]
"""Takes the fault, the database, the number of rounds, and what was found."""


class FaultRow(NamedTuple):
    """A row of the table."""

    fault: str
    where: str
    rounds: str
    found: str


def fault_rows(reports: Iterable[object]) -> list[FaultRow]:
    """Return the rows that tests reported, and a row for each failed test."""
    rows = []
    for report in reports:
        if not isinstance(report, pytest.TestReport):
            continue
        found = [
            FaultRow(*value)
            for name, value in report.user_properties
            if name == PROPERTY and report.when == "call" and isinstance(value, list)
        ]
        if report.failed and "tests/faults/" in report.nodeid:
            found = [FaultRow(report.nodeid.rpartition("::")[2], "", "", "FAILED")]
        rows += found
    return sorted(rows)


def fault_table(rows: Iterable[FaultRow]) -> str:
    """Return the rows as a Markdown table, as in docs/explanation/reliability.md."""
    lines = [FaultRow("Fault", "Where", "Rounds", "Found"), FaultRow("---", "---", "---:", "---"), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
