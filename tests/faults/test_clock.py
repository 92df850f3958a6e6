"""The server's clock jumps by a day, back and forth, under load: no figure and no permission depends on it.

`make test` makes 8 jumps on each database, `make faults` 200.
"""

import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import httpx
import pytest

from talkmeter.db.migrate import migrate
from tests import local_http
from tests.fake_clock import FakeClock
from tests.faults.background_reader import MAX_RESPONSE_SEC, background_reader
from tests.faults.fault_table import ReportFault
from tests.faults.rounds import rounds
from tests.faults.senders import ORG, check_ledger, running_senders
from tests.postgres import engine_for
from tests.servers import Server, running_server

JUMPS: Final = rounds(8, 200)
HOUR_SEC: Final = 3_600
DAY_SEC: Final = 24 * HOUR_SEC
CACHE_TTL_SEC: Final = 5
"""How long a revocation may take to act."""
MARCH: Final = {"from": "2024-03-01", "to": "2024-03-02"}
SUMMARY: Final = "/admin/usage/summary"
RECORDS: Final = "/admin/usage/records"
PAGE_SIZE: Final = 50
PAGE: Final = {"Sec-Fetch-Site": "same-origin"}

pytestmark = pytest.mark.timeout(180 + 2 * JUMPS)


@pytest.fixture
def clock(tmp_path: Path) -> FakeClock:
    folder = tmp_path / "clock"
    folder.mkdir()
    return FakeClock(folder)


@pytest.fixture
def server(tmp_path: Path, clock: FakeClock) -> Iterator[Server]:
    with running_server(tmp_path, clock.environment) as running:
        yield running


def test_fake_clock_sets_the_clock_of_the_server(server: Server, clock: FakeClock) -> None:
    with client_for(server) as client:
        for days in (1, -1, 0):
            clock.set(days * DAY_SEC)
            until = client.get(SUMMARY).json()["to"]
            midnight = time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() + (days + 1) * DAY_SEC))
            assert until == midnight


def with_right_clock(server: Server) -> Server:
    """Return the server with commands whose clock never jumps, to create credentials."""
    return replace(server, isolated=False)


def client_for(server: Server) -> httpx.Client:
    """Return a client with a key of the organization."""
    headers = {"Authorization": f"Bearer {with_right_clock(server).key(ORG)}"}
    return local_http.client(base_url=server.url, headers=headers, timeout=60)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_figures_do_not_change_when_the_clock_jumps_by_a_day(
    database: str, tmp_path: Path, clock: FakeClock, request: pytest.FixtureRequest, report_fault: ReportFault
) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    if database == "postgresql":
        url = request.getfixturevalue("postgres_database")
    rng = random.Random(JUMPS)
    with engine_for(url) as engine:
        migrate(engine)
        with running_server(tmp_path, clock.environment, database_url=url) as server:
            sender, key = with_right_clock(server).sender_key(), with_right_clock(server).key(ORG)
            with running_senders(server.url, sender) as senders, background_reader(server, key) as reader:
                for _ in range(JUMPS):
                    clock.set(rng.choice((-DAY_SEC, 0, DAY_SEC)) + rng.randrange(-HOUR_SEC, HOUR_SEC))
                    senders.wait_for_more(rng.uniform(0.05, 0.2))
            with client_for(server) as client:
                assert_cached_answers_are_valid(client, clock)
                assert_pages_hold_each_record_once(client, clock)
            assert "Traceback" not in server.log()
        found = check_ledger(engine, senders.journal)
    report_fault(
        "clock jumps by a day, back and forth",
        database,
        JUMPS,
        f"{found}; {reader.responses:,} summaries correct meanwhile",
    )


def assert_cached_answers_are_valid(client: httpx.Client, clock: FakeClock) -> None:
    """Check that after a 304 the earlier response equals a new one, at any time of the clock."""
    cached = client.get(SUMMARY, params=MARCH)
    for days in (1, -1, 0):
        clock.set(days * DAY_SEC)
        fresh = client.get(SUMMARY, params=MARCH)
        again = client.get(SUMMARY, params=MARCH, headers={"If-None-Match": cached.headers["ETag"]})
        assert again.status_code in {200, 304}
        assert (cached if again.status_code == 304 else again).json() == fresh.json()


def assert_pages_hold_each_record_once(client: httpx.Client, clock: FakeClock) -> None:
    """Check that pages list each record once, although the clock jumps between them."""
    listed: list[str] = []
    cursor: dict[str, str] = {}
    for days in range(10_000):
        clock.set((days % 3 - 1) * DAY_SEC)
        page = client.get(RECORDS, params={"kind": "conversation", "limit": str(PAGE_SIZE), **MARCH, **cursor}).json()
        listed += [record["id"] for record in page["records"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert len(listed) == len(set(listed)) == client.get(SUMMARY, params=MARCH).json()["total_calls"]


def status_of(server: Server, headers: Mapping[str, str]) -> int:
    """Return the status of a request with a key or a cookie."""
    return local_http.get(server.url + SUMMARY, headers=headers, timeout=60).status_code


def signed_in(server: Server, secret: str) -> httpx.Response:
    """Open a sign-in link as a browser does."""
    return local_http.post(f"{server.url}/session", json={"link": secret}, headers=PAGE, timeout=60)


def cookie_of(response: httpx.Response) -> dict[str, str]:
    """Return the session cookie of a response as a header."""
    assert response.status_code == httpx.codes.OK, response.text
    return {"Cookie": response.headers["Set-Cookie"].partition(";")[0]}


def link_of(server: Server) -> str:
    """Create a one-time sign-in link; return its secret."""
    return server.cli("link", "--org", ORG).partition("#sign-in=")[2]


def test_invalid_credentials_stay_invalid_when_the_clock_jumps(
    server: Server, clock: FakeClock, report_fault: ReportFault
) -> None:
    ended: list[Mapping[str, str]] = []
    links: list[str] = []
    for days in (0, 1, -1):
        clock.set(days * DAY_SEC)
        key, link = with_right_clock(server).key(ORG), link_of(server)
        bearer = {"Authorization": f"Bearer {key}"}
        by_key = cookie_of(local_http.post(f"{server.url}/session", headers={**PAGE, **bearer}, timeout=60))
        cookie = cookie_of(signed_in(server, link))
        assert [status_of(server, headers) for headers in (bearer, by_key, cookie)] == [200, 200, 200]
        server.cli("keys", "revoke", key.removeprefix("ak_").partition(".")[0])
        assert local_http.delete(f"{server.url}/session", headers={**PAGE, **cookie}, timeout=60).status_code == 200
        ended += [bearer, by_key, cookie]
        links.append(link)
    deadline = time.monotonic() + CACHE_TTL_SEC + MAX_RESPONSE_SEC
    while any(status_of(server, headers) != 401 for headers in ended):
        assert time.monotonic() < deadline, "a revoked credential is still accepted"
    # Also after the cache has expired, and the database is queried again.
    rounds_, began, expired = 0, 0.0, time.monotonic() + CACHE_TTL_SEC + 0.5
    while began < expired:
        began = time.monotonic()
        clock.set((rounds_ % 5 - 2) * DAY_SEC)
        assert {status_of(server, headers) for headers in ended} == {401}
        assert {signed_in(server, link).status_code for link in links} == {401}
        rounds_ += 1
    report_fault(
        "clock jumps after keys were revoked, sessions signed out, links used", "sqlite", rounds_, "all stay invalid"
    )


def test_unused_session_ends_even_if_it_was_used_at_a_later_clock(
    server: Server, clock: FakeClock, report_fault: ReportFault
) -> None:
    with_right_clock(server).cli("orgs", "add", ORG)
    cookie = cookie_of(signed_in(server, link_of(server)))
    for hours, expected in ((10, 200), (0, 200), (11, 200), (0, 200), (13, 401)):
        clock.set(hours * HOUR_SEC)
        assert status_of(server, cookie) == expected, f"{hours} hours ahead"
    report_fault("clock jumps while a session is used, then idle", "sqlite", 4, "it ends after 12 hours")
