"""What all tests share: Hypothesis profiles, one PostgreSQL server per worker, markers, and the table of faults."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from _pytest.terminal import TerminalReporter

from tests.faults.fault_table import fault_rows, fault_table
from tests.hypothesis_profiles import register_profiles
from tests.postgres import SERVERS, new_database, postgres_server
from tests.servers import FORK

pytest_plugins = ["tests.citus_plugin"]

register_profiles()

MEMORY = Path("/dev/shm")

# A job that a script starts in the background ignores SIGINT, and so would the programs that the tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# httpx in the code under test loads the certificates of the environment for each client, which takes longer than a
# request. The tests use plain HTTP, so they point it to a folder without any.
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = str(Path(__file__).parent)

os.environ[FORK] = "yes"


@pytest.fixture(scope="session")
def memory() -> Iterator[Path]:
    """A folder in memory if the system has one, for tests that create thousands of databases."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None, prefix="talkmeter-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres(memory: Path) -> Iterator[str]:
    """The URL of a PostgreSQL server that the tests of a worker share. Tests that stop a server start their own."""
    with postgres_server(memory) as server:
        yield server


@pytest.fixture
def postgres_database(postgres: str) -> Iterator[str]:
    """The URL of an empty database, dropped after the test."""
    with new_database(postgres) as url:
        yield url


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need a PostgreSQL server, so that `-m "not postgresql"` leaves them out."""
    for item in items:
        if isinstance(item, pytest.Function) and _needs_postgresql(item):
            item.add_marker("postgresql")


def _needs_postgresql(item: pytest.Function) -> bool:
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return "postgres" in item.fixturenames or any(isinstance(value, str) and value in SERVERS for value in parameters)


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Print the faults of this run and what the tests found."""
    rows = fault_rows(report for reports in terminalreporter.stats.values() for report in reports)
    if rows:
        terminalreporter.section("faults")
        terminalreporter.write_line(fault_table(rows))
