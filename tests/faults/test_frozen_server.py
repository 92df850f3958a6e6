"""A database server freezes for one lane of the writer: the other lanes go on, and nothing is lost."""

import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final
from zlib import crc32

import pytest

from talkmeter.db.migrate import migrate
from tests import local_http
from tests.events import Json, conversation
from tests.faults.fault_table import ReportFault
from tests.faults.freezing_proxy import freezing_proxy
from tests.faults.rounds import rounds
from tests.faults.senders import check_ledger
from tests.postgres import engine_for, new_database
from tests.servers import Server, running_server

FROZEN: Final = "frozen-organization"
FROZEN_SEC: Final = rounds(5, 60)
LANES: Final = 4
MAX_RESPONSE_SEC: Final = 1
"""The bound for 99 % of the responses of the other lanes."""

pytestmark = [pytest.mark.postgresql, pytest.mark.timeout(180 + 2 * FROZEN_SEC)]


def lane_of(org_id: str) -> int:
    return crc32(org_id.encode()) % LANES


def in_other_lanes() -> list[str]:
    """Return an organization of each other lane."""
    names = [f"org-{number}" for number in range(100)]
    by_lane = {lane_of(name): name for name in names if lane_of(name) != lane_of(FROZEN)}
    assert len(by_lane) == LANES - 1
    return list(by_lane.values())


def send(server: Server, key: str, org_id: str, name: str, journal: list[Json]) -> tuple[int, float]:
    """Send one call; return the status and the seconds, and add an acknowledged call to the journal."""
    call = conversation(name, organization_id=org_id, created_at="2024-03-01T12:00:00Z", duration=60)
    began = time.monotonic()
    response = local_http.post(f"{server.url}/metering/events", json=[call], headers={"Authorization": f"Bearer {key}"})
    if response.status_code == 200:
        journal.append(call)
    return response.status_code, time.monotonic() - began


def test_a_frozen_database_server_delays_only_its_own_lane(
    postgres: str, tmp_path: Path, report_fault: ReportFault
) -> None:
    journals: dict[str, list[Json]] = {org_id: [] for org_id in (FROZEN, *in_other_lanes())}
    thawed = threading.Event()
    with new_database(postgres) as url, engine_for(url) as engine, freezing_proxy(url, FROZEN) as proxy:
        migrate(engine)
        with running_server(tmp_path, database_url=proxy.url, commit_timeout_sec="2") as server:
            key = server.sender_key()
            for org_id, journal in journals.items():
                assert send(server, key, org_id, "first", journal)[0] == 200

            def send_all(org_id: str) -> list[tuple[int, float]]:
                """Send one call after another, each until it is acknowledged, until the server answers again."""
                answers: list[tuple[int, float]] = []
                number = 0
                while not thawed.is_set() or answers[-1][0] != 200:
                    answers.append(send(server, key, org_id, f"call-{number}", journals[org_id]))
                    number += answers[-1][0] == 200
                return answers

            with ThreadPoolExecutor(len(journals)) as pool:
                with proxy.freezing():
                    sending = {org_id: pool.submit(send_all, org_id) for org_id in journals}
                    threading.Event().wait(FROZEN_SEC)
                thawed.set()
                answers = {org_id: future.result() for org_id, future in sending.items()}

        frozen, others = answers.pop(FROZEN), [answer for found in answers.values() for answer in found]
        checks = [check_ledger(engine, journal, org_id) for org_id, journal in journals.items()]
    assert proxy.frozen > 0
    assert {status for status, _ in frozen} == {200, 503}
    assert {status for status, _ in others} == {200}
    slowest = statistics.quantiles([seconds for _, seconds in others], n=100)[-1]
    assert slowest < MAX_RESPONSE_SEC
    found = f"{len(others)} requests in other lanes, p99 {1_000 * slowest:.0f} ms; {checks[0]}"
    report_fault(f"a frozen server in one lane for {FROZEN_SEC} s", "postgresql", 1, found)
