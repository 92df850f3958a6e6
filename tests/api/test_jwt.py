"""JWTs of an identity provider, with real keys and a real JWKS server; forgeries are rejected with a sentence."""

import hashlib
import hmac
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests import local_http
from tests.events import conversation
from tests.identity_provider import (
    EC_KEY,
    ED_KEY,
    KEYS,
    OTHER_RSA_KEY,
    RSA_KEY,
    SECRET,
    WEAK_RSA_KEY,
    JwksHandler,
    PrivateKey,
    base64url,
    jwks_server,
    public_jwk,
)
from tests.servers import Server, running_server

ISSUER = "https://login.example.com/"
AUDIENCE = "https://usage.example.com"
SUMMARY = "/admin/usage/summary"
PAGE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with jwks_server() as address:
        yield address


@pytest.fixture(scope="module")
def server(provider: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"jwt_issuer": ISSUER, "jwt_audience": AUDIENCE, "jwt_jwks_url": f"{provider}/jwks.json"}
    with running_server(tmp_path_factory.mktemp("jwt"), **settings) as server:
        for org_id in ("acme", "globex"):
            server.cli("orgs", "add", org_id)
        yield server


def claims(**changes: object) -> dict[str, object]:
    now = int(time.time())
    usual: dict[str, object] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "user-1",
        "iat": now,
        "exp": now + 600,
        "org_id": "acme",
        "role": "admin",
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def token(key: PrivateKey = RSA_KEY, algorithm: str = "RS256", kid: str | None = "rsa-1", **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm, headers={"kid": kid} if kid else None)


def get(server: Server, jwt_: str, path: str = SUMMARY, **parameters: str) -> httpx.Response:
    return local_http.get(f"{server.url}{path}", headers={"Authorization": f"Bearer {jwt_}"}, params=parameters)


def assert_rejected(server: Server, jwt_: str, reason: str) -> None:
    answer = get(server, jwt_)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert reason in answer.json()["detail"]
    assert answer.json()["detail"].endswith(".")
    signed_in = local_http.post(f"{server.url}/session", headers={**PAGE, "Authorization": f"Bearer {jwt_}"})
    assert signed_in.status_code == 401


@pytest.mark.parametrize(
    ("key", "algorithm", "kid"),
    [
        (RSA_KEY, "RS256", "rsa-1"),
        (RSA_KEY, "RS512", "rsa-any"),
        (RSA_KEY, "PS256", "rsa-any"),
        (EC_KEY, "ES256", "ec-1"),
        (ED_KEY, "EdDSA", "ed-1"),
    ],
)
def test_token_of_the_provider_is_accepted(server: Server, key: PrivateKey, algorithm: str, kid: str) -> None:
    assert get(server, token(key, algorithm, kid)).status_code == 200


def test_role_decides_the_scopes(server: Server) -> None:
    assert get(server, token(role="viewer")).status_code == 403
    scopes = get(server, token(role="viewer"), "/admin/members/me/scopes").json()
    assert scopes == sorted(scopes)
    assert all(scope.endswith(":read") for scope in scopes)
    assert get(server, token(role="unknown")).status_code == 403


def test_scopes_may_be_granted_individually(server: Server) -> None:
    for scope in ("openid billing:manage", ["openid", "billing:manage"]):
        by_scope = token(role=None, scope=scope)
        assert get(server, by_scope).status_code == 200
        assert get(server, by_scope, "/admin/members/me/scopes").json() == ["billing:manage"]
    assert get(server, token(role=None, scope="openid profile")).status_code == 403


def test_provider_cannot_grant_the_scopes_of_operators(server: Server) -> None:
    by_scope = token(role=None, scope="plans:manage operator:read billing:manage")
    assert get(server, by_scope, "/admin/members/me/scopes").json() == ["billing:manage"]
    assert get(server, by_scope, "/billing/plans").status_code == 403
    assert get(server, by_scope, "/operator/organizations").status_code == 403


def test_token_with_one_organization_need_not_name_it(server: Server) -> None:
    assert get(server, token(), organization_id="acme").status_code == 200
    assert get(server, token(), organization_id="globex").status_code == 403


def test_token_of_an_organization_that_does_not_exist_is_forbidden(server: Server) -> None:
    for path in (SUMMARY, "/admin/members/me/scopes"):
        answer = get(server, token(org_id="nobody"), path)
        assert (answer.status_code, answer.json()["detail"]) == (
            403,
            "The credential has no access to this organization.",
        )
    sent = local_http.post(
        f"{server.url}/metering/events",
        json=[conversation()],
        headers={"Authorization": f"Bearer {token(org_id='nobody', role=None, scope='events:write')}"},
    )
    assert sent.status_code == 403
    assert "nobody" not in server.cli("orgs", "list").split()


def test_organization_added_later_is_available_at_once(server: Server, tmp_path: Path) -> None:
    later = token(org_id=f"later-{tmp_path.name}")
    assert get(server, later).status_code == 403

    server.cli("orgs", "add", f"later-{tmp_path.name}")

    assert get(server, later).status_code == 200


def test_token_of_a_deleted_organization_is_forbidden(server: Server, tmp_path: Path) -> None:
    org_id = f"gone-{tmp_path.name}"
    server.cli("orgs", "add", org_id)
    server.cli("orgs", "delete", org_id, "--yes")

    assert get(server, token(org_id=org_id)).status_code == 403


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nonsense"}], ids=["none", "nonsense"])
def test_missing_or_malformed_credential_error_names_jwts(server: Server, headers: dict[str, str]) -> None:
    answer = local_http.get(f"{server.url}{SUMMARY}", headers=headers)

    assert answer.status_code == 401
    assert "a JWT of the identity provider" in answer.json()["detail"]


def test_token_with_several_organizations_must_name_one(server: Server) -> None:
    several = token(org_id=["acme", "globex"])
    unnamed = get(server, several)
    assert unnamed.status_code == 401
    assert unnamed.json()["detail"] == "Token is missing organization claim."
    assert get(server, several, organization_id="globex").status_code == 200
    assert get(server, several, organization_id="initech").status_code == 403


def test_small_clock_skew_is_accepted(server: Server) -> None:
    now = int(time.time())
    assert get(server, token(exp=now - 10)).status_code == 200
    assert get(server, token(nbf=now + 10)).status_code == 200


def test_token_may_have_several_audiences(server: Server) -> None:
    assert get(server, token(aud=["https://elsewhere.example.com", AUDIENCE])).status_code == 200


def test_session_started_with_a_token_ends_with_it(server: Server) -> None:
    ends = int(time.time()) + 300
    headers = {**PAGE, "Authorization": f"Bearer {token(exp=ends, org_id=['acme', 'globex'])}"}
    answer = local_http.post(f"{server.url}/session", headers=headers).raise_for_status()
    assert int(answer.headers["set-cookie"].partition("Max-Age=")[2].partition(";")[0]) <= 300
    assert time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends)) == answer.json()["expires_at"]
    assert [organization["id"] for organization in answer.json()["organizations"]] == ["acme", "globex"]
    cookie = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
    assert local_http.get(f"{server.url}{SUMMARY}?organization_id=globex", headers=cookie).status_code == 200
    assert local_http.get(f"{server.url}{SUMMARY}?organization_id=initech", headers=cookie).status_code == 403


def test_session_has_no_scopes_in_an_organization_that_does_not_exist(server: Server) -> None:
    headers = {**PAGE, "Authorization": f"Bearer {token(org_id=['acme', 'initech'])}"}
    answer = local_http.post(f"{server.url}/session", headers=headers).raise_for_status()
    cookie = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
    scopes = {
        org_id: local_http.get(f"{server.url}/session?organization_id={org_id}", headers=cookie).json()["scopes"]
        for org_id in ("acme", "initech")
    }
    assert "billing:manage" in scopes["acme"]
    assert scopes["initech"] is None


def test_keys_and_tokens_still_work_with_a_provider(server: Server) -> None:
    assert get(server, server.key("acme")).status_code == 200
    assert_rejected(server, "ak_0123.4567", "Unknown key or token")


def test_unsigned_token_is_rejected(server: Server) -> None:
    for algorithm in ("none", "None", "NONE"):
        header = base64url(json.dumps({"alg": algorithm, "typ": "JWT", "kid": "rsa-1"}).encode())
        unsigned = f"{header}.{base64url(json.dumps(claims()).encode())}."
        assert_rejected(server, unsigned, "algorithm must be one of")


def test_public_key_used_as_a_symmetric_secret_is_rejected(server: Server) -> None:
    pem = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for algorithm, digest in (("HS256", hashlib.sha256), ("HS512", hashlib.sha512)):
        header = base64url(json.dumps({"alg": algorithm, "typ": "JWT", "kid": "rsa-1"}).encode())
        signed = f"{header}.{base64url(json.dumps(claims()).encode())}"
        forged = f"{signed}.{base64url(hmac.new(pem, signed.encode(), digest).digest())}"
        assert_rejected(server, forged, "algorithm must be one of")


def test_symmetric_key_in_the_jwks_is_rejected(server: Server) -> None:
    forged = jwt.encode(claims(), SECRET, "HS256", headers={"kid": "symmetric"})
    assert_rejected(server, forged, "algorithm must be one of")
    assert_rejected(server, token(RSA_KEY, "RS256", "symmetric"), "key id is unknown to the identity provider")


def test_token_signed_with_another_key_is_rejected(server: Server) -> None:
    assert_rejected(server, token(OTHER_RSA_KEY), "signature is not valid")


def test_token_with_an_unknown_key_id_is_rejected(server: Server) -> None:
    assert_rejected(server, token(kid="rsa-2"), "key id is unknown to the identity provider")
    assert_rejected(server, token(kid=None), "key id is unknown to the identity provider")
    assert_rejected(server, token(OTHER_RSA_KEY, kid="for-encryption"), "key id is unknown to the identity provider")


def test_token_algorithm_must_match_its_key(server: Server) -> None:
    assert_rejected(server, token(RSA_KEY, "RS512", "rsa-1"), "differs from its key's algorithm")
    assert_rejected(server, token(EC_KEY, "ES256", "rsa-any"), "signature is not valid")


def test_weak_key_is_rejected(server: Server) -> None:
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        weak = token(WEAK_RSA_KEY, "RS256", "weak")
    assert_rejected(server, weak, "signature is not valid")


def test_token_with_an_embedded_key_is_rejected(server: Server) -> None:
    headers = {"kid": "rsa-1", "jwk": public_jwk(OTHER_RSA_KEY, "rsa-1"), "jku": "https://evil.example/jwks"}
    forged = jwt.encode(claims(), OTHER_RSA_KEY, "RS256", headers=headers)
    assert_rejected(server, forged, "signature is not valid")


def test_modified_token_is_rejected(server: Server) -> None:
    header, _, signature = token().split(".")
    changed = base64url(json.dumps(claims(org_id="globex")).encode())
    assert_rejected(server, f"{header}.{changed}.{signature}", "signature is not valid")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aud": "https://elsewhere.example.com"}, "another audience"),
        ({"aud": f"{AUDIENCE}/"}, "another audience"),
        ({"aud": [AUDIENCE, 7]}, "another audience"),
        ({"iss": "https://login.example.com"}, "another issuer"),
        ({"iss": "https://evil.example/"}, "another issuer"),
        ({"exp": 1_700_000_000}, "expired"),
        ({"nbf": 4_000_000_000}, "not valid yet"),
        ({"iat": 4_000_000_000}, "not valid yet"),
        ({"aud": None}, "has no claim 'aud'"),
        ({"iss": None}, "has no claim 'iss'"),
        ({"exp": None}, "has no claim 'exp'"),
        ({"exp": "soon"}, "claims are not valid"),
        ({"exp": float("inf")}, "claims are not valid"),
        ({"org_id": None}, "no organization in its claim 'org_id'"),
        ({"org_id": ""}, "no organization in its claim 'org_id'"),
        ({"org_id": {"id": "acme"}}, "no organization in its claim 'org_id'"),
        ({"org_id": "a" * 201}, "at most 200"),
        ({"org_id": "ac\nme"}, "control character"),
    ],
)
def test_invalid_claims_are_rejected(server: Server, changes: dict[str, Any], reason: str) -> None:
    assert_rejected(server, token(**changes), reason)


@pytest.mark.parametrize("garbage", ["a.b.c", "..", "eyJ9.e30.x", "eyJhbGciOiJSUzI1NiJ9..", "a" * 20_000 + ".b.c"])
def test_malformed_token_is_rejected(server: Server, garbage: str) -> None:
    answer = get(server, garbage)
    assert answer.status_code == 401
    assert answer.json()["detail"].endswith(".")


def test_many_unknown_key_ids_fetch_the_keys_once(server: Server) -> None:
    get(server, token())
    before = JwksHandler.request_count
    for number in range(20):
        assert_rejected(server, token(kid=f"unknown-{number}"), "key id is unknown to the identity provider")
    assert JwksHandler.request_count - before <= 1


def test_jwts_are_rejected_without_a_configured_provider(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        assert_rejected(server, token(), "organization key")


def test_claims_may_have_other_names_and_nested_paths(tmp_path: Path) -> None:
    keys = tmp_path / "jwks.json"
    keys.write_text(json.dumps({"keys": KEYS[:1]}))
    settings = {
        "jwt_issuer": ISSUER,
        "jwt_audience": AUDIENCE,
        "jwt_jwks_url": str(keys),
        "jwt_organizations_claim": "https://example.com/orgs",
        "jwt_role_claim": "realm_access.roles",
        "jwt_scopes_claim": "permissions",
    }
    with running_server(tmp_path, **settings) as server:
        server.cli("orgs", "add", "acme")
        names: dict[str, Any] = {"https://example.com/orgs": ["acme"], "org_id": "globex", "role": None}
        assert get(server, token(realm_access={"roles": ["offline", "admin"]}, **names)).status_code == 200
        assert get(server, token(permissions=["billing:manage"], **names)).status_code == 200
        assert get(server, token(permissions=["members:read"], **names)).status_code == 403
        assert get(server, token(kid=None, realm_access={"roles": ["admin"]}, **names)).status_code == 200


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"jwt_issuer": ISSUER}, "also set TALKMETER_JWT_AUDIENCE and TALKMETER_JWT_JWKS_URL"),
        ({"jwt_jwks_url": "http://login.example.com/jwks"}, "must begin with https://"),
        ({"jwt_jwks_url": "ftp://login.example.com/jwks"}, "must begin with https://"),
    ],
)
def test_partial_configuration_is_rejected_at_startup(tmp_path: Path, settings: dict[str, str], sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence), running_server(tmp_path, **settings):
        pass


def test_unreachable_provider_is_503_and_own_keys_still_work(tmp_path: Path) -> None:
    settings = {"jwt_issuer": ISSUER, "jwt_audience": AUDIENCE, "jwt_jwks_url": "http://127.0.0.1:9/jwks.json"}
    with running_server(tmp_path, **settings) as server:
        answer = get(server, token())
        assert answer.status_code == 503
        assert "identity provider's keys" in answer.json()["detail"]
        assert get(server, server.key("acme")).status_code == 200
        assert "cannot fetch the identity provider's keys" in server.log()


def test_serve_help_lists_the_provider_settings(server: Server) -> None:
    help_text = server.cli("serve", "--help")
    assert "TALKMETER_JWT_JWKS_URL" in help_text
    with pytest.raises(subprocess.CalledProcessError, match="exit status 2"):
        server.cli("serve", "--jwt-secret", "x")
