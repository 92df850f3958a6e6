"""A ledger of its own for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.ledger import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path / "ledger.db")
    yield ledger
    ledger.close()
