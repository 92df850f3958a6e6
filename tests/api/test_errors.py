"""All errors are problem+json with one sentence, and have the headers of every response."""

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
    OrganizationClient,
    assert_error,
    client_of,
    make_credential,
    make_token,
)
from tests.api.raw_http import upload
from tests.servers import Server, running_server

MAX_BODY = 20_000
AGENTS = "/metering/inventory/agent"
SCOPES = "/admin/members/me/scopes"


@dataclass(frozen=True)
class BadRequestCase:
    """A request that is rejected even with an admin key."""

    status: int
    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def body(content: bytes, type_: str = PLAIN, **headers: str) -> tuple[bytes, dict[str, str]]:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return content, {"Content-Type": type_, **more}


BAD_REQUESTS = {
    "an unknown path": BadRequestCase(404, "GET", "/nothing"),
    "a path above the summary": BadRequestCase(404, "GET", "/admin/usage"),
    "an inventory without a kind": BadRequestCase(404, "PUT", "/metering/inventory"),
    "a path that is not UTF-8": BadRequestCase(404, "GET", "/%ff%fe"),
    "a path with a NUL": BadRequestCase(404, "GET", "/health/live%00"),
    "another format of the description": BadRequestCase(404, "GET", "/openapi.yaml"),
    "GET of events": BadRequestCase(405, "GET", EVENTS),
    "PATCH of events": BadRequestCase(405, "PATCH", EVENTS, *body(b"{}")),
    "DELETE of an inventory": BadRequestCase(405, "DELETE", AGENTS),
    "POST of a summary": BadRequestCase(405, "POST", SUMMARY, *body(b"{}")),
    "PUT of scopes": BadRequestCase(405, "PUT", SCOPES, *body(b"{}")),
    "POST of the description": BadRequestCase(405, "POST", "/openapi.json"),
    "POST of the documentation": BadRequestCase(405, "POST", "/docs"),
    "DELETE of health": BadRequestCase(405, "DELETE", "/health/live"),
    "DELETE of readiness": BadRequestCase(405, "DELETE", "/health/ready"),
    "POST of metrics": BadRequestCase(405, "POST", "/metrics"),
    "an unknown method": BadRequestCase(405, "BREW", SUMMARY),
    "events that are not JSON": BadRequestCase(400, "POST", EVENTS, *body(b"{]")),
    "events without a body": BadRequestCase(400, "POST", EVENTS, *body(b"")),
    "a batch that is an object": BadRequestCase(400, "POST", EVENTS, *body(b"{}", BATCH)),
    "a snapshot that is not JSON": BadRequestCase(400, "PUT", AGENTS, *body(b"{]")),
    "events with truncated gzip": BadRequestCase(400, "POST", EVENTS, *body(b"no gzip", Content_Encoding="gzip")),
    "too many bytes of events": BadRequestCase(413, "POST", EVENTS, *body(b" " * (MAX_BODY + 1))),
    "too many bytes of a snapshot": BadRequestCase(413, "PUT", AGENTS, *body(b" " * (MAX_BODY + 1))),
    "too many events": BadRequestCase(413, "POST", EVENTS, *body(b"[{},{},{},{}]")),
    "too many items": BadRequestCase(
        413, "PUT", AGENTS, *body(b'{"time":"","items":[%s]}' % b",".join([b'{"id":"a"}'] * 4))
    ),
    "events of another content type": BadRequestCase(415, "POST", EVENTS, *body(b"{}", "text/plain")),
    "events without a content type": BadRequestCase(415, "POST", EVENTS, b"{}"),
    "events in another encoding": BadRequestCase(415, "POST", EVENTS, *body(b"{}", Content_Encoding="br")),
    "events in UTF-16": BadRequestCase(415, "POST", EVENTS, *body(b"{}", "application/json; charset=utf-16")),
    "a snapshot of another content type": BadRequestCase(415, "PUT", AGENTS, *body(b"{}", "text/csv")),
    "a snapshot declared as an event": BadRequestCase(415, "PUT", AGENTS, *body(b"{}", STRUCTURED)),
    "an unknown inventory kind": BadRequestCase(422, "PUT", "/metering/inventory/trunk", *body(b"{}")),
    "a snapshot without a time": BadRequestCase(422, "PUT", AGENTS, *body(b'{"items":[]}')),
    "a snapshot with a wrong item": BadRequestCase(
        422, "PUT", AGENTS, *body(b'{"time":"2026-03-01T00:00:00Z","items":[{"id":1}]}')
    ),
    "a window without an end": BadRequestCase(422, "GET", f"{SUMMARY}?from=2026-03-01"),
    "a window without dates": BadRequestCase(422, "GET", f"{SUMMARY}?from=yesterday&to=today"),
    "a window that is not UTF-8": BadRequestCase(422, "GET", f"{SUMMARY}?from=%ff%00&to=%f0%9f"),
    "a repeated bound": BadRequestCase(422, "GET", f"{SUMMARY}?from=2026-03-01&from=2026-03-01&to=2026-03-02"),
    "the summary of a foreign organization": BadRequestCase(
        403, "GET", SUMMARY, headers={ORGANIZATION_HEADER: "foreign"}
    ),
    "events of a foreign organization": BadRequestCase(403, "POST", f"{EVENTS}?organization_id=foreign", *body(b"{}")),
    "scopes in a foreign organization": BadRequestCase(403, "GET", f"{SCOPES}?organization_id=foreign"),
    "metrics through a proxy": BadRequestCase(403, "GET", "/metrics", headers={"X-Forwarded-For": "203.0.113.7"}),
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


@pytest.mark.parametrize("wrong", BAD_REQUESTS.values(), ids=BAD_REQUESTS)
def test_every_error_is_problem_json(org: OrganizationClient, wrong: BadRequestCase) -> None:
    answer = org.client.request(wrong.method, wrong.path, content=wrong.body, headers=wrong.headers)
    assert_error(answer, wrong.status)


@pytest.mark.parametrize(("method", "path", "body"), PROTECTED.values(), ids=PROTECTED)
def test_missing_credential_error_names_the_header(server: Server, method: str, path: str, body: bytes) -> None:
    with client_of(server, None) as anonymous:
        answer = anonymous.request(method, path, content=body, headers={"Content-Type": PLAIN})
    assert_error(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    assert "Authorization" in answer.json()["detail"]


@pytest.mark.parametrize(("method", "path", "body"), list(PROTECTED.values())[:3], ids=list(PROTECTED)[:3])
def test_error_names_the_missing_scope(
    server: Server, org: OrganizationClient, method: str, path: str, body: bytes
) -> None:
    with client_of(server, make_credential(server, org_id=org.id, role="viewer")) as viewer:
        answer = viewer.request(method, path, content=body, headers={"Content-Type": PLAIN})
    assert_error(answer, 403)
    assert "billing:manage" in answer.json()["detail"] or "events:write" in answer.json()["detail"]


@pytest.mark.parametrize(("method", "path", "body"), PROTECTED.values(), ids=PROTECTED)
def test_two_organizations_in_one_request_are_rejected(
    server: Server, org: OrganizationClient, method: str, path: str, body: bytes
) -> None:
    with client_of(server, make_token(server, **{org.id: "admin", "other": "admin"})) as person:
        answer = person.request(
            method,
            f"{path}?organization_id=other",
            content=body,
            headers={"Content-Type": PLAIN, ORGANIZATION_HEADER: org.id},
        )
    assert_error(answer, 422)


def test_limit_applies_to_compressed_bytes_too(org: OrganizationClient) -> None:
    """A chunked body that decodes to little could otherwise be endless."""
    empty_members = iter([gzip.compress(b"") * 100] * 20)
    headers = {"Content-Type": PLAIN, "Content-Encoding": "gzip"}
    assert_error(org.client.post(EVENTS, content=empty_members, headers=headers), 413)


@pytest.mark.parametrize("path", [SUMMARY, SCOPES, "/openapi.json", "/docs", "/health/live", "/metrics"])
def test_wrong_method_gets_the_allowed_methods(org: OrganizationClient, path: str) -> None:
    answer = org.client.delete(path)
    assert_error(answer, 405)
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
    assert answer.headers["Allow"] in answer.json()["detail"]
    assert org.client.head(path).status_code == 200


def test_error_after_the_whole_body_keeps_the_connection(org: OrganizationClient) -> None:
    answers = [org.post(b"{]").status_code for _ in range(20)]
    assert answers == [400] * 20


@pytest.mark.parametrize("size", [2 * MAX_BODY, None], ids=["announced", "in chunks"])
def test_error_before_the_end_of_the_body_closes_the_connection(org: OrganizationClient, size: int | None) -> None:
    """Otherwise a client would send its next request on a connection that the server is closing."""
    for _ in range(25):
        with upload(org.server, org.key, size) as stream:
            stream.send(b" " * (MAX_BODY + 1))
            answer = stream.response()
        assert_error(answer, 413)
        assert answer.headers.get("Connection") == "close"
