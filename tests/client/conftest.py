"""What tests of the client share: real servers, and each of both clients."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.clients import KINDS
from tests.servers import Server, running_server


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Which client."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def ample_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server as it is where nothing is set."""
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that takes at most 40 events in one request."""
    with running_server(tmp_path_factory.mktemp("server"), max_events="40") as running:
        yield running


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """Where a spool will be."""
    return tmp_path / "events.spool"
