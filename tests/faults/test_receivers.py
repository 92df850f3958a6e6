"""Outgoing connections: one look-up, a checked address, the certificate of the name, one deadline, no redirects."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import pytest

from talkmeter.notify.endpoints import Endpoint
from talkmeter.notify.outgoing import MAX_ANSWER_BYTES, NotSent, Outgoing, resolve_by_system
from tests.certificates import write_certificate
from tests.event_loop import run_coroutine
from tests.receivers import Receiver, answer, close, garbage, receiver

BODY = b'{"type":"budget.crossed"}'
SHORT_SEC = 0.5
"""A deadline for receivers that would never answer."""


@pytest.fixture
def plain() -> Iterator[Receiver]:
    """A receiver of plain HTTP."""
    with receiver() as server:
        yield server


def endpoint(server: Receiver, scheme: str = "http", host: str | None = None, *, trusted: bool = True) -> Endpoint:
    return Endpoint(scheme, host or server.host, server.port, "/hook?x=1", trusted)


def fixed(*addresses: str) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    """Return a resolver that knows one answer."""

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return resolve


def post(outgoing: Outgoing, to: Endpoint) -> int:
    return run_coroutine(outgoing.post(to, {"webhook-id": "msg_1", "Content-Type": "application/json"}, BODY))


def failure(outgoing: Outgoing, to: Endpoint) -> tuple[str, int | None]:
    """Return the class of the error, and the status of the answer."""
    with pytest.raises(NotSent) as failed:
        post(outgoing, to)
    return failed.value.kind, failed.value.status


def test_request_reaches_the_receiver(plain: Receiver) -> None:
    assert post(Outgoing(), endpoint(plain)) == 204

    (request,) = plain.received
    assert (request.target, request.body) == ("/hook?x=1", BODY)
    assert request.headers["host"] == f"127.0.0.1:{plain.port}"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["connection"] == "close"
    assert request.headers["webhook-id"] == "msg_1"
    assert request.headers["user-agent"].startswith("Talkmeter/")


def test_proxy_of_the_environment_is_not_used(plain: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.origin)
        assert post(Outgoing(), endpoint(plain)) == 204
        assert proxy.connections == 0
    assert len(plain.received) == 1


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"]])
def test_name_with_one_private_address_is_refused(plain: Receiver, addresses: list[str]) -> None:
    outgoing = Outgoing(fixed(*addresses))

    assert failure(outgoing, endpoint(plain, host="rebind.example", trusted=False)) == ("address", None)
    assert plain.connections == 0


def test_name_is_resolved_once_for_each_request(plain: Receiver) -> None:
    asked: list[str] = []

    async def resolve(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1" if len(asked) == 1 else "127.0.0.2"]

    with receiver("127.0.0.2", plain.port) as other:
        outgoing = Outgoing(resolve)
        to = endpoint(plain, host="rebind.example")
        assert post(outgoing, to) == 204
        assert (plain.connections, other.connections) == (1, 0)
        assert post(outgoing, to) == 204
        assert (plain.connections, other.connections) == (1, 1)
    assert asked == ["rebind.example"] * 2
    assert plain.received[0].headers["host"] == f"rebind.example:{plain.port}"


def test_name_that_becomes_private_is_refused_at_the_next_request(plain: Receiver) -> None:
    answers = [["127.0.0.1"], ["127.0.0.1"]]

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return answers.pop()

    outgoing = Outgoing(resolve)
    assert post(outgoing, endpoint(plain, host="rebind.example")) == 204
    assert failure(outgoing, endpoint(plain, host="rebind.example", trusted=False)) == ("address", None)
    assert plain.connections == 1


def test_second_address_is_tried_if_the_first_refuses(plain: Receiver) -> None:
    assert post(Outgoing(fixed("127.0.0.3", "127.0.0.1")), endpoint(plain, host="two.example")) == 204


def test_unknown_name_and_closed_port_are_different_errors(plain: Receiver) -> None:
    async def unknown(_host: str, _port: int) -> Sequence[str]:
        raise OSError("Name or service not known")

    plain.close()
    assert failure(Outgoing(unknown), endpoint(plain, host="unknown.example")) == ("dns", None)
    assert failure(Outgoing(fixed()), endpoint(plain, host="empty.example")) == ("dns", None)
    assert failure(Outgoing(), endpoint(plain)) == ("connection", None)


def test_resolver_of_the_system_knows_this_machine_and_reports_impossible_names() -> None:
    assert "127.0.0.1" in run_coroutine(resolve_by_system("127.0.0.1", 443))
    with pytest.raises(OSError, match="the name is too long"):
        run_coroutine(resolve_by_system("a" * 64 + ".example", 443))


@pytest.mark.parametrize(
    ("status", "kind"), [(301, "redirect"), (307, "redirect"), (400, "status"), (410, "status"), (503, "status")]
)
def test_answer_without_success_is_an_error(plain: Receiver, status: int, kind: str) -> None:
    with receiver() as private:
        plain.behave = answer(status, f"Location: {private.origin}/secret")
        assert failure(Outgoing(), endpoint(plain)) == (kind, status)
        assert private.connections == 0


@pytest.mark.parametrize(("behave", "kind"), [(garbage, "protocol"), (close, "protocol")])
def test_answer_that_is_not_http_is_an_error(plain: Receiver, behave: Callable[..., None], kind: str) -> None:
    plain.behave = behave
    assert failure(Outgoing(), endpoint(plain)) == (kind, None)


def test_endless_answer_is_cut(plain: Receiver) -> None:
    plain.behave = plain.flood
    assert post(Outgoing(), endpoint(plain)) == 200

    plain.behave = answer(200, body=b"x" * (MAX_ANSWER_BYTES + 1))
    assert post(Outgoing(), endpoint(plain)) == 200


def test_slow_and_dripping_receivers_end_at_the_deadline(plain: Receiver) -> None:
    for behave in (plain.hang, plain.drip):
        plain.behave = behave
        assert failure(Outgoing(deadline_sec=SHORT_SEC), endpoint(plain)) == ("timeout", None)


def test_slow_resolver_ends_at_the_deadline(plain: Receiver) -> None:
    async def slow(_host: str, _port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    assert failure(Outgoing(slow, SHORT_SEC), endpoint(plain, host="slow.example")) == ("timeout", None)


class Tls:
    """A receiver with a certificate for hooks.example, and a client that trusts its authority."""

    def __init__(self, server: Receiver, authorities: ssl.SSLContext) -> None:
        self.server = server
        self.outgoing = Outgoing(fixed("127.0.0.1"), authorities=authorities)


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[Tls]:
    """A receiver of https."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    write_certificate("hooks.example", certificate, key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with receiver(tls=context) as server:
        yield Tls(server, ssl.create_default_context(cafile=str(certificate)))


def test_certificate_is_verified_for_the_name_not_the_address(tls: Tls) -> None:
    assert post(tls.outgoing, endpoint(tls.server, "https", "hooks.example")) == 204
    assert failure(tls.outgoing, endpoint(tls.server, "https", "other.example")) == ("tls", None)
    assert failure(tls.outgoing, endpoint(tls.server, "https", "127.0.0.1")) == ("tls", None)
    assert len(tls.server.received) == 1


def test_connection_is_not_shared_by_names_with_the_same_address(tls: Tls) -> None:
    for _ in range(2):
        assert post(tls.outgoing, endpoint(tls.server, "https", "hooks.example")) == 204
    assert tls.server.connections == 2


def test_unknown_authority_is_an_error(tls: Tls) -> None:
    outgoing = Outgoing(fixed("127.0.0.1"))

    assert failure(outgoing, endpoint(tls.server, "https", "hooks.example")) == ("tls", None)


def test_plain_http_at_a_tls_port_is_an_error(plain: Receiver) -> None:
    plain.behave = garbage
    kind, status = failure(Outgoing(fixed("127.0.0.1"), SHORT_SEC), endpoint(plain, "https", "hooks.example"))
    assert kind in {"tls", "timeout"}
    assert status is None
