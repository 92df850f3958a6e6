"""Browser sessions: how they start and end, what their cookie allows, and attempted attacks."""

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from tests import local_http
from tests.events import conversation
from tests.servers import Server, running_server

PAGE = {"Sec-Fetch-Site": "same-origin"}
SUMMARY = "/admin/usage/summary"
COOKIE = "__Host-talkmeter"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("session"), plans_url="https://example.com/plans") as server:
        server.cli("orgs", "add", "acme", "--name", "Acme Plumbing")
        server.cli("orgs", "add", "globex")
        yield server


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    return server.key("acme")


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def make_link(server: Server, *options: str) -> str:
    """Return the secret of a new link."""
    return server.cli("link", "--org", "acme", *options).partition("#sign-in=")[2]


def sign_in(server: Server, credential: str) -> dict[str, str]:
    """Return the headers of a browser that has signed in with a pasted credential."""
    return cookie_of(
        local_http.post(f"{server.url}/session", headers={**PAGE, **bearer(credential)}).raise_for_status()
    )


def cookie_of(answer: httpx.Response) -> dict[str, str]:
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


def get(server: Server, path: str, headers: dict[str, str], **parameters: str) -> httpx.Response:
    return local_http.get(f"{server.url}{path}", headers=headers, params=parameters)


def change_database(server: Server, statement: str, *parameters: object) -> None:
    with sqlite3.connect(server.folder / "talkmeter.db", timeout=60) as database:
        assert database.execute(statement, parameters).rowcount >= 1
    database.close()


def parts_of(header: str) -> tuple[str, str, set[str]]:
    """Return the name, the value and the lower-cased attributes of a Set-Cookie header."""
    pair, *attributes = header.split("; ")
    name, _, value = pair.partition("=")
    return name, value.strip('"'), {attribute.lower() for attribute in attributes}


def hash_of(cookie: dict[str, str]) -> bytes:
    return hashlib.sha256(cookie["Cookie"].partition("=")[2].encode()).digest()


@pytest.fixture(scope="module")
def ended(server: Server, key: str) -> dict[str, dict[str, str]]:
    """Return the cookies of sessions that ended in different ways."""
    revoked, expired = (
        server.key("acme"),
        server.cli("keys", "add", "--org", "acme", "--role", "admin", "--name", "short"),
    )
    cookies = {
        "revoked key": sign_in(server, revoked),
        "expired key": sign_in(server, expired),
        "expired session": sign_in(server, key),
        "idle session": sign_in(server, key),
    }
    for cookie in cookies.values():
        assert get(server, SUMMARY, cookie).status_code == 200
    now = time.time_ns() // 1000
    server.cli("keys", "revoke", revoked)
    change_database(server, "UPDATE credential SET expires_at = ? WHERE name = 'short'", now)
    update = "UPDATE session SET {} = ? WHERE secret_hash = ?"
    change_database(server, update.format("expires_at"), now, hash_of(cookies["expired session"]))
    idle_since = now - 12 * 3_600_000_000
    change_database(server, update.format("used_at"), idle_since, hash_of(cookies["idle session"]))
    return cookies


def test_link_signs_in(server: Server) -> None:
    answer = local_http.post(f"{server.url}/session", json={"link": make_link(server)}, headers=PAGE)
    assert answer.status_code == 200
    state = answer.json()
    assert state["signed_in"] is True
    assert state["organizations"] == [{"id": "acme", "name": "Acme Plumbing"}]
    assert state["organization"] == "acme"
    assert state["plans_url"] == "https://example.com/plans"
    assert get(server, SUMMARY, cookie_of(answer)).status_code == 200


def test_cookie_on_loopback_is_a_secure_host_cookie(server: Server) -> None:
    answer = local_http.post(f"{server.url}/session", json={"link": make_link(server)}, headers=PAGE)
    name, secret, attributes = parts_of(answer.headers["set-cookie"])
    assert name == COOKIE
    assert len(secret) >= 43
    assert attributes == {"max-age=604800", "path=/", "secure", "httponly", "samesite=lax"}
    assert answer.headers["cache-control"] == "no-store"


def test_session_is_stored_as_a_hash_only(server: Server, key: str) -> None:
    cookie = sign_in(server, key)["Cookie"].partition("=")[2]
    content = b"".join(file.read_bytes() for file in server.folder.glob("talkmeter.db*"))
    assert cookie.encode() not in content


def test_viewer_link_gives_no_access_to_usage(server: Server) -> None:
    answer = local_http.post(
        f"{server.url}/session", json={"link": make_link(server, "--role", "viewer")}, headers=PAGE
    )
    assert answer.json()["signed_in"] is True
    assert get(server, SUMMARY, cookie_of(answer)).status_code == 403
    scopes = get(server, "/admin/members/me/scopes", cookie_of(answer)).json()
    assert "billing:manage" not in scopes
    assert "members:read" in scopes


def test_used_link_does_not_sign_in(server: Server) -> None:
    link = make_link(server)
    assert local_http.post(f"{server.url}/session", json={"link": link}, headers=PAGE).status_code == 200
    again = local_http.post(f"{server.url}/session", json={"link": link}, headers=PAGE)
    assert again.status_code == 401
    assert "works once" in again.json()["detail"]
    assert "set-cookie" not in again.headers


def test_expired_link_does_not_sign_in(server: Server) -> None:
    link = make_link(server)
    change_database(server, "UPDATE sign_in_link SET expires_at = ?", time.time_ns() // 1000 - 1)
    answer = local_http.post(f"{server.url}/session", json={"link": link}, headers=PAGE)
    assert answer.status_code == 401
    assert "10 minutes" in answer.json()["detail"]


def test_unknown_link_does_not_sign_in(server: Server) -> None:
    assert local_http.post(f"{server.url}/session", json={"link": "x" * 43}, headers=PAGE).status_code == 401


def test_pasted_key_signs_in(server: Server, key: str) -> None:
    assert get(server, SUMMARY, sign_in(server, key)).status_code == 200


def test_wrong_key_does_not_sign_in(server: Server, key: str) -> None:
    answer = local_http.post(f"{server.url}/session", headers={**PAGE, **bearer(key[:-3] + "abc")})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


def test_sender_key_does_not_sign_in(server: Server) -> None:
    sender = server.sender_key()
    assert local_http.post(f"{server.url}/session", headers={**PAGE, **bearer(sender)}).status_code == 403


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"", "application/json", 422),
        (b'{"link": 7}', "application/json", 422),
        (b'{"link": ""}', "application/json", 422),
        (b'{"link": "a", "more": 1}', "application/json", 422),
        (b'{"link"', "application/json", 400),
        (b'{"link": "\xff"}', "application/json", 400),
        (b'{"link": "a"}', "text/plain", 415),
        (b"link=a", "application/x-www-form-urlencoded", 415),
        (b'{"link": "' + b"a" * 5000 + b'"}', "application/json", 413),
    ],
)
def test_invalid_body_is_rejected_with_an_error_message(
    server: Server, content: bytes, content_type: str, status: int
) -> None:
    headers = {**PAGE, "Content-Type": content_type}
    answer = local_http.post(f"{server.url}/session", content=content, headers=headers)
    assert answer.status_code == status
    assert answer.json()["detail"].endswith(".")


def test_link_with_a_credential_is_rejected_and_stays_unused(server: Server, key: str) -> None:
    link = make_link(server)
    both = local_http.post(f"{server.url}/session", json={"link": link}, headers={**PAGE, **bearer(key)})
    assert both.status_code == 422
    assert local_http.post(f"{server.url}/session", json={"link": link}, headers=PAGE).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_other_site_cannot_sign_a_browser_in(server: Server, key: str, site: str) -> None:
    link = make_link(server)
    headers = {"Sec-Fetch-Site": site, "Origin": server.url}
    by_link = local_http.post(f"{server.url}/session", json={"link": link}, headers=headers)
    by_key = local_http.post(f"{server.url}/session", headers={**headers, **bearer(key)})
    for answer in (by_link, by_key):
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
    assert local_http.post(f"{server.url}/session", json={"link": link}, headers=PAGE).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_other_site_cannot_sign_a_browser_out(server: Server, key: str, site: str) -> None:
    cookie = sign_in(server, key)
    answer = local_http.delete(f"{server.url}/session", headers={**cookie, "Sec-Fetch-Site": site})
    assert answer.status_code == 403
    assert get(server, SUMMARY, cookie).status_code == 200


@pytest.mark.parametrize("origin", [None, "https://evil.example", "null", "http://127.0.0.1", "http://127.0.0.1:1"])
def test_origin_is_checked_if_the_browser_sends_no_fetch_metadata(server: Server, key: str, origin: str | None) -> None:
    headers = {**bearer(key), **({} if origin is None else {"Origin": origin})}
    rejected = local_http.post(f"{server.url}/session", headers=headers)
    assert rejected.status_code == 403
    assert "TALKMETER_PUBLIC_URL" in rejected.json()["detail"]
    assert local_http.post(f"{server.url}/session", headers={**bearer(key), "Origin": server.url}).status_code == 200


def test_other_sites_get_no_cors_headers_for_a_session(server: Server, key: str) -> None:
    headers = {**sign_in(server, key), "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    for path in ("/session", SUMMARY):
        answer = get(server, path, headers)
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_cookie_does_not_authorize_metering(server: Server, key: str) -> None:
    cookie = {**sign_in(server, key), **PAGE}
    posted = local_http.post(f"{server.url}/metering/events", json=conversation("forged"), headers=cookie)
    put = local_http.put(
        f"{server.url}/metering/inventory/agent", json={"time": "2026-01-01T00:00:00Z", "items": []}, headers=cookie
    )
    assert posted.status_code == put.status_code == 401
    assert get(server, SUMMARY, bearer(key), **{"from": "2026-03-01", "to": "2026-03-02"}).json()["total_calls"] == 0


def test_cookie_authorizes_get_and_head_below_admin(server: Server, key: str) -> None:
    cookie = sign_in(server, key)
    assert get(server, "/admin/members/me/scopes", cookie).status_code == 200
    head = local_http.head(f"{server.url}{SUMMARY}", headers=cookie)
    assert head.status_code == 200
    assert head.content == b""
    assert local_http.post(f"{server.url}{SUMMARY}", headers=cookie).status_code in (401, 405)


def test_authorization_header_overrides_the_cookie(server: Server, key: str) -> None:
    cookie = sign_in(server, key)
    assert get(server, SUMMARY, {**cookie, **bearer("ak_no.thing")}).status_code == 401
    assert get(server, SUMMARY, {**cookie, "Authorization": ""}).status_code == 401


def test_cookie_without_the_host_prefix_is_ignored(server: Server, key: str) -> None:
    secret = sign_in(server, key)["Cookie"].partition("=")[2]
    assert get(server, SUMMARY, {"Cookie": f"talkmeter={secret}"}).status_code == 401


def test_unknown_cookie_is_not_a_session(server: Server) -> None:
    unknown = {"Cookie": f"{COOKIE}={'A' * 43}"}
    assert get(server, SUMMARY, unknown).status_code == 401
    assert get(server, "/session", unknown).json()["signed_in"] is False


def test_key_gives_access_to_its_organization_only(server: Server, key: str) -> None:
    cookie = sign_in(server, key)
    assert get(server, SUMMARY, cookie, organization_id="acme").status_code == 200
    assert get(server, SUMMARY, cookie, organization_id="globex").status_code == 403
    assert get(server, SUMMARY, cookie, organization_id="unknown").status_code == 403


def test_two_tabs_of_one_session_show_two_organizations(server: Server) -> None:
    for org_id, calls in (("acme-tabs", 1), ("globex-tabs", 2)):
        headers = bearer(server.key(org_id))
        events = [conversation(f"{org_id}-{number}") for number in range(calls)]
        local_http.post(f"{server.url}/metering/events", json=events, headers=headers).raise_for_status()
    token = server.cli("tokens", "add", "--name", "someone", "--org", "acme-tabs", "--org", "globex-tabs")
    cookie = sign_in(server, token)
    window = {"from": "2026-03-01", "to": "2026-03-02"}

    first = get(server, SUMMARY, cookie, organization_id="acme-tabs", **window)
    second = get(server, SUMMARY, {**cookie, "X-Anyreach-Org": "globex-tabs"}, **window)
    assert (first.json()["total_calls"], second.json()["total_calls"]) == (1, 2)
    assert first.headers["etag"] != second.headers["etag"]
    assert "X-Anyreach-Org" in first.headers["vary"]
    assert "Cookie" in first.headers["vary"]

    state = get(server, "/session", cookie).json()
    assert [organization["id"] for organization in state["organizations"]] == ["acme-tabs", "globex-tabs"]
    assert get(server, "/session", cookie, organization_id="globex-tabs").json()["organization"] == "globex-tabs"
    assert get(server, "/session", cookie, organization_id="acme").json()["organization"] is None


def test_request_with_several_organizations_must_name_one(server: Server) -> None:
    server.cli("orgs", "add", "initech")
    token = server.cli("tokens", "add", "--name", "someone", "--org", "acme", "--org", "initech")
    cookie = sign_in(server, token)
    unnamed = get(server, SUMMARY, cookie)
    assert unnamed.status_code == 422
    assert "X-Anyreach-Org" in unnamed.json()["detail"]
    both = get(server, SUMMARY, {**cookie, "X-Anyreach-Org": "acme"}, organization_id="initech")
    assert both.status_code == 422
    assert get(server, SUMMARY, {**cookie, "X-Anyreach-Org": "acme"}, organization_id="acme").status_code == 200
    assert get(server, SUMMARY, {**cookie, "X-Anyreach-Org": "acme"}, organization_id="globex").status_code == 403


def test_sign_out_ends_the_session_immediately(server: Server, key: str) -> None:
    cookie = sign_in(server, key)
    answer = local_http.delete(f"{server.url}/session", headers={**cookie, **PAGE})
    assert answer.status_code == 200
    assert answer.json()["signed_in"] is False
    name, secret, attributes = parts_of(answer.headers["set-cookie"])
    assert (name, secret) == (COOKIE, "")
    assert attributes == {"max-age=0", "path=/", "secure", "httponly", "samesite=lax"}
    ended = get(server, SUMMARY, cookie)
    assert ended.status_code == 401
    assert "sign in again" in ended.json()["detail"]


def test_second_sign_out_is_not_an_error(server: Server) -> None:
    assert local_http.delete(f"{server.url}/session", headers=PAGE).status_code == 200


def test_new_sign_in_ends_the_previous_session(server: Server, key: str) -> None:
    before = sign_in(server, key)
    after = cookie_of(local_http.post(f"{server.url}/session", headers={**PAGE, **bearer(key), **before}))
    assert get(server, SUMMARY, before).status_code == 401
    assert get(server, SUMMARY, after).status_code == 200


@pytest.mark.parametrize("reason", ["revoked key", "expired key", "expired session", "idle session"])
def test_ended_session_is_rejected(server: Server, ended: dict[str, dict[str, str]], reason: str) -> None:
    assert get(server, SUMMARY, ended[reason]).status_code == 401
    state = get(server, "/session", ended[reason])
    assert state.status_code == 200
    assert state.json()["signed_in"] is False
    assert state.json()["organizations"] == []


def test_session_expires_no_later_than_its_key(server: Server) -> None:
    key = server.cli("keys", "add", "--org", "acme", "--role", "admin", "--expires", "1")
    answer = local_http.post(f"{server.url}/session", headers={**PAGE, **bearer(key)})
    assert int(answer.headers["set-cookie"].partition("Max-Age=")[2].partition(";")[0]) <= 86_400


def test_session_in_use_does_not_become_idle(server: Server, key: str) -> None:
    cookie = sign_in(server, key)
    eleven_hours_ago = time.time_ns() // 1000 - 11 * 3_600_000_000
    change_database(server, "UPDATE session SET used_at = ? WHERE secret_hash = ?", eleven_hours_ago, hash_of(cookie))
    assert get(server, SUMMARY, cookie).status_code == 200
    with closing(sqlite3.connect(server.folder / "talkmeter.db", timeout=10)) as database:
        rows = database.execute("SELECT used_at FROM session WHERE secret_hash = ?", (hash_of(cookie),))
        assert rows.fetchone()[0] > eleven_hours_ago


def test_request_without_a_cookie_is_not_signed_in(server: Server) -> None:
    answer = get(server, "/session", {})
    assert answer.status_code == 200
    assert answer.json() == {
        "signed_in": False,
        "scopes": None,
        "organizations": [],
        "organization": None,
        "expires_at": None,
        "access": None,
        "operator": False,
        "plans_url": "https://example.com/plans",
    }


def test_audit_log_names_the_link_and_the_key_that_started_sessions(server: Server, key: str) -> None:
    link = make_link(server)
    created = json.loads(server.cli("audit", "--json", "--limit", "1"))[0]["subject"]
    by_link = local_http.post(f"{server.url}/session", headers=PAGE, json={"link": link}).raise_for_status()
    sign_in(server, key)
    local_http.delete(f"{server.url}/session", headers={**PAGE, **cookie_of(by_link)}).raise_for_status()

    ended, by_key, started, _ = json.loads(server.cli("audit", "--json", "--limit", "4"))

    assert [entry["action"] for entry in (started, by_key, ended)] == ["session.start", "session.start", "session.end"]
    assert f"link {started['actor']['id']}" == created
    assert by_key["actor"] == {"kind": "key", "id": key.partition(".")[0]}
    assert ended["actor"] == {"kind": "session", "id": started["subject"].removeprefix("session ")}
    assert [entry["organization"] for entry in (started, by_key, ended)] == ["acme"] * 3
