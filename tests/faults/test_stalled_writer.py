"""A writer that cannot go on: its queue fills up to its bounds and no further, and everything is counted afterwards.

Somebody else holds the database: SQLite's write lock, an organization's row on PostgreSQL; or the process that serves
the writer there is stopped. Meanwhile senders come with bodies of many events, and of many bytes.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import httpx
import msgspec
import psycopg
import pytest

from talkmeter.db.migrate import migrate
from tests import local_http
from tests.events import Json, conversation, run
from tests.faults.background_reader import background_reader
from tests.faults.fault_table import ReportFault
from tests.faults.locks import queued_events, wait_until_queued, write_lock
from tests.faults.memory import MIB, memory_of, watch_peak_memory
from tests.faults.rounds import rounds
from tests.faults.senders import ORG, WAIT_TIMEOUT_SEC, check_ledger
from tests.postgres import bundled_server, engine_for
from tests.servers import Server, running_server

QUEUE_MIB: Final = rounds(16, 64)
QUEUE_EVENTS: Final = rounds(10_000, 40_000)
"""In full, what the settings are where nobody changes them."""
MANY: Final = QUEUE_EVENTS * 3 // 20
"""Events of a body of many: four of them are more than one organization may have waiting."""
FEW: Final = 50
HEAVY_BYTES: Final = QUEUE_MIB * MIB * 15 // 64
"""A body of many bytes: three of them are more than one organization may hold in memory."""
HEAVY_ORG: Final = "heavy"
SENDERS_OF_EACH: Final = 6
MAX_MORE_MIB: Final = 100 + 3 * QUEUE_MIB
"""What a stall may add to the memory: the bodies, what is read out of them, and what it takes to read."""
STALL_SEC: Final = {"lock": rounds(1, 45), "row": rounds(1, 75), "stopped": rounds(1, 45)}
"""In full, longer than the writer tries again."""
KINDS: Final = {
    "lock": ("another process holds the write lock", "sqlite"),
    "row": ("another session holds an organization's row", "postgresql"),
    "stopped": ("the writer's process on the server is stopped", "postgresql"),
}

pytestmark = pytest.mark.timeout(600)


class Batch(NamedTuple):
    """Events of an organization, and the body that brings them."""

    org_id: str
    events: list[Json]
    body: bytes


def batches() -> list[Batch]:
    """Some of many events each, some of few events and many bytes."""
    made = []
    for sender in range(SENDERS_OF_EACH):
        many = calls(f"many-{sender}", MANY)
        few = calls(f"heavy-{sender}", FEW)
        padded = [{**one, "transcript": "x" * (HEAVY_BYTES // FEW)} for one in few]
        made += [
            Batch(ORG, many, msgspec.json.encode(many)),
            Batch(HEAVY_ORG, few, msgspec.json.encode(padded)),
        ]
    return made


def calls(name: str, number: int) -> list[Json]:
    """Calls of one day."""
    return [
        conversation(f"{name}-{place}", duration=place % 100, created_at=f"2024-03-01T{place % 24:02}:00:00Z")
        for place in range(number)
    ]


def assert_says_come_again(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["Retry-After"] == "1"
    assert "; retry shortly" in answer.json()["detail"]


def send_until_taken(server: Server, key: str, batch: Batch) -> list[httpx.Response]:
    """Send a batch until it is acknowledged; what was answered before."""
    headers = {"Authorization": f"Bearer {key}", "X-Anyreach-Org": batch.org_id, "Content-Type": "application/json"}
    refused: list[httpx.Response] = []
    with local_http.client(timeout=2 * WAIT_TIMEOUT_SEC) as client:
        while True:
            answer = client.post(f"{server.url}/metering/events", content=batch.body, headers=headers)
            if answer.status_code == 200:
                assert answer.json()["quarantined"] == []
                return refused
            assert_says_come_again(answer)
            refused.append(answer)
            threading.Event().wait(int(answer.headers["Retry-After"]))


@contextmanager
def stalled(kind: str, url: str, begin: Callable[[], None]) -> Iterator[None]:
    """Keep the writer from going on with what `begin` hands it, until the block ends."""
    if kind != "stopped":
        with write_lock(url, ORG):
            begin()
            yield
        return
    with write_lock(url, ORG), psycopg.connect(url, autocommit=True) as session:
        begin()
        process = waiting_process(session)
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def waiting_process(session: "psycopg.Connection[tuple[int]]") -> int:
    """The process that waits for a lock, as soon as there is one."""
    deadline = time.monotonic() + WAIT_TIMEOUT_SEC
    while time.monotonic() < deadline:
        query = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'talkmeter'"
        if (row := session.execute(query).fetchone()) is not None:
            return row[0]
    raise AssertionError("nobody waits for a lock")


@pytest.fixture
def url(kind: str, tmp_path: Path) -> Iterator[str]:
    """The address of an empty ledger that nobody else uses."""
    if kind == "lock":
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
        return
    with TemporaryDirectory(prefix="talkmeter-") as place, bundled_server(Path(place)) as server:
        yield server


@pytest.mark.parametrize(
    "kind", ["lock", *(pytest.param(kind, marks=pytest.mark.postgresql) for kind in ("row", "stopped"))]
)
def test_a_stalled_writer_is_a_503_within_bounded_memory_and_all_is_counted_afterwards(
    kind: str, url: str, tmp_path: Path, report_fault: ReportFault
) -> None:
    first = [run("first", created_at="2024-03-01T12:00:00Z")]
    sent = [Batch(ORG, first, msgspec.json.encode(first)), *batches()]
    settings = {"queue_events": f"{QUEUE_EVENTS}", "queue_bytes": f"{QUEUE_MIB * MIB}"}
    with engine_for(url) as engine:
        migrate(engine)
        with running_server(tmp_path, database_url=url, **settings) as server, ThreadPoolExecutor(len(sent)) as pool:
            key = server.sender_key()
            server.cli("orgs", "add", ORG)
            sending: list[Future[list[httpx.Response]]] = []

            def begin() -> None:
                sending.append(pool.submit(send_until_taken, server, key, sent[0]))
                wait_until_queued(server, 1)

            before = memory_of(server)
            with background_reader(server), watch_peak_memory(server) as watched:
                with stalled(kind, url, begin):
                    sending += [pool.submit(send_until_taken, server, key, one) for one in sent[1:]]
                    wait_until_queued(server, 3 * MANY)
                    threading.Event().wait(STALL_SEC[kind])
                    assert queued_events(server) <= QUEUE_EVENTS
                    assert local_http.get(f"{server.url}/health/ready").is_success
                refused = [answer for one in sending for answer in one.result()]
        check_ledger(engine, [event for one in sent if one.org_id == HEAVY_ORG for event in one.events], HEAVY_ORG)
        found = check_ledger(engine, [event for one in sent if one.org_id == ORG for event in one.events])
    said = {answer.json()["detail"] for answer in refused}
    assert {sentence for sentence in said if "write queue" in sentence} == {
        "This sender fills its half of the write queue (TALKMETER_QUEUE_BYTES); retry shortly.",
        "This organization fills its half of the write queue (TALKMETER_QUEUE_EVENTS); retry shortly.",
    }
    assert watched.peak - before < MAX_MORE_MIB * MIB
    memory = f"{len(refused)} x 503, memory {before // MIB} MiB before and {watched.peak // MIB} MiB at most"
    report_fault(f"{KINDS[kind][0]} for {STALL_SEC[kind]} s", KINDS[kind][1], 1, f"{found}; {memory}")
