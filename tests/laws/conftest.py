"""Where the laws keep their ledgers: in memory where there is such a place, for they make thousands."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.laws.ledgers import Ledgers

MEMORY = Path("/dev/shm")


@pytest.fixture(scope="session")
def ledgers() -> Iterator[Ledgers]:
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None, prefix="talkmeter-laws-") as folder:
        yield Ledgers(Path(folder))
