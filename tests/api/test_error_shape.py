"""The one shape of every error: problem+json with one plain sentence, under the same headers as every answer."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.api.organizations import (
    BATCH,
    EVENTS,
    ORGANIZATION_HEADER,
    PLAIN,
    STRUCTURED,
    SUMMARY,
    Organization,
    assert_error,
    client_of,
    make_credential,
    make_token,
)
from tests.api.wire import upload
from tests.servers import Server, running_server

MAX_BODY = 20_000
AGENTS = "/metering/inventory/agent"
SCOPES = "/admin/members/me/scopes"


@dataclass(frozen=True)
class Wrong:
    """A request that is refused, whoever sends it with an admin key."""

    status: int
    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def event(body: bytes, type_: str = PLAIN, **headers: str) -> tuple[bytes, dict[str, str]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return body, {"Content-Type": type_, **named}


WRONG = {
    "an address where nothing is": Wrong(404, "GET", "/nothing"),
    "an address above the summary": Wrong(404, "GET", "/admin/usage"),
    "an inventory without a kind": Wrong(404, "PUT", "/metering/inventory"),
    "an address that is no UTF-8": Wrong(404, "GET", "/%ff%fe"),
    "an address with a NUL": Wrong(404, "GET", "/health/live%00"),
    "another format of the description": Wrong(404, "GET", "/openapi.yaml"),
    "GET of events": Wrong(405, "GET", EVENTS),
    "PATCH of events": Wrong(405, "PATCH", EVENTS, *event(b"{}")),
    "DELETE of an inventory": Wrong(405, "DELETE", AGENTS),
    "POST of a summary": Wrong(405, "POST", SUMMARY, *event(b"{}")),
    "PUT of scopes": Wrong(405, "PUT", SCOPES, *event(b"{}")),
    "POST of the description": Wrong(405, "POST", "/openapi.json"),
    "POST of the documentation": Wrong(405, "POST", "/docs"),
    "DELETE of health": Wrong(405, "DELETE", "/health/live"),
    "DELETE of readiness": Wrong(405, "DELETE", "/health/ready"),
    "POST of metrics": Wrong(405, "POST", "/metrics"),
    "a method nobody knows": Wrong(405, "BREW", SUMMARY),
    "events that are no JSON": Wrong(400, "POST", EVENTS, *event(b"{]")),
    "events without a body": Wrong(400, "POST", EVENTS, *event(b"")),
    "a batch that is an object": Wrong(400, "POST", EVENTS, *event(b"{}", BATCH)),
    "a snapshot that is no JSON": Wrong(400, "PUT", AGENTS, *event(b"{]")),
    "events cut in gzip": Wrong(400, "POST", EVENTS, *event(b"no gzip", Content_Encoding="gzip")),
    "too many bytes of events": Wrong(413, "POST", EVENTS, *event(b" " * (MAX_BODY + 1))),
    "too many bytes of a snapshot": Wrong(413, "PUT", AGENTS, *event(b" " * (MAX_BODY + 1))),
    "too many events": Wrong(413, "POST", EVENTS, *event(b"[{},{},{},{}]")),
    "too many items": Wrong(413, "PUT", AGENTS, *event(b'{"time":"","items":[%s]}' % b",".join([b'{"id":"a"}'] * 4))),
    "events of another type": Wrong(415, "POST", EVENTS, *event(b"{}", "text/plain")),
    "events of no type": Wrong(415, "POST", EVENTS, b"{}"),
    "events in another encoding": Wrong(415, "POST", EVENTS, *event(b"{}", Content_Encoding="br")),
    "events in other letters": Wrong(415, "POST", EVENTS, *event(b"{}", "application/json; charset=utf-16")),
    "a snapshot of another type": Wrong(415, "PUT", AGENTS, *event(b"{}", "text/csv")),
    "a snapshot that says it is an event": Wrong(415, "PUT", AGENTS, *event(b"{}", STRUCTURED)),
    "an inventory nobody keeps": Wrong(422, "PUT", "/metering/inventory/trunk", *event(b"{}")),
    "a snapshot without a time": Wrong(422, "PUT", AGENTS, *event(b'{"items":[]}')),
    "a snapshot of a wrong item": Wrong(
        422, "PUT", AGENTS, *event(b'{"time":"2026-03-01T00:00:00Z","items":[{"id":1}]}')
    ),
    "a window without an end": Wrong(422, "GET", f"{SUMMARY}?from=2026-03-01"),
    "a window of no dates": Wrong(422, "GET", f"{SUMMARY}?from=yesterday&to=today"),
    "a window of broken letters": Wrong(422, "GET", f"{SUMMARY}?from=%ff%00&to=%f0%9f"),
    "a window twice": Wrong(422, "GET", f"{SUMMARY}?from=2026-03-01&from=2026-03-01&to=2026-03-02"),
    "the summary of a foreign organization": Wrong(403, "GET", SUMMARY, headers={ORGANIZATION_HEADER: "foreign"}),
    "events of a foreign organization": Wrong(403, "POST", f"{EVENTS}?organization_id=foreign", *event(b"{}")),
    "scopes in a foreign organization": Wrong(403, "GET", f"{SCOPES}?organization_id=foreign"),
    "metrics through a proxy": Wrong(403, "GET", "/metrics", headers={"X-Forwarded-For": "203.0.113.7"}),
}
PROTECTED = {
    "events": ("POST", EVENTS, b"{}"),
    "an inventory": ("PUT", AGENTS, b"{}"),
    "the summary": ("GET", SUMMARY, b""),
    "scopes": ("GET", SCOPES, b""),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(
        tmp_path_factory.mktemp("server"),
        max_body_bytes=str(MAX_BODY),
        max_events="3",
    ) as running:
        yield running


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_request_is_answered_in_the_one_shape(org: Organization, wrong: Wrong) -> None:
    answer = org.client.request(wrong.method, wrong.path, content=wrong.body, headers=wrong.headers)
    assert_error(answer, wrong.status)


@pytest.mark.parametrize(("method", "path", "body"), PROTECTED.values(), ids=PROTECTED)
def test_a_request_without_a_credential_is_told_which_one_to_send(
    server: Server, method: str, path: str, body: bytes
) -> None:
    with client_of(server, None) as stranger:
        answer = stranger.request(method, path, content=body, headers={"Content-Type": PLAIN})
    assert_error(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    assert "Authorization" in answer.json()["detail"]


@pytest.mark.parametrize(("method", "path", "body"), list(PROTECTED.values())[:3], ids=list(PROTECTED)[:3])
def test_a_credential_without_the_scope_is_told_which_one_is_needed(
    server: Server, org: Organization, method: str, path: str, body: bytes
) -> None:
    with client_of(server, make_credential(server, org_id=org.id, role="viewer")) as viewer:
        answer = viewer.request(method, path, content=body, headers={"Content-Type": PLAIN})
    assert_error(answer, 403)
    assert "billing:manage" in answer.json()["detail"] or "events:write" in answer.json()["detail"]


@pytest.mark.parametrize(("method", "path", "body"), PROTECTED.values(), ids=PROTECTED)
def test_two_organizations_for_one_request_are_refused(
    server: Server, org: Organization, method: str, path: str, body: bytes
) -> None:
    with client_of(server, make_token(server, **{org.id: "admin", "other": "admin"})) as person:
        answer = person.request(
            method,
            f"{path}?organization_id=other",
            content=body,
            headers={"Content-Type": PLAIN, ORGANIZATION_HEADER: org.id},
        )
    assert_error(answer, 422)


def test_a_compressed_body_may_be_no_larger_than_the_limit_either(org: Organization) -> None:
    """However little it decodes to: else one without an announced length could go on for ever."""
    empty_members = iter([gzip.compress(b"") * 100] * 20)
    headers = {"Content-Type": PLAIN, "Content-Encoding": "gzip"}
    assert_error(org.client.post(EVENTS, content=empty_members, headers=headers), 413)


@pytest.mark.parametrize("path", [SUMMARY, SCOPES, "/openapi.json", "/docs", "/health/live", "/metrics"])
def test_a_method_that_is_not_allowed_is_told_all_that_are(org: Organization, path: str) -> None:
    answer = org.client.delete(path)
    assert_error(answer, 405)
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
    assert answer.headers["Allow"] in answer.json()["detail"]
    assert org.client.head(path).status_code == 200


def test_an_error_does_not_end_the_connection_of_a_polite_client(org: Organization) -> None:
    answers = [org.post(b"{]").status_code for _ in range(20)]
    assert answers == [400] * 20


@pytest.mark.parametrize("size", [2 * MAX_BODY, None], ids=["announced", "in chunks"])
def test_an_error_before_the_end_of_the_body_says_that_the_connection_ends_too(
    org: Organization, size: int | None
) -> None:
    """Else a client would send its next request on a connection that the server is about to close."""
    for _ in range(25):
        with upload(org.server, org.key, size) as endless:
            endless.send(b" " * (MAX_BODY + 1))
            answer = endless.answer()
        assert_error(answer, 413)
        assert answer.headers.get("Connection") == "close"
