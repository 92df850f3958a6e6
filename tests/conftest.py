"""What tests of every folder share: one PostgreSQL for a whole run, and the table of faults at its end."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from _pytest.terminal import TerminalReporter

from tests.faults.fault_table import fault_rows, fault_table
from tests.hypothesis_profiles import register_profiles
from tests.postgres import new_database, postgres_server

pytest_plugins = ["tests.citus_plugin"]

register_profiles()

MEMORY = Path("/dev/shm")

# Tests speak plain HTTP: loading the certificates of this machine for each client takes longer than its requests.
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = str(Path(__file__).parent)


@pytest.fixture(scope="session")
def memory() -> Iterator[Path]:
    """A folder in memory where there is such a place: for tests that make thousands of ledgers."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None, prefix="talkmeter-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres(memory: Path) -> Iterator[str]:
    """The address of a PostgreSQL server, for tests that leave it standing."""
    with postgres_server(memory) as server:
        yield server


@pytest.fixture
def postgres_database(postgres: str) -> Iterator[str]:
    """The address of an empty database of a test's own."""
    with new_database(postgres) as url:
        yield url


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Print the faults that were made in this run, and what came of them."""
    rows = fault_rows(report for reports in terminalreporter.stats.values() for report in reports)
    if rows:
        terminalreporter.section("faults")
        terminalreporter.write_line(fault_table(rows))
