"""Fixtures of the client tests: real servers, and the name of the client under test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.clients import KINDS
from tests.servers import Server, running_server


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """The client under test."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def ample_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the default settings."""
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that accepts at most 40 events in one request."""
    with running_server(tmp_path_factory.mktemp("server"), max_events="40") as running:
        yield running


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """The path of a spool that does not exist yet."""
    return tmp_path / "events.spool"
