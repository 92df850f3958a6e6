"""Fuzzed webhooks over HTTP for every provider: the response, the limits, and that no private data is stored."""

import http.client
import time
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talkmeter.ingest.connectors.registry import PROVIDERS
from tests import local_http
from tests.connectors.fuzzed_bodies import MAX_BODY_BYTES, MAX_FIELDS, PHONE, TRANSCRIPT, bodies
from tests.connectors.metering_server import Hook, MeteringServer, metering_server
from tests.connectors.signing import SIGNERS
from tests.faults.sockets import connect, read_response
from tests.hypothesis_profiles import examples
from tests.servers import Server

SIGNED: Final = 100
"""Messages per provider."""
UNVERIFIED: Final = 60
PRIVATE: Final = (TRANSCRIPT, PHONE.removeprefix("+1"), "500) 555-0006")
METHODS: Final = ("POST", "GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "BREW")
PATHS: Final = (
    "{0}",
    "{0}",
    "{0}",
    "{0}/",
    "{0}?agent=%ff&a=%",
    "{0}%00",
    "{0}%2F",
    "/{0}",
    "{0}x",
    "{0}?" + "&" * 5_000,
)
CONTENT_TYPES: Final = (
    *("application/json", "application/x-www-form-urlencoded", "application/json; charset=utf-7", "text/plain"),
    *("multipart/form-data; boundary=x", "application/cloudevents+json", "", "/", "a" * 3_000, 'application/json;;;="'),
)
MORE_HEADERS: Final = (
    *("Content-Encoding: gzip", "Content-Encoding: br", "Transfer-Encoding: identity", "ce-specversion: 1.0"),
    *("X-Twilio-Webhooks-Signature-Settings: algorithm=MD5", "Accept: */*;q=x", "Host: another.example.com"),
)
_HEADER_CHARACTERS: Final = st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f")
VALUES: Final = (
    st.text(_HEADER_CHARACTERS, max_size=200)
    | st.from_regex(r"\A(v|t)=[0-9]{1,30},(d|v0)=[0-9a-f]{64}\Z")
    | st.from_regex(r"\A[0-9]{1,30}\Z")
    | st.from_regex(r"\A(Bearer )?[A-Za-z0-9_-]{0,80}\.[A-Za-z0-9_-]{0,80}\.[A-Za-z0-9_-]{0,80}\Z")
    | st.from_regex(r"\A(v1,[A-Za-z0-9+/]{0,44}={0,2} ?){0,3}\Z")
    | st.sampled_from(("", "9" * 5_000, "v=,d=", "t=1,v0=", "=", "e30.e30.e30", "Bearer", "Basic OjpA"))
)
"""Values of signature headers."""


@pytest.fixture(scope="module")
def meter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeteringServer]:
    with metering_server(tmp_path_factory.mktemp("fuzz"), max_body_bytes=str(MAX_BODY_BYTES)) as running:
        yield running
        assert running.server.process.poll() is None


def assert_healthy(server: Server) -> None:
    """Check that the server is ready, and that its log has no unexpected error and no private data."""
    assert local_http.get(f"{server.url}/health/ready").status_code == 200
    log = server.log()
    assert "Traceback" not in log
    for text in PRIVATE:
        assert text not in log


def statuses(hook: Hook, body: bytes) -> set[int]:
    """Return the allowed statuses for a signed message."""
    if len(body) > MAX_BODY_BYTES:
        return {413}
    if hook.provider in ("twilio", "plivo") and body.count(b"&") >= MAX_FIELDS:
        return {401}
    return {PROVIDERS[hook.provider].status}


@pytest.mark.parametrize("name", SIGNERS)
def test_signed_fuzzed_message_is_received_and_kept_without_private_data(meter: MeteringServer, name: str) -> None:
    signer = SIGNERS[name]
    hook = meter.connect(name, signer.secret)
    address = urlsplit(hook.url)
    connection = http.client.HTTPConnection(address.netloc, timeout=30)

    @settings(max_examples=examples(SIGNED))
    @given(body=bodies(name))
    def send(body: bytes) -> None:
        headers = signer.sign(hook.public_url, body, int(time.time()))
        connection.request("POST", address.path, body, {**headers, "Content-Type": signer.content_type})
        response = connection.getresponse()
        content = response.read()
        assert response.status in statuses(hook, body), content
        assert len(content) < 1_000

    send()
    connection.close()
    kept = meter.quarantined(hook.org_id)
    assert kept
    for event in kept:
        assert event.size <= MAX_BODY_BYTES
        assert len(event.kept_fields) <= MAX_BODY_BYTES
        for text in PRIVATE:
            assert text not in event.kept_fields.decode() + event.detail
    assert meter.differences(hook.org_id) == []
    assert_healthy(meter.server)


@st.composite
def unverified_requests(draw: st.DrawFn, name: str, path: str) -> bytes:
    """A request with arbitrary values in the headers of a provider's signature."""
    body = draw(bodies(name))
    method = draw(st.sampled_from(METHODS) | st.just("POST"))
    lines = [f"{method} {draw(st.sampled_from(PATHS)).format(path)} HTTP/1.1", "Connection: close"]
    lines.append(f"Content-Length: {len(body)}")
    lines.append(f"Content-Type: {draw(st.sampled_from(CONTENT_TYPES))}")
    for header in SIGNERS[name].sign("", b"", 0):
        lines += [f"{header}: {value}" for value in draw(st.lists(VALUES, max_size=2))]
    lines += draw(st.lists(st.sampled_from(MORE_HEADERS), max_size=2, unique=True))
    if not any(line.startswith("Host") for line in lines):
        lines.append("Host: meter")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@pytest.mark.parametrize("name", SIGNERS)
def test_unverified_fuzzed_request_is_refused_and_counts_nothing(meter: MeteringServer, name: str) -> None:
    hook = meter.connect(name, SIGNERS[name].secret)

    @settings(max_examples=examples(UNVERIFIED))
    @given(request=unverified_requests(name, hook.path))
    def send(request: bytes) -> None:
        with connect(meter.server) as connection:
            connection.sendall(request)
            head = read_response(connection).partition(b"\r\n")[0]
        # The response to OPTIONS lists the allowed methods.
        refused = b"HTTP/1.1 204" if request.startswith(b"OPTIONS") and b" 204 " in head else b"HTTP/1.1 4"
        assert head.startswith(refused), head

    send()
    assert {*hook.outcomes(1)} == {"rejected"}
    assert meter.quarantined(hook.org_id) == []
    assert_healthy(meter.server)


def test_database_is_consistent_after_all_fuzzed_messages(meter: MeteringServer) -> None:
    assert "verified: every daily total is the sum of its records." in meter.server.cli("verify")
