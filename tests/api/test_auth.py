"""Who may: organization keys, sender keys and personal tokens, from the first request to their end."""

import subprocess

import httpx
import pytest

from tests.api.organizations import (
    EVENTS,
    ORGANIZATION_HEADER,
    SUMMARY,
    Organization,
    client_of,
    make_credential,
    make_sender_key,
    make_token,
    new_org_id,
    receipt_of,
    refusal_of,
)
from tests.events import conversation
from tests.servers import Server

AGENTS = "/metering/inventory/agent"
MY_SCOPES = "/admin/members/me/scopes"
SNAPSHOT = {"time": "2026-03-01T00:00:00Z", "items": [{"id": "agent-1"}]}


def ask(server: Server, key: str | None, path: str = MY_SCOPES, **headers: str) -> httpx.Response:
    with client_of(server, key, **headers) as client:
        return client.get(path)


def scopes_of(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    scopes = response.json()
    assert isinstance(scopes, list)
    return scopes


def test_an_admin_key_made_on_the_command_line_sends_and_reads(server: Server) -> None:
    with client_of(server, server.key(new_org_id())) as admin:
        assert receipt_of(admin.post(EVENTS, json=conversation()))["accepted"] == 1
        assert receipt_of(admin.put(AGENTS, json=SNAPSHOT))["accepted"] == 1
        summary = admin.get(SUMMARY, params={"from": "2026-03-01", "to": "2026-03-02"}).json()
    assert (summary["total_calls"], summary["total_agents"]) == (1, 1)


def test_a_viewer_sees_no_usage_and_sends_nothing_but_learns_its_scopes(server: Server) -> None:
    with client_of(server, server.key(new_org_id(), "--role", "viewer")) as viewer:
        assert "billing:manage" in refusal_of(viewer.get(SUMMARY), 403)
        assert "events:write" in refusal_of(viewer.post(EVENTS, json=conversation()), 403)
        assert "events:write" in refusal_of(viewer.put(AGENTS, json=SNAPSHOT), 403)
        scopes = scopes_of(viewer.get(MY_SCOPES))
    assert scopes
    assert all(scope.endswith(":read") for scope in scopes)


def test_the_scopes_of_an_admin_are_a_flat_sorted_list_of_concrete_names(org: Organization) -> None:
    answer = org.client.get(MY_SCOPES)
    scopes = scopes_of(answer)
    assert {"billing:manage", "events:write", "agents:read", "agents:manage", "members:manage"} <= set(scopes)
    assert scopes == sorted(set(scopes))
    assert all(resource and action.isidentifier() for resource, _, action in (one.partition(":") for one in scopes))
    assert not any("*" in scope for scope in scopes)
    assert "private" in answer.headers["Cache-Control"]


def test_a_key_with_one_scope_may_do_that_and_nothing_else(server: Server) -> None:
    org_id = new_org_id()
    with client_of(server, make_credential(server, org_id=org_id, scopes=("events:write",))) as sends:
        assert scopes_of(sends.get(MY_SCOPES)) == ["events:write"]
        assert receipt_of(sends.post(EVENTS, json=conversation()))["accepted"] == 1
        refusal_of(sends.get(SUMMARY), 403)
    with client_of(server, make_credential(server, org_id=org_id, scopes=("billing:manage",))) as reads:
        assert scopes_of(reads.get(MY_SCOPES)) == ["billing:manage"]
        assert reads.get(SUMMARY, params={"from": "2026-03-01", "to": "2026-03-02"}).json()["total_calls"] == 1
        refusal_of(reads.post(EVENTS, json=conversation("call-2")), 403)


def test_a_sender_key_made_on_the_command_line_sends_and_cannot_read(server: Server, org: Organization) -> None:
    with client_of(server, server.sender_key()) as sender:
        assert receipt_of(sender.post(EVENTS, json=conversation(organization_id=org.id)))["accepted"] == 1
        for named in ({}, {ORGANIZATION_HEADER: org.id}):
            assert "billing:manage" in refusal_of(sender.get(SUMMARY, headers=named), 403)
            assert scopes_of(sender.get(MY_SCOPES, headers=named)) == ["events:write"]
    assert org.calls() == 1


def test_a_token_made_on_the_command_line_has_its_own_role_in_each_organization(
    server: Server, org: Organization
) -> None:
    seen_only = new_org_id()
    server.cli("orgs", "add", seen_only)
    token = server.cli("tokens", "add", "--name", "Ada", "--org", org.id, "--org", f"{seen_only}:viewer")
    with client_of(server, token) as person:
        assert person.get(SUMMARY, headers={ORGANIZATION_HEADER: org.id}).status_code == 200
        assert person.get(f"{SUMMARY}?organization_id={org.id}").status_code == 200
        assert "billing:manage" in refusal_of(person.get(SUMMARY, headers={ORGANIZATION_HEADER: seen_only}), 403)
        scopes = scopes_of(person.get(MY_SCOPES, headers={ORGANIZATION_HEADER: seen_only}))
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
def test_no_key_is_made_without_a_role_or_a_scope_that_exists(
    server: Server, org: Organization, arguments: tuple[str, ...]
) -> None:
    with pytest.raises(subprocess.CalledProcessError, match="exit status 1") as refused:
        server.cli("keys", "add", "--org", org.id, *arguments)
    assert refused.value.stdout == ""
    assert "Traceback" not in refused.value.stderr


@pytest.mark.parametrize("path", [SUMMARY, MY_SCOPES])
def test_a_token_without_an_organization_is_told_so_in_the_words_of_the_platform(
    server: Server, org: Organization, path: str
) -> None:
    answer = ask(server, make_token(server, **{org.id: "admin"}), path)
    assert refusal_of(answer, 401) == "Token is missing organization claim."
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_header_and_parameter_may_name_the_same_organization(server: Server, org: Organization) -> None:
    path = f"{SUMMARY}?organization_id={org.id}"
    for key in (org.key, make_token(server, **{org.id: "admin"})):
        assert ask(server, key, path, **{ORGANIZATION_HEADER: org.id}).status_code == 200


def test_an_empty_name_of_an_organization_is_none(server: Server, org: Organization) -> None:
    assert ask(server, org.key, f"{SUMMARY}?organization_id=", **{ORGANIZATION_HEADER: ""}).status_code == 200
    answer = ask(server, make_token(server, **{org.id: "admin"}), f"{SUMMARY}?organization_id=")
    assert refusal_of(answer, 401) == "Token is missing organization claim."


def test_header_and_parameter_of_different_organizations_that_are_both_allowed_are_a_422(
    server: Server, org: Organization
) -> None:
    token = make_token(server, **{org.id: "admin", "other": "admin"})
    refusal_of(ask(server, token, f"{SUMMARY}?organization_id=other", **{ORGANIZATION_HEADER: org.id}), 422)
    refusal_of(ask(server, token, f"{SUMMARY}?organization_id=other&organization_id={org.id}"), 422)
    with client_of(server, token) as person:
        twice = [(ORGANIZATION_HEADER, org.id), (ORGANIZATION_HEADER, "other")]
        refusal_of(person.get(SUMMARY, headers=twice), 422)


@pytest.mark.parametrize("named", ["header", "parameter", "both"])
def test_an_unknown_organization_looks_exactly_like_a_forbidden_one(
    server: Server, org: Organization, named: str
) -> None:
    foreign = new_org_id()
    make_credential(server, org_id=foreign, role="admin")
    for key in (org.key, make_token(server, **{org.id: "admin"})):
        answers = []
        for org_id in (foreign, "org-that-nobody-has"):
            headers = {} if named == "parameter" else {ORGANIZATION_HEADER: org_id}
            path = SUMMARY if named == "header" else f"{SUMMARY}?organization_id={org_id}"
            answers.append(ask(server, key, path, **headers))
        refusal_of(answers[0], 403)
        known, unknown = ((one.status_code, one.content, sorted(one.headers)) for one in answers)
        assert known == unknown


def test_one_allowed_and_one_foreign_organization_are_forbidden(server: Server, org: Organization) -> None:
    for key in (org.key, make_token(server, **{org.id: "admin"})):
        refusal_of(ask(server, key, f"{SUMMARY}?organization_id=foreign", **{ORGANIZATION_HEADER: org.id}), 403)
        refusal_of(ask(server, key, f"{SUMMARY}?organization_id={org.id}", **{ORGANIZATION_HEADER: "foreign"}), 403)


def test_401_comes_before_403_and_403_before_422(server: Server, org: Organization) -> None:
    wrong_window = f"{SUMMARY}?from=yesterday&organization_id=foreign"
    viewer = make_credential(server, org_id=org.id, role="viewer")
    refusal_of(ask(server, None, wrong_window), 401)
    refusal_of(ask(server, org.key, wrong_window), 403)
    refusal_of(ask(server, viewer, f"{SUMMARY}?from=yesterday"), 403)
    refusal_of(ask(server, org.key, f"{SUMMARY}?from=yesterday"), 422)
    refusal_of(ask(server, make_token(server, **{org.id: "admin"}), f"{SUMMARY}?from=yesterday"), 401)


def test_a_missing_scope_is_told_before_two_organizations_are(server: Server) -> None:
    with client_of(server, make_sender_key(server)) as sender:
        both = sender.get(f"{SUMMARY}?organization_id=one", headers={ORGANIZATION_HEADER: "two"})
    refusal_of(both, 403)


@pytest.mark.parametrize(("method", "path"), [("POST", EVENTS), ("PUT", AGENTS), ("PUT", "/metering/inventory/trunk")])
def test_credentials_are_checked_before_the_body_is(server: Server, org: Organization, method: str, path: str) -> None:
    unreadable = {"Content-Type": "text/plain", "Content-Encoding": "br"}
    for key, status in ((None, 401), (make_credential(server, org_id=org.id, role="viewer"), 403)):
        with client_of(server, key) as client:
            refusal_of(client.request(method, path, content=b"{]", headers=unreadable), status)
