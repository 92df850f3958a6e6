"""Credentials that are none, are no longer any, or look like one: all are refused alike, and nothing is told."""

import sqlite3
import subprocess
import time
from contextlib import closing

import httpx
import pytest

from tests.api.organizations import (
    ORGANIZATION_HEADER,
    SUMMARY,
    Organization,
    client_of,
    make_credential,
    make_token,
    new_org_id,
    refusal_of,
)
from tests.servers import Server

MY_SCOPES = "/admin/members/me/scopes"
CACHE_TTL_SEC = 5
MARGIN_SEC = 10
"""For a request on a busy machine."""


def status_of(server: Server, authorization: str | bytes) -> int:
    """What a request with this Authorization header is answered; a refusal is checked to be a proper one."""
    raw = authorization if isinstance(authorization, bytes) else authorization.encode()
    with client_of(server, None) as client:
        answer = client.get(MY_SCOPES, headers=httpx.Headers([(b"Authorization", raw)]))
    if answer.status_code != 200:
        refusal_of(answer, 401)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    return answer.status_code


def wrong_keys(key: str) -> dict[str, str | bytes]:
    """What looks like a valid key and is none."""
    head, _, secret = key.partition(".")
    return {
        "a wrong secret": f"{head}.{secret[::-1]}",
        "a secret cut short": key[:-1],
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
        "letters that are not ASCII": f"{key}é",
        "broken letters": key.encode() + b"\xff\xfe",
        "another script": f"ak_ключ.{secret}",
        "10 kB": key + "x" * 10_000,
        "10 kB of dots": "ak_" + "." * 10_000,
        "a quote for the database": "ak_' OR '1'='1.x",
        "two keys": f"{key}, {key}",
    }


@pytest.mark.parametrize("wrong", wrong_keys("ak_1.x"))
def test_a_wrong_key_is_refused(org: Organization, wrong: str) -> None:
    made = wrong_keys(org.key)[wrong]
    assert status_of(org.server, b"Bearer " + (made if isinstance(made, bytes) else made.encode())) == 401
    assert status_of(org.server, f"Bearer {org.key}") == 200


@pytest.mark.parametrize("scheme", ["Basic {}", "Token {}", "{}", "Bearer", "Bearer{}", "", "Bearer Bearer {}"])
def test_another_scheme_is_refused_and_the_right_one_is_told(org: Organization, scheme: str) -> None:
    assert status_of(org.server, scheme.format(org.key)) == 401


@pytest.mark.parametrize("scheme", ["bearer {}", "BEARER {}", "Bearer  {}"])
def test_the_name_of_the_scheme_has_no_case(org: Organization, scheme: str) -> None:
    assert status_of(org.server, scheme.format(org.key)) == 200


def test_a_personal_token_under_the_prefix_of_a_key_is_refused(server: Server) -> None:
    token = make_token(server, **{new_org_id(): "admin"})
    assert status_of(server, "Bearer " + token.replace("pat_", "ak_", 1)) == 401


def test_an_unknown_id_and_a_wrong_secret_are_answered_alike(org: Organization) -> None:
    answers = []
    for wrong in ("a wrong secret", "an unknown id"):
        with client_of(org.server, str(wrong_keys(org.key)[wrong])) as client:
            answers.append(client.get(SUMMARY))
    assert answers[0].content == answers[1].content
    assert sorted(answers[0].headers) == sorted(answers[1].headers)


def test_a_key_with_a_last_day_is_valid_until_then_and_refused_afterwards(server: Server) -> None:
    org_id = new_org_id()
    server.cli("orgs", "add", org_id)
    lasting, ended = (server.cli("keys", "add", "--org", org_id, "--role", "admin", "--expires", "1") for _ in "12")
    expire(server, ended)
    assert status_of(server, f"Bearer {lasting}") == 200
    assert status_of(server, f"Bearer {ended}") == 401
    listed = {line.split("\t")[0]: line.split("\t")[3] for line in server.cli("keys", "list").splitlines()}
    assert listed[id_of(lasting)].startswith("expires ")
    assert listed[id_of(ended)].startswith("expired ")


def id_of(key: str) -> str:
    return key.partition(".")[0]


def expire(server: Server, key: str) -> None:
    """Let the days of a credential have passed."""
    with closing(sqlite3.connect(server.folder / "talkmeter.db")) as connection, connection:
        moved = connection.execute(
            "UPDATE credential SET expires_at = created_at WHERE id = ?", (id_of(key).removeprefix("ak_"),)
        )
        assert moved.rowcount == 1


def test_a_revoked_credential_is_refused_everywhere_within_5_seconds(server: Server, org: Organization) -> None:
    spare = make_credential(server, org_id=org.id, role="admin")
    token = make_token(server, **{org.id: "admin"})
    used = {"keys": org.key, "tokens": token}
    with client_of(server, None) as client:
        for key in used.values():
            assert answered(client, org, key) == 200
        for command, key in used.items():
            server.cli(command, "revoke", id_of(key))
        revoked_at = time.monotonic()
        while any(answered(client, org, key) == 200 for key in used.values()):
            assert time.monotonic() - revoked_at < CACHE_TTL_SEC + MARGIN_SEC
            time.sleep(0.05)
        assert [answered(client, org, key) for key in used.values()] == [401, 401]
        assert answered(client, org, spare) == 200


def answered(client: httpx.Client, org: Organization, key: str) -> int:
    headers = {"Authorization": f"Bearer {key}", ORGANIZATION_HEADER: org.id}
    return client.get(SUMMARY, headers=headers).status_code


def test_a_key_that_was_revoked_before_its_first_request_is_refused_at_once(server: Server) -> None:
    key = make_credential(server, org_id=new_org_id(), role="admin")
    server.cli("keys", "revoke", key)
    assert status_of(server, f"Bearer {key}") == 401
    with pytest.raises(subprocess.CalledProcessError, match="exit status 1"):
        server.cli("keys", "revoke", key)


def test_no_secret_is_stored_or_listed(server: Server, org: Organization) -> None:
    secret = org.key.partition(".")[2]
    assert status_of(server, f"Bearer {org.key}") == 200
    assert secret not in server.cli("keys", "list")
    files = [file.read_bytes() for file in server.folder.iterdir()]
    assert any(id_of(org.key).removeprefix("ak_").encode() in content for content in files)
    assert not any(secret.encode() in content for content in files)
