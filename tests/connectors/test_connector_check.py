"""`talkmeter connectors test`: whether a connector can be reached and its signature is accepted."""

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from subprocess import CalledProcessError
from threading import Thread
from typing import Final, NamedTuple

import pytest

from talkmeter import clock
from talkmeter.accounts.connectors import Connector, disable_connector, find_connector
from talkmeter.cli import connector_check
from talkmeter.cli.connector_check import check_connector
from talkmeter.db.engine import reading, writing
from talkmeter.errors import OperationFailed
from tests.certificates import write_certificate
from tests.connectors.metering_server import Hook, MeteringServer, metering_server
from tests.connectors.proxy import Drip, Handle, Proxy, ProxyResponse, forward_to, running_proxy
from tests.connectors.signing import SIGNERS
from tests.servers import free_port, run_cli

PAGE: Final = b"<html>Welcome</html>"


class Setup(NamedTuple):
    """A server, and the proxy in front of it at the URL that providers are given."""

    meter: MeteringServer
    proxy: Proxy

    def with_proxy(self, handle: Handle) -> "Setup":
        """Return the same setup after replacing what the proxy does."""
        self.proxy.handle = handle
        return self

    def check(self, hook: Hook, secret: str = "", url: str = "") -> str:
        """Return the result of the check; `secret` and `url` replace the right ones."""
        return check_connector(connector(hook), url or self.proxy.url, secret or SIGNERS[hook.provider].secret)


def connector(hook: Hook) -> Connector:
    with reading(hook.metering.engine) as connection:
        found = find_connector(connection, hook.id)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def server_and_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    folder = tmp_path_factory.mktemp("server")
    with running_proxy() as proxy, metering_server(folder, public_url=proxy.url) as meter:
        yield Setup(meter, proxy)


@pytest.fixture
def self_signed_url(tmp_path: Path) -> Iterator[str]:
    """The https URL of a server with a self-signed certificate."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    write_certificate("localhost", certificate, key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with serving(server):
        yield f"https://localhost:{server.server_port}"


@contextmanager
def serving(server: HTTPServer) -> Iterator[None]:
    """Run a server in a thread until the block ends."""
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def setup(server_and_proxy: Setup) -> Setup:
    return server_and_proxy.with_proxy(forward_to(server_and_proxy.meter.server.url))


@pytest.mark.parametrize("name", [name for name in SIGNERS if name != "telnyx"])
def test_check_message_is_accepted_and_not_counted(setup: Setup, name: str) -> None:
    hook = setup.meter.connect(name, SIGNERS[name].secret)

    result = setup.check(hook)

    assert re.fullmatch(
        rf"{setup.proxy.url}{hook.path} answered 20[04] in \d+ ms: "
        r"the address is reached and the signature is accepted; nothing was counted\.",
        result,
    )
    assert hook.outcomes(1) == {"ignored": 1}
    assert hook.types_ignored() == ["talkmeter.test"]
    assert setup.meter.quarantined(hook.org_id) == []


@pytest.mark.parametrize("name", [name for name in SIGNERS if name != "telnyx"])
def test_wrong_secret_is_reported(setup: Setup, name: str) -> None:
    hook = setup.meter.connect(name, SIGNERS[name].secret)
    another = "whsec_YW5vdGhlciBzZWNyZXQ=" if name == "signed" else "a wrong one"

    with pytest.raises(OperationFailed, match=r"answered 401 in \d+ ms: the signature is not accepted\.") as failed:
        setup.check(hook, secret=another)
    assert f"Could not verify that this message came from {name}: " in failed.value.detail
    assert another not in failed.value.detail
    assert hook.outcomes(1) == {"rejected": 1}


def test_signature_of_telnyx_cannot_be_tested(setup: Setup) -> None:
    result = setup.check(setup.meter.connect("telnyx", SIGNERS["telnyx"].secret))
    assert result.endswith(
        " ms: the address is reached. The signature cannot be tested: only Telnyx can sign."
    )  # fmt: skip


def test_current_secret_of_two_is_used(setup: Setup) -> None:
    hook = setup.meter.connect("retell", "the second", "the first")
    assert "the signature is accepted" in setup.check(hook, secret="the second")


def test_command_prints_the_result_and_exits_with_1_on_failure(setup: Setup) -> None:
    server = setup.meter.server
    hook = setup.meter.connect("vapi", SIGNERS["vapi"].secret)
    assert "the signature is accepted; nothing was counted." in server.cli("connectors", "test", hook.id)

    unused = f"http://127.0.0.1:{free_port()}"
    environment = {**server.environment, "TALKMETER_PUBLIC_URL": unused}
    with pytest.raises(CalledProcessError, match=r"returned non-zero exit status 1\.") as failed:
        run_cli(server.folder, environment, "connectors", "test", hook.id)
    assert failed.value.stdout == ""
    assert failed.value.stderr.startswith(f"talkmeter: Cannot reach {unused}{hook.path} (")
    assert "TALKMETER_PUBLIC_URL must be the address at which the provider reaches this server" in failed.value.stderr


def test_disabled_connector_is_refused(setup: Setup) -> None:
    hook = setup.meter.connect("n8n", SIGNERS["n8n"].secret)
    with writing(setup.meter.engine) as connection:
        disable_connector(connection, hook.id, clock.now())
    with pytest.raises(OperationFailed, match=r"is disabled and accepts no webhooks\."):
        setup.check(hook)


def test_server_with_another_database_is_reported(setup: Setup, tmp_path_factory: pytest.TempPathFactory) -> None:
    hook = setup.meter.connect("vapi", SIGNERS["vapi"].secret)
    with metering_server(tmp_path_factory.mktemp("another")) as another:
        setup.with_proxy(forward_to(another.server.url))
        with pytest.raises(
            OperationFailed, match=r"answered 404 .*it uses another TALKMETER_DATABASE_URL than this command"
        ):
            setup.check(hook)


def redirect(path: str, _: dict[str, str], __: bytes) -> ProxyResponse:
    return ProxyResponse(301, location=f"https://www.example.com{path}")


def rewrite_body(setup: Setup) -> Handle:
    def handle(path: str, headers: dict[str, str], body: bytes) -> ProxyResponse:
        return forward_to(setup.meter.server.url)(path, headers, body.replace(b":", b"="))

    return handle


FAILURES: Final[dict[str, tuple[Handle, str]]] = {
    "another server without this page": (
        lambda *_: ProxyResponse(404, PAGE),
        "answered 404 in .* another server answers there.*proxies must forward /metering/hooks",
    ),
    "another server with a page for every path": (
        lambda *_: ProxyResponse(200, PAGE),
        "answered 200 in .* another server answers there, not Talkmeter",
    ),
    "a proxy that redirects": (
        redirect,
        "answered 301 .* redirects to 'https://www.example.com/.*, and providers do not follow redirects",
    ),
    "a proxy that asks for a password": (
        lambda *_: ProxyResponse(401, PAGE),
        "answered 401 .* a proxy in front of the server asks for credentials",
    ),
    "a proxy whose server is down": (
        lambda *_: ProxyResponse(502, PAGE),
        "answered 502 .* a proxy in front of the server cannot reach it",
    ),
    "a proxy that refuses with its own problem document": (
        lambda *_: ProxyResponse(429, b'{"detail":', "application/problem+json"),
        "answered 429 .* another server answers there, not Talkmeter",
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("name", ["vapi", "telnyx"])
def test_failure_of_a_proxy_is_explained(setup: Setup, name: str, failure: str) -> None:
    handle, sentence = FAILURES[failure]
    hook = setup.with_proxy(handle).meter.connect(name, SIGNERS[name].secret)
    with pytest.raises(OperationFailed, match=sentence) as failed:
        setup.check(hook)
    assert failed.value.detail.endswith(".")


def test_proxy_that_changes_bodies_is_reported(setup: Setup) -> None:
    hook = setup.with_proxy(rewrite_body(setup)).meter.connect("elevenlabs", SIGNERS["elevenlabs"].secret)
    with pytest.raises(OperationFailed, match="proxies must not change the body or headers"):
        setup.check(hook)


def hang(*_: object) -> ProxyResponse:
    raise TimeoutError


def test_timeout_is_reported(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connector_check, "TIMEOUT_SEC", 0.2)
    hook = setup.with_proxy(hang).meter.connect("vapi", SIGNERS["vapi"].secret)
    with pytest.raises(OperationFailed, match=r"did not answer within 0\.2 seconds: .* firewalls and proxies"):
        setup.check(hook)


@pytest.mark.parametrize("start", [b"X-Endless: ", b"Content-Length: 1000\r\n\r\n"], ids=["headers", "body"])
def test_one_timeout_covers_a_response_that_drips(setup: Setup, monkeypatch: pytest.MonkeyPatch, start: bytes) -> None:
    def drip(*_: object) -> ProxyResponse:
        raise Drip(b"HTTP/1.1 200 OK\r\n" + start)

    monkeypatch.setattr(connector_check, "TIMEOUT_SEC", 0.5)
    hook = setup.with_proxy(drip).meter.connect("vapi", SIGNERS["vapi"].secret)
    with pytest.raises(OperationFailed, match=r"did not answer within 0\.5 seconds: .* firewalls and proxies"):
        setup.check(hook)


def test_unknown_host_is_reported(setup: Setup) -> None:
    hook = setup.meter.connect("vapi", SIGNERS["vapi"].secret)
    with pytest.raises(
        OperationFailed, match=r"^Cannot reach http://nobody\.invalid/metering/.* \(.*TALKMETER_PUBLIC_URL"
    ):
        setup.check(hook, url="http://nobody.invalid")


def test_invalid_certificate_is_reported_as_such(setup: Setup, self_signed_url: str) -> None:
    hook = setup.meter.connect("vapi", SIGNERS["vapi"].secret)
    with pytest.raises(
        OperationFailed, match=r"is reached, but its certificate is not valid \(self-signed certificate\), so providers"
    ):
        setup.check(hook, url=self_signed_url)


def test_server_without_tls_is_reported_as_such(setup: Setup) -> None:
    hook = setup.meter.connect("vapi", SIGNERS["vapi"].secret)
    with pytest.raises(OperationFailed, match=r"is reached, but does not speak TLS"):
        setup.check(hook, url=setup.proxy.url.replace("http://", "https://"))


@pytest.mark.parametrize("secret", ["with a line\nbreak", "blank at its end ", "смысл", "\x00"])
def test_secret_that_cannot_be_sent_in_a_header_is_refused(setup: Setup, secret: str) -> None:
    hook = setup.meter.connect("n8n", secret)
    with pytest.raises(OperationFailed, match="cannot be sent in a header") as failed:
        setup.check(hook, secret=secret)
    assert secret not in failed.value.detail


def test_secret_in_latin_1_is_sent_unchanged(setup: Setup) -> None:
    assert "is accepted" in setup.check(setup.meter.connect("n8n", "garçon"), secret="garçon")


def test_plain_http_address_is_reached_without_a_proxy(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    hook = setup.meter.connect("vapi", SIGNERS["vapi"].secret)

    assert "the signature is accepted" in setup.check(hook)
