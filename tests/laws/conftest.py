"""Where the laws keep their ledgers: in memory where there is such a place, for they make thousands."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.laws.ledgers import FileLedgers, Ledgers, ServerLedgers
from tests.postgres import new_database


@pytest.fixture(scope="session")
def file_ledgers(memory: Path) -> FileLedgers:
    """Ledgers in files, for laws that damage them."""
    folder = memory / "laws"
    folder.mkdir()
    return FileLedgers(folder)


@pytest.fixture(scope="session")
def server_ledgers(postgres: str) -> Iterator[ServerLedgers]:
    with new_database(postgres) as url:
        made = ServerLedgers(url)
        yield made
        made.close()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def ledgers(request: pytest.FixtureRequest) -> Ledgers:
    """Every law holds on every database."""
    found: Ledgers = request.getfixturevalue("file_ledgers" if request.param == "sqlite" else "server_ledgers")
    return found
