"""The fixture with which fault tests report what they did."""

from collections.abc import Callable

import pytest

from tests.faults.fault_table import PROPERTY, ReportFault


@pytest.fixture
def report_fault(record_property: Callable[[str, object], None]) -> ReportFault:
    """Adds a row to the table that is printed at the end of the run."""

    def add_row(fault: str, where: str, rounds: int, found: str) -> None:
        record_property(PROPERTY, [fault, where, f"{rounds:,}", found])

    return add_row
