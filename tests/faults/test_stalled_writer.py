"""A stalled writer: its queue fills up to the limits and no further, and everything is counted afterwards.

Another client holds SQLite's write lock or locks an organization's row on PostgreSQL, or the PostgreSQL process of the
writer is stopped. Meanwhile senders send bodies with many events, and with many bytes.
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
"""In full, the default of the setting."""
MANY_EVENTS: Final = QUEUE_EVENTS * 3 // 20
"""Events per body: four bodies are more than one organization may queue."""
FEW_EVENTS: Final = 50
LARGE_BODY_BYTES: Final = QUEUE_MIB * MIB * 15 // 64
"""Bytes per body: three bodies are more than one organization may queue."""
LARGE_ORG: Final = "large"
SENDERS_PER_KIND: Final = 6
MAX_GROWTH_MIB: Final = 100 + 3 * QUEUE_MIB
"""How much a stall may add to the memory: the bodies, the decoded events, and working memory."""
STALL_SEC: Final = {"lock": rounds(1, 45), "row": rounds(1, 75), "stopped": rounds(1, 45)}
"""In full, longer than the writer retries."""
KINDS: Final = {
    "lock": ("another process holds the write lock", "sqlite"),
    "row": ("another session holds an organization's row", "postgresql"),
    "stopped": ("the writer's process on the server is stopped", "postgresql"),
}

pytestmark = pytest.mark.timeout(600)


class Batch(NamedTuple):
    """Events of an organization, and the body that contains them."""

    org_id: str
    events: list[Json]
    body: bytes


def batches() -> list[Batch]:
    """Return batches of many events, and of few events with many bytes."""
    made = []
    for sender in range(SENDERS_PER_KIND):
        many = calls(f"many-{sender}", MANY_EVENTS)
        few = calls(f"large-{sender}", FEW_EVENTS)
        padded = [{**event, "transcript": "x" * (LARGE_BODY_BYTES // FEW_EVENTS)} for event in few]
        made += [
            Batch(ORG, many, msgspec.json.encode(many)),
            Batch(LARGE_ORG, few, msgspec.json.encode(padded)),
        ]
    return made


def calls(name: str, number: int) -> list[Json]:
    """Return calls of one day."""
    return [
        conversation(f"{name}-{place}", duration=place % 100, created_at=f"2024-03-01T{place % 24:02}:00:00Z")
        for place in range(number)
    ]


def assert_asks_to_retry(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["Retry-After"] == "1"
    assert "; retry shortly" in answer.json()["detail"]


def send_until_accepted(server: Server, key: str, batch: Batch) -> list[httpx.Response]:
    """Send a batch until it is acknowledged; return the responses before that."""
    headers = {"Authorization": f"Bearer {key}", "X-Anyreach-Org": batch.org_id, "Content-Type": "application/json"}
    refused: list[httpx.Response] = []
    with local_http.client(timeout=2 * WAIT_TIMEOUT_SEC) as client:
        while True:
            answer = client.post(f"{server.url}/metering/events", content=batch.body, headers=headers)
            if answer.status_code == 200:
                assert answer.json()["quarantined"] == []
                return refused
            assert_asks_to_retry(answer)
            refused.append(answer)
            threading.Event().wait(int(answer.headers["Retry-After"]))


@contextmanager
def stalled(kind: str, url: str, begin: Callable[[], None]) -> Iterator[None]:
    """Stall the writer while it writes what `begin` sends, until the block ends."""
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
    """Return the PostgreSQL process that waits for a lock, as soon as there is one."""
    deadline = time.monotonic() + WAIT_TIMEOUT_SEC
    while time.monotonic() < deadline:
        query = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'talkmeter'"
        if (row := session.execute(query).fetchone()) is not None:
            return row[0]
    raise AssertionError("no process waits for a lock")


@pytest.fixture
def url(kind: str, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database of this test."""
    if kind == "lock":
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
        return
    with TemporaryDirectory(prefix="talkmeter-") as place, bundled_server(Path(place)) as server:
        yield server


@pytest.mark.parametrize(
    "kind", ["lock", *(pytest.param(kind, marks=pytest.mark.postgresql) for kind in ("row", "stopped"))]
)
def test_stalled_writer_is_a_503_in_bounded_memory_and_loses_nothing(
    kind: str, url: str, tmp_path: Path, report_fault: ReportFault
) -> None:
    earlier, first = ([run(name, created_at="2024-03-01T12:00:00Z")] for name in ("earlier", "first"))
    sent = [*(Batch(ORG, events, msgspec.json.encode(events)) for events in (earlier, first)), *batches()]
    settings = {"queue_events": f"{QUEUE_EVENTS}", "queue_bytes": f"{QUEUE_MIB * MIB}"}
    with engine_for(url) as engine:
        migrate(engine)
        with running_server(tmp_path, database_url=url, **settings) as server, ThreadPoolExecutor(len(sent)) as pool:
            key = server.sender_key()
            assert send_until_accepted(server, key, sent[0]) == []
            sending: list[Future[list[httpx.Response]]] = []

            def begin() -> None:
                sending.append(pool.submit(send_until_accepted, server, key, sent[1]))
                wait_until_queued(server, 1)

            before = memory_of(server)
            with background_reader(server), watch_peak_memory(server) as memory:
                with stalled(kind, url, begin):
                    sending += [pool.submit(send_until_accepted, server, key, batch) for batch in sent[2:]]
                    wait_until_queued(server, 3 * MANY_EVENTS)
                    threading.Event().wait(STALL_SEC[kind])
                    assert queued_events(server) <= QUEUE_EVENTS
                    assert local_http.get(f"{server.url}/health/ready").is_success
                refused = [response for future in sending for response in future.result()]
        check_ledger(
            engine, [event for batch in sent if batch.org_id == LARGE_ORG for event in batch.events], LARGE_ORG
        )
        found = check_ledger(engine, [event for batch in sent if batch.org_id == ORG for event in batch.events])
    details = {response.json()["detail"] for response in refused}
    assert {sentence for sentence in details if "write queue" in sentence} == {
        "This sender fills its half of the write queue (TALKMETER_QUEUE_BYTES); retry shortly.",
        "This organization fills its half of the write queue (TALKMETER_QUEUE_EVENTS); retry shortly.",
    }
    assert memory.peak - before < MAX_GROWTH_MIB * MIB
    found = f"{found}; {len(refused)} x 503, memory {before // MIB} MiB before and {memory.peak // MIB} MiB at most"
    report_fault(f"{KINDS[kind][0]} for {STALL_SEC[kind]} s", KINDS[kind][1], 1, found)
