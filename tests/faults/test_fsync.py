"""Acknowledged means on disk: before each answer of an accepted event stands a sync of the log that holds the event.

Seen from the kernel, by strace; on PostgreSQL too, between a commit's log and the word that it is done.
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
"""Of each sender."""

pytestmark = pytest.mark.timeout(120 + REQUESTS)


class Sent(NamedTuple):
    """An accepted request: the one id in it, the port it was sent from, how many of that port went before."""

    id: str
    port: int
    place: int


def send_one_by_one(server: Server, key: str, name: str, requests: int) -> list[Sent]:
    """Requests with one event each over one connection, each when the one before was answered."""
    headers = {"Authorization": f"Bearer {key}", "X-Anyreach-Org": ORG, "Content-Type": "application/json"}
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
    sent = []
    for place in range(requests):
        id_ = f"synced.{name}.{place:05}."
        connection.request("POST", "/metering/events", json.dumps(conversation(id_)), headers)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["accepted"]) == (200, 1)
        sent.append(Sent(id_, connection.sock.getsockname()[1], place))
    connection.close()
    return sent


def send_together(server: Server, key: str) -> list[Sent]:
    """Several such senders at once, so that requests share commits."""
    with ThreadPoolExecutor(SENDERS) as pool:
        senders = [pool.submit(send_one_by_one, server, key, f"{number}", REQUESTS) for number in range(SENDERS)]
        return [one for sender in senders for one in sender.result()]


def answers_to(calls: Sequence[SystemCall], port: int) -> list[SystemCall]:
    """The answers 200 to requests from a port, in order."""
    return [one for one in calls if one.target.endswith(f":{port}]") and '"HTTP/1.1 200 ' in one.text]


def unsynced(calls: Sequence[SystemCall], sent: Sequence[Sent]) -> list[str]:
    """The ids whose answer began before the log that holds them was written through to the disk."""
    log = [one for one in calls if one.target.endswith("-wal")]
    answers = {port: answers_to(calls, port) for port in {one.port for one in sent}}
    found = []
    for one in sent:
        answer = answers[one.port][one.place]
        written = next(call for call in log if call.writes and one.id in call.text)
        if not any(call.syncs and call.begins > written.ends and call.ends < answer.begins for call in log):
            found.append(one.id)
    return found


def unsynced_alone(calls: Sequence[SystemCall], sent: Sequence[Sent]) -> list[str]:
    """Of requests that were alone: those whose answer follows a write to the log and no sync of it."""
    found = []
    for one in sent:
        answer = answers_to(calls, one.port)[one.place]
        log = [call for call in calls if call.target.endswith("-wal") and call.ends < answer.begins]
        if not (log and log[-1].syncs):
            found.append(one.id)
    return found


def test_every_answer_of_a_server_on_sqlite_waits_for_a_sync_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report_fault: ReportFault
) -> None:
    trace = tmp_path / "trace"
    traced = strace_command(trace)
    key = run_cli(tmp_path, environment_for(tmp_path, {}), "keys", "add", "--sender")
    run_inside(monkeypatch, tmp_path, [*traced, "-D"])
    with running_server(tmp_path) as server:
        alone = send_one_by_one(server, key, "alone", REQUESTS)
        together = send_together(server, key)
    wait_for_end(trace, server.process.pid)
    calls = read_trace(trace)

    assert unsynced_alone(calls, alone) == []
    assert unsynced(calls, [*alone, *together]) == []

    # The same trace without its syncs is found out.
    without = [one for one in calls if not one.syncs]
    assert unsynced_alone(without, alone) == [one.id for one in alone]
    assert unsynced(without, [*alone, *together]) == [one.id for one in [*alone, *together]]

    syncs = sum(one.syncs and one.target.endswith("-wal") for one in calls)
    # Requests that came together shared commits.
    assert syncs < len(alone) + len(together)
    found = (
        f"{len(alone) + len(together):,} answers, each after a sync of the WAL that contains its event; {syncs:,} syncs"
    )
    report_fault("strace: responses on disk", "sqlite", 1, found)


class Commit(NamedTuple):
    """One transaction on the wire of PostgreSQL: a backend is given an id, and says that it is committed."""

    backend: int
    given: SystemCall
    told: SystemCall


def commit_of(calls: Sequence[SystemCall], id_: str) -> Commit:
    """The transaction that stored an id."""
    given = next(one for one in calls if one.name == "recvfrom" and id_ in one.text)
    told = next(
        one
        for one in calls
        if one.process == given.process and one.begins > given.ends and one.name == "sendto" and "COMMIT\\0" in one.text
    )
    return Commit(given.process, given, told)


def uncommitted(calls: Sequence[SystemCall], ids: Sequence[str]) -> list[str]:
    """The ids whose transaction was called committed before the log that holds them was on disk."""
    log = [one for one in calls if "/pg_wal/" in one.target]
    found = []
    for id_ in ids:
        commit = commit_of(calls, id_)
        within = [one for one in log if one.begins > commit.given.ends and one.ends < commit.told.begins]
        written = [one for one in within if one.writes and (one.process == commit.backend or id_ in one.text)]
        if not written or not any(one.syncs and one.begins > written[-1].ends for one in within):
            found.append(id_)
    return found


@pytest.mark.postgresql
def test_every_commit_of_postgresql_waits_for_a_sync_of_its_log(tmp_path: Path, report_fault: ReportFault) -> None:
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
    ids = [one.id for one in sent]

    assert uncommitted(calls, ids) == []
    assert uncommitted([one for one in calls if not one.syncs], ids) == ids

    commits = len({commit_of(calls, id_).told.begins for id_ in ids})
    found = f"{len(ids):,} events in {commits:,} commits, each acknowledged after a sync of the WAL that contains it"
    report_fault("strace: commits on disk", "postgresql", 1, found)
