"""Random damages of a SQLite file: every command and the server give right numbers or a sentence.

`make test` damages 20 files, `make faults` 500. Damages cannot all be noticed by a query: SQLite has no checksums. They
are noticed by `verify`, and by `recover` before its result is used.
"""

import json
import random
import shutil
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

import httpx
import pytest

from tests import local_http
from tests.cli_runner import invoke_in_process
from tests.events import conversation
from tests.faults.damaged_files import ORGS, WINDOW, damage_file, fill
from tests.faults.fault_table import ReportFault
from tests.faults.rounds import rounds
from tests.servers import Server, environment_for, launch_server, stop_server

ROUNDS: Final = rounds(20, 500)
SERVED: Final = rounds(5, 100)
START_TIMEOUT_SEC: Final = 30
DAYS: Final = ("--from", WINDOW["from"], "--to", WINDOW["to"])
Totals = dict[str, tuple[int, int, int]]
"""Calls, voice milliseconds and runs of each organization."""

pytestmark = pytest.mark.timeout(120 + 30 * ROUNDS)


class Sample(NamedTuple):
    """A ledger without damage, its totals, and keys: one of each organization, and a sender key under ""."""

    path: Path
    totals: Totals
    keys: dict[str, str]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    path = tmp_path_factory.mktemp("sample") / "talkmeter.db"
    keys = fill(path)
    return Sample(path, totals_in(path), keys)


def totals_in(path: Path) -> Totals:
    query = (
        "SELECT org_id, sum(calls), sum(voice_ms), sum(runs) FROM usage_daily WHERE dimension = 'total' GROUP BY org_id"
    )
    with closing(sqlite3.connect(path)) as connection:
        return {org_id: tuple(amounts) for org_id, *amounts in connection.execute(query) if any(amounts)}


class Folder:
    """A folder with a copy of the sample, damaged."""

    def __init__(self, path: Path, sample: Sample, seed: int) -> None:
        self.path, self.sample = path, sample
        path.mkdir()
        self.database = path / "talkmeter.db"
        shutil.copyfile(sample.path, self.database)
        self.damage = damage_file(random.Random(seed), self.database)
        self.environment = environment_for(path, {})

    def run(self, *arguments: str, database: Path | None = None) -> "subprocess.CompletedProcess[str]":
        """Run a command; check that it ends with a status and, if it fails, with one sentence."""
        url = {} if database is None else {"TALKMETER_DATABASE_URL": f"sqlite:///{database}"}
        done = invoke_in_process(self.path, {**self.environment, **url}, *arguments)
        assert done.returncode in (0, 1), done
        if done.returncode and arguments[0] not in ("verify", "recover"):
            last = done.stderr.splitlines()[-1]
            assert last.startswith("talkmeter: "), done
            assert last.endswith("."), done
        return done

    def totals(self, org_id: str) -> tuple[int, int, int] | None:
        """Return the totals that the summary shows, or None if it shows a sentence."""
        done = self.run("summary", "--org", org_id, *DAYS, "--json")
        if done.returncode:
            return None
        answer = json.loads(done.stdout)
        return answer["total_calls"], answer["voice_duration_ms"], answer["workflow_runs_total"]


def check_commands(folder: Folder) -> str:
    """Run every command on a damaged file; return how it went."""
    truth = folder.sample.totals
    (folder.path / "new.jsonl").write_text(json.dumps(conversation("new", organization_id="acme")) + "\n")
    verified = folder.run("verify").returncode == 0
    shown = {org_id: folder.totals(org_id) for org_id in ORGS}
    if verified:
        assert shown == truth
    for org_id in ORGS:
        folder.run("export", "--org", org_id, "--of", "records", *DAYS)
    folder.run("keys", "list")
    folder.run("quarantine", "list")
    check_copy(folder)
    return check_recovery(folder)


def check_copy(folder: Folder) -> None:
    """Check that a backup is whole, or that `verify` reports what is damaged."""
    if folder.run("backup", "backup.db").returncode:
        assert not (folder.path / "backup.db").exists()
        return
    copy = folder.path / "backup.db"
    if folder.run("verify", database=copy).returncode == 0:
        assert totals_in(copy) == folder.sample.totals


def check_recovery(folder: Folder) -> str:
    """Check that a recovered file is whole, or that what was lost is printed."""
    new, truth = folder.path / "new.db", folder.sample.totals
    before = folder.database.read_bytes()
    done = folder.run("recover", "talkmeter.db", "new.db")
    assert folder.database.read_bytes() == before
    if not new.exists():
        assert done.returncode == 1
        assert "has schema version" in done.stderr or folder.damage.kind == "cut file", done
        assert done.stderr.startswith("talkmeter: "), done
        return "refused"
    found = totals_in(new)
    wrong = {org_id for org_id in found.keys() | truth.keys() if found.get(org_id) != truth.get(org_id)}
    if done.returncode == 0:
        assert not wrong
        assert folder.run("verify", database=new).returncode == 0
        return "everything recovered"
    if wrong and "usage_daily: lost" not in done.stdout:
        differing = [line for line in done.stdout.splitlines() if "old daily total" in line]
        assert all(any(f": {org_id}: " in line for line in differing) for org_id in wrong), done.stdout
    assert "Not everything was recovered." in done.stdout
    folder.run("verify", database=new)
    return "losses named" if wrong else "losses named, all totals right"


def check_server(folder: Folder) -> str:
    """Start a server on a damaged file and send requests; return how it went."""
    server = launch_server(folder.path, {})
    try:
        if not wait_until_alive(server):
            assert "Traceback" not in server.log(), server.log()
            assert server.log().splitlines()[-1].startswith("talkmeter: ")
            return "server refused to start"
        shown = {org_id: requested_totals(server, folder.sample.keys, org_id) for org_id in ORGS}
    finally:
        stop_server(server)
    assert "Traceback" not in server.log(), server.log()
    right = sum(shown[org_id] == folder.sample.totals[org_id] for org_id in ORGS)
    sentences = sum(totals is None for totals in shown.values())
    if right + sentences < len(ORGS):
        assert folder.run("verify").returncode == 1
        return "a wrong total, which verify names"
    return f"right totals of {right} organizations, {sentences} sentences"


def requested_totals(server: Server, keys: dict[str, str], org_id: str) -> tuple[int, int, int] | None:
    """Send an event of another month and export the records; return the totals, or None for a sentence."""
    with local_http.client(base_url=server.url, timeout=30) as client:
        event = conversation("new", organization_id=org_id, created_at="2026-04-20T12:00:00Z")
        sent = client.post("/metering/events", json=[event], headers={"Authorization": f"Bearer {keys['']}"})
        client.headers.update({"Authorization": f"Bearer {keys[org_id]}", "X-Anyreach-Org": org_id})
        exported = client.get("/admin/usage/export", params={"of": "records", **WINDOW})
        summary = client.get("/admin/usage/summary", params=WINDOW)
    for answer in (sent, exported, summary):
        assert answer.is_success or answer.json()["detail"].endswith("."), answer.text
    if not summary.is_success:
        return None
    answer = summary.json()
    return answer["total_calls"], answer["voice_duration_ms"], answer["workflow_runs_total"]


def wait_until_alive(server: Server) -> bool:
    """Return whether the server answers; False: it has ended."""
    deadline = time.monotonic() + START_TIMEOUT_SEC
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            return False
        try:
            if local_http.get(f"{server.url}/health/live").is_success:
                return True
        except httpx.TransportError:
            threading.Event().wait(0.05)
    raise AssertionError(server.log())


def test_damaged_file_gives_right_numbers_or_a_sentence(
    sample: Sample, tmp_path: Path, report_fault: ReportFault
) -> None:
    results: Counter[str] = Counter()
    for seed in range(ROUNDS):
        folder = Folder(tmp_path / str(seed), sample, seed)
        try:
            results[check_commands(folder)] += 1
            results["ingest acknowledged"] += folder.run("ingest", "new.jsonl").returncode == 0
        except Exception as error:
            raise AssertionError(f"seed {seed}: {folder.damage}") from error
        shutil.rmtree(folder.path)
    found = ", ".join(f"{name}: {count:,}" for name, count in sorted(results.items()))
    report_fault("damaged SQLite file, commands", "sqlite", ROUNDS, found)


def test_server_on_a_damaged_file_answers_with_sentences(
    sample: Sample, tmp_path: Path, report_fault: ReportFault
) -> None:
    results: Counter[str] = Counter()
    for seed in range(SERVED):
        folder = Folder(tmp_path / str(seed), sample, seed)
        try:
            results[check_server(folder)] += 1
        except Exception as error:
            raise AssertionError(f"seed {seed}: {folder.damage}") from error
        shutil.rmtree(folder.path)
    found = ", ".join(f"{name}: {count:,}" for name, count in sorted(results.items()))
    report_fault("damaged SQLite file, server", "sqlite", SERVED, found)
