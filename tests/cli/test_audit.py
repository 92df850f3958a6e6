"""`talkmeter audit`: each command that changes something leaves an entry without secrets."""

import json
import os
import pwd
import shutil
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal
from tests.events import Json, conversation

SECRET_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
USER = pwd.getpwuid(os.geteuid()).pw_name
BAD = conversation("call-1", organization_id="acme", status="exploded")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with an organization and a quarantined event."""
    terminal = Terminal(tmp_path_factory.mktemp("prepared"))
    terminal.run("orgs", "add", "acme")
    terminal.run("ingest", terminal.file("events.jsonl", BAD))
    return terminal.database


@pytest.fixture
def ready(terminal: Terminal, prepared: Path) -> Terminal:
    """A terminal with a copy of that database, and secrets for connectors."""
    shutil.copy(prepared, terminal.database)
    terminal.environment |= {"TALKMETER_SECRET_KEY": SECRET_KEY, "FIRST": "first-secret", "SECOND": "second-secret"}
    return terminal


def entries(terminal: Terminal, *options: str) -> list[Json]:
    """Return the entries, newest first."""
    listed: list[Json] = json.loads(terminal.run("audit", "--json", *options))
    return listed


def test_entry_has_actor_action_organization_and_subject(ready: Terminal) -> None:
    key = ready.run("keys", "add", "--org", "acme", "--role", "viewer", "--name", "dashboard")

    [entry, added] = entries(ready)

    assert str(entry.pop("at")) >= str(added["at"]) >= "2026"
    assert entry == {
        "actor": {"kind": "operator", "id": USER},
        "action": "key.add",
        "organization": "acme",
        "subject": key.partition(".")[0],
        "detail": "viewer, named dashboard",
    }
    assert added["action"] == "organization.add"


def test_every_command_that_changes_something_leaves_an_entry(ready: Terminal) -> None:
    key = ready.run("keys", "add", "--sender")
    token = ready.run("tokens", "add", "--name", "Ann", "--org", "acme")
    link = ready.run("link", "--org", "acme")
    connector = ready.run("connectors", "add", "--org", "acme", "--provider", "vapi", "--secret-env", "FIRST")
    connector_id = connector.rpartition("/")[2]
    ready.run("connectors", "rotate", connector_id, "--secret-env", "SECOND")
    ready.run("connectors", "disable", connector_id)
    ready.run("connectors", "disable", connector_id)
    ready.run("connectors", "prefer", "carrier", "--org", "acme")
    ready.run("keys", "revoke", key)
    ready.run("tokens", "revoke", token)
    ready.run("orgs", "add", "acme", "--name", "Acme")
    ready.run("orgs", "add", "acme")
    ready.run("quarantine", "drop", ready.rows("SELECT lower(hex(hash)) FROM quarantine")[0][0])
    ready.run("verify", "--repair")

    found = list(reversed(entries(ready)))

    assert [(entry["action"], entry["organization"]) for entry in found] == [
        ("organization.add", "acme"),
        ("key.add", None),
        ("token.add", "acme"),
        ("link.add", "acme"),
        ("connector.add", "acme"),
        ("connector.rotate", "acme"),
        ("connector.disable", "acme"),
        ("connector.prefer", "acme"),
        ("key.revoke", None),
        ("token.revoke", "acme"),
        ("organization.rename", "acme"),
        ("quarantine.drop", "acme"),
        ("ledger.repair", None),
    ]
    written = json.dumps(found)
    secrets = [key.partition(".")[2], token.partition(".")[2], link.partition("=")[2], "first-secret", "second-secret"]
    assert [secret for secret in secrets if secret in written] == []


def test_entries_are_filtered_by_organization_instant_and_number(ready: Terminal) -> None:
    ready.run("orgs", "add", "bolt")
    ready.run("keys", "add", "--org", "bolt", "--role", "admin")
    ready.change("UPDATE audit SET at = 1767225600000000 WHERE org_id = 'acme'")

    assert [entry["organization"] for entry in entries(ready, "--org", "acme")] == ["acme"]
    assert [entry["action"] for entry in entries(ready, "--since", "2026-01-02")] == ["key.add", "organization.add"]
    assert len(entries(ready, "--since", "2026-01-01")) == 3
    assert [entry["action"] for entry in entries(ready, "--limit", "1")] == ["key.add"]
    assert ready.error("audit", "--since", "yesterday").startswith("'--since' must be an ISO 8601 date")


def test_pipe_gets_one_line_for_each_entry(ready: Terminal) -> None:
    [line] = ready.run("audit").splitlines()

    assert line.split("\t")[1:] == [f"operator {USER}", "organization.add", "acme", "acme"]


def test_operator_behind_sudo_is_named(ready: Terminal) -> None:
    ready.environment["SUDO_USER"] = "alice"
    ready.run("orgs", "add", "bolt")

    assert entries(ready)[0]["actor"] == {"kind": "operator", "id": f"{USER} (sudo by alice)"}


def test_failed_command_leaves_no_entry(ready: Terminal) -> None:
    before = entries(ready)

    ready.error("keys", "revoke", "unknown")
    ready.error("keys", "add", "--org", "nobody", "--role", "admin")

    assert entries(ready) == before
