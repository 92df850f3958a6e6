"""How tests of faults tell what they did."""

from collections.abc import Callable

import pytest

from tests.faults.fault_table import PROPERTY, ReportFault


@pytest.fixture
def report_fault(record_property: Callable[[str, object], None]) -> ReportFault:
    """Puts a row into the table at the end of the run."""

    def put(fault: str, where: str, rounds: int, found: str) -> None:
        record_property(PROPERTY, [fault, where, f"{rounds:,}", found])

    return put
