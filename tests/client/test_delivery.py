"""When a batch is sent, and what becomes of it whatever the server answers."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from tests.client.clients import QUICK, Make, call
from tests.client.scripted import (
    Handler,
    Play,
    Posted,
    broken_off,
    endless,
    no_http,
    receipt,
    reset,
    said,
    scripted,
    silent,
    status,
)

UNDERSTOOD_BY_NOBODY: dict[str, Play] = {
    "500": status(500),
    "502 of a proxy": said(502, b"<html>Bad Gateway</html>"),
    "503": status(503),
    "507": status(507),
    "408": status(408),
    "429": status(429),
    "a redirect": status(308, location="/elsewhere"),
    "200 without a receipt": said(200, b"<html>Welcome</html>"),
    "200 with no bytes": said(200, b""),
    "200 with JSON of somebody else": said(200, b'{"ok": true}'),
    "a receipt of other events": said(200, b'{"accepted":7,"duplicate":0,"conflicting":0,"stale":0,"quarantined":[]}'),
    "a receipt that names an event that was not sent": said(
        200,
        b'{"accepted":2,"duplicate":0,"conflicting":0,"stale":0,"quarantined":'
        b'[{"index":3,"id":null,"reason":"malformed","detail":"","kept":true}]}',
    ),
    "204": said(204, b""),
    "no HTTP": no_http,
    "a reset": reset,
    "half an answer": broken_off,
    "an endless answer": endless,
}


@pytest.mark.parametrize("play", UNDERSTOOD_BY_NOBODY.values(), ids=UNDERSTOOD_BY_NOBODY)
def test_a_batch_is_sent_again_until_a_receipt_of_it_comes(kind: str, play: Play, spool: Path) -> None:
    with scripted(play, play, receipt) as server, Make(server.url, spool).opened(kind) as client:
        client.send(call(1), call(2), call(3))

        assert client.flush(20)
        assert client.waiting() == (0, 0, 0)
    assert [one.ids for one in server.posted] == [server.posted[0].ids] * 3


def test_a_server_that_is_away_is_asked_again_when_it_is_back(kind: str, spool: Path) -> None:
    with scripted(receipt) as gone:
        url = gone.url
    with Make(url, spool).opened(kind, 0) as client:
        client.send(call(1))
        assert not client.flush(0.3)
        assert client.waiting().events == 1
    with scripted(receipt) as server, Make(server.url, spool).opened(kind) as client:
        assert client.flush(20)
    assert [len(one.events) for one in server.posted] == [1]


@pytest.mark.parametrize("code", [429, 503])
def test_what_retry_after_says_is_waited_for(kind: str, code: int, spool: Path) -> None:
    with scripted(status(code, retry_after="1"), receipt) as server, Make(server.url, spool).opened(kind) as client:
        client.send(call(1))
        assert client.flush(20)
    first, second = server.posted

    assert 1.0 <= second.at - first.at < 5


def test_retry_after_may_be_a_date(kind: str, spool: Path) -> None:
    back = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    later = status(503, retry_after=format_datetime(back, usegmt=True))
    with scripted(later, receipt) as server, Make(server.url, spool).opened(kind) as client:
        client.send(call(1))
        assert client.flush(20)
        returned = datetime.now(UTC)

    assert len(server.posted) == 2
    assert returned >= back


@pytest.mark.parametrize("text", ["soon", "-1", ",", "Mon, 99 Foo 2026", "1.5", "0"])
def test_a_retry_after_that_says_nothing_is_as_none(text: str, spool: Path) -> None:
    with scripted(status(503, retry_after=text), receipt) as server, Make(server.url, spool).opened("Client") as client:
        client.send(call(1))
        assert client.flush(20)
    assert server.posted[1].at - server.posted[0].at < 5


def test_a_retry_after_without_measure_has_one(spool: Path) -> None:
    limits = msgspec.structs.replace(QUICK, longest_retry_after_sec=0.3)
    later = status(503, retry_after="9" * 4_000)
    with scripted(later, receipt) as server, Make(server.url, spool, limits=limits).opened("Client") as client:
        client.send(call(1))
        assert client.flush(20)
    assert server.posted[1].at - server.posted[0].at >= 0.3


def test_pauses_grow_and_differ(spool: Path) -> None:
    limits = msgspec.structs.replace(QUICK, first_pause_sec=0.05, longest_pause_sec=10)
    with (
        scripted(*[status(503)] * 5, receipt) as server,
        Make(server.url, spool, limits=limits).opened("Client") as one,
    ):
        one.send(call(1))
        assert one.flush(30)
    at = [posted.at for posted in server.posted]
    pauses = [later - earlier for earlier, later in pairwise(at)]

    for number, pause in enumerate(pauses):
        assert pause >= 0.05 * 2**number / 2
    assert pauses[-1] > pauses[0]


@pytest.mark.parametrize("code", [400, 401, 403, 404, 415, 422])
def test_a_batch_that_is_refused_is_set_aside_with_the_servers_sentence(kind: str, code: int, spool: Path) -> None:
    refused = status(code, "The key was revoked.")
    with scripted(refused, receipt) as server, Make(server.url, spool).opened(kind) as client:
        client.send(call(1), call(2))
        assert client.flush(20)
        client.send(call(3))
        assert client.flush(20)

        aside = client.set_aside()
        assert [(one.event, one.status, one.sentence) for one in aside] == [
            (call(number), code, f"{code}: The key was revoked.") for number in (1, 2)
        ]
        assert client.waiting() == (0, 0, 2)
    assert [len(one.events) for one in server.posted] == [2, 1]


def test_what_is_set_aside_is_sent_when_its_sender_says_so(kind: str, spool: Path) -> None:
    with scripted(status(401), receipt) as server:
        with Make(server.url, spool).opened(kind) as client:
            client.send(call(1), call(2))
            assert client.flush(20)
        with Make(server.url, spool).opened(kind) as client:
            assert client.send_set_aside() == 2
            assert client.flush(20)
            assert client.waiting() == (0, 0, 0)
    assert [one.ids for one in server.posted] == [[call(1).id, call(2).id]] * 2


def test_what_is_set_aside_may_be_dropped(kind: str, spool: Path) -> None:
    with scripted(status(403), receipt) as server, Make(server.url, spool).opened(kind) as client:
        client.send(call(1), call(2))
        assert client.flush(20)
        assert client.drop_set_aside() == 2
        assert client.set_aside() == []
        assert client.waiting() == (0, 0, 0)
    assert len(server.posted) == 1


def test_of_a_batch_that_is_too_large_only_the_event_that_is_so_alone_is_set_aside(kind: str, spool: Path) -> None:
    guilty = call(5).id

    def too_large_with_it(handler: Handler, posted: Posted) -> None:
        play = status(413, "Too large.") if guilty in posted.ids else receipt
        play(handler, posted)

    with scripted(too_large_with_it) as server, Make(server.url, spool).opened(kind) as client:
        client.send(*(call(number) for number in range(8)))
        assert client.flush(20)
        assert [(one.event.id, one.sentence) for one in client.set_aside()] == [(guilty, "413: Too large.")]
        assert client.waiting().events == 0
    taken = [id_ for one in server.posted if guilty not in one.ids for id_ in one.ids]
    assert sorted(map(str, taken)) == sorted(call(number).id for number in range(8) if number != 5)


def test_a_batch_has_at_most_so_many_events(kind: str, spool: Path) -> None:
    limits = msgspec.structs.replace(QUICK, batch_events=4)
    with scripted(receipt) as server, Make(server.url, spool, limits=limits).opened(kind) as client:
        client.send(*(call(number) for number in range(10)))
        assert client.flush(20)
    assert [len(one.events) for one in server.posted] == [4, 4, 2]


def test_a_batch_has_at_most_so_many_bytes_and_a_larger_event_goes_alone(kind: str, spool: Path) -> None:
    limits = msgspec.structs.replace(QUICK, batch_bytes=1_000)
    large = call(99, agent_id="a" * 3_000)
    with scripted(receipt) as server, Make(server.url, spool, limits=limits).opened(kind) as client:
        client.send(*(call(number) for number in range(6)), large, call(7))
        assert client.flush(20)
    [alone] = [one for one in server.posted if one.size > 1_002]
    assert alone.ids == [large.id]
    assert sum(len(one.events) for one in server.posted) == 8


def test_a_batch_that_does_not_fill_is_sent_when_its_time_is_up(kind: str, spool: Path) -> None:
    limits = msgspec.structs.replace(QUICK, batch_seconds=1.5)
    with scripted(receipt) as server, Make(server.url, spool, limits=limits).opened(kind) as client:
        began = time.monotonic()
        client.send(call(0))
        server.wait_for(1)
        for number in range(1, 6):
            client.send(call(number))
        posted = server.wait_for(2)
    assert [len(one.events) for one in posted] == [1, 5]
    assert 1.5 <= posted[0].at - began < 30
    assert 3 <= posted[1].at - began < 60


def test_a_batch_that_fills_is_sent_at_once(kind: str, spool: Path) -> None:
    limits = msgspec.structs.replace(QUICK, batch_seconds=600, batch_events=3)
    with scripted(receipt) as server, Make(server.url, spool, limits=limits).opened(kind) as client:
        for number in range(3):
            client.send(call(number))
        assert [len(one.events) for one in server.wait_for(1)] == [3]


def test_closing_sends_what_waits_and_does_not_wait_for_its_time(kind: str, spool: Path) -> None:
    limits = msgspec.structs.replace(QUICK, batch_seconds=600)
    with scripted(receipt) as server:
        client = Make(server.url, spool, limits=limits).of(kind)
        client.send(call(1))
        assert client.close() == 0
    assert [one.ids for one in server.posted] == [[call(1).id]]


def test_closing_takes_no_longer_than_it_may_and_what_waits_is_kept(kind: str, spool: Path) -> None:
    with scripted(silent) as server:
        client = Make(server.url, spool).of(kind)
        client.send(call(1), call(2))
        server.wait_for(1)
        began = time.monotonic()
        assert client.close(0.5) == 2
        assert time.monotonic() - began < QUICK.timeout_sec / 2
    with scripted(receipt) as server, Make(server.url, spool).opened(kind) as client:
        assert client.flush(20)
    assert [one.ids for one in server.posted] == [[call(1).id, call(2).id]]


def test_a_server_that_says_nothing_is_asked_again(kind: str, spool: Path) -> None:
    limits = msgspec.structs.replace(QUICK, timeout_sec=0.3)
    with scripted(silent, receipt) as server, Make(server.url, spool, limits=limits).opened(kind) as client:
        client.send(call(1))
        assert client.flush(20)
    assert len(server.posted) == 2


def test_events_are_sent_as_whom_the_client_was_made_for(kind: str, spool: Path) -> None:
    with scripted(receipt) as server, Make(server.url, spool, organization="acme").opened(kind) as client:
        client.send(call(1))
        assert client.flush(20)
    headers = server.posted[0].headers

    assert headers["Authorization"] == "Bearer ak_0123456789abcdef.secret"
    assert headers["X-Anyreach-Org"] == "acme"
    assert headers["Content-Type"] == "application/cloudevents-batch+json"
