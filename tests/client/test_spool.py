"""The spool: bounded, of one organization and one version, and shared between clients without loss."""

import multiprocessing
import sqlite3
from pathlib import Path

import msgspec
import pytest

from talkmeter_client import Client, SpoolFull, SpoolUnusable, WrongUse
from tests.client.clients import KEY, QUICK, AnyClient, Factory, call
from tests.client.scripted import ReceivedRequest, ScriptedHandler, http_error, receipt, scripted


def fill(client: AnyClient, *, flush: bool = False) -> None:
    """Send until the spool is full."""
    for number in range(100):
        client.send(call(number))
        assert not flush or client.flush(60)


def test_events_are_in_the_spool_when_send_returns(kind: str, spool: Path) -> None:
    with scripted(http_error(503)) as server, Factory(server.url, spool).opened(kind, 0) as client:
        client.send(call(1), call(2))
        with sqlite3.connect(spool) as other:
            assert other.execute("SELECT count(*) FROM waiting").fetchone() == (2,)
        other.close()


def test_full_spool_raises_and_stores_none_of_the_events(kind: str, spool: Path) -> None:
    limits = msgspec.structs.replace(QUICK, spool_bytes=5_000)
    with (
        scripted(http_error(503)) as server,
        Factory(server.url, spool, limits=limits).opened(kind, 0) as client,
    ):
        with pytest.raises(SpoolFull, match=r"holds \d+ bytes of at most 5000 \(\d+ events wait, 0 are set aside\)"):
            fill(client)
        before = client.waiting()
        assert before.events > 5
        assert before.bytes <= 5_000
        with pytest.raises(SpoolFull, match="do not fit"):
            client.send(*(call(number) for number in range(20)))
        assert client.waiting() == before


def test_full_spool_has_room_again_after_its_events_were_sent(kind: str, spool: Path) -> None:
    limits = msgspec.structs.replace(QUICK, spool_bytes=5_000)
    with (
        scripted(http_error(503)) as server,
        Factory(server.url, spool, limits=limits).opened(kind, 0) as client,
    ):
        with pytest.raises(SpoolFull, match="do not fit"):
            fill(client)
        waiting = client.waiting().events
    with scripted(receipt) as server, Factory(server.url, spool, limits=limits).opened(kind) as client:
        assert client.flush(60)
        for number in range(waiting):
            client.send(call(number))


def test_events_set_aside_count_towards_the_spool_size(kind: str, spool: Path) -> None:
    limits = msgspec.structs.replace(QUICK, spool_bytes=5_000)
    with (
        scripted(http_error(403)) as server,
        Factory(server.url, spool, limits=limits).opened(kind) as client,
    ):
        with pytest.raises(SpoolFull, match=r"[1-9]\d* are set aside"):
            fill(client, flush=True)
        assert client.drop_set_aside() > 0
        client.send(call(1))


def test_file_does_not_grow_with_the_events_sent(spool: Path) -> None:
    limits = msgspec.structs.replace(QUICK, spool_bytes=200_000)
    with scripted(receipt) as server, Factory(server.url, spool, limits=limits).opened("Client") as client:
        for round_ in range(20):
            client.send(*(call(1_000 * round_ + number) for number in range(400)))
            assert client.flush(60)
    assert sum(file.stat().st_size for file in spool.parent.glob(spool.name + "*")) < 1_000_000


def test_clients_that_share_a_spool_send_each_event_once(spool: Path) -> None:
    def slow_receipt(handler: ScriptedHandler, request: ReceivedRequest) -> None:
        handler.scripted_server.stopped.wait(0.02)
        receipt(handler, request)

    limits = msgspec.structs.replace(QUICK, batch_events=7)
    with scripted(slow_receipt) as server:
        factory = Factory(server.url, spool, limits=limits)
        with factory.opened("Client") as client, factory.opened("AsyncClient") as async_client:
            for number in range(0, 100, 2):
                client.send(call(number))
                async_client.send(call(number + 1))
            assert client.flush(60)
            assert async_client.flush(60)
        sent = [id_ for request in server.requests for id_ in request.ids]
    assert sorted(map(str, sent)) == sorted(call(number).id for number in range(100))


def test_events_left_by_another_client_are_sent_with_the_next_event(kind: str, spool: Path) -> None:
    with (
        scripted(http_error(503)) as unavailable,
        scripted(receipt) as server,
        Factory(server.url, spool).opened(kind) as client,
    ):
        assert client.flush(60)
        other = Factory(unavailable.url, spool).open("Client")
        other.send(call(1))
        other.close(0)
        client.send(call(2))
        assert client.flush(60)
    assert {id_ for request in server.requests for id_ in request.ids} == {call(1).id, call(2).id}


def test_spool_of_one_organization_cannot_be_opened_for_another(kind: str, spool: Path) -> None:
    with scripted(http_error(503)) as server:
        with Factory(server.url, spool, organization="acme").opened(kind, 0) as client:
            client.send(call(1))
        with pytest.raises(WrongUse, match="holds 1 events of organization 'acme' and cannot be opened for 'umbrella'"):
            Factory(server.url, spool, organization="umbrella").open(kind)


def test_file_that_is_not_a_spool_is_rejected_and_unchanged(kind: str, spool: Path) -> None:
    spool.write_bytes(b"My diary. " * 1_000)
    with pytest.raises(SpoolUnusable, match="not a database"):
        Factory("http://127.0.0.1:1", spool).open(kind)
    assert spool.read_bytes() == b"My diary. " * 1_000


def test_database_of_another_program_is_rejected(kind: str, spool: Path) -> None:
    with sqlite3.connect(spool) as other:
        other.execute("CREATE TABLE diary (day TEXT)")
    other.close()
    with pytest.raises(SpoolUnusable, match="is not a spool of this version"):
        Factory("http://127.0.0.1:1", spool).open(kind)


def test_missing_folder_is_an_error(kind: str, tmp_path: Path) -> None:
    with pytest.raises(SpoolUnusable, match="No such file or directory"):
        Factory("http://127.0.0.1:1", tmp_path / "nowhere" / "events.spool").open(kind)


@pytest.mark.parametrize(
    ("url", "key", "sentence"),
    [
        ("127.0.0.1:8000", KEY, "must look like https://usage.example.com"),
        ("ftp://example.com", KEY, "must look like https://usage.example.com"),
        ("http://", KEY, "must look like https://usage.example.com"),
        ("http://127.0.0.1:1", "", "The key must be what"),
        ("http://127.0.0.1:1", "ak_1.secret\n", "The key must be what"),
    ],
)
def test_invalid_arguments_are_rejected_before_a_spool_is_created(
    kind: str, url: str, key: str, sentence: str, spool: Path
) -> None:
    with pytest.raises(WrongUse, match=sentence):
        Factory(url, spool, key=key).open(kind)
    assert not spool.exists()


def test_closed_client_raises(spool: Path) -> None:
    client = Factory("http://127.0.0.1:1", spool).synchronous()
    assert client.close(0) == 0
    with pytest.raises(WrongUse, match="closed"):
        client.send(call(1))
    assert client.close() == 0


def test_spool_can_be_reopened_while_the_last_request_is_in_flight(spool: Path) -> None:
    with scripted(http_error(503), receipt) as server:
        for number in range(5):
            with Factory(server.url, spool).opened("Client", 0) as client:
                client.send(call(number))
        with Factory(server.url, spool).opened("Client") as client:
            assert client.flush(60)
    assert {id_ for request in server.requests for id_ in request.ids} == {call(number).id for number in range(5)}


def _send_in_child(client: Client, errors: "multiprocessing.queues.Queue[str]") -> None:
    try:
        client.send(call(1))
    except WrongUse as error:
        errors.put(error.detail)


def test_client_raises_in_a_forked_child_and_still_works_in_the_parent(spool: Path) -> None:
    with scripted(receipt) as server:
        client = Factory(server.url, spool).synchronous()
        context = multiprocessing.get_context("fork")
        errors: multiprocessing.queues.Queue[str] = context.Queue()
        child = context.Process(target=_send_in_child, args=(client, errors))
        child.start()
        assert "opened before a fork" in errors.get(timeout=30)
        child.join(30)
        client.send(call(2))
        assert client.close() == 0
    assert [request.ids for request in server.requests] == [[call(2).id]]
