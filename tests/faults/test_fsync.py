"""Acknowledged means on disk: the WAL with an event is synced before the response that accepts it.

strace shows the system calls: on SQLite those of the server, on PostgreSQL those between a commit and its confirmation.
"""

import http.client
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import pytest

from talkmeter.db.migrate import migrate
from tests.events import conversation
from tests.faults.fault_table import ReportFault
from tests.faults.rounds import rounds
from tests.faults.senders import ORG
from tests.faults.small_disks import run_inside
from tests.faults.strace import SystemCall, attach_strace, read_trace, strace_command, wait_for_end
from tests.postgres import bundled_server, engine_for
from tests.servers import Server, environment_for, run_cli, running_server

SENDERS: Final = 8
REQUESTS: Final = rounds(10, 60)
"""Per sender."""

pytestmark = pytest.mark.timeout(120 + REQUESTS)


class SentEvent(NamedTuple):
    """An accepted request: the id in it, its source port, and its position among the requests from this port."""

    id: str
    port: int
    place: int


def send_one_by_one(server: Server, key: str, name: str, requests: int) -> list[SentEvent]:
    """Send requests of one event each over one connection, each after the response to the one before."""
    headers = {"Authorization": f"Bearer {key}", "X-Anyreach-Org": ORG, "Content-Type": "application/json"}
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
    sent = []
    for place in range(requests):
        id_ = f"synced.{name}.{place:05}."
        connection.request("POST", "/metering/events", json.dumps(conversation(id_)), headers)
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())["accepted"]) == (200, 1)
        sent.append(SentEvent(id_, connection.sock.getsockname()[1], place))
    connection.close()
    return sent


def send_together(server: Server, key: str) -> list[SentEvent]:
    """Send from several connections at once, so that requests share commits."""
    with ThreadPoolExecutor(SENDERS) as pool:
        senders = [pool.submit(send_one_by_one, server, key, f"{number}", REQUESTS) for number in range(SENDERS)]
        return [request for sender in senders for request in sender.result()]


def responses_to(calls: Sequence[SystemCall], port: int) -> list[SystemCall]:
    """Return the writes of 200 responses to a port, in order."""
    return [call for call in calls if call.target.endswith(f":{port}]") and '"HTTP/1.1 200 ' in call.text]


def unsynced(calls: Sequence[SystemCall], sent: Sequence[SentEvent]) -> list[str]:
    """Return the ids whose response began before the WAL that contains them was synced."""
    wal = [call for call in calls if call.target.endswith("-wal")]
    responses = {port: responses_to(calls, port) for port in {request.port for request in sent}}
    found = []
    for request in sent:
        response = responses[request.port][request.place]
        written = next(call for call in wal if call.writes and request.id in call.text)
        if not any(call.syncs and call.begins > written.ends and call.ends < response.begins for call in wal):
            found.append(request.id)
    return found


def unsynced_alone(calls: Sequence[SystemCall], sent: Sequence[SentEvent]) -> list[str]:
    """Return the ids of requests sent alone whose response follows a write to the WAL without a sync."""
    found = []
    for request in sent:
        response = responses_to(calls, request.port)[request.place]
        wal = [call for call in calls if call.target.endswith("-wal") and call.ends < response.begins]
        if not (wal and wal[-1].syncs):
            found.append(request.id)
    return found


def test_every_response_on_sqlite_waits_for_a_sync_of_the_wal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report_fault: ReportFault
) -> None:
    trace = tmp_path / "trace"
    traced = strace_command(trace)
    run_cli(tmp_path, environment_for(tmp_path, {}), "orgs", "add", ORG)
    key = run_cli(tmp_path, environment_for(tmp_path, {}), "keys", "add", "--sender")
    run_inside(monkeypatch, tmp_path, [*traced, "-D"])
    with running_server(tmp_path) as server:
        alone = send_one_by_one(server, key, "alone", REQUESTS)
        together = send_together(server, key)
    wait_for_end(trace, server.process.pid)
    calls = read_trace(trace)

    assert unsynced_alone(calls, alone) == []
    assert unsynced(calls, [*alone, *together]) == []

    # In the same trace without syncs, every request is found.
    without = [call for call in calls if not call.syncs]
    assert unsynced_alone(without, alone) == [request.id for request in alone]
    assert unsynced(without, [*alone, *together]) == [request.id for request in [*alone, *together]]

    syncs = sum(call.syncs and call.target.endswith("-wal") for call in calls)
    # Concurrent requests shared commits.
    assert syncs < len(alone) + len(together)
    found = (
        f"{len(alone) + len(together):,} answers, each after a sync of the WAL that contains its event; {syncs:,} syncs"
    )
    report_fault("strace: responses on disk", "sqlite", 1, found)


class Commit(NamedTuple):
    """A transaction in the protocol of PostgreSQL: a backend receives an id, and confirms the commit."""

    backend: int
    received: SystemCall
    confirmed: SystemCall


def commit_of(calls: Sequence[SystemCall], id_: str) -> Commit:
    """Return the transaction that stored an id."""
    received = next(call for call in calls if call.name == "recvfrom" and id_ in call.text)
    confirmed = next(
        call
        for call in calls
        if call.process == received.process
        and call.begins > received.ends
        and call.name == "sendto"
        and "COMMIT\\0" in call.text
    )
    return Commit(received.process, received, confirmed)


def uncommitted(calls: Sequence[SystemCall], ids: Sequence[str]) -> list[str]:
    """Return the ids whose commit was confirmed before the WAL that contains them was synced."""
    wal = [call for call in calls if "/pg_wal/" in call.target]
    found = []
    for id_ in ids:
        commit = commit_of(calls, id_)
        between = [call for call in wal if call.begins > commit.received.ends and call.ends < commit.confirmed.begins]
        written = [call for call in between if call.writes and (call.process == commit.backend or id_ in call.text)]
        if not written or not any(call.syncs and call.begins > written[-1].ends for call in between):
            found.append(id_)
    return found


@pytest.mark.postgresql
def test_every_commit_of_postgresql_waits_for_a_sync_of_the_wal(tmp_path: Path, report_fault: ReportFault) -> None:
    trace = tmp_path / "trace"
    with (
        TemporaryDirectory(prefix="talkmeter-") as place,
        bundled_server(Path(place)) as postgres,
        engine_for(postgres) as engine,
    ):
        migrate(engine)
        postmaster = int(Path(place, "postgres", "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        with (
            attach_strace([postmaster, *map(int, children)], trace),
            running_server(tmp_path, database_url=postgres) as server,
        ):
            sent = send_together(server, server.sender_key())
    calls = read_trace(trace)
    ids = [request.id for request in sent]

    assert uncommitted(calls, ids) == []
    assert uncommitted([call for call in calls if not call.syncs], ids) == ids

    commits = len({commit_of(calls, id_).confirmed.begins for id_ in ids})
    found = f"{len(ids):,} events in {commits:,} commits, each acknowledged after a sync of the WAL that contains it"
    report_fault("strace: commits on disk", "postgresql", 1, found)
