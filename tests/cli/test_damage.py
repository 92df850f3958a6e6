"""A damaged row: commands that need it name its table and key, and everything else goes on."""

import sqlite3
from contextlib import closing

import pytest

from tests.cli.terminal import Terminal
from tests.events import Json, conversation, event
from tests.servers import free_port

DAY = ("--from", "2026-03-01", "--to", "2026-03-02")
EXPORT = ("export", "--org", "acme", "--of", "records", *DAY)
NO_UTF8 = "CAST(x'e12d' AS TEXT)"
HISTORY_DAMAGES = {
    "no JSON": "data = x'00ff'",
    "other data": "data = replace(data, '60000', '60001')",
    "no UTF-8": f"source = {NO_UTF8}",
    "text as bytes": "source = x'2f'",
    "number as text": "stored_at = 'now'",
    "time in the far future": "stored_at = 9000000000000000000",
}
RECORD_DAMAGES = {
    "unknown status": "status = 'exploded'",
    "other duration": "duration_ms = 1",
    "no UTF-8": f"agent_id = {NO_UTF8}",
    "text as bytes": "channel = x'00'",
    "number as text": "duration_ms = 'long'",
    "no hash": "hash = x''",
    "time in the far future": "stored_at = 9000000000000000000",
}


@pytest.fixture
def used(terminal: Terminal) -> Terminal:
    """A terminal whose database has two calls of an agent on one day, and a call of another organization."""
    terminal.run("orgs", "add", "acme", "--name", "Acme")
    terminal.run("orgs", "add", "other")
    calls = [conversation(f"call-{number}", organization_id="acme", agent_id="ann") for number in (1, 2)]
    more: list[Json] = [
        conversation("call-1", organization_id="other"),
        event("agent.updated", {"id": "ann", "name": "Ann", "organization_id": "acme"}),
        {"id": "bad", "type": "unknown", "source": "/s", "specversion": "1.0", "data": {"organization_id": "acme"}},
    ]
    terminal.execute("ingest", terminal.file("calls.jsonl", *calls, *more))
    assert "verified" in terminal.run("verify")
    return terminal


def damage(terminal: Terminal, table: str, change: str, where: str) -> None:
    terminal.change(f"UPDATE {table} SET {change} WHERE {where}")


def verified(terminal: Terminal, *options: str) -> list[str]:
    """Return the lines that `verify` prints about a damaged database."""
    done = terminal.execute("verify", *options)
    assert (done.returncode, done.stderr) == (1, ""), done
    return done.stdout.splitlines()


@pytest.mark.parametrize("change", HISTORY_DAMAGES.values(), ids=HISTORY_DAMAGES)
def test_damaged_received_state_is_named_and_restored_from_its_record(used: Terminal, change: str) -> None:
    before = used.rows("SELECT * FROM record_state ORDER BY org_id, kind, id")
    damage(used, "record_state", change, "org_id = 'acme' AND id = 'call-1'")

    sentence = used.error("records", "--org", "acme", "--id", "call-1")

    key = "A row of the table record_state is damaged (org_id 'acme', kind 'conversation', id 'call-1', "
    assert sentence.startswith(key)
    assert used.run("records", "--org", "acme", "--id", "call-2")
    assert used.run("records", "--org", "other", "--id", "call-1")
    assert sum(line.startswith(f"acme: {key}") for line in verified(used)) == 1
    verified(used, "--repair")
    if "source" not in change:
        assert "verified" in used.run("verify")
        stored_at = len(before[0]) - 1
        after = used.rows("SELECT * FROM record_state ORDER BY org_id, kind, id")
        assert [row[:stored_at] for row in after] == [row[:stored_at] for row in before]


@pytest.mark.parametrize("change", RECORD_DAMAGES.values(), ids=RECORD_DAMAGES)
def test_damaged_record_is_named_and_restored_from_its_history(used: Terminal, change: str) -> None:
    before, exported = used.run("summary", "--org", "acme", *DAY), used.run(*EXPORT)
    damage(used, "conversation", change, "org_id = 'acme' AND id = 'call-1'")

    key = "A row of the table conversation is damaged (org_id 'acme', id 'call-1'): "
    for command in (EXPORT, ("records", "--org", "acme", *DAY), ("records", "--org", "acme", "--id", "call-1")):
        assert used.error(*command).startswith(key)
    assert used.run("records", "--org", "acme", "--id", "call-2")
    assert used.run("export", "--org", "other", *EXPORT[3:])
    assert sum("'call-1'" in line for line in verified(used)) == 1
    assert "1 repaired" in verified(used, "--repair")[-1]
    assert "verified" in used.run("verify")
    assert used.run("summary", "--org", "acme", *DAY) == before
    assert [line.rpartition(",")[0] for line in used.run(*EXPORT).splitlines()] == [
        line.rpartition(",")[0] for line in exported.splitlines()
    ]


@pytest.mark.parametrize("change", ["calls = 'two'", "calls = x'02'", "calls = 2.5", f"calls = {NO_UTF8}"])
def test_damaged_daily_total_is_named_and_rewritten(used: Terminal, change: str) -> None:
    command = ("summary", "--org", "acme", *DAY)
    before = used.run(*command)
    damage(used, "usage_daily", change, "org_id = 'acme' AND dimension = 'total'")

    assert "usage_daily" in used.error(*command)
    assert used.run("summary", "--org", "other", *DAY)
    assert verified(used)[0] == "acme: 2026-03-01 total: the daily total is damaged."
    verified(used, "--repair")
    assert "verified" in used.run("verify")
    assert used.run(*command) == before


def test_damaged_name_of_an_agent_does_not_hide_its_figures(used: Terminal) -> None:
    command = ("breakdown", "--org", "acme", "--by", "agent", *DAY)
    damage(used, "inventory_item", f"name = {NO_UTF8}", "id = 'ann'")
    listed = used.run(*command)
    assert "ann" in listed
    assert "Ann" not in listed


LISTS = {
    "credential": (("keys", "list"), "kind = 'wrong'", "id = (SELECT min(id) FROM credential)"),
    "quarantine": (("quarantine", "list"), "kept_fields = x'7b'", "reason = 'unknown_type'"),
}


@pytest.mark.parametrize(("command", "change", "where"), LISTS.values(), ids=LISTS)
def test_damaged_row_is_named_after_the_others_of_a_list(
    used: Terminal, command: tuple[str, ...], change: str, where: str, request: pytest.FixtureRequest
) -> None:
    table = request.node.callspec.id
    for _ in range(2):
        used.run("keys", "add", "--org", "acme", "--role", "viewer", "--name", "kept")
    used.execute("ingest", used.file("bad.jsonl", b'{"id": "kept"}'))
    damage(used, table, change, where)

    done = used.execute(*command)

    assert done.returncode == 1
    assert len(done.stdout.splitlines()) >= 1
    assert f"A row of the table {table} is damaged (" in done.stderr
    assert done.stderr.count("\n") == 1
    assert any(f"A row of the table {table} is damaged" in line for line in verified(used))


def test_file_that_is_no_database_is_a_sentence_for_every_command(terminal: Terminal) -> None:
    terminal.database.write_bytes(b"not a database, but long enough to be read as one" * 100)
    for command in (("orgs", "list"), ("verify",), ("backup", "copy.db"), ("summary", "--org", "acme")):
        assert terminal.error(*command).startswith("The database cannot be read: file is not a database.")


def test_damaged_page_is_a_sentence_that_names_the_table(used: Terminal) -> None:
    with closing(sqlite3.connect(used.database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'record_state'").fetchone()
    content = bytearray(used.database.read_bytes())
    content[(page - 1) * 4096 : page * 4096] = bytes(4096)
    used.database.write_bytes(content)

    assert used.error("records", "--org", "acme", "--id", "call-1").startswith("The table record_state is damaged: ")
    assert used.error("backup", "copy.db").startswith("The database is damaged: ")
    assert used.run("summary", "--org", "acme", *DAY)
    assert used.run(*EXPORT)
    lines = verified(used)
    assert lines[0].startswith("The database is damaged: ")
    assert sum("The table record_state is damaged" in line for line in lines) == 2
    assert lines[-1].startswith("2 organizations checked: ")


def test_copy_of_a_damaged_row_is_refused_by_its_name(used: Terminal) -> None:
    damage(used, "record_state", "source = x'00'", "org_id = 'acme' AND id = 'call-1'")
    target = f"sqlite:///{used.folder / 'copy.db'}"
    done = used.execute("copy", "--from", f"sqlite:///{used.database}", "--to", target)
    assert done.returncode == 1
    assert "A row of the table record_state is damaged (org_id 'acme'" in done.stderr


def test_damaged_id_of_an_organization_is_named_by_a_backup(used: Terminal) -> None:
    damage(used, "organization", "org_id = x'00'", "org_id = 'acme'")
    assert used.error("backup", "copy.db").startswith("A row of the table organization is damaged (org_id 00")
    assert not (used.folder / "copy.db").exists()


def test_missing_database_id_is_named(used: Terminal) -> None:
    damage(used, "meta", "name = 'other'", "name = 'database_id'")
    sentence = "The table meta is damaged: it has no database id. Restore a backup, or use 'talkmeter recover'."
    assert used.error("summary", "--org", "acme") == sentence
    assert used.error("serve", "--port", str(free_port())) == sentence
    assert sentence in verified(used)
