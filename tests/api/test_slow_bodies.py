"""Request bodies that are slow, truncated or too many at once do not block other requests."""

import json
import select
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.api.organizations import BATCH, OrganizationClient, assert_error, counts_of, receipt_of
from tests.api.raw_http import Upload, upload, wait_until_held
from tests.events import conversation
from tests.servers import Server, running_server

BODY_TIMEOUT_SEC = 3
QUEUE_BYTES = 100_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server"), queue_bytes=str(QUEUE_BYTES)) as running:
        yield running


@pytest.fixture
def short_timeout(tmp_path: Path) -> Iterator[tuple[Server, str]]:
    """Yield a server with a short body timeout, and a key."""
    with running_server(tmp_path, body_timeout_sec=str(BODY_TIMEOUT_SEC)) as running:
        yield running, running.key("acme")


def trickle(slow: Upload) -> httpx.Response:
    """Send a byte every 20 ms until a response arrives."""
    for _ in range(1_000):
        slow.send(b" ")
        answered, _, _ = select.select([slow.connection.sock], [], [], 0.02)
        if answered:
            return slow.response()
    raise AssertionError("the server never times out")


def test_body_that_does_not_arrive_in_time_is_408(short_timeout: tuple[Server, str]) -> None:
    with upload(*short_timeout, 1_000) as slow:
        slow.send(b"[")
        answer = slow.response()
    assert_error(answer, 408)
    assert f"{BODY_TIMEOUT_SEC} seconds" in answer.json()["detail"]


def test_body_that_keeps_arriving_does_not_extend_its_timeout(short_timeout: tuple[Server, str]) -> None:
    with upload(*short_timeout, 10**6) as slow:
        assert_error(trickle(slow), 408)


def test_truncated_body_counts_nothing_and_logs_no_error(org: OrganizationClient) -> None:
    body = json.dumps([conversation(f"call-{number}") for number in range(50)]).encode()
    with upload(org.server, org.key, len(body)) as truncated:
        truncated.send(body[: len(body) // 2])
        truncated.truncate()
        assert_error(truncated.response(), 400)
    with upload(org.server, org.key, len(body)) as closed:
        closed.send(body[: len(body) // 2])
        wait_until_held(org.client, len(body) // 2, len(body) // 2)
    wait_until_held(org.client, 0, 0)
    assert org.calls() == 0
    assert receipt_of(org.post(body, BATCH))["accepted"] == 50
    assert "Traceback" not in org.server.log()
    assert '"level": "error"' not in org.server.log()


def test_full_queue_is_503_until_its_bodies_are_released(org: OrganizationClient) -> None:
    body = json.dumps([conversation(f"call-{number}") for number in range(100)]).encode()
    held = QUEUE_BYTES - 1_000
    assert len(body) > QUEUE_BYTES - held
    with upload(org.server, org.key, QUEUE_BYTES) as slow:
        slow.send(b" " * held)
        wait_until_held(org.client, held, held)
        rejected = org.post(body, BATCH)
    assert_error(rejected, 503)
    assert rejected.headers["Retry-After"] == "1"
    wait_until_held(org.client, 0, 0)
    assert counts_of(receipt_of(org.post(body, BATCH))) == (100, 0, 0, 0, 0)
    assert org.calls() == 100


def test_fifty_slow_senders_do_not_delay_a_fast_one(org: OrganizationClient) -> None:
    with ExitStack() as stack:
        uploads = [stack.enter_context(upload(org.server, org.key, 1_000)) for _ in range(50)]
        for slow in uploads:
            slow.send(b"[" * 100)
        wait_until_held(org.client, 5_000, 5_000)
        assert counts_of(org.send(conversation())) == (1, 0, 0, 0, 0)
        assert org.calls() == 1
        wait_until_held(org.client, 5_000, 5_000)
