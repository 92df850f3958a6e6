"""Authorization with organization keys, sender keys and personal tokens."""

import subprocess

import httpx
import pytest

from tests.api.organizations import (
    EVENTS,
    ORGANIZATION_HEADER,
    SUMMARY,
    OrganizationClient,
    client_of,
    error_of,
    make_credential,
    make_sender_key,
    make_token,
    new_org_id,
    receipt_of,
)
from tests.events import conversation
from tests.servers import Server

AGENTS = "/metering/inventory/agent"
MY_SCOPES = "/admin/members/me/scopes"
SNAPSHOT = {"time": "2026-03-01T00:00:00Z", "items": [{"id": "agent-1"}]}


def get(server: Server, key: str | None, path: str = MY_SCOPES, **headers: str) -> httpx.Response:
    with client_of(server, key, **headers) as client:
        return client.get(path)


def scopes_of(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    scopes = response.json()
    assert isinstance(scopes, list)
    return scopes


def test_admin_key_from_the_command_line_sends_and_reads(server: Server) -> None:
    with client_of(server, server.key(new_org_id())) as admin:
        assert receipt_of(admin.post(EVENTS, json=conversation()))["accepted"] == 1
        assert receipt_of(admin.put(AGENTS, json=SNAPSHOT))["accepted"] == 1
        summary = admin.get(SUMMARY, params={"from": "2026-03-01", "to": "2026-03-02"}).json()
    assert (summary["total_calls"], summary["total_agents"]) == (1, 1)


def test_viewer_cannot_read_usage_or_send_but_can_list_its_scopes(server: Server) -> None:
    with client_of(server, server.key(new_org_id(), "--role", "viewer")) as viewer:
        assert "billing:manage" in error_of(viewer.get(SUMMARY), 403)
        assert "events:write" in error_of(viewer.post(EVENTS, json=conversation()), 403)
        assert "events:write" in error_of(viewer.put(AGENTS, json=SNAPSHOT), 403)
        scopes = scopes_of(viewer.get(MY_SCOPES))
    assert scopes
    assert all(scope.endswith(":read") for scope in scopes)


def test_admin_scopes_are_a_sorted_list_of_concrete_names(org: OrganizationClient) -> None:
    answer = org.client.get(MY_SCOPES)
    scopes = scopes_of(answer)
    assert {"billing:manage", "events:write", "agents:read", "agents:manage", "members:manage"} <= set(scopes)
    assert scopes == sorted(set(scopes))
    assert all(resource and action.isidentifier() for resource, _, action in (scope.partition(":") for scope in scopes))
    assert not any("*" in scope for scope in scopes)
    assert "private" in answer.headers["Cache-Control"]


def test_key_with_one_scope_allows_nothing_else(server: Server) -> None:
    org_id = new_org_id()
    with client_of(server, make_credential(server, org_id=org_id, scopes=("events:write",))) as writer:
        assert scopes_of(writer.get(MY_SCOPES)) == ["events:write"]
        assert receipt_of(writer.post(EVENTS, json=conversation()))["accepted"] == 1
        error_of(writer.get(SUMMARY), 403)
    with client_of(server, make_credential(server, org_id=org_id, scopes=("billing:manage",))) as reader:
        assert scopes_of(reader.get(MY_SCOPES)) == ["billing:manage"]
        assert reader.get(SUMMARY, params={"from": "2026-03-01", "to": "2026-03-02"}).json()["total_calls"] == 1
        error_of(reader.post(EVENTS, json=conversation("call-2")), 403)


def test_sender_key_from_the_command_line_sends_and_cannot_read(server: Server, org: OrganizationClient) -> None:
    with client_of(server, server.sender_key()) as sender:
        assert receipt_of(sender.post(EVENTS, json=conversation(organization_id=org.id)))["accepted"] == 1
        for named in ({}, {ORGANIZATION_HEADER: org.id}):
            assert "billing:manage" in error_of(sender.get(SUMMARY, headers=named), 403)
            assert scopes_of(sender.get(MY_SCOPES, headers=named)) == ["events:write"]
    assert org.calls() == 1


def test_token_has_its_own_role_in_each_organization(server: Server, org: OrganizationClient) -> None:
    viewed = new_org_id()
    server.cli("orgs", "add", viewed)
    token = server.cli("tokens", "add", "--name", "Ada", "--org", org.id, "--org", f"{viewed}:viewer")
    with client_of(server, token) as person:
        assert person.get(SUMMARY, headers={ORGANIZATION_HEADER: org.id}).status_code == 200
        assert person.get(f"{SUMMARY}?organization_id={org.id}").status_code == 200
        assert "billing:manage" in error_of(person.get(SUMMARY, headers={ORGANIZATION_HEADER: viewed}), 403)
        scopes = scopes_of(person.get(MY_SCOPES, headers={ORGANIZATION_HEADER: viewed}))
        assert all(scope.endswith(":read") for scope in scopes)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--scope", "billing:*"),
        ("--role", "admin", "--scope", "billing:manage"),
        ("--role", "admin", "--sender"),
    ],
    ids=["neither", "a pattern", "both", "both kinds of key"],
)
def test_key_needs_a_role_or_existing_scopes(
    server: Server, org: OrganizationClient, arguments: tuple[str, ...]
) -> None:
    with pytest.raises(subprocess.CalledProcessError, match="exit status 1") as refused:
        server.cli("keys", "add", "--org", org.id, *arguments)
    assert refused.value.stdout == ""
    assert "Traceback" not in refused.value.stderr


@pytest.mark.parametrize("path", [SUMMARY, MY_SCOPES])
def test_token_without_an_organization_gets_the_platform_error(
    server: Server, org: OrganizationClient, path: str
) -> None:
    answer = get(server, make_token(server, **{org.id: "admin"}), path)
    assert error_of(answer, 401) == "Token is missing organization claim."
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_header_and_parameter_may_name_the_same_organization(server: Server, org: OrganizationClient) -> None:
    path = f"{SUMMARY}?organization_id={org.id}"
    for key in (org.key, make_token(server, **{org.id: "admin"})):
        assert get(server, key, path, **{ORGANIZATION_HEADER: org.id}).status_code == 200


def test_empty_organization_name_is_ignored(server: Server, org: OrganizationClient) -> None:
    assert get(server, org.key, f"{SUMMARY}?organization_id=", **{ORGANIZATION_HEADER: ""}).status_code == 200
    answer = get(server, make_token(server, **{org.id: "admin"}), f"{SUMMARY}?organization_id=")
    assert error_of(answer, 401) == "Token is missing organization claim."


def test_header_and_parameter_with_different_organizations_are_422(server: Server, org: OrganizationClient) -> None:
    token = make_token(server, **{org.id: "admin", "other": "admin"})
    error_of(get(server, token, f"{SUMMARY}?organization_id=other", **{ORGANIZATION_HEADER: org.id}), 422)
    error_of(get(server, token, f"{SUMMARY}?organization_id=other&organization_id={org.id}"), 422)
    with client_of(server, token) as person:
        both = [(ORGANIZATION_HEADER, org.id), (ORGANIZATION_HEADER, "other")]
        error_of(person.get(SUMMARY, headers=both), 422)


@pytest.mark.parametrize("named", ["header", "parameter", "both"])
def test_unknown_and_forbidden_organizations_get_the_same_error(
    server: Server, org: OrganizationClient, named: str
) -> None:
    foreign = new_org_id()
    make_credential(server, org_id=foreign, role="admin")
    for key in (org.key, make_token(server, **{org.id: "admin"})):
        answers = []
        for org_id in (foreign, "unknown-org"):
            headers = {} if named == "parameter" else {ORGANIZATION_HEADER: org_id}
            path = SUMMARY if named == "header" else f"{SUMMARY}?organization_id={org_id}"
            answers.append(get(server, key, path, **headers))
        error_of(answers[0], 403)
        forbidden, unknown = ((answer.status_code, answer.content, sorted(answer.headers)) for answer in answers)
        assert forbidden == unknown


def test_allowed_and_forbidden_organization_together_are_403(server: Server, org: OrganizationClient) -> None:
    for key in (org.key, make_token(server, **{org.id: "admin"})):
        error_of(get(server, key, f"{SUMMARY}?organization_id=foreign", **{ORGANIZATION_HEADER: org.id}), 403)
        error_of(get(server, key, f"{SUMMARY}?organization_id={org.id}", **{ORGANIZATION_HEADER: "foreign"}), 403)


def test_401_comes_before_403_and_403_before_422(server: Server, org: OrganizationClient) -> None:
    wrong_window = f"{SUMMARY}?from=yesterday&organization_id=foreign"
    viewer = make_credential(server, org_id=org.id, role="viewer")
    error_of(get(server, None, wrong_window), 401)
    error_of(get(server, org.key, wrong_window), 403)
    error_of(get(server, viewer, f"{SUMMARY}?from=yesterday"), 403)
    error_of(get(server, org.key, f"{SUMMARY}?from=yesterday"), 422)
    error_of(get(server, make_token(server, **{org.id: "admin"}), f"{SUMMARY}?from=yesterday"), 401)


def test_missing_scope_is_reported_before_conflicting_organizations(server: Server) -> None:
    with client_of(server, make_sender_key(server)) as sender:
        both = sender.get(f"{SUMMARY}?organization_id=one", headers={ORGANIZATION_HEADER: "two"})
    error_of(both, 403)


@pytest.mark.parametrize(("method", "path"), [("POST", EVENTS), ("PUT", AGENTS), ("PUT", "/metering/inventory/trunk")])
def test_credentials_are_checked_before_the_body(
    server: Server, org: OrganizationClient, method: str, path: str
) -> None:
    unreadable = {"Content-Type": "text/plain", "Content-Encoding": "br"}
    for key, status in ((None, 401), (make_credential(server, org_id=org.id, role="viewer"), 403)):
        with client_of(server, key) as client:
            error_of(client.request(method, path, content=b"{]", headers=unreadable), status)
