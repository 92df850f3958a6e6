"""The spool: bounded, one organization's, of one version, and shared without a word being lost."""

import multiprocessing
import sqlite3
from pathlib import Path

import msgspec
import pytest

from talkmeter.client import Client, SpoolFull, SpoolUnusable, WrongUse
from tests.client.clients import KEY, QUICK, Make, Sends, call
from tests.client.scripted import Handler, Posted, receipt, scripted, status


def fill(client: Sends, *, flush: bool = False) -> None:
    """Send until the spool is full."""
    for number in range(100):
        client.send(call(number))
        assert not flush or client.flush(20)


def test_what_send_has_returned_from_is_in_the_spool(kind: str, spool: Path) -> None:
    with scripted(status(503)) as server, Make(server.url, spool).opened(kind, 0) as client:
        client.send(call(1), call(2))
        with sqlite3.connect(spool) as other:
            assert other.execute("SELECT count(*) FROM waiting").fetchone() == (2,)
        other.close()


def test_a_full_spool_refuses_with_a_sentence_and_takes_none_of_the_call(kind: str, spool: Path) -> None:
    limits = msgspec.structs.replace(QUICK, spool_bytes=5_000)
    with scripted(status(503)) as server, Make(server.url, spool, limits=limits).opened(kind, 0) as client:
        with pytest.raises(SpoolFull, match=r"holds \d+ bytes of at most 5000 \(\d+ events wait, 0 are set aside\)"):
            fill(client)
        before = client.waiting()
        assert before.events > 5
        assert before.bytes <= 5_000
        with pytest.raises(SpoolFull, match="have no room"):
            client.send(*(call(number) for number in range(20)))
        assert client.waiting() == before


def test_a_full_spool_has_room_again_when_the_server_has_taken_what_waits(kind: str, spool: Path) -> None:
    limits = msgspec.structs.replace(QUICK, spool_bytes=5_000)
    with scripted(status(503)) as server, Make(server.url, spool, limits=limits).opened(kind, 0) as client:
        with pytest.raises(SpoolFull, match="have no room"):
            fill(client)
        waits = client.waiting().events
    with scripted(receipt) as server, Make(server.url, spool, limits=limits).opened(kind) as client:
        assert client.flush(20)
        for number in range(waits):
            client.send(call(number))


def test_what_is_set_aside_counts_for_the_bound(kind: str, spool: Path) -> None:
    limits = msgspec.structs.replace(QUICK, spool_bytes=5_000)
    with scripted(status(403)) as server, Make(server.url, spool, limits=limits).opened(kind) as client:
        with pytest.raises(SpoolFull, match=r"[1-9]\d* are set aside"):
            fill(client, flush=True)
        assert client.drop_set_aside() > 0
        client.send(call(1))


def test_the_file_does_not_grow_with_what_went_through_it(spool: Path) -> None:
    limits = msgspec.structs.replace(QUICK, spool_bytes=200_000)
    with scripted(receipt) as server, Make(server.url, spool, limits=limits).opened("Client") as client:
        for round_ in range(20):
            client.send(*(call(1_000 * round_ + number) for number in range(400)))
            assert client.flush(20)
    assert sum(file.stat().st_size for file in spool.parent.glob(spool.name + "*")) < 1_000_000


def test_clients_of_one_process_share_a_spool_and_send_each_event_once(spool: Path) -> None:
    def slowly(handler: Handler, posted: Posted) -> None:
        handler.script.over.wait(0.02)
        receipt(handler, posted)

    limits = msgspec.structs.replace(QUICK, batch_events=7)
    with scripted(slowly) as server:
        make = Make(server.url, spool, limits=limits)
        with make.opened("Client") as one, make.opened("AsyncClient") as two:
            for number in range(0, 100, 2):
                one.send(call(number))
                two.send(call(number + 1))
            assert one.flush(20)
            assert two.flush(20)
        sent = [id_ for posted in server.posted for id_ in posted.ids]
    assert sorted(map(str, sent)) == sorted(call(number).id for number in range(100))


def test_what_another_process_left_is_sent_with_the_next_event_at_the_latest(kind: str, spool: Path) -> None:
    with scripted(status(503)) as away, scripted(receipt) as server, Make(server.url, spool).opened(kind) as client:
        assert client.flush(20)
        other = Make(away.url, spool).of("Client")
        other.send(call(1))
        other.close(0)
        client.send(call(2))
        assert client.flush(20)
    assert {id_ for posted in server.posted for id_ in posted.ids} == {call(1).id, call(2).id}


def test_a_spool_of_one_organization_is_not_opened_for_another(kind: str, spool: Path) -> None:
    with scripted(status(503)) as server:
        with Make(server.url, spool, organization="acme").opened(kind, 0) as client:
            client.send(call(1))
        with pytest.raises(WrongUse, match="holds 1 events of organization 'acme' and cannot be opened for 'umbrella'"):
            Make(server.url, spool, organization="umbrella").of(kind)


def test_a_file_that_is_no_spool_is_refused_and_left_alone(kind: str, spool: Path) -> None:
    spool.write_bytes(b"My diary. " * 1_000)
    with pytest.raises(SpoolUnusable, match="not a database"):
        Make("http://127.0.0.1:1", spool).of(kind)
    assert spool.read_bytes() == b"My diary. " * 1_000


def test_a_database_of_something_else_is_refused(kind: str, spool: Path) -> None:
    with sqlite3.connect(spool) as other:
        other.execute("CREATE TABLE diary (day TEXT)")
    other.close()
    with pytest.raises(SpoolUnusable, match="is no spool of this version"):
        Make("http://127.0.0.1:1", spool).of(kind)


def test_a_folder_that_does_not_exist_is_told(kind: str, tmp_path: Path) -> None:
    with pytest.raises(SpoolUnusable, match="unable to open"):
        Make("http://127.0.0.1:1", tmp_path / "nowhere" / "events.spool").of(kind)


@pytest.mark.parametrize(
    ("url", "key", "sentence"),
    [
        ("127.0.0.1:8000", KEY, "must look like https://usage.example.com"),
        ("ftp://example.com", KEY, "must look like https://usage.example.com"),
        ("http://", KEY, "must look like https://usage.example.com"),
        ("http://127.0.0.1:1", "", "The key must be the secret"),
        ("http://127.0.0.1:1", "ak_1.secret\n", "The key must be the secret"),
    ],
)
def test_what_can_reach_no_server_is_refused_at_once(kind: str, url: str, key: str, sentence: str, spool: Path) -> None:
    with pytest.raises(WrongUse, match=sentence):
        Make(url, spool, key=key).of(kind)
    assert not spool.exists()


def test_a_closed_client_says_so(spool: Path) -> None:
    client = Make("http://127.0.0.1:1", spool).synchronous()
    assert client.close(0) == 0
    with pytest.raises(WrongUse, match="closed"):
        client.send(call(1))
    assert client.close() == 0


def test_a_spool_may_be_opened_again_at_once_though_the_last_request_is_still_on_its_way(spool: Path) -> None:
    with scripted(status(503), receipt) as server:
        for number in range(5):
            with Make(server.url, spool).opened("Client", 0) as client:
                client.send(call(number))
        with Make(server.url, spool).opened("Client") as client:
            assert client.flush(20)
    assert {id_ for posted in server.posted for id_ in posted.ids} == {call(number).id for number in range(5)}


def _send_in_child(client: Client, said: "multiprocessing.queues.Queue[str]") -> None:
    try:
        client.send(call(1))
    except WrongUse as error:
        said.put(error.detail)


def test_a_client_of_the_parent_says_in_a_forked_child_that_it_cannot_send(spool: Path) -> None:
    with scripted(receipt) as server:
        client = Make(server.url, spool).synchronous()
        context = multiprocessing.get_context("fork")
        said: multiprocessing.queues.Queue[str] = context.Queue()
        child = context.Process(target=_send_in_child, args=(client, said))
        child.start()
        assert "made before a fork" in said.get(timeout=30)
        child.join(30)
        client.send(call(2))
        assert client.close() == 0
    assert [posted.ids for posted in server.posted] == [[call(2).id]]
