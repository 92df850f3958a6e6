"""The server's clock jumps by a day, back and forth, while senders send: no number and no right depends on it.

Eight jumps on each database run with all tests; `make faults` makes two hundred.
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
RECORDS_OF_A_PAGE: Final = 50
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


def test_the_clock_of_the_server_is_the_one_that_is_set(server: Server, clock: FakeClock) -> None:
    """Else the tests below would prove nothing."""
    with asking(server) as client:
        for days in (1, -1, 0):
            clock.set(days * DAY_SEC)
            until = client.get(SUMMARY).json()["to"]
            midnight = time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() + (days + 1) * DAY_SEC))
            assert until == midnight


def at_the_right_time(server: Server) -> Server:
    """The same, with a command line whose clock never jumps: for keys, which may have been made at any time."""
    return replace(server, isolated=False)


def asking(server: Server) -> httpx.Client:
    """A client with a key of the organization."""
    headers = {"Authorization": f"Bearer {at_the_right_time(server).key(ORG)}"}
    return local_http.client(base_url=server.url, headers=headers, timeout=20)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_numbers_do_not_change_where_the_clock_jumps_by_a_day(
    database: str, tmp_path: Path, clock: FakeClock, request: pytest.FixtureRequest, report_fault: ReportFault
) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    if database == "postgresql":
        url = request.getfixturevalue("postgres_database")
    chance = random.Random(JUMPS)
    with engine_for(url) as engine:
        migrate(engine)
        with running_server(tmp_path, clock.environment, database_url=url) as server:
            sender, key = at_the_right_time(server).sender_key(), at_the_right_time(server).key(ORG)
            with running_senders(server.url, sender) as senders, background_reader(server, key) as reader:
                for _ in range(JUMPS):
                    clock.set(chance.choice((-DAY_SEC, 0, DAY_SEC)) + chance.randrange(-HOUR_SEC, HOUR_SEC))
                    senders.wait_for_more(chance.uniform(0.05, 0.2))
            with asking(server) as client:
                assert_answers_at_hand_are_true(client, clock)
                assert_pages_hold_each_record_once(client, clock)
            assert "Traceback" not in server.log()
        found = check_ledger(engine, senders.journal)
    report_fault(
        "clock jumps by a day, back and forth",
        database,
        JUMPS,
        f"{found}; {reader.answers:,} summaries correct meanwhile",
    )


def assert_answers_at_hand_are_true(client: httpx.Client, clock: FakeClock) -> None:
    """What a 304 says still holds is what is answered anew, at whatever time the clock shows."""
    kept = client.get(SUMMARY, params=MARCH)
    for days in (1, -1, 0):
        clock.set(days * DAY_SEC)
        fresh = client.get(SUMMARY, params=MARCH)
        again = client.get(SUMMARY, params=MARCH, headers={"If-None-Match": kept.headers["ETag"]})
        assert again.status_code in {200, 304}
        assert (kept if again.status_code == 304 else again).json() == fresh.json()


def assert_pages_hold_each_record_once(client: httpx.Client, clock: FakeClock) -> None:
    """Pages follow each other, whatever the clock shows between them."""
    listed: list[str] = []
    cursor: dict[str, str] = {}
    for days in range(10_000):
        clock.set((days % 3 - 1) * DAY_SEC)
        page = client.get(
            RECORDS, params={"kind": "conversation", "limit": str(RECORDS_OF_A_PAGE), **MARCH, **cursor}
        ).json()
        listed += [record["id"] for record in page["records"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert len(listed) == len(set(listed)) == client.get(SUMMARY, params=MARCH).json()["total_calls"]


def status_of(server: Server, headers: Mapping[str, str]) -> int:
    """What a question with a key or a cookie is answered."""
    return local_http.get(server.url + SUMMARY, headers=headers, timeout=20).status_code


def signed_in(server: Server, secret: str) -> httpx.Response:
    """The answer to a browser that opens a sign-in link."""
    return local_http.post(f"{server.url}/session", json={"link": secret}, headers=PAGE, timeout=20)


def cookie_of(answer: httpx.Response) -> dict[str, str]:
    """What a browser sends from then on, or somebody who has copied it."""
    assert answer.status_code == httpx.codes.OK, answer.text
    return {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}


def link_of(server: Server) -> str:
    """The secret of a one-time link."""
    return server.cli("link", "--org", ORG).partition("#sign-in=")[2]


def test_what_was_revoked_left_or_used_up_stays_so_wherever_the_clock_goes(
    server: Server, clock: FakeClock, report_fault: ReportFault
) -> None:
    ended: list[Mapping[str, str]] = []
    links: list[str] = []
    for days in (0, 1, -1):
        clock.set(days * DAY_SEC)
        key, left = at_the_right_time(server).key(ORG), link_of(server)
        bearer = {"Authorization": f"Bearer {key}"}
        begun = cookie_of(local_http.post(f"{server.url}/session", headers={**PAGE, **bearer}, timeout=20))
        cookie = cookie_of(signed_in(server, left))
        assert [status_of(server, one) for one in (bearer, begun, cookie)] == [200, 200, 200]
        server.cli("keys", "revoke", key.removeprefix("ak_").partition(".")[0])
        assert local_http.delete(f"{server.url}/session", headers={**PAGE, **cookie}, timeout=20).status_code == 200
        ended += [bearer, begun, cookie]
        links.append(left)
    acts = time.monotonic() + CACHE_TTL_SEC + MAX_RESPONSE_SEC
    while any(status_of(server, one) != 401 for one in ended):
        assert time.monotonic() < acts, "a revocation does not act in time"
    # Also once all that was believed is forgotten, and the database is asked again.
    asked, began, forgotten = 0, 0.0, time.monotonic() + CACHE_TTL_SEC + 0.5
    while began < forgotten:
        began = time.monotonic()
        clock.set((asked % 5 - 2) * DAY_SEC)
        assert {status_of(server, one) for one in ended} == {401}
        assert {signed_in(server, one).status_code for one in links} == {401}
        asked += 1
    report_fault(
        "clock jumps after keys were revoked, sessions signed out, links used", "sqlite", asked, "all stay invalid"
    )


def test_a_session_left_alone_ends_though_it_was_used_while_the_clock_was_ahead(
    server: Server, clock: FakeClock, report_fault: ReportFault
) -> None:
    at_the_right_time(server).cli("orgs", "add", ORG)
    cookie = cookie_of(signed_in(server, link_of(server)))
    for hours, expected in ((10, 200), (0, 200), (11, 200), (0, 200), (13, 401)):
        clock.set(hours * HOUR_SEC)
        assert status_of(server, cookie) == expected, f"{hours} hours ahead"
    report_fault("clock jumps while a session is used, then idle", "sqlite", 4, "it ends after 12 hours")
