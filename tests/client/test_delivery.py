"""When a batch is sent, and what happens to it for each response of the server."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from tests.client.clients import QUICK, Factory, call, large
from tests.client.scripted import (
    ReceivedRequest,
    Response,
    ScriptedHandler,
    connection_reset,
    endless,
    http_error,
    invalid_http,
    no_response,
    raw_response,
    receipt,
    scripted,
    truncated,
)

NOT_A_RECEIPT: dict[str, Response] = {
    "500": http_error(500),
    "502 of a proxy": raw_response(502, b"<html>Bad Gateway</html>"),
    "503": http_error(503),
    "507": http_error(507),
    "408": http_error(408),
    "429": http_error(429),
    "a redirect": http_error(308, location="/elsewhere"),
    "200 without a receipt": raw_response(200, b"<html>Welcome</html>"),
    "200 with no bytes": raw_response(200, b""),
    "200 with other JSON": raw_response(200, b'{"ok": true}'),
    "a receipt of other events": raw_response(
        200, b'{"accepted":7,"duplicate":0,"conflicting":0,"stale":0,"quarantined":[]}'
    ),
    "a receipt with the index of an event that was not sent": raw_response(
        200,
        b'{"accepted":2,"duplicate":0,"conflicting":0,"stale":0,"quarantined":'
        b'[{"index":3,"id":null,"reason":"malformed","detail":"","kept":true}]}',
    ),
    "204": raw_response(204, b""),
    "invalid HTTP": invalid_http,
    "a reset": connection_reset,
    "a truncated response": truncated,
    "an endless response": endless,
}


@pytest.mark.parametrize("response", NOT_A_RECEIPT.values(), ids=NOT_A_RECEIPT)
def test_batch_is_sent_again_until_its_receipt_arrives(kind: str, response: Response, spool: Path) -> None:
    with scripted(response, response, receipt) as server, Factory(server.url, spool).opened(kind) as client:
        client.send(call(1), call(2), call(3))

        assert client.flush(60)
        assert client.waiting() == (0, 0, 0)
    assert [request.ids for request in server.requests] == [server.requests[0].ids] * 3


def test_events_are_sent_when_an_unavailable_server_is_back(kind: str, spool: Path) -> None:
    with scripted(receipt) as stopped:
        url = stopped.url
    with Factory(url, spool).opened(kind, 0) as client:
        client.send(call(1))
        assert not client.flush(0.3)
        assert client.waiting().events == 1
    with scripted(receipt) as server, Factory(server.url, spool).opened(kind) as client:
        assert client.flush(60)
    assert [len(request.events) for request in server.requests] == [1]


@pytest.mark.parametrize("code", [429, 503])
def test_retry_after_is_honored(kind: str, code: int, spool: Path) -> None:
    with (
        scripted(http_error(code, retry_after="1"), receipt) as server,
        Factory(server.url, spool).opened(kind) as client,
    ):
        client.send(call(1))
        assert client.flush(60)
    first, second = server.requests

    assert 1.0 <= second.at - first.at < 5


def test_retry_after_can_be_a_date(kind: str, spool: Path) -> None:
    back = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    later = http_error(503, retry_after=format_datetime(back, usegmt=True))
    with scripted(later, receipt) as server, Factory(server.url, spool).opened(kind) as client:
        client.send(call(1))
        assert client.flush(60)
        returned = datetime.now(UTC)

    assert len(server.requests) == 2
    assert returned >= back


@pytest.mark.parametrize("text", ["soon", "-1", ",", "Mon, 99 Foo 2026", "1.5", "0"])
def test_invalid_retry_after_is_ignored(text: str, spool: Path) -> None:
    with (
        scripted(http_error(503, retry_after=text), receipt) as server,
        Factory(server.url, spool).opened("Client") as client,
    ):
        client.send(call(1))
        assert client.flush(60)
    assert server.requests[1].at - server.requests[0].at < 5


def test_huge_retry_after_is_cut_to_the_limit(spool: Path) -> None:
    limits = msgspec.structs.replace(QUICK, longest_retry_after_sec=0.3)
    later = http_error(503, retry_after="9" * 4_000)
    with scripted(later, receipt) as server, Factory(server.url, spool, limits=limits).opened("Client") as client:
        client.send(call(1))
        assert client.flush(60)
    assert server.requests[1].at - server.requests[0].at >= 0.3


def test_delays_between_retries_grow(spool: Path) -> None:
    limits = msgspec.structs.replace(QUICK, first_pause_sec=0.05, longest_pause_sec=10)
    with (
        scripted(*[http_error(503)] * 5, receipt) as server,
        Factory(server.url, spool, limits=limits).opened("Client") as client,
    ):
        client.send(call(1))
        assert client.flush(60)
    at = [request.at for request in server.requests]
    delays = [later - earlier for earlier, later in pairwise(at)]

    for number, delay in enumerate(delays):
        assert delay >= 0.05 * 2**number / 2
    assert delays[-1] > delays[0]


@pytest.mark.parametrize("code", [400, 401, 403, 404, 415, 422])
def test_rejected_batch_is_set_aside_with_the_error_of_the_server(kind: str, code: int, spool: Path) -> None:
    rejection = http_error(code, "The key was revoked.")
    with scripted(rejection, receipt) as server, Factory(server.url, spool).opened(kind) as client:
        client.send(call(1), call(2))
        assert client.flush(60)
        client.send(call(3))
        assert client.flush(60)

        rejected = client.set_aside()
        assert [(each.event, each.status, each.sentence) for each in rejected] == [
            (call(number), code, f"{code}: The key was revoked.") for number in (1, 2)
        ]
        assert client.waiting() == (0, 0, 2)
    assert [len(request.events) for request in server.requests] == [2, 1]


def test_events_set_aside_are_sent_on_request(kind: str, spool: Path) -> None:
    with scripted(http_error(401), receipt) as server:
        with Factory(server.url, spool).opened(kind) as client:
            client.send(call(1), call(2))
            assert client.flush(60)
        with Factory(server.url, spool).opened(kind) as client:
            assert client.send_set_aside() == 2
            assert client.flush(60)
            assert client.waiting() == (0, 0, 0)
    assert [request.ids for request in server.requests] == [[call(1).id, call(2).id]] * 2


def test_events_set_aside_can_be_dropped(kind: str, spool: Path) -> None:
    with scripted(http_error(403), receipt) as server, Factory(server.url, spool).opened(kind) as client:
        client.send(call(1), call(2))
        assert client.flush(60)
        assert client.drop_set_aside() == 2
        assert client.set_aside() == []
        assert client.waiting() == (0, 0, 0)
    assert len(server.requests) == 1


def test_only_the_too_large_event_of_a_batch_is_set_aside(kind: str, spool: Path) -> None:
    large = call(5).id

    def too_large_with_it(handler: ScriptedHandler, request: ReceivedRequest) -> None:
        response = http_error(413, "Too large.") if large in request.ids else receipt
        response(handler, request)

    with scripted(too_large_with_it) as server, Factory(server.url, spool).opened(kind) as client:
        client.send(*(call(number) for number in range(8)))
        assert client.flush(60)
        assert [(each.event.id, each.sentence) for each in client.set_aside()] == [(large, "413: Too large.")]
        assert client.waiting().events == 0
    accepted = [id_ for request in server.requests if large not in request.ids for id_ in request.ids]
    assert sorted(map(str, accepted)) == sorted(call(number).id for number in range(8) if number != 5)


def test_batch_size_is_limited_in_events(kind: str, spool: Path) -> None:
    limits = msgspec.structs.replace(QUICK, batch_events=4)
    with scripted(receipt) as server, Factory(server.url, spool, limits=limits).opened(kind) as client:
        client.send(*(call(number) for number in range(10)))
        assert client.flush(60)
    assert [len(request.events) for request in server.requests] == [4, 4, 2]


def test_batch_size_is_limited_in_bytes_and_a_larger_event_is_sent_alone(kind: str, spool: Path) -> None:
    limits = msgspec.structs.replace(QUICK, batch_bytes=1_000)
    padded = large(99, 3_000)
    with scripted(receipt) as server, Factory(server.url, spool, limits=limits).opened(kind) as client:
        client.send(*(call(number) for number in range(6)), padded, call(7))
        assert client.flush(60)
    [alone] = [request for request in server.requests if request.size > 1_002]
    assert alone.ids == [padded.id]
    assert sum(len(request.events) for request in server.requests) == 8


def test_partial_batch_is_sent_after_batch_seconds(kind: str, spool: Path) -> None:
    limits = msgspec.structs.replace(QUICK, batch_seconds=1.5)
    with scripted(receipt) as server, Factory(server.url, spool, limits=limits).opened(kind) as client:
        began = time.monotonic()
        client.send(call(0))
        server.wait_for(1)
        for number in range(1, 6):
            client.send(call(number))
        requests = server.wait_for(2)
    assert [len(request.events) for request in requests] == [1, 5]
    assert 1.5 <= requests[0].at - began < 30
    assert 3 <= requests[1].at - began < 60


def test_full_batch_is_sent_at_once(kind: str, spool: Path) -> None:
    limits = msgspec.structs.replace(QUICK, batch_seconds=600, batch_events=3)
    with scripted(receipt) as server, Factory(server.url, spool, limits=limits).opened(kind) as client:
        for number in range(3):
            client.send(call(number))
        assert [len(request.events) for request in server.wait_for(1)] == [3]


def test_close_sends_waiting_events_at_once(kind: str, spool: Path) -> None:
    limits = msgspec.structs.replace(QUICK, batch_seconds=600)
    with scripted(receipt) as server:
        client = Factory(server.url, spool, limits=limits).open(kind)
        client.send(call(1))
        assert client.close() == 0
    assert [request.ids for request in server.requests] == [[call(1).id]]


def test_close_returns_in_time_and_keeps_the_waiting_events(kind: str, spool: Path) -> None:
    with scripted(no_response) as server:
        client = Factory(server.url, spool).open(kind)
        client.send(call(1), call(2))
        server.wait_for(1)
        began = time.monotonic()
        assert client.close(0.5) == 2
        assert time.monotonic() - began < QUICK.timeout_sec / 2
    with scripted(receipt) as server, Factory(server.url, spool).opened(kind) as client:
        assert client.flush(60)
    assert [request.ids for request in server.requests] == [[call(1).id, call(2).id]]


def test_unanswered_request_is_sent_again(kind: str, spool: Path) -> None:
    limits = msgspec.structs.replace(QUICK, timeout_sec=0.3)
    with (
        scripted(no_response, receipt) as server,
        Factory(server.url, spool, limits=limits).opened(kind) as client,
    ):
        client.send(call(1))
        assert client.flush(60)
    assert len(server.requests) == 2


def test_requests_have_the_key_and_the_organization_of_the_client(kind: str, spool: Path) -> None:
    with scripted(receipt) as server, Factory(server.url, spool, organization="acme").opened(kind) as client:
        client.send(call(1))
        assert client.flush(60)
    headers = server.requests[0].headers

    assert headers["Authorization"] == "Bearer ak_0123456789abcdef.secret"
    assert headers["X-Anyreach-Org"] == "acme"
    assert headers["Content-Type"] == "application/cloudevents-batch+json"
