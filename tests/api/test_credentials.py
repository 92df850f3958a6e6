"""Invalid, expired and revoked credentials are rejected, without revealing which part is wrong."""

import sqlite3
import subprocess
import time
from contextlib import closing

import httpx
import pytest

from tests.api.organizations import (
    ORGANIZATION_HEADER,
    SUMMARY,
    OrganizationClient,
    client_of,
    error_of,
    make_credential,
    make_token,
    new_org_id,
)
from tests.servers import Server

MY_SCOPES = "/admin/members/me/scopes"
CACHE_TTL_SEC = 5
MARGIN_SEC = 10
"""Extra time for a request on a busy machine."""


def status_of(server: Server, authorization: str | bytes) -> int:
    """Return the status of a request with an Authorization header, and check the error if it is 401."""
    raw = authorization if isinstance(authorization, bytes) else authorization.encode()
    with client_of(server, None) as client:
        answer = client.get(MY_SCOPES, headers=httpx.Headers([(b"Authorization", raw)]))
    if answer.status_code != 200:
        error_of(answer, 401)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    return answer.status_code


def wrong_keys(key: str) -> dict[str, str | bytes]:
    """Return keys that look valid but are not."""
    head, _, secret = key.partition(".")
    return {
        "a wrong secret": f"{head}.{secret[::-1]}",
        "a truncated secret": key[:-1],
        "a secret and more": key + "x",
        "no secret": head,
        "an empty secret": head + ".",
        "an id alone": head.removeprefix("ak_"),
        "an unknown id": f"ak_0123456789abcdef.{secret}",
        "an unknown id without a secret": "ak_0123456789abcdef.",
        "an empty id": f"ak_.{secret}",
        "the prefix of a personal token": key.replace("ak_", "pat_", 1),
        "no prefix": key.removeprefix("ak_"),
        "capitals": key.upper(),
        "non-ASCII characters": f"{key}é",
        "invalid UTF-8": key.encode() + b"\xff\xfe",
        "another script": f"ak_ключ.{secret}",
        "10 kB": key + "x" * 10_000,
        "10 kB of dots": "ak_" + "." * 10_000,
        "a quote for the database": "ak_' OR '1'='1.x",
        "two keys": f"{key}, {key}",
    }


@pytest.mark.parametrize("wrong", wrong_keys("ak_1.x"))
def test_wrong_key_is_rejected(org: OrganizationClient, wrong: str) -> None:
    made = wrong_keys(org.key)[wrong]
    assert status_of(org.server, b"Bearer " + (made if isinstance(made, bytes) else made.encode())) == 401
    assert status_of(org.server, f"Bearer {org.key}") == 200


@pytest.mark.parametrize("scheme", ["Basic {}", "Token {}", "{}", "Bearer", "Bearer{}", "", "Bearer Bearer {}"])
def test_other_scheme_is_rejected_with_the_right_one(org: OrganizationClient, scheme: str) -> None:
    assert status_of(org.server, scheme.format(org.key)) == 401


@pytest.mark.parametrize("scheme", ["bearer {}", "BEARER {}", "Bearer  {}"])
def test_scheme_is_case_insensitive(org: OrganizationClient, scheme: str) -> None:
    assert status_of(org.server, scheme.format(org.key)) == 200


def test_personal_token_with_the_prefix_of_a_key_is_rejected(server: Server) -> None:
    token = make_token(server, **{new_org_id(): "admin"})
    assert status_of(server, "Bearer " + token.replace("pat_", "ak_", 1)) == 401


def test_unknown_id_and_wrong_secret_get_the_same_error(org: OrganizationClient) -> None:
    answers = []
    for wrong in ("a wrong secret", "an unknown id"):
        with client_of(org.server, str(wrong_keys(org.key)[wrong])) as client:
            answers.append(client.get(SUMMARY))
    assert answers[0].content == answers[1].content
    assert sorted(answers[0].headers) == sorted(answers[1].headers)


def test_key_is_valid_until_it_expires(server: Server) -> None:
    org_id = new_org_id()
    server.cli("orgs", "add", org_id)
    valid, expired = (server.cli("keys", "add", "--org", org_id, "--role", "admin", "--expires", "1") for _ in "12")
    expire(server, expired)
    assert status_of(server, f"Bearer {valid}") == 200
    assert status_of(server, f"Bearer {expired}") == 401
    listed = {line.split("\t")[0]: line.split("\t")[4] for line in server.cli("keys", "list").splitlines()}
    assert listed[id_of(valid)].startswith("expires ")
    assert listed[id_of(expired)].startswith("expired ")


def id_of(key: str) -> str:
    return key.partition(".")[0]


def expire(server: Server, key: str) -> None:
    """Make a credential expire now."""
    with closing(sqlite3.connect(server.folder / "talkmeter.db")) as connection, connection:
        moved = connection.execute(
            "UPDATE credential SET expires_at = created_at WHERE id = ?", (id_of(key).removeprefix("ak_"),)
        )
        assert moved.rowcount == 1


def test_revoked_credential_is_rejected_everywhere_within_5_seconds(server: Server, org: OrganizationClient) -> None:
    spare = make_credential(server, org_id=org.id, role="admin")
    token = make_token(server, **{org.id: "admin"})
    used = {"keys": org.key, "tokens": token}
    with client_of(server, None) as client:
        for key in used.values():
            assert get_status(client, org, key) == 200
        for command, key in used.items():
            server.cli(command, "revoke", id_of(key))
        revoked_at = time.monotonic()
        while any(get_status(client, org, key) == 200 for key in used.values()):
            assert time.monotonic() - revoked_at < CACHE_TTL_SEC + MARGIN_SEC
            time.sleep(0.05)
        assert [get_status(client, org, key) for key in used.values()] == [401, 401]
        assert get_status(client, org, spare) == 200


def get_status(client: httpx.Client, org: OrganizationClient, key: str) -> int:
    headers = {"Authorization": f"Bearer {key}", ORGANIZATION_HEADER: org.id}
    return client.get(SUMMARY, headers=headers).status_code


def test_key_revoked_before_its_first_request_is_rejected_immediately(server: Server) -> None:
    key = make_credential(server, org_id=new_org_id(), role="admin")
    server.cli("keys", "revoke", key)
    assert status_of(server, f"Bearer {key}") == 401
    with pytest.raises(subprocess.CalledProcessError, match="exit status 1"):
        server.cli("keys", "revoke", key)


def test_no_secret_is_stored_or_listed(server: Server, org: OrganizationClient) -> None:
    secret = org.key.partition(".")[2]
    assert status_of(server, f"Bearer {org.key}") == 200
    assert secret not in server.cli("keys", "list")
    files = [file.read_bytes() for file in server.folder.iterdir()]
    assert any(id_of(org.key).removeprefix("ak_").encode() in content for content in files)
    assert not any(secret.encode() in content for content in files)
