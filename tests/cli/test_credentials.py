"""Keys and tokens: the secret is printed once, alone on stdout, and stands nowhere afterwards."""

import re
from hashlib import sha256

import pytest

from tests.cli.terminal import Terminal

FORM = re.compile(r"(ak|pat)_[0-9a-f]{16}\.[A-Za-z0-9_-]{43}")
INSTANT = r"\d{4}-\d\d-\d\dT[\d:.]+Z"


def issue(terminal: Terminal, *arguments: str) -> str:
    """Make a credential; what stands alone on stdout."""
    done = terminal.finish(*arguments)
    assert (done.returncode, done.stderr) == (0, "Copy it now: the secret is not shown again.\n")
    assert FORM.fullmatch(done.stdout.removesuffix("\n")), done.stdout
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
    """A credential of each kind; for looking at only."""
    return {
        "viewer": issue(ready, "keys", "add", "--org", "acme", "--role", "viewer", "--name", "dashboard"),
        "scoped": issue(ready, "keys", "add", "--org", "acme", "--scope", "events:write", "--scope", "billing:manage"),
        "sender": issue(ready, "keys", "add", "--sender", "--expires", "30"),
        "token": issue(ready, "tokens", "add", "--name", "Ann", "--org", "acme:viewer", "--org", "bolt:admin:admin"),
    }


def shown(credential: str) -> str:
    """What may be shown of a credential: all but its secret."""
    return credential.partition(".")[0]


def line_of(listing: str, credential: str) -> list[str]:
    """The columns of the one line that tells of a credential."""
    (line,) = (line for line in listing.splitlines() if line.startswith(shown(credential)))
    return line.split("\t")


@pytest.mark.parametrize("name", ["viewer", "scoped", "sender", "token"])
def test_a_secret_is_stored_as_its_sha_256_and_nowhere_in_plain(
    ready: Terminal, issued: dict[str, str], name: str
) -> None:
    prefixed, _, secret = issued[name].partition(".")

    stored = ready.rows("SELECT secret_hash FROM credential WHERE id = ?", prefixed.partition("_")[2])
    assert stored == [(sha256(secret.encode()).digest(),)]
    for path in ready.folder.iterdir():
        assert secret.encode() not in path.read_bytes(), path


def test_keys_are_listed_with_what_they_may_and_until_when(ready: Terminal, issued: dict[str, str]) -> None:
    listing = ready.run("keys", "list")

    assert line_of(listing, issued["viewer"])[1:] == ["acme", "viewer", "never expires", "dashboard"]
    assert line_of(listing, issued["scoped"])[1:] == ["acme", "events:write billing:manage", "never expires"]
    assert line_of(listing, issued["sender"])[1:3] == ["any organization", "events:write"]
    assert re.fullmatch(f"expires {INSTANT}", line_of(listing, issued["sender"])[3])
    assert shown(issued["token"]) not in listing
    assert [one for one in issued.values() if one.partition(".")[2] in listing] == []


def test_tokens_are_listed_with_the_organizations_they_reach(ready: Terminal, issued: dict[str, str]) -> None:
    listing = ready.run("tokens", "list")

    reach = "acme:viewer bolt:admin:admin"
    assert [line.split("\t") for line in listing.splitlines()] == [
        [shown(issued["token"]), reach, "-", "never expires", "Ann"]
    ]


def test_a_revoked_key_says_so_and_cannot_be_revoked_again(ready: Terminal) -> None:
    key = issue(ready, "keys", "add", "--org", "acme", "--role", "admin")

    assert ready.run("keys", "revoke", shown(key)) == f"{shown(key)} is revoked."
    assert re.fullmatch(f"revoked {INSTANT}", line_of(ready.run("keys", "list"), key)[-1])
    assert "is already revoked" in ready.refusal("keys", "revoke", shown(key))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("", "Give either --org ORG_ID or --sender."),
        ("--org acme", "Give either --role admin|viewer or at least one --scope."),
        ("--org acme --role admin --scope events:write", "Give either --role"),
        ("--sender --role admin", "A sender key only has the scope events:write"),
        ("--org acme --scope events:read:all", "Unknown scope events:read:all. Scopes: "),
        ("--org nobody --role admin", "Organization 'nobody' does not exist; 'talkmeter orgs add nobody' creates it."),
    ],
)
def test_a_key_that_would_mean_nothing_is_refused(ready: Terminal, arguments: str, sentence: str) -> None:
    before = ready.rows("SELECT count(*) FROM credential")

    assert ready.refusal("keys", "add", *arguments.split()).startswith(sentence)
    assert ready.rows("SELECT count(*) FROM credential") == before


def test_a_token_for_an_organization_that_does_not_exist_is_refused(ready: Terminal) -> None:
    sentence = ready.refusal("tokens", "add", "--name", "Ann", "--org", "acme", "--org", "nobody:viewer")

    assert sentence.startswith("Organization 'nobody' does not exist;")
