"""`talkmeter restore`: a backup replaces the ledger, and what was revoked since it was made stays revoked."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests import local_http
from tests.cli.terminal import Terminal
from tests.connectors.metering_server import SECRET_KEY
from tests.servers import running_server

SUMMARY = "/admin/usage/summary"


@pytest.fixture
def backed_up(terminal: Terminal) -> Terminal:
    """A terminal with an organization and a backup."""
    terminal.environment["TALKMETER_SECRET_KEY"] = SECRET_KEY
    terminal.run("orgs", "add", "acme")
    terminal.run("keys", "add", "--org", "acme", "--role", "admin", "--name", "kept")
    terminal.run("keys", "add", "--org", "acme", "--role", "admin", "--name", "ended")
    terminal.environment["SECRET"] = "first"
    terminal.run("connectors", "add", "--org", "acme", "--provider", "vapi", "--secret-env", "SECRET")
    terminal.run("backup", "backup.db")
    return terminal


def states(terminal: Terminal) -> dict[str, str]:
    """Return the first word of the state of each key by name."""
    lines = [line.split("\t") for line in terminal.run("keys", "list").splitlines()]
    return {line[6]: line[4].split()[0] for line in lines}


def id_of(terminal: Terminal, name: str) -> str:
    [id_] = [line.split("\t")[0] for line in terminal.run("keys", "list").splitlines() if line.endswith(name)]
    return id_


def connector(terminal: Terminal) -> list[str]:
    """Return the connector's id, provider, organization and state."""
    return terminal.run("connectors", "list").split("\t")


def stored_secrets(terminal: Terminal) -> bytes:
    with closing(sqlite3.connect(terminal.database)) as ledger:
        secrets: bytes = ledger.execute("SELECT secrets FROM connector").fetchone()[0]
        return secrets


def test_key_revoked_since_the_backup_stays_revoked(backed_up: Terminal) -> None:
    ended = id_of(backed_up, "ended")
    backed_up.run("keys", "revoke", ended)
    backed_up.run("orgs", "add", "later")

    assert (
        backed_up.run("restore", "backup.db").splitlines()[0]
        == f"Revoked since the backup, and still revoked: {ended}."
    )
    assert states(backed_up) == {"kept": "never", "ended": "revoked"}
    assert backed_up.run("orgs", "list").split("\t")[0] == "acme"


def test_deleted_organization_of_a_backup_has_no_access(backed_up: Terminal) -> None:
    backed_up.run("orgs", "delete", "acme", "--yes")

    restored = backed_up.run("restore", "backup.db")

    assert "Repeat what was done since the backup: 'talkmeter orgs delete acme --yes'." in restored
    assert states(backed_up) == {"kept": "revoked", "ended": "revoked"}
    assert connector(backed_up)[3] == "disabled"
    backed_up.run("orgs", "delete", "acme", "--yes")
    assert backed_up.run("keys", "list") == backed_up.run("connectors", "list") == ""


def test_merged_organization_of_a_backup_can_be_merged_again(backed_up: Terminal) -> None:
    backed_up.run("orgs", "add", "other")
    backed_up.run("backup", "both.db")
    backed_up.run("orgs", "merge", "acme", "--into", "other", "--yes")

    assert "'talkmeter orgs merge acme --into other --yes'." in backed_up.run(
        "restore", "both.db", "--keep-credentials"
    )
    assert states(backed_up) == {"kept": "revoked", "ended": "revoked"}
    assert connector(backed_up)[3] == "in use"
    backed_up.run("orgs", "merge", "acme", "--into", "other", "--yes")
    assert connector(backed_up)[2] == "other"


def test_connector_keeps_its_newest_secret_and_stays_disabled(backed_up: Terminal) -> None:
    backed_up.environment["SECRET"] = "second"
    id_ = connector(backed_up)[0]
    backed_up.run("connectors", "rotate", id_, "--secret-env", "SECRET")
    backed_up.run("connectors", "disable", id_)
    rotated = stored_secrets(backed_up)

    assert (
        backed_up.run("restore", "backup.db").splitlines()[0] == f"Revoked since the backup, and still revoked: {id_}."
    )
    assert stored_secrets(backed_up) == rotated
    assert connector(backed_up)[3] == "disabled"


def test_sessions_and_links_of_the_backup_have_ended(terminal: Terminal) -> None:
    terminal.run("orgs", "add", "acme")
    page = {"Sec-Fetch-Site": "same-origin"}
    with running_server(terminal.folder) as server:
        used, unused = (server.cli("link", "--org", "acme").partition("#sign-in=")[2] for _ in range(2))
        signed_in = local_http.post(f"{server.url}/session", json={"link": used}, headers=page)
        cookie = {"Cookie": signed_in.headers["set-cookie"].partition(";")[0]}
        assert local_http.get(f"{server.url}{SUMMARY}", headers=cookie).status_code == 200
        server.cli("backup", "backup.db")
    terminal.run("restore", "backup.db")
    with running_server(terminal.folder) as server:
        assert local_http.get(f"{server.url}{SUMMARY}", headers=cookie).status_code == 401
        again = local_http.post(f"{server.url}/session", json={"link": unused}, headers=page)
        assert again.status_code == 401


@pytest.mark.parametrize("damaged", [True, False], ids=["damaged", "missing"])
def test_unreadable_ledger_requires_a_choice(backed_up: Terminal, *, damaged: bool) -> None:
    kept, ended = id_of(backed_up, "kept"), id_of(backed_up, "ended")
    id_ = connector(backed_up)[0]
    backed_up.database.unlink()
    if damaged:
        backed_up.database.write_bytes(b"damaged" * 1_000)
    before = sorted(path.name for path in backed_up.folder.iterdir())

    error = backed_up.error("restore", "backup.db")
    assert f"would work again: {kept}, {ended}, {id_}. Give --revoke-all, or --keep-credentials" in error
    assert sorted(path.name for path in backed_up.folder.iterdir()) == before

    backed_up.run("restore", "backup.db", "--revoke-all")
    assert states(backed_up) == {"kept": "revoked", "ended": "revoked"}
    assert connector(backed_up)[3] == "disabled"
    backed_up.run("restore", "backup.db", "--keep-credentials")
    assert states(backed_up) == {"kept": "never", "ended": "never"}


def test_old_ledger_is_kept_and_can_be_restored(backed_up: Terminal) -> None:
    backed_up.run("orgs", "add", "later")
    printed = backed_up.run("restore", "backup.db")
    old = Path(printed.rpartition("The old ledger is ")[2].removesuffix("."))
    backed_up.run("restore", str(old))
    assert [line.split("\t")[0] for line in backed_up.run("orgs", "list").splitlines()] == ["acme", "later"]


def test_ledger_in_use_is_not_replaced(terminal: Terminal) -> None:
    with running_server(terminal.folder) as server:
        server.cli("backup", "backup.db")
        assert "stop the server and all commands first" in terminal.error("restore", "backup.db")


@pytest.mark.parametrize(
    ("url", "arguments", "error"),
    [
        ("sqlite:///talkmeter.db", ("talkmeter.db",), "is the ledger itself; give a backup."),
        ("sqlite:///talkmeter.db", ("notes.txt",), "The database cannot be read: file is not a database."),
        ("postgresql://localhost/x", ("backup.db",), "This command works with SQLite files only"),
        ("sqlite:///talkmeter.db", ("backup.db", "--revoke-all", "--keep-credentials"), "Give either --revoke-all or"),
    ],
)
def test_what_cannot_be_restored_is_an_error(
    backed_up: Terminal, url: str, arguments: tuple[str, ...], error: str
) -> None:
    (backed_up.folder / "notes.txt").write_text("not a database" * 100)
    backed_up.environment["TALKMETER_DATABASE_URL"] = url
    assert error in backed_up.error("restore", *arguments)
