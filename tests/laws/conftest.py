"""Where the laws keep their ledgers: in memory where there is such a place, for they make thousands."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.laws.ledgers import FileLedgers, Ledgers, ServerLedgers
from tests.postgres import new_database, postgres_server

MEMORY = Path("/dev/shm")


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None, prefix="talkmeter-laws-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def file_ledgers(folder: Path) -> FileLedgers:
    """Ledgers in files, for laws that damage them."""
    return FileLedgers(folder)


@pytest.fixture(scope="session")
def server_ledgers(folder: Path) -> Iterator[ServerLedgers]:
    with postgres_server(folder) as server, new_database(server) as url:
        made = ServerLedgers(url)
        yield made
        made.close()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def ledgers(request: pytest.FixtureRequest) -> Ledgers:
    """Every law holds on every database."""
    found: Ledgers = request.getfixturevalue("file_ledgers" if request.param == "sqlite" else "server_ledgers")
    return found
