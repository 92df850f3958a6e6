"""One server with the bank's calls, shared by all acceptance tests. They change nothing but the bank's plan."""

from collections.abc import Iterator

import pytest

from tests.acceptance.bank import Bank, running_bank


@pytest.fixture(scope="session")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    with running_bank(tmp_path_factory.mktemp("bank")) as running:
        yield running
