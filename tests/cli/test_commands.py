"""The command line: output, help texts, and one-sentence errors."""

import json
import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import click
import pytest
from click.testing import CliRunner

from talkmeter import __version__
from talkmeter.cli.commands import cli
from tests.cli.terminal import Terminal
from tests.events import conversation, event, run
from tests.servers import free_port

WINDOW = ("--from", "2026-03-01", "--to", "2026-03-03")


def all_commands(command: click.Command, *path: str) -> Iterator[tuple[str, ...]]:
    """Yield every command and group as its words."""
    yield path
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from all_commands(inner, *path, name)


def test_documented_commands_exist() -> None:
    assert {" ".join(path) for path in all_commands(cli)} >= {
        "serve",
        "demo",
        "migrate",
        "orgs add",
        "orgs list",
        "keys add",
        "keys list",
        "keys revoke",
        "tokens add",
        "tokens list",
        "tokens revoke",
        "ingest",
        "summary",
        "breakdown",
        "records",
        "export",
        "verify",
        "quarantine list",
        "quarantine show",
        "quarantine replay",
        "quarantine drop",
    }


@pytest.mark.parametrize("path", [*all_commands(cli)], ids=lambda path: " ".join(path) or "talkmeter")
def test_every_command_and_option_has_a_help_text(path: tuple[str, ...]) -> None:
    done = CliRunner().invoke(cli, [*path, "--help"])

    assert done.exit_code == 0
    assert done.output.startswith("Usage: ")
    command: click.Command = cli
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert command.help
    assert [option.name for option in options if not option.help] == []


def test_without_a_command_all_commands_are_listed(empty_folder: Terminal) -> None:
    done = empty_folder.execute()

    assert "ingest" in done.stdout + done.stderr
    assert list(empty_folder.folder.iterdir()) == []
    assert empty_folder.run("--version").endswith(__version__)


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("--version", 0),
        ("migrate", 0),
        ("orgs list", 0),
        ("tokens list", 0),
        ("quarantine list", 0),
        ("records --org acme", 0),
        ("breakdown --org acme --by agent", 0),
        ("summary --org acme", 0),
        ("summary --org nobody", 1),
        ("summary", 2),
    ],
)
def test_subprocess_output_equals_in_process_output(terminal: Terminal, command: str, status: int) -> None:
    terminal.run("orgs", "add", "acme")

    expected, done = terminal.execute_in_subprocess(*command.split()), terminal.execute(*command.split())

    assert expected.returncode == status
    assert (done.returncode, done.stdout, done.stderr) == (expected.returncode, expected.stdout, expected.stderr)


def test_migrate_of_a_current_database_changes_nothing(terminal: Terminal) -> None:
    assert terminal.run("migrate").startswith("The database was already at schema version 0")


@pytest.mark.parametrize(
    "command",
    [
        *("migrate", "verify", "backup copy.db", "ingest events.jsonl", "link --org acme", "summary --org acme"),
        *("orgs list", "keys list", "keys add --sender", "tokens list", "connectors list", "quarantine list"),
        "copy --from sqlite:///talkmeter.db --to sqlite:///other.db",
    ],
)
@pytest.mark.parametrize("exists", [False, True], ids=["no file", "empty file"])
def test_command_in_the_wrong_folder_fails_and_names_the_file(
    empty_folder: Terminal, command: str, exists: bool
) -> None:
    empty_folder.file("events.jsonl", conversation(organization_id="acme"))
    if exists:
        empty_folder.database.touch()
    before = {file: file.stat().st_size for file in empty_folder.folder.iterdir()}

    error = empty_folder.error(*command.split())

    assert error.startswith(f"There is no database at {empty_folder.database}. Run the command in the folder of")
    assert {file: file.stat().st_size for file in empty_folder.folder.iterdir()} == before


def test_command_that_starts_a_database_creates_its_file(empty_folder: Terminal) -> None:
    """`make wheel` runs another one, `demo`, in an empty folder."""
    empty_folder.run("orgs", "add", "acme")

    assert empty_folder.run("verify").startswith("1 organization verified")


def test_database_that_cannot_be_opened_prints_an_error(terminal: Terminal) -> None:
    url = terminal.environment["TALKMETER_DATABASE_URL"]
    terminal.environment["TALKMETER_DATABASE_URL"] = "postgres"
    assert terminal.error("migrate").startswith("TALKMETER_DATABASE_URL must look like sqlite:///talkmeter.db")
    terminal.environment["TALKMETER_DATABASE_URL"] = "sqlite:////no/such/folder/x.db"
    assert terminal.error("orgs", "list").startswith("The folder /no/such/folder")
    terminal.environment["TALKMETER_DATABASE_URL"] = url
    terminal.database.write_text("These are my notes. " * 100)
    assert "not a database" in terminal.error("summary", "--org", "acme")


def test_file_of_another_program_prints_an_error(empty_folder: Terminal) -> None:
    with closing(sqlite3.connect(empty_folder.database)) as other:
        other.execute("CREATE TABLE note (text)")
    before = empty_folder.database.read_bytes()

    for command in (["serve", "--port", f"{free_port()}"], ["migrate"], ["orgs", "list"]):
        assert empty_folder.error(*command) == (
            "TALKMETER_DATABASE_URL names a SQLite database of another program: it has tables, but not Talkmeter's. "
            "Choose another file; a new one is created."
        )

    assert empty_folder.database.read_bytes() == before


def test_settings_are_read_from_the_env_file_of_the_folder(terminal: Terminal) -> None:
    del terminal.environment["TALKMETER_DATABASE_URL"]
    (terminal.folder / ".env").write_text("TALKMETER_DATABASE_URL=sqlite:///mine.db\n")

    terminal.run("orgs", "add", "acme")

    assert (terminal.folder / "mine.db").exists()


def test_organizations_are_added_renamed_and_listed(terminal: Terminal) -> None:
    assert terminal.run("orgs", "add", "bolt", "--name", "Bolt & Co") == "Organization bolt is ready."
    terminal.run("orgs", "add", "acme")
    terminal.run("orgs", "add", "bolt")

    assert terminal.run("orgs", "list") == "acme\nbolt\tBolt & Co"


@pytest.mark.parametrize(
    ("org_id", "message"),
    [
        ("a\nb", "The organization's id contains a control character: 'a\\nb'."),
        (os.fsdecode(b"a\xff"), "The organization's id"),
    ],
    ids=["control character", "invalid UTF-8"],
)
def test_organization_with_an_invalid_id_is_rejected(empty_folder: Terminal, org_id: str, message: str) -> None:
    assert empty_folder.error("orgs", "add", org_id).startswith(message)
    assert not empty_folder.database.exists()


@pytest.fixture(scope="module")
def metered(tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """A terminal whose database has usage. Only for reading."""
    terminal = Terminal(tmp_path_factory.mktemp("metered"))
    events = [
        conversation("call-1", duration=90, organization_id="acme"),
        conversation("call-2", channel="text", direction="outbound", duration=None, organization_id="acme"),
        conversation("call-0", created_at="2025-03-01T12:00:00Z", duration=180, organization_id="acme"),
        run("run-1", status="failed", organization_id="acme"),
        event("phone_number.updated", {"id": "+13125550110", "shared": True, "organization_id": "acme"}),
    ]
    terminal.run("ingest", terminal.file("events.jsonl", *events))
    return terminal


def test_summary_prints_the_figures_of_the_page(metered: Terminal) -> None:
    lines = [line.split(maxsplit=2) for line in metered.run("summary", "--org", "acme", *WINDOW).splitlines()]

    assert [(one, two, rest) for one, two, rest in lines[:-1]] == [
        ("acme", "2026-03-01T00:00:00Z", "to 2026-03-03T00:00:00Z (UTC, end excluded)"),
        ("Voice", "minutes", "1.50 in 1 voice calls"),
        ("Chat", "minutes", "0.00 in 1 sessions"),
        ("Total", "calls", "2: 1 in, 1 out, 1m 30s on average"),
        ("Workflow", "runs", "1: 0 succeeded, 1 failed"),
        (
            "Inventory",
            "now",
            "0 agents, 1 phone numbers (1 on the shared pool), 0 chat widgets, 0 knowledge bases (0 active)",
        ),
    ]
    assert lines[-1][0] == "Newest"


def test_summary_as_json_equals_the_api_response(metered: Terminal) -> None:
    answer = json.loads(metered.run("summary", "--org", "acme", *WINDOW, "--json"))

    assert (answer["from"], answer["to"]) == ("2026-03-01T00:00:00Z", "2026-03-03T00:00:00Z")
    assert (answer["total_calls"], answer["voice_minutes"], answer["workflow_runs_failed"]) == (2, 1.5, 1)
    assert [(day["day"], day["calls"]) for day in answer["daily"]] == [("2026-03-01", 2), ("2026-03-02", 0)]


def test_summary_compares_with_an_earlier_window(metered: Terminal) -> None:
    lines = metered.run("summary", "--org", "acme", "--from", "2026-03-01", "--to", "2026-03-02", "--compare", "year")

    assert lines.splitlines()[-5:] == [
        "2026-03-01T00:00:00Z to 2026-03-02T00:00:00Z compared with 2025-03-01T00:00:00Z to 2025-03-02T00:00:00Z:",
        "Voice minutes  1.50, previously 3.00 (-50.0%)",
        "Chat minutes   0.00, previously 0.00",
        "Total calls    2, previously 1 (+100.0%)",
        "Workflow runs  1, previously 0",
    ]


def test_summary_rejects_what_the_api_rejects(metered: Terminal) -> None:
    assert metered.error("summary", "--org", "nobody").startswith("Organization 'nobody' does not exist;")
    empty = ("--from", "2026-03-01", "--to", "2026-03-01")
    assert metered.error("summary", "--org", "acme", *empty).startswith("'to' must be after 'from'")


def test_verify_exits_with_1_on_damage_and_repairs_it(terminal: Terminal) -> None:
    terminal.run("ingest", terminal.file("events.jsonl", conversation(organization_id="acme")))
    assert terminal.run("verify") == "1 organization verified: every daily total is the sum of its records."
    terminal.change("UPDATE usage_daily SET calls = 5 WHERE dimension = 'total'")
    message = "acme: 2026-03-01 total: calls is 5, the records say 1."

    damaged = terminal.execute("verify", "--org", "acme")
    assert (damaged.returncode, damaged.stderr) == (1, "")
    assert damaged.stdout.splitlines()[0] == message
    assert "1 organization checked: 1 difference found" in damaged.stdout

    repaired = terminal.execute("verify", "--repair")
    assert repaired.stdout.splitlines()[0] == message
    assert "1 repaired" in repaired.stdout

    assert terminal.run("verify").startswith("1 organization verified")


def test_serve_on_a_port_in_use_prints_an_error(terminal: Terminal) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
        message = terminal.error("serve", "--port", str(port))

    assert message == (
        f"Cannot listen on 127.0.0.1, port {port} (Address already in use); choose another port with --port."
    )


def test_serve_names_an_invalid_setting(terminal: Terminal) -> None:
    message = terminal.error("serve", "--port", "http")

    assert message == "TALKMETER_PORT must be a whole number from 1 to 65535, not 'http'."


def test_missing_option_prints_usage_and_exits_with_2(terminal: Terminal) -> None:
    done = terminal.execute("summary")

    assert (done.returncode, done.stdout) == (2, "")
    assert "Missing option '--org'" in done.stderr
