"""Commands say clearly that records of old days were deleted."""

import pytest

from talkmeter.db.engine import open_engine
from talkmeter.ledger.retention import expire
from talkmeter.period import read_day
from tests.cli.terminal import Terminal
from tests.events import conversation

EVENTS = [
    conversation("old", organization_id="acme"),
    conversation("new", organization_id="acme", created_at="2026-03-10T00:00:00Z"),
]
WINDOW = ("--org", "acme", "--from", "2026-03-01", "--to", "2026-04-01")


@pytest.fixture
def swept(terminal: Terminal) -> Terminal:
    """A terminal whose database lost the records before 10 March."""
    terminal.run("ingest", terminal.file("events.jsonl", *EVENTS))
    engine = open_engine(f"sqlite:///{terminal.database}")
    for _ in expire(engine, read_day("day", "2026-03-10")):
        pass
    engine.dispose()
    return terminal


def test_verify_says_what_it_cannot_check_and_succeeds(swept: Terminal) -> None:
    first, last = swept.run("verify").splitlines()

    assert first.startswith("acme: records before 2026-03-10 were deleted (TALKMETER_RETENTION_DAYS);")
    assert last == "1 organization verified: every daily total is the sum of its records."


def test_list_of_records_says_what_is_missing(swept: Terminal) -> None:
    printed = swept.run("records", *WINDOW)

    assert "Records before 2026-03-10 were deleted and are not listed; their daily totals stay." in printed
    assert "2 calls" in printed
    assert "deleted" not in swept.run("records", "--org", "acme", "--from", "2026-03-10", "--to", "2026-04-01")


def test_export_of_records_says_what_is_missing_on_stderr(swept: Terminal) -> None:
    records = swept.execute_in_subprocess("export", "--of", "records", *WINDOW)
    days = swept.execute_in_subprocess("export", "--of", "daily", *WINDOW)

    assert records.stderr == "Records before 2026-03-10 were deleted and are not in the export.\n"
    assert "old" not in records.stdout
    assert days.stderr == ""


def test_part_of_an_old_day_is_an_error(swept: Terminal) -> None:
    message = swept.error("summary", "--org", "acme", "--from", "2026-03-01T12:30:00Z", "--to", "2026-03-20")

    assert message.startswith("Records before 2026-03-10 were deleted")


def test_erase_asks_first_and_leaves_an_audit_entry(terminal: Terminal) -> None:
    terminal.run("ingest", terminal.file("e.jsonl", conversation("c", organization_id="acme", agent_number="+1555")))
    number = "SELECT agent_number FROM conversation"

    assert "Nothing was changed" in terminal.run("erase", "acme", "conversation", "c")
    assert terminal.rows(number) == [("+1555",)]
    assert terminal.run("erase", "acme", "conversation", "c", "--yes").startswith("The identifying data of")
    assert terminal.rows(number) == [(None,)]
    assert "record.erase\tacme\tconversation c" in terminal.run("audit")
    assert terminal.error("erase", "acme", "conversation", "x") == "Organization 'acme' has no conversation 'x'."
