"""Bodies that come slowly, stop half way or are too many at once: they are given up and hold nobody up."""

import json
import select
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.api.organizations import BATCH, Organization, assert_error, bins, receipt_of
from tests.api.wire import Upload, upload
from tests.events import conversation
from tests.servers import Server, running_server

BODY_TIMEOUT_SEC = 3
MEMORY_FOR_BODIES = 100_000
WAIT_TIMEOUT_SEC = 25
"""Less than the default timeout for bodies, 30 s."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server"), queue_bytes=str(MEMORY_FOR_BODIES)) as running:
        yield running


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[tuple[Server, str]]:
    """A server with a short timeout for bodies, and a key."""
    with running_server(tmp_path, body_timeout_sec=str(BODY_TIMEOUT_SEC)) as running:
        yield running, running.key("acme")


def wait_until_held(client: httpx.Client, least: int, most: int) -> None:
    """Wait until the server says that it holds so many bytes of bodies."""
    deadline = time.monotonic() + WAIT_TIMEOUT_SEC
    while time.monotonic() < deadline:
        lines = client.get("/metrics").text.splitlines()
        held = next(float(line.split()[1]) for line in lines if line.startswith("talkmeter_queue_bytes "))
        if least <= held <= most:
            return
    raise AssertionError(f"the server did not come to hold {least} to {most} bytes within {WAIT_TIMEOUT_SEC} s")


def trickle(slow: Upload) -> httpx.Response:
    """Send a byte now and then until an answer comes."""
    for _ in range(1_000):
        slow.send(b" ")
        answered, _, _ = select.select([slow.connection.sock], [], [], 0.02)
        if answered:
            return slow.answer()
    raise AssertionError("the server waits for ever")


def test_a_body_that_does_not_arrive_in_time_is_given_up(impatient: tuple[Server, str]) -> None:
    with upload(*impatient, 1_000) as slow:
        slow.send(b"[")
        answer = slow.answer()
    assert_error(answer, 408)
    assert f"{BODY_TIMEOUT_SEC} seconds" in answer.json()["detail"]


def test_a_body_that_goes_on_arriving_does_not_prolong_its_time(impatient: tuple[Server, str]) -> None:
    with upload(*impatient, 10**6) as slow:
        assert_error(trickle(slow), 408)


def test_a_body_cut_off_in_the_middle_counts_nothing_and_is_no_fault_of_the_server(org: Organization) -> None:
    body = json.dumps([conversation(f"call-{number}") for number in range(50)]).encode()
    with upload(org.server, org.key, len(body)) as cut:
        cut.send(body[: len(body) // 2])
        cut.end()
        assert_error(cut.answer(), 400)
    with upload(org.server, org.key, len(body)) as gone:
        gone.send(body[: len(body) // 2])
        wait_until_held(org.client, len(body) // 2, len(body) // 2)
    wait_until_held(org.client, 0, 0)
    assert org.calls() == 0
    assert receipt_of(org.post(body, BATCH))["accepted"] == 50
    assert "Traceback" not in org.server.log()
    assert '"level": "error"' not in org.server.log()


def test_a_full_memory_for_bodies_is_a_503_and_is_free_again_when_they_are_gone(org: Organization) -> None:
    body = json.dumps([conversation(f"call-{number}") for number in range(100)]).encode()
    held = MEMORY_FOR_BODIES - 1_000
    assert len(body) > MEMORY_FOR_BODIES - held
    with upload(org.server, org.key, MEMORY_FOR_BODIES) as slow:
        slow.send(b" " * held)
        wait_until_held(org.client, held, held)
        refused = org.post(body, BATCH)
    assert_error(refused, 503)
    assert refused.headers["Retry-After"] == "1"
    wait_until_held(org.client, 0, 0)
    assert bins(receipt_of(org.post(body, BATCH))) == (100, 0, 0, 0, 0)
    assert org.calls() == 100


def test_fifty_slow_senders_do_not_hold_up_a_quick_one(org: Organization) -> None:
    with ExitStack() as slow_ones:
        slow = [slow_ones.enter_context(upload(org.server, org.key, 1_000)) for _ in range(50)]
        for one in slow:
            one.send(b"[" * 100)
        wait_until_held(org.client, 5_000, 5_000)
        assert bins(org.send(conversation())) == (1, 0, 0, 0, 0)
        assert org.calls() == 1
        wait_until_held(org.client, 5_000, 5_000)
