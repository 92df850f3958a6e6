"""Budgets and crossings when a ledger is copied, backed up, recovered or verified, and its organizations change."""

from pathlib import Path

import pytest

from talkmeter.db.migrate import migrate
from tests.events import conversation
from tests.postgres import engine_for
from tests.store.budgets import budgets, crossings, evaluate, set_budget
from tests.store.ledger import ORG, FileLedger, Ledger
from tests.store.test_copy import run_cli

CALL = conversation(created_at="2026-11-02T10:00:00Z")


@pytest.fixture
def filled(file_ledger: FileLedger) -> FileLedger:
    """A ledger in which two organizations have a budget and crossings."""
    for org_id in (ORG, "old"):
        file_ledger.send(CALL, org_id=org_id)
        set_budget(file_ledger, org_id=org_id, limit="1")
        assert evaluate(file_ledger, org_id=org_id) == 3
    return file_ledger


def run(ledger: FileLedger, *arguments: str) -> None:
    done = run_cli(ledger.url, *arguments)
    assert done.exit_code == 0, done.output


def assert_equal_and_complete(copy: Ledger, source: Ledger) -> None:
    """Check that a copy has the budgets and crossings of its source, and that nothing is reported again."""
    assert len(crossings(copy)) == 3
    for org_id in (ORG, "old"):
        assert crossings(copy, org_id) == crossings(source, org_id)
        assert budgets(copy, org_id) == budgets(source, org_id)
        assert evaluate(copy, org_id=org_id) == 0
    copy.close()


@pytest.mark.parametrize("command", [("orgs", "merge", "old", "--into", ORG), ("orgs", "delete", "old")])
def test_merged_or_deleted_organization_has_no_budgets(filled: FileLedger, command: tuple[str, ...]) -> None:
    before = crossings(filled)
    run(filled, *command, "--yes")
    assert (budgets(filled, "old"), crossings(filled, "old")) == ({}, [])
    assert (list(budgets(filled)), crossings(filled)) == (["b"], before)


def test_copy_to_a_server_has_budgets_and_crossings(filled: FileLedger, server_address: str) -> None:
    with engine_for(server_address) as engine:
        migrate(engine)
    run(filled, "copy", "--from", filled.url, "--to", server_address)
    assert_equal_and_complete(Ledger(server_address), filled)


@pytest.mark.parametrize("command", ["backup", "recover"])
def test_backup_and_recovered_file_have_budgets_and_crossings(filled: FileLedger, tmp_path: Path, command: str) -> None:
    new = tmp_path / "new.db"
    source = () if command == "backup" else (str(filled.path),)
    run(filled, command, *source, str(new))
    assert_equal_and_complete(FileLedger(new), filled)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            """replace(definition, '"limit":"1"', '"limit":"-1"')""",
            "A row of the table budget is damaged (org_id 'old', id 'b'): 'limit' must be a decimal number",
        ),
        (
            """replace(definition, '"month"', '"year"')""",
            "A row of the table budget is damaged (org_id 'old', id 'b'): Invalid enum value 'year'",
        ),
    ],
)
def test_verify_names_a_damaged_budget(filled: FileLedger, change: str, problem: str) -> None:
    run(filled, "verify")
    filled.damage(f"UPDATE budget SET definition = {change} WHERE org_id = 'old'")
    done = run_cli(filled.url, "verify")
    assert done.exit_code == 1
    assert problem in done.output


def test_verify_names_a_damaged_crossing(filled: FileLedger) -> None:
    filled.damage("UPDATE budget_crossing SET period_end = 'x' WHERE org_id = 'old' AND threshold = 50")
    done = run_cli(filled.url, "verify")
    assert done.exit_code == 1
    assert "period_end is stored as str" in done.output
