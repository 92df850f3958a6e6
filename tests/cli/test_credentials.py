"""Keys and tokens: the secret is printed once, alone on stdout, and is not stored."""

import re
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from tests.cli.terminal import Terminal

PATTERN = re.compile(r"(ak|pat)_[0-9a-f]{16}\.[A-Za-z0-9_-]{43}")
INSTANT = r"\d{4}-\d\d-\d\dT[\d:.]+Z"


def issue(terminal: Terminal, *arguments: str) -> str:
    """Create a credential and return it; it is the only output on stdout."""
    done = terminal.execute(*arguments)
    assert (done.returncode, done.stderr) == (0, "Copy it now: the secret is not shown again.\n")
    assert PATTERN.fullmatch(done.stdout.removesuffix("\n")), done.stdout
    return done.stdout.strip()


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """A terminal with two organizations."""
    terminal = Terminal(tmp_path_factory.mktemp("credentials"))
    terminal.run("orgs", "add", "acme")
    terminal.run("orgs", "add", "bolt:admin")
    return terminal


@pytest.fixture(scope="module")
def issued(ready: Terminal) -> dict[str, str]:
    """A credential of each kind. Only for reading."""
    return {
        "viewer": issue(ready, "keys", "add", "--org", "acme", "--role", "viewer", "--name", "dashboard"),
        "scoped": issue(ready, "keys", "add", "--org", "acme", "--scope", "events:write", "--scope", "billing:manage"),
        "sender": issue(ready, "keys", "add", "--sender", "--expires", "30"),
        "token": issue(ready, "tokens", "add", "--name", "Ann", "--org", "acme:viewer", "--org", "bolt:admin:admin"),
    }


def id_of(credential: str) -> str:
    """Return a credential without its secret."""
    return credential.partition(".")[0]


def line_of(listing: str, credential: str) -> list[str]:
    """Return the columns of a credential's line."""
    [line] = (line for line in listing.splitlines() if line.startswith(id_of(credential)))
    return line.split("\t")


@pytest.mark.parametrize("name", ["viewer", "scoped", "sender", "token"])
def test_only_the_sha_256_of_a_secret_is_stored(ready: Terminal, issued: dict[str, str], name: str) -> None:
    prefixed, _, secret = issued[name].partition(".")

    stored = ready.rows("SELECT secret_hash FROM credential WHERE id = ?", prefixed.partition("_")[2])
    assert stored == [(sha256(secret.encode()).digest(),)]
    for path in ready.folder.iterdir():
        assert secret.encode() not in path.read_bytes(), path


def test_keys_are_listed_with_access_and_expiry(ready: Terminal, issued: dict[str, str]) -> None:
    listing = ready.run("keys", "list")

    today = datetime.now(UTC).date().isoformat()
    unused = (today, "never expires", "never used")
    assert line_of(listing, issued["viewer"])[1:] == ["acme", "viewer", *unused, "dashboard"]
    assert line_of(listing, issued["scoped"])[1:] == ["acme", "events:write billing:manage", *unused]
    assert line_of(listing, issued["sender"])[1:3] == ["any organization", "events:write"]
    assert re.fullmatch(f"expires {INSTANT}", line_of(listing, issued["sender"])[4])
    assert id_of(issued["token"]) not in listing
    assert [name for name, credential in issued.items() if credential.partition(".")[2] in listing] == []


def test_tokens_are_listed_with_their_organizations(ready: Terminal, issued: dict[str, str]) -> None:
    listing = ready.run("tokens", "list")

    today = datetime.now(UTC).date().isoformat()
    organizations = "acme:viewer bolt:admin:admin"
    assert [line.split("\t") for line in listing.splitlines()] == [
        [id_of(issued["token"]), organizations, "-", today, "never expires", "never used", "Ann"]
    ]


def test_revoked_key_is_listed_as_revoked_and_cannot_be_revoked_again(ready: Terminal) -> None:
    key = issue(ready, "keys", "add", "--org", "acme", "--role", "admin")

    assert ready.run("keys", "revoke", id_of(key)) == f"{id_of(key)} is revoked."
    assert re.fullmatch(f"revoked {INSTANT}", line_of(ready.run("keys", "list"), key)[4])
    assert "is already revoked" in ready.error("keys", "revoke", id_of(key))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "Give one of --org ORG_ID, --sender or --operator."),
        ("--org acme", "Give either --role admin|viewer or at least one --scope."),
        ("--org acme --role admin --scope events:write", "Give either --role"),
        ("--sender --operator", "Give one of --org ORG_ID, --sender or --operator."),
        ("--sender --role admin", "A sender key only has the scope events:write"),
        ("--operator --role admin", "An operator key only has the scopes operator:read and plans:manage"),
        ("--org acme --scope events:read:all", "Unknown scope events:read:all. Scopes: "),
        ("--org nobody --role admin", "Organization 'nobody' does not exist; 'talkmeter orgs add nobody' creates it."),
    ],
)
def test_contradictory_options_create_no_key(ready: Terminal, arguments: str, message: str) -> None:
    before = ready.rows("SELECT count(*) FROM credential")

    assert ready.error("keys", "add", *arguments.split()).startswith(message)
    assert ready.rows("SELECT count(*) FROM credential") == before


def test_token_for_an_unknown_organization_is_rejected(ready: Terminal) -> None:
    message = ready.error("tokens", "add", "--name", "Ann", "--org", "acme", "--org", "nobody:viewer")

    assert message.startswith("Organization 'nobody' does not exist;")


def test_token_with_an_unknown_role_names_the_role(ready: Terminal) -> None:
    message = ready.error("tokens", "add", "--name", "Ann", "--org", "acme:owner")

    assert message == "'owner' in --org acme:owner is not a role; the roles are admin and viewer."
