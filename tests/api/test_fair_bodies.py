"""Bodies of one organization that are expensive to decode do not delay the requests of another organization."""

import gzip
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.api.organizations import BATCH, OrganizationClient, client_of, new_organization
from tests.events import conversation
from tests.servers import running_server

MEBIBYTE: Final = 1 << 20
HOSTILE_BODIES: Final = 12
HOSTILE: Final = gzip.compress(b"[[NaN," + b'{"a":[]},' * (2 * MEBIBYTE // 9))
"""4 KB that decode to 2 MiB; finding out that they are not JSON takes a fifth of a second."""


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[OrganizationClient, OrganizationClient]]:
    """Yield two organizations of one server."""
    with running_server(tmp_path) as server, new_organization(server) as one, new_organization(server) as other:
        yield one, other


def post_hostile(org: OrganizationClient) -> httpx.Response:
    with client_of(org.server, org.key) as client:
        headers = {"Content-Type": BATCH, "Content-Encoding": "gzip"}
        return client.post("/metering/events", content=HOSTILE, headers=headers)


def test_expensive_bodies_of_one_organization_do_not_delay_another(
    two: tuple[OrganizationClient, OrganizationClient],
) -> None:
    hostile, other = two
    large = json.dumps([conversation(f"call-{number}") for number in range(100)]).encode()
    with ThreadPoolExecutor(HOSTILE_BODIES) as pool:
        responses = [pool.submit(post_hostile, hostile) for _ in range(HOSTILE_BODIES)]
        responses[0].result()
        assert other.put_inventory("agent", "2026-03-01T00:00:00Z", {"id": "agent-1"}).status_code == 200
        assert other.send(conversation())["accepted"] == 1
        assert other.post(large, BATCH).status_code == 200
        waiting = sum(not response.done() for response in responses)
        assert waiting > 0
    assert {response.result().status_code for response in responses} == {400}
