"""`talkmeter connectors add` and `rotate` check the form of secrets, and make one for signed events."""

import base64
from pathlib import Path

import pytest

from talkmeter.ingest.connectors.registry import PROVIDERS
from talkmeter.ingest.connectors.signed import make_secret, make_test_message
from tests.cli.terminal import Terminal

SECRET_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
BASE64 = base64.b64encode(b"k" * 32).decode()


@pytest.fixture
def ready(tmp_path: Path) -> Terminal:
    terminal = Terminal(tmp_path)
    terminal.environment["TALKMETER_SECRET_KEY"] = SECRET_KEY
    terminal.run("orgs", "add", "acme")
    return terminal


@pytest.mark.parametrize(
    ("provider", "secret", "accepted"),
    [
        ("signed", f"whsec_{BASE64}", True),
        ("signed", BASE64, False),
        ("signed", "whsec_not base64!", False),
        ("signed", "whsec_" + base64.b64encode(b"short").decode(), False),
        ("telnyx", BASE64, True),
        ("telnyx", "KEY0123", False),
        ("elevenlabs", "wsec_123", True),
        ("elevenlabs", "sk_123", False),
        ("twilio", "any words", True),
        ("vapi", "s\n", False),
    ],
)
def test_secret_must_have_the_form_of_its_provider(ready: Terminal, provider: str, secret: str, accepted: bool) -> None:
    ready.environment["SECRET"] = secret
    arguments = ("connectors", "add", "--org", "acme", "--provider", provider, "--secret-env", "SECRET")

    if accepted:
        assert f"/{provider}/" in ready.run(*arguments)
        return
    message = ready.error(*arguments)
    assert message.startswith("The secret in SECRET ")
    assert secret not in message
    assert ready.rows("SELECT * FROM connector") == []


def test_generated_secret_is_printed_once_on_stderr_and_signs(ready: Terminal) -> None:
    done = ready.execute("connectors", "add", "--org", "acme", "--provider", "signed", "--generate")

    address, secret = done.stdout.strip(), done.stderr.splitlines()[0].removeprefix("Secret: ")
    assert (done.returncode, "/metering/hooks/signed/" in address) == (0, True)
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    message = make_test_message(secret, address, 1_800_000_000_000_000)
    PROVIDERS["signed"].verify(message, [secret])
    rotated = ready.execute("connectors", "rotate", address.rpartition("/")[2], "--generate")
    assert rotated.stderr.startswith("Secret: whsec_")
    assert secret not in rotated.stderr
    assert make_secret() != make_secret()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--provider", "signed"], "Give either --secret-env NAME or --generate."),
        (["--provider", "signed", "--generate", "--secret-env", "S"], "Give either --secret-env NAME or --generate."),
        (["--provider", "vapi", "--generate"], "--generate is only for 'signed'; use the secret that vapi signs with."),
    ],
)
def test_options_for_the_secret_must_fit(ready: Terminal, arguments: list[str], sentence: str) -> None:
    assert ready.error("connectors", "add", "--org", "acme", *arguments) == sentence
