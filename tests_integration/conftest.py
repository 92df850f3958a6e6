"""Fixtures: a real server, and drivers that send to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import Server, running_server
from tests_integration.recipes import Driver


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the default settings."""
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def driver(server: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Driver:
    """Runs drivers in a new folder, for an organization of this test."""
    org_id = request.node.name.translate(str.maketrans("[]", "--"))[-60:].strip("-")
    return Driver(tmp_path, server.url, server.key(org_id))
