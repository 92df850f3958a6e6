"""One server for all test files that do not start their own, and a new organization for each test."""

from collections.abc import Iterator

import pytest

from tests.api.march_usage import MARCH_EVENTS
from tests.api.organizations import Answer, OrganizationClient, new_organization
from tests.servers import Server, running_server

SECRET_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server"), secret_key=SECRET_KEY) as running:
        yield running


@pytest.fixture
def org(server: Server) -> Iterator[OrganizationClient]:
    with new_organization(server) as organization:
        yield organization


@pytest.fixture(scope="module")
def known(server: Server) -> Iterator[OrganizationClient]:
    """An organization with the events of `march_usage`; tests only read it."""
    with new_organization(server) as organization:
        assert organization.send(*MARCH_EVENTS)["accepted"] == len(MARCH_EVENTS)
        yield organization


@pytest.fixture
def document(org: OrganizationClient) -> Answer:
    """The OpenAPI description as JSON."""
    answer = org.client.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/")
    document: Answer = answer.json()
    return document
