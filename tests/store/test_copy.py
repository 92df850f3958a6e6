"""Copying a ledger to a server and back, resuming an interrupted copy, and backing up a file in use."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from talkmeter.accounts.connectors import add_connector
from talkmeter.cli.commands import cli
from talkmeter.db import tables
from talkmeter.db.engine import reading, writing
from talkmeter.db.migrate import migrate
from talkmeter.errors import OperationFailed
from talkmeter.ledger.connector_outcomes import DailyOutcome, add_daily_outcomes
from talkmeter.ledger.copy import begin_copy, copied_tables, copy_rows, read_revisions
from talkmeter.ledger.retention import expire
from talkmeter.period import day_of, format_instant, months_of, read_instant
from talkmeter.usage.revision import read_revision
from tests.citus_plugin import TEST_STATEMENT
from tests.events import conversation, event, run
from tests.postgres import engine_for
from tests.store.ledger import NOW, ORG, FileLedger, Ledger, make_snapshot


@pytest.fixture
def target(server_address: str) -> str:
    """URL of an empty ledger on a server."""
    with engine_for(server_address) as engine:
        migrate(engine)
    return server_address


@pytest.fixture
def filled(file_ledger: FileLedger) -> FileLedger:
    """A ledger with data in most tables: records of months, history, a snapshot, quarantine, a key and a connector."""
    months = ("2025-12-31T23:59:59.999999Z", "2026-01-01T00:00:00Z", "2026-03-01T12:00:00Z")
    file_ledger.send(*(conversation(f"call-{number}", created_at=month) for number, month in enumerate(months)))
    file_ledger.send({**conversation("call-0", created_at=months[0], duration=61), "time": "2026-03-02T00:00:00Z"})
    file_ledger.send(run(), event("conversation.deleted", {"id": "call-1"}), conversation('ü"\\ 📞', duration=None))
    file_ledger.send(*(conversation(f"other-{number}") for number in range(2_500)), org_id="other")
    file_ledger.send(b'{"specversion": "1.0"}')
    file_ledger.write(make_snapshot("agent", "2026-03-01T12:00:00Z", "ann", "bob"))
    with writing(file_ledger.engine) as connection:
        id_ = add_connector(connection, ORG, "twilio", b"locked", 0)
        types = (("accepted", ""), ("ignored", "recording"), ("ignored", "usage-trigger"))
        add_daily_outcomes(connection, [(id_, DailyOutcome(20_513, *outcome, 2, 1)) for outcome in types])
    assert run_cli(file_ledger.url, "keys", "add", "--org", ORG, "--role", "admin").exit_code == 0
    return file_ledger


def run_cli(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, env={"TALKMETER_DATABASE_URL": url})


def contents(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows of every copied table, without revisions."""
    with engine_for(url) as engine, reading(engine) as connection:
        rows = {
            table.name: [tuple(row) for row in connection.execute(select(table), execution_options=TEST_STATEMENT)]
            for table in copied_tables()
        }
    rows["organization"] = [(org_id, *others) for org_id, _, *others in rows["organization"]]
    return {name: sorted(found, key=repr) for name, found in rows.items()}


def revisions(url: str) -> dict[str, str]:
    with engine_for(url) as engine:
        return read_revisions(engine)


def test_copy_to_a_server_and_back_has_all_rows(filled: FileLedger, target: str, tmp_path: Path) -> None:
    source, back = filled.url, f"sqlite:///{tmp_path / 'back.db'}"
    there = run_cli("", "copy", "--from", source, "--to", target)
    again = run_cli("", "copy", "--from", target, "--to", back)

    assert (there.exit_code, again.exit_code) == (0, 0), (there.output, again.output)
    assert "All summaries are equal (organizations: 2, months: 5)." in there.output
    assert contents(source) == contents(target) == contents(back)
    assert len(contents(source)["record_state"]) > 2_500
    assert len(contents(source)["connector_outcome"]) == 3
    for copy in (Ledger(target), Ledger(back)):
        assert [copy.verify(org_id) for org_id in (ORG, "other")] == [[], []]
        assert copy.summary() == filled.summary()
        copy.close()
    seen = [revisions(url) for url in (source, target, back)]
    assert all(len({by_org[org_id] for by_org in seen}) == 3 for org_id in (ORG, "other"))


def test_copy_keeps_closed_organizations_retention_and_erased_records(file_ledger: FileLedger, target: str) -> None:
    source = file_ledger.url
    for org_id in (ORG, "gone", "old"):
        file_ledger.send(conversation("call", agent_number="+1"), conversation("later"), org_id=org_id)
    for arguments in (("orgs", "delete", "gone"), ("orgs", "merge", "old", "--into", ORG)):
        assert run_cli(source, *arguments, "--yes").exit_code == 0
    assert run_cli(source, "erase", ORG, "conversation", "call", "--yes").exit_code == 0
    for _ in expire(file_ledger.engine, day_of(read_instant("2026-03-02T00:00:00Z"))):
        pass

    assert run_cli("", "copy", "--from", source, "--to", target).exit_code == 0

    assert contents(target) == contents(source)
    copy = Ledger(target)
    assert [copy.send(conversation("new"), org_id=org_id).accepted for org_id in (ORG, "gone", "old")] == [1, 0, 0]
    assert copy.verify() == []
    copy.close()


def test_interrupted_copy_continues_where_it_stopped(filled: FileLedger, target: str) -> None:
    with engine_for(target) as engine:
        begin_copy(filled.engine, engine, read_revisions(filled.engine))
        for step in copy_rows(filled.engine, engine):
            if step.table == "conversation" and step.rows >= 1_000:
                break
        copied = len(contents(target)["conversation"])
    done = run_cli("", "copy", "--from", filled.url, "--to", target)

    assert 0 < copied < 2_500
    assert done.exit_code == 0, done.output
    assert contents(target) == contents(filled.url)


def test_interrupted_copy_does_not_continue_after_a_write_to_the_source(filled: FileLedger, target: str) -> None:
    with engine_for(target) as engine:
        begin_copy(filled.engine, engine, read_revisions(filled.engine))
        filled.send(conversation("later"))
        with pytest.raises(OperationFailed, match="was written to since this copy began"):
            begin_copy(filled.engine, engine, read_revisions(filled.engine))


def test_target_with_other_data_is_rejected(filled: FileLedger, tmp_path: Path) -> None:
    other = FileLedger(tmp_path / "other.db")
    other.send(conversation())
    other.close()
    refused = run_cli("", "copy", "--from", filled.url, "--to", other.url)
    itself = run_cli("", "copy", "--from", filled.url, "--to", filled.url)

    assert isinstance(refused.exception, OperationFailed)
    assert refused.exception.detail.startswith("The target database is not empty")
    assert isinstance(itself.exception, OperationFailed)
    assert itself.exception.detail == "The source and the target are the same database."


def test_backup_of_a_ledger_in_use_is_complete_and_has_its_own_identity(filled: FileLedger, tmp_path: Path) -> None:
    before = contents(filled.url)
    with reading(filled.engine) as reader, filled.writer():
        read_revision(reader, ORG, NOW)
        done = run_cli(filled.url, "backup", str(tmp_path / "backup.db"))
    copy = f"sqlite:///{tmp_path / 'backup.db'}"

    assert done.exit_code == 0, done.output
    assert contents(copy) == before
    assert run_cli(copy, "verify").exit_code == 0
    assert not {*revisions(copy).values()} & {*revisions(filled.url).values()}
    ids = [read_meta(url) for url in (copy, filled.url)]
    assert ids[0].keys() == ids[1].keys() == {"database_id", "ledger_id"}
    assert ids[0]["database_id"] != ids[1]["database_id"]
    assert ids[0]["ledger_id"] == ids[1]["ledger_id"]
    assert sorted(path.name for path in tmp_path.iterdir() if "backup" in path.name) == ["backup.db"]


def read_meta(url: str) -> dict[str, str]:
    with engine_for(url) as engine, reading(engine) as connection:
        return {str(name): str(value) for name, value in connection.execute(select(tables.meta))}


def test_backup_file_may_have_any_name(filled: FileLedger, tmp_path: Path) -> None:
    done = run_cli(filled.url, "backup", str(tmp_path / "50% of what?.db"))

    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in tmp_path.iterdir() if "what" in path.name) == ["50% of what?.db"]


def test_backup_does_not_overwrite_a_file(filled: FileLedger, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    refused = run_cli(filled.url, "backup", str(tmp_path / "notes.txt"))

    assert isinstance(refused.exception, OperationFailed)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_months_of_a_range_are_full_and_consecutive() -> None:
    months = months_of(read_instant("2025-12-31T23:59:59Z"), read_instant("2026-03-01T00:00:00.000001Z"))

    assert [format_instant(month.start)[:10] for month in months] == [
        "2025-12-01",
        "2026-01-01",
        "2026-02-01",
        "2026-03-01",
    ]
    assert [month.end for month in months[:-1]] == [month.start for month in months[1:]]
    assert day_of(months[-1].end) == day_of(read_instant("2026-04-01T00:00:00Z"))
