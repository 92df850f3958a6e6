"""Fixtures with empty ledgers, in memory if the system has a folder there: the laws create thousands."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.laws.ledgers import FileLedgers, Ledgers, ServerLedgers
from tests.postgres import new_database


@pytest.fixture(scope="session")
def file_ledgers(memory: Path) -> FileLedgers:
    """Return ledgers in SQLite files, for laws that damage them."""
    folder = memory / "laws"
    folder.mkdir()
    return FileLedgers(folder)


@pytest.fixture(scope="session")
def server_ledgers(postgres: str) -> Iterator[ServerLedgers]:
    with new_database(postgres) as url:
        ledgers = ServerLedgers(url)
        yield ledgers
        ledgers.close()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def ledgers(request: pytest.FixtureRequest) -> Ledgers:
    """Return ledgers in each database: every law holds in both."""
    ledgers: Ledgers = request.getfixturevalue("file_ledgers" if request.param == "sqlite" else "server_ledgers")
    return ledgers
