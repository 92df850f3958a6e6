"""`talkmeter orgs`: unusual ids, names, merging and deleting, with previews."""

import json
import os
import pty
import subprocess

import pytest

from tests.cli.terminal import Terminal
from tests.events import conversation, event
from tests.servers import TALKMETER

SECRET_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
BAD = conversation("bad", organization_id="ACME", status="exploded")
EVENTS = [
    conversation("call-1", organization_id="acme"),
    conversation("call-1", organization_id="ACME", duration=30),
    conversation("call-2", organization_id="ACME"),
    event("agent.updated", {"id": "ann", "organization_id": "ACME"}),
    BAD,
]
WINDOW = ("--from", "2026-03-01", "--to", "2026-03-02")


@pytest.fixture
def ready(terminal: Terminal) -> Terminal:
    """A terminal with two spellings of one organization, and with access to the wrong one."""
    terminal.environment |= {"TALKMETER_SECRET_KEY": SECRET_KEY, "FIRST": "first-secret"}
    terminal.run("ingest", terminal.file("events.jsonl", *EVENTS))
    terminal.run("keys", "add", "--org", "ACME", "--role", "admin")
    terminal.run("tokens", "add", "--name", "Ann", "--org", "ACME", "--org", "acme")
    terminal.run("link", "--org", "ACME")
    terminal.run("connectors", "add", "--org", "ACME", "--provider", "vapi", "--secret-env", "FIRST")
    return terminal


def calls(terminal: Terminal, org_id: str) -> int:
    total: int = json.loads(terminal.run("summary", "--org", org_id, *WINDOW, "--json"))["total_calls"]
    return total


@pytest.mark.parametrize(
    ("org_id", "doubt"),
    [
        ("Acme", "contains capital letters"),
        ("acme corp", "contains a space"),
        ("acme.", "begins or ends with punctuation"),
        ("-acme", "begins or ends with punctuation"),
        ("ü", None),
        ("org_7f:3.x-1", None),
    ],
)
def test_unusual_id_needs_a_yes(terminal: Terminal, org_id: str, doubt: str | None) -> None:
    if doubt is not None:
        assert terminal.error("orgs", "add", "--", org_id) == (
            f"The id '{org_id}' {doubt}, and events must name it exactly like this; "
            "to add it, repeat the command with --yes."
        )
        assert terminal.rows("SELECT * FROM organization_directory") == []
    terminal.run("orgs", "add", *(["--yes"] if doubt else []), "--", org_id)
    terminal.run("orgs", "add", "--", org_id)

    assert terminal.run("orgs", "list") == org_id


def test_id_that_differs_in_spelling_from_an_existing_one_needs_a_yes(terminal: Terminal) -> None:
    terminal.run("orgs", "add", "acme")

    assert "'acme ' differs only in spelling from 'acme'" in terminal.error("orgs", "add", "acme ")


@pytest.mark.parametrize(("answer", "added"), [(b"y\n", "Acme"), (b"n\n", "")])
def test_unusual_id_is_a_question_in_a_terminal(terminal: Terminal, answer: bytes, added: str) -> None:
    parent, child = pty.openpty()
    done = subprocess.Popen(
        [TALKMETER, "orgs", "add", "Acme"], stdin=child, stderr=subprocess.PIPE, stdout=subprocess.PIPE,
        env=terminal.environment, cwd=terminal.folder,
    )  # fmt: skip
    os.write(parent, answer)
    _, asked = done.communicate(timeout=60)
    os.close(parent)
    os.close(child)

    assert b"contains capital letters" in asked
    assert (done.returncode, terminal.run("orgs", "list")) == (0 if added else 1, added)


def test_rename_changes_the_display_name_only(ready: Terminal) -> None:
    before = ready.rows("SELECT created_at FROM organization_directory WHERE org_id = 'acme'")

    assert ready.run("orgs", "rename", "acme", "Acme Ltd") == "Organization acme has the name Acme Ltd."
    assert ready.run("orgs", "list").splitlines() == ["ACME", "acme\tAcme Ltd"]
    assert ready.run("orgs", "rename", "acme", "") == "Organization acme has no name."
    assert ready.run("orgs", "list").splitlines() == ["ACME", "acme"]
    assert ready.rows("SELECT created_at FROM organization_directory WHERE org_id = 'acme'") == before
    assert ready.error("orgs", "rename", "nobody", "x").startswith("Organization 'nobody' does not exist")


def test_merge_without_yes_only_prints_what_would_change(ready: Terminal) -> None:
    before = ready.rows("SELECT * FROM organization"), ready.rows("SELECT * FROM audit")

    head, _, *table, end = ready.run("orgs", "merge", "ACME", "--into", "acme").splitlines()

    assert head.startswith("Rows of ACME that would be moved to acme")
    changes = {line.split()[0]: line.split()[1:] for line in table}
    assert changes["conversation"] == ["2", "moved"]
    assert (changes["credential"], changes["connector"]) == (["1", "revoked"], ["1", "moved"])
    assert changes["credential_grant"] == changes["sign_in_link"] == ["1", "deleted"]
    assert end == "Nothing was changed. Repeat the command with --yes to do it."
    assert (ready.rows("SELECT * FROM organization"), ready.rows("SELECT * FROM audit")) == before


def test_merge_moves_usage_and_connectors_and_ends_access(ready: Terminal) -> None:
    printed = ready.run("orgs", "merge", "ACME", "--into", "acme", "--yes")

    assert printed == "Organization ACME is merged into acme. Its keys are revoked and its id is closed."
    assert calls(ready, "acme") == 2
    assert "revoked" in ready.run("keys", "list")
    assert ready.rows("SELECT org_id FROM credential_grant") == [("acme",)]
    assert ready.rows("SELECT org_id FROM connector") == [("acme",)]
    assert ready.rows("SELECT * FROM sign_in_link") == []
    assert ready.run("orgs", "list").splitlines() == ["ACME\t\tmerged into acme", "acme"]
    assert ready.run("verify").startswith("2 organizations verified")
    assert ready.error("keys", "add", "--org", "ACME", "--role", "admin") == (
        "Organization 'ACME' is closed (merged into 'acme')."
    )


def test_late_event_of_a_merged_organization_can_be_replayed_into_the_other(ready: Terminal) -> None:
    ready.run("orgs", "merge", "ACME", "--into", "acme", "--yes")
    late = conversation("late", organization_id="ACME")
    assert "1 quarantined" in ready.run("ingest", ready.file("late.jsonl", late))
    [(id_,)] = ready.rows("SELECT lower(hex(hash)) FROM quarantine WHERE reason = 'closed_organization'")

    assert ready.run("quarantine", "replay", id_).startswith("1 replayed")
    assert calls(ready, "acme") == 3
    ready.run("ingest", ready.file("again.jsonl", late))
    assert ready.run("quarantine", "replay", id_).startswith("1 replayed")
    assert calls(ready, "acme") == 3


def test_delete_without_yes_only_prints_what_would_change(ready: Terminal) -> None:
    printed = ready.run("orgs", "delete", "ACME")

    assert "Nothing was changed." in printed
    assert calls(ready, "ACME") == 2


def test_delete_removes_the_organization_from_every_table(ready: Terminal) -> None:
    printed = ready.run("orgs", "delete", "ACME", "--yes")

    assert printed.startswith("Organization ACME is deleted.")
    names = [name for (name,) in ready.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
    with_org = [
        name for name in names if "org_id" in str(ready.rows(f"SELECT sql FROM sqlite_master WHERE name = '{name}'"))
    ]
    left = {name for name in with_org if ready.rows(f"SELECT 1 FROM {name} WHERE org_id = 'ACME'")}
    assert left == {"organization", "organization_directory", "audit"}
    assert calls(ready, "acme") == 1
    assert ready.error("summary", "--org", "ACME", *WINDOW) == "Organization 'ACME' is closed (deleted)."
    assert "organization.deleted" in ready.run("audit", "--org", "ACME")


def test_deleted_organization_can_be_added_again(ready: Terminal) -> None:
    ready.run("orgs", "delete", "ACME", "--yes")
    ready.run("orgs", "add", "ACME", "--name", "New")

    assert calls(ready, "ACME") == 0
    assert ready.run("orgs", "list").splitlines() == ["ACME\tNew", "acme"]
    assert json.loads(ready.run("audit", "--json", "--limit", "1"))[0]["action"] == "organization.reopen"
