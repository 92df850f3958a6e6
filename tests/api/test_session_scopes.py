"""A session says what it may do: its scopes in its organization, and whether it may change budgets."""

from typing import Any

import pytest

from tests import local_http
from tests.api.organizations import make_credential, make_token
from tests.servers import Server

ORGANIZATIONS = {"session-admin": "admin", "session-viewer": "viewer"}
SCOPES = "/admin/members/me/scopes"


def sign_in(server: Server, credential: str) -> tuple[dict[str, str], Any]:
    """Return the headers of a signed-in browser, and the session's state."""
    headers = {"Sec-Fetch-Site": "same-origin", "Authorization": f"Bearer {credential}"}
    answer = local_http.post(f"{server.url}/session", headers=headers).raise_for_status()
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}, answer.json()


def get(server: Server, path: str, cookie: dict[str, str], org_id: str) -> Any:
    return local_http.get(f"{server.url}{path}", headers={**cookie, "X-Anyreach-Org": org_id}).json()


@pytest.mark.parametrize(("org_id", "role"), ORGANIZATIONS.items())
def test_session_has_the_scopes_of_its_organization(server: Server, org_id: str, role: str) -> None:
    cookie, state = sign_in(server, make_credential(server, org_id=org_id, role=role))
    assert state["scopes"] == get(server, SCOPES, cookie, org_id)
    assert get(server, "/session", cookie, org_id) == state


def test_scopes_of_a_session_are_those_of_the_named_organization(server: Server) -> None:
    cookie, _ = sign_in(server, make_token(server, **ORGANIZATIONS))
    scopes = [get(server, "/session", cookie, org_id)["scopes"] for org_id in ORGANIZATIONS]
    assert scopes == [get(server, SCOPES, cookie, org_id) for org_id in ORGANIZATIONS]
    assert scopes[0] != scopes[1]
    assert get(server, "/session", cookie, "foreign")["scopes"] is None


def test_browser_that_is_not_signed_in_has_no_scopes(server: Server) -> None:
    assert get(server, "/session", {}, "session-admin")["scopes"] is None


@pytest.mark.parametrize(("options", "access"), [((), "read"), (("--access", "manage"), "manage")])
def test_link_says_whether_its_session_may_change_budgets(
    server: Server, options: tuple[str, ...], access: str
) -> None:
    make_credential(server, org_id="session-admin", role="admin")
    secret = server.cli("link", "--org", "session-admin", *options).partition("#sign-in=")[2]
    page = {"Sec-Fetch-Site": "same-origin"}
    answer = local_http.post(f"{server.url}/session", json={"link": secret}, headers=page)
    assert answer.json()["access"] == access
    cookie = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
    assert get(server, "/session", cookie, "session-admin")["access"] == access


def test_session_of_a_key_may_do_what_the_key_may(server: Server) -> None:
    _, state = sign_in(server, make_credential(server, org_id="session-admin", role="admin"))
    assert state["access"] == "manage"
