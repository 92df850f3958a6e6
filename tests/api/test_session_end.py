"""A session that is ended by its browser or by an operator is rejected at once, by every server of the database."""

import subprocess
from collections.abc import Iterator
from itertools import count

import httpx
import pytest

from tests import local_http
from tests.servers import Server, start_server, stop_server

PAGE = {"Sec-Fetch-Site": "same-origin"}
SUMMARY = "/admin/usage/summary"
numbers = count()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """Two servers of one database, as two workers are."""
    folder = tmp_path_factory.mktemp("sessions")
    servers = start_server(folder, {}), start_server(folder, {})
    yield servers
    for server in servers:
        stop_server(server)


@pytest.fixture
def org(servers: tuple[Server, Server]) -> str:
    """The id of a new organization."""
    org_id = f"org-{next(numbers)}"
    servers[0].cli("orgs", "add", org_id)
    return org_id


def cookie_of(response: httpx.Response) -> dict[str, str]:
    return {"Cookie": response.raise_for_status().headers["set-cookie"].partition(";")[0]}


def open_link(server: Server, org: str) -> dict[str, str]:
    """Return the headers of a browser that has opened a sign-in link."""
    link = server.cli("link", "--org", org).partition("#sign-in=")[2]
    return cookie_of(local_http.post(f"{server.url}/session", json={"link": link}, headers=PAGE))


def paste(server: Server, key: str) -> dict[str, str]:
    """Return the headers of a browser in which a key was pasted."""
    return cookie_of(local_http.post(f"{server.url}/session", headers={**PAGE, "Authorization": f"Bearer {key}"}))


def statuses(servers: tuple[Server, Server], cookie: dict[str, str]) -> list[int]:
    return [local_http.get(f"{server.url}{SUMMARY}", headers=cookie).status_code for server in servers]


def ids(server: Server, org: str) -> list[str]:
    """Return the ids of an organization's sessions."""
    return [line.partition("\t")[0] for line in server.cli("sessions", "list", "--org", org).splitlines()]


def test_sign_out_acts_at_once_on_the_other_server(servers: tuple[Server, Server], org: str) -> None:
    cookie = open_link(servers[0], org)
    assert statuses(servers, cookie) == [200, 200]
    local_http.delete(f"{servers[0].url}/session", headers={**cookie, **PAGE}).raise_for_status()
    assert statuses(servers, cookie) == [401, 401]


def test_revoked_key_ends_its_sessions_at_once(servers: tuple[Server, Server], org: str) -> None:
    key = servers[0].key(org)
    cookie = paste(servers[0], key)
    assert statuses(servers, cookie) == [200, 200]
    servers[0].cli("keys", "revoke", key)
    assert statuses(servers, cookie) == [401, 401]


def test_session_is_listed_and_revoked_by_its_id(servers: tuple[Server, Server], org: str) -> None:
    key = servers[0].key(org)
    by_link, by_key = open_link(servers[0], org), paste(servers[0], key)
    lines = [line.split("\t") for line in servers[0].cli("sessions", "list", "--org", org).splitlines()]
    assert [line[1:3] for line in lines] == [
        [org, "a link or JWT"],
        [org, f"credential {key.partition('.')[0].removeprefix('ak_')}"],
    ]
    assert all(line[3].startswith("used 20") and line[4].startswith("ends 20") for line in lines)

    assert servers[0].cli("sessions", "revoke", lines[0][0]) == "Sessions ended: 1."
    assert statuses(servers, by_link) == [401, 401]
    assert statuses(servers, by_key) == [200, 200]
    assert ids(servers[0], org) == [lines[1][0]]


def test_revoking_an_organization_ends_its_sessions_and_links(servers: tuple[Server, Server], org: str) -> None:
    other = f"{org}-other"
    servers[0].cli("orgs", "add", other)
    token = servers[0].cli("tokens", "add", "--name", "eve", "--org", org, "--org", other)
    cookies, kept = [open_link(servers[0], org), paste(servers[0], token)], open_link(servers[0], other)
    link = servers[0].cli("link", "--org", org).partition("#sign-in=")[2]
    kept_link = servers[0].cli("link", "--org", other).partition("#sign-in=")[2]

    assert servers[0].cli("sessions", "revoke", "--org", org) == "Sessions ended: 2. Sign-in links ended: 1."
    assert [statuses(servers, cookie)[1] for cookie in cookies] == [401, 401]
    assert statuses(servers, kept) == [200, 200]
    answers = [
        local_http.post(f"{servers[1].url}/session", json={"link": secret}, headers=PAGE).status_code
        for secret in (link, kept_link)
    ]
    assert answers == [401, 200]


def test_all_sessions_are_revoked(servers: tuple[Server, Server], org: str) -> None:
    cookie = open_link(servers[0], org)
    assert servers[0].cli("sessions", "revoke", "--all").startswith("Sessions ended: ")
    assert statuses(servers, cookie) == [401, 401]
    assert servers[0].cli("sessions", "list") == ""


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((), "Give either ids, --org ORG_ID or --all."),
        (("--all", "--org", "acme"), "Give either ids, --org ORG_ID or --all."),
        (("0123",), "No session has the id 0123; 'talkmeter sessions list' lists all."),
    ],
)
def test_revoking_without_a_known_session_is_an_error(
    servers: tuple[Server, Server], arguments: tuple[str, ...], error: str
) -> None:
    with pytest.raises(subprocess.CalledProcessError, match="exit status 1") as failed:
        servers[0].cli("sessions", "revoke", *arguments)
    assert failed.value.stderr == f"talkmeter: {error}\n"
