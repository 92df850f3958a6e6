"""Webhooks whose signature is not verified yet cannot use the memory of their organization, or of anyone else."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

import httpx
import pytest

from tests import local_http
from tests.api.organizations import (
    BATCH,
    OrganizationClient,
    assert_error,
    client_of,
    make_credential,
    receipt_of,
)
from tests.api.raw_http import upload, wait_until_held
from tests.connectors.metering_server import Hook, MeteringServer, metering_server
from tests.connectors.signing import SIGNERS
from tests.events import conversation

MEBIBYTE: Final = 1 << 20
UNVERIFIED_PER_CONNECTOR: Final = 2
"""How many of the largest bodies may wait for their verification: an eighth of a quarter of TALKMETER_QUEUE_BYTES."""
SIGNER: Final = SIGNERS["signed"]


@pytest.fixture(scope="module")
def meter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeteringServer]:
    with metering_server(tmp_path_factory.mktemp("webhooks")) as running:
        yield running


@pytest.fixture
def org(meter: MeteringServer, hook: Hook) -> Iterator[OrganizationClient]:
    """The organization of the connector."""
    key = make_credential(meter.server, org_id=hook.org_id, role="admin")
    with client_of(meter.server, key) as client:
        yield OrganizationClient(hook.org_id, key, meter.server, client)


@pytest.fixture
def hook(meter: MeteringServer) -> Hook:
    return connect(meter)


def connect(meter: MeteringServer, org_id: str = "") -> Hook:
    return meter.connect("signed", SIGNER.secret, org_id=org_id)


def post(hook: Hook, body: bytes) -> httpx.Response:
    """Send a signed webhook."""
    headers = SIGNER.sign(hook.public_url, body, int(time.time()))
    return local_http.post(hook.url, content=body, headers={"Content-Type": SIGNER.content_type, **headers})


def message(call: str, size: int = 0) -> bytes:
    return json.dumps(conversation(call)).encode().ljust(size)


def test_unsigned_bodies_that_never_end_stop_only_their_own_connector(
    meter: MeteringServer, hook: Hook, org: OrganizationClient
) -> None:
    large = json.dumps([conversation(f"call-{number}") for number in range(5_000)]).encode()
    second, other = connect(meter, hook.org_id), connect(meter)
    with ExitStack() as stack:
        for _ in range(UNVERIFIED_PER_CONNECTOR):
            slow = stack.enter_context(upload(meter.server, "", MEBIBYTE, hook.path))
            slow.send(b" " * (MEBIBYTE - 1))
        held = UNVERIFIED_PER_CONNECTOR * (MEBIBYTE - 1)
        wait_until_held(org.client, held, held)
        refused = post(hook, message("refused"))
        assert_error(refused, 503)
        assert refused.headers["Retry-After"] == "1"
        assert receipt_of(org.post(large, BATCH))["accepted"] == 5_000
        assert [post(one, message("call")).status_code for one in (second, other)] == [200, 200]
    wait_until_held(org.client, 0, 0)
    assert post(hook, message("refused")).status_code == 200


def test_webhook_of_one_mebibyte_is_accepted_and_one_more_byte_is_rejected(hook: Hook) -> None:
    assert post(hook, message("call", MEBIBYTE)).status_code == 200
    refused = post(hook, message("another", MEBIBYTE + 1))
    assert_error(refused, 413)
    assert str(MEBIBYTE) in refused.json()["detail"]
    assert hook.outcomes(1) == {"accepted": 1}


def test_announced_length_over_the_limit_is_rejected_before_the_body(hook: Hook) -> None:
    with upload(hook.metering.server, "", MEBIBYTE + 1, hook.path) as announced:
        assert_error(announced.response(), 413)
