"""One real server for all files of tests that need no other one, and a new organization on it for each test."""

from collections.abc import Iterator

import pytest

from tests.api.organizations import Organization, new_organization
from tests.api.usage_of_march import USAGE_OF_MARCH
from tests.servers import Server, running_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def org(server: Server) -> Iterator[Organization]:
    with new_organization(server) as organization:
        yield organization


@pytest.fixture(scope="module")
def known(server: Server) -> Iterator[Organization]:
    """An organization whose usage is known; tests only ask it."""
    with new_organization(server) as organization:
        assert organization.send(*USAGE_OF_MARCH)["accepted"] == len(USAGE_OF_MARCH)
        yield organization
