"""An operator's session: what it may read, which credentials reach which endpoints, and the log of its views."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from talkmeter.accounts.credentials import CredentialKind
from tests.api.billing import make_operator_key
from tests.api.organizations import (
    ORGANIZATION_HEADER,
    OrganizationClient,
    client_of,
    error_of,
    make_credential,
    make_sender_key,
    make_token,
    new_organization,
)
from tests.cli_runner import invoke_in_process
from tests.servers import Server

PAGE = {"Sec-Fetch-Site": "same-origin"}
LIST = "/operator/organizations"
SUMMARY = "/admin/usage/summary"
BUDGET = "/admin/usage/budgets/calls"


@pytest.fixture
def org(server: Server) -> Iterator[OrganizationClient]:
    with new_organization(server) as organization:
        yield organization


@pytest.fixture
def browser(server: Server) -> Iterator[httpx.Client]:
    with client_of(server, None) as client:
        yield client


def sign_in(browser: httpx.Client, *, key: str | None = None, link: str | None = None) -> dict[str, str]:
    """Sign in and return the cookie and the headers of the page's requests."""
    credential = {} if key is None else {"Authorization": f"Bearer {key}"}
    body: Any = None if link is None else {"link": link}
    answer = browser.post("/session", json=body, headers={**PAGE, **credential})
    assert answer.status_code == 200, answer.text
    browser.cookies.clear()
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0], **PAGE}


def operator_link(server: Server) -> str:
    return server.cli("link", "--operator").partition("#sign-in=")[2]


def status(client: httpx.Client, method: str, path: str, headers: dict[str, str]) -> int:
    if method == "GET":
        return client.get(path, headers=headers).status_code
    budget = {"name": "Calls", "metric": "total_calls", "period": "month", "limit": "10"}
    return client.put(path, headers={**headers, "If-None-Match": "*"}, json=budget).status_code


ENDPOINTS = {
    "organizations": ("GET", LIST),
    "file": ("GET", f"{LIST}/export"),
    "usage": ("GET", SUMMARY),
    "budget": ("PUT", BUDGET),
    "plans": ("GET", "/billing/plans"),
}
MATRIX = {
    # credential: organizations, file, usage, budget, plans
    "operator key": (200, 200, 403, 403, 200),
    "operator key's session": (200, 200, 200, 403, 401),
    "operator link's session": (200, 200, 200, 403, 401),
    "admin key": (403, 403, 200, 200, 403),
    "admin key's session": (403, 403, 200, 200, 401),
    "admin link's session": (403, 403, 200, 403, 401),
    "admin token": (403, 403, 200, 200, 403),
    "admin token's session": (403, 403, 200, 200, 401),
    "viewer key": (403, 403, 403, 403, 403),
    "key with the scope in the database": (403, 403, 403, 403, 403),
    "sender key": (403, 403, 403, 403, 403),
    "no credential": (401, 401, 401, 401, 401),
    "session that has ended": (401, 401, 401, 401, 401),
}


def headers_of(name: str, org: OrganizationClient, browser: httpx.Client) -> dict[str, str]:
    """Return the headers of a request with a credential of the matrix."""
    server = org.server
    if name == "no credential":
        return {}
    if name == "operator link's session":
        return sign_in(browser, link=operator_link(server))
    if name == "admin link's session":
        return sign_in(browser, link=server.cli("link", "--org", org.id).partition("#sign-in=")[2])
    keys = {
        "operator key": lambda: make_operator_key(server),
        "admin key": lambda: org.key,
        "admin token": lambda: make_token(server, **{org.id: "admin"}),
        "viewer key": lambda: make_credential(server, org_id=org.id, role="viewer"),
        "key with the scope in the database": lambda: make_credential(server, org_id=org.id, scopes=("operator:read",)),
        "sender key": lambda: make_credential(server, scopes=("operator:read",), kind=CredentialKind.SENDER),
        "session that has ended": lambda: make_operator_key(server),
    }
    key = keys[name.removesuffix("'s session")]()
    if not name.endswith("'s session") and name != "session that has ended":
        return {"Authorization": f"Bearer {key}"}
    headers = sign_in(browser, key=key)
    if name == "session that has ended":
        browser.delete("/session", headers=headers).raise_for_status()
    return headers


@pytest.mark.parametrize(("name", "expected"), MATRIX.items(), ids=MATRIX)
def test_each_credential_reaches_only_its_endpoints(
    org: OrganizationClient, browser: httpx.Client, name: str, expected: tuple[int, ...]
) -> None:
    headers = {**headers_of(name, org, browser), ORGANIZATION_HEADER: org.id}
    found = {endpoint: status(browser, *request, headers) for endpoint, request in ENDPOINTS.items()}
    assert found == dict(zip(ENDPOINTS, expected, strict=True))


def test_session_of_several_organizations_never_reaches_the_list(server: Server, browser: httpx.Client) -> None:
    with new_organization(server) as one, new_organization(server) as other:
        cookie = sign_in(browser, key=make_token(server, **{one.id: "admin", other.id: "admin"}))
        sentence = error_of(browser.get(LIST, headers=cookie), 403)
    assert sentence == "This session is not an operator's; sign in with a link of 'talkmeter link --operator'."


def test_session_says_that_it_is_an_operators_and_names_one_organization(
    org: OrganizationClient, browser: httpx.Client
) -> None:
    cookie = sign_in(browser, link=operator_link(org.server))
    unnamed = browser.get("/session", headers=cookie).json()
    named = browser.get("/session", headers={**cookie, ORGANIZATION_HEADER: org.id}).json()
    unknown = browser.get("/session", headers={**cookie, ORGANIZATION_HEADER: "nobody"}).json()

    assert (unnamed["operator"], unnamed["access"]) == (True, "read")
    assert unnamed["organizations"] == unknown["organizations"] == []
    assert unnamed["organization"] is unknown["organization"] is None
    assert named["organizations"] == [{"id": org.id, "name": org.id}]
    assert (named["organization"], named["scopes"]) == (org.id, ["billing:manage", "operator:read"])
    assert not browser.get("/session", headers=sign_in(browser, key=org.key)).json()["operator"]


def test_operator_names_an_organization_that_exists(org: OrganizationClient, browser: httpx.Client) -> None:
    cookie = sign_in(browser, link=operator_link(org.server))
    assert "no access" in error_of(browser.get(SUMMARY, headers={**cookie, ORGANIZATION_HEADER: "nobody"}), 403)
    assert "names no organization" in error_of(browser.get(SUMMARY, headers=cookie), 422)


def test_cookie_of_an_operator_authorizes_no_post_below_operator(server: Server, browser: httpx.Client) -> None:
    cookie = sign_in(browser, key=make_operator_key(server))
    assert browser.post(LIST, headers=cookie, json={}).status_code == 405
    assert browser.post("/metering/events", headers=cookie, json=[]).status_code == 401


def test_session_ends_with_its_operator_key(org: OrganizationClient, browser: httpx.Client) -> None:
    key = make_operator_key(org.server)
    cookie = sign_in(browser, key=key)
    org.server.cli("keys", "revoke", key.partition(".")[0])
    assert browser.get(LIST, headers=cookie).status_code == 401


def test_first_view_of_an_organization_is_logged_with_the_credential(
    org: OrganizationClient, browser: httpx.Client
) -> None:
    key = make_operator_key(org.server)
    cookie = {**sign_in(browser, key=key), ORGANIZATION_HEADER: org.id}
    for _ in range(3):
        assert browser.get(SUMMARY, headers=cookie).status_code == 200
    browser.get(LIST, headers=sign_in(browser, key=key)).raise_for_status()

    log = org.server.cli("audit", "--org", org.id)
    [view] = [line for line in log.splitlines() if "organization.view" in line]
    assert key.partition(".")[0] in view


def test_link_of_an_operator_has_no_role_or_organization(server: Server) -> None:
    for options, sentence in {
        (): "Give either --org ORG_ID or --operator.",
        ("--operator", "--org", "acme"): "Give either --org ORG_ID or --operator.",
        ("--operator", "--access", "manage"): "An operator's link can only read; leave out --role and --access.",
    }.items():
        done = invoke_in_process(server.folder, server.environment, "link", *options)
        assert (done.returncode, done.stderr) == (1, f"talkmeter: {sentence}\n")


def test_sender_key_cannot_sign_in(server: Server, browser: httpx.Client) -> None:
    headers = {**PAGE, "Authorization": f"Bearer {make_sender_key(server)}"}
    assert "sender key cannot sign in" in error_of(browser.post("/session", headers=headers), 403)
