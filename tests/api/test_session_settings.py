"""Sessions with an operator's settings: cookies by public URL, allowed origins, CORS."""

from pathlib import Path

import httpx
import pytest

from tests import local_http
from tests.servers import Server, free_port, running_server

SUMMARY = "/admin/usage/summary"
COOKIE = "__Host-talkmeter"


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def cookie_of(answer: httpx.Response) -> dict[str, str]:
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


def get(server: Server, path: str, headers: dict[str, str]) -> httpx.Response:
    return local_http.get(f"{server.url}{path}", headers=headers)


def test_https_url_has_a_secure_cookie_and_allows_only_its_own_origin(tmp_path: Path) -> None:
    with running_server(tmp_path, public_url="HTTPS://Usage.Example.com:443/") as server:
        key = server.key("acme")
        local = local_http.post(f"{server.url}/session", headers={**bearer(key), "Origin": server.url})
        assert local.status_code == 403
        headers = {**bearer(key), "Origin": "https://usage.example.com"}
        answer = local_http.post(f"{server.url}/session", headers=headers)
        assert answer.headers["set-cookie"].startswith(f"{COOKIE}=")
        assert "Secure" in answer.headers["set-cookie"]
        assert "Warning" not in server.log()
        assert server.cli("link", "--org", "acme").startswith("https://usage.example.com/organization/usage#sign-in=")


def test_plain_http_url_has_a_cookie_without_secure_and_logs_a_warning(tmp_path: Path) -> None:
    with running_server(tmp_path, public_url="http://usage.example.com:8000") as server:
        headers = {**bearer(server.key("acme")), "Origin": "http://usage.example.com:8000"}
        answer = local_http.post(f"{server.url}/session", headers=headers)
        name, _, rest = answer.headers["set-cookie"].partition("=")
        assert name == "talkmeter"
        assert "Secure" not in rest
        assert get(server, SUMMARY, cookie_of(answer)).status_code == 200
        assert server.log().count("plain http") == 1


def test_allowed_origins_read_with_a_bearer_token_and_never_with_a_cookie(tmp_path: Path) -> None:
    origin = "https://reports.example.com"
    with running_server(tmp_path, cors_origins=f"{origin}, http://localhost:3000") as server:
        key = server.key("acme")
        requested = {"Origin": origin, "Access-Control-Request-Method": "GET"}
        preflight = local_http.options(f"{server.url}{SUMMARY}", headers=requested)
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-origin"] == origin
        assert preflight.headers["access-control-allow-headers"] == "Authorization, If-None-Match, X-Anyreach-Org"
        assert preflight.headers["access-control-allow-methods"] == "GET, HEAD"
        answer = get(server, SUMMARY, {**bearer(key), "Origin": origin})
        assert answer.headers["access-control-allow-origin"] == origin
        assert answer.headers["access-control-expose-headers"] == "ETag"
        assert "Origin" in answer.headers.get_list("vary")[-1]
        rejected = get(server, SUMMARY, {"Origin": origin})
        assert rejected.status_code == 401
        assert rejected.headers["access-control-allow-origin"] == origin

        for response in (preflight, answer, rejected):
            assert "access-control-allow-credentials" not in response.headers
        for other in ("https://reports.example.com.evil.example", "https://evil.example", "null"):
            foreign = get(server, SUMMARY, {**bearer(key), "Origin": other})
            assert "access-control-allow-origin" not in foreign.headers
        for path in ("/session", "/metering/events"):
            answer = local_http.options(f"{server.url}{path}", headers=requested)
            assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("public_url", "usage.example.com"),
        ("public_url", "https://example.com/talkmeter"),
        ("public_url", "ftp://example.com"),
        ("cors_origins", "*"),
        ("cors_origins", "https://example.com/path"),
        ("plans_url", "javascript:alert(1)"),
        ("session_days", "8"),
    ],
)
def test_invalid_setting_is_rejected_with_an_error_message(tmp_path: Path, setting: str, value: str) -> None:
    settings = {setting: value, "port": str(free_port())}
    with pytest.raises(AssertionError, match=f"TALKMETER_{setting.upper()} must"), running_server(tmp_path, **settings):
        pass
