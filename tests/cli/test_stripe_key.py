"""The key of Stripe: where it comes from, and that no answer, error, log or table contains it."""

import logging
import sys
from collections.abc import Callable

import pytest

from tests.cli.closed_months import MONTH
from tests.cli.stripe_proxy import KEY, Answer, Forward, StripeProxy
from tests.cli.terminal import Terminal

PUSH = ("statements", "push", "stripe", *MONTH)
SECRET = KEY.removeprefix("sk_test_")


def refusal(status: int, type_: str = "invalid_request_error") -> Callable[[Forward], Answer]:
    """Return a fault: an answer whose message repeats the key."""
    body = f'{{"error": {{"type": "{type_}", "message": "Invalid API Key provided: {KEY}"}}}}'.encode()
    return lambda _: Answer(status, body)


def set_key(terminal: Terminal, text: str | None, file: str | None = None) -> None:
    """Set the key in the environment, or in a file."""
    terminal.environment.pop("TALKMETER_STRIPE_KEY", None)
    if text is not None:
        terminal.environment["TALKMETER_STRIPE_KEY"] = text
    if file is not None:
        (terminal.folder / "key").write_text(file)
        terminal.environment["TALKMETER_STRIPE_KEY_FILE"] = "key"


def test_key_is_read_from_a_file(closed: Terminal, stripe: StripeProxy, customer: str) -> None:
    set_key(closed, None, file=f"{KEY}\n")

    closed.run(*PUSH)

    assert {request.headers["Authorization"] for request in stripe.requests} == {f"Bearer {KEY}"}
    assert len(stripe.items(customer)) == 5


def test_missing_and_unusable_keys_get_a_sentence_that_does_not_repeat_them(closed: Terminal) -> None:
    def error(text: str | None, file: str | None = None) -> str:
        set_key(closed, text, file)
        return closed.error(*PUSH)

    assert error(None) == ("Set TALKMETER_STRIPE_KEY or TALKMETER_STRIPE_KEY_FILE: the secret key of your account.")
    kinds = "a secret or restricted key of Stripe, which begins with sk_live_, sk_test_, rk_live_ or rk_test_."
    assert error("pk_test_51Public") == f"TALKMETER_STRIPE_KEY must contain {kinds}"
    assert error("sk_test_51Se cret") == f"TALKMETER_STRIPE_KEY must contain {kinds}"
    assert error(None, file="whsec_1") == f"TALKMETER_STRIPE_KEY_FILE must contain {kinds}"
    assert error(KEY, file=KEY) == "Set TALKMETER_STRIPE_KEY or TALKMETER_STRIPE_KEY_FILE, not both."
    (closed.folder / "key").unlink()
    set_key(closed, None)
    assert closed.error(*PUSH) == ("The file of TALKMETER_STRIPE_KEY_FILE cannot be read: No such file or directory.")


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 429, 500])
def test_no_error_contains_the_key(closed: Terminal, stripe: StripeProxy, customer: str, status: int) -> None:
    stripe.faults.update(dict.fromkeys(range(1, 20), refusal(status)))

    error = closed.error(*PUSH)

    assert str(status) in error
    assert SECRET not in error
    assert KEY[-4:] not in error


def test_output_log_and_database_do_not_contain_the_key(
    closed: Terminal, stripe: StripeProxy, customer: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("stripe", "httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, logger=name)

    done = [closed.execute(*PUSH), closed.execute(*PUSH, "--dry-run"), closed.execute("settings")]

    assert len(stripe.items(customer)) == 5
    assert any(record.name == "stripe" for record in caplog.records)
    written = [caplog.text, *(one.stdout + one.stderr for one in done)]
    assert [text for text in written if SECRET in text] == []
    stored = [path.name for path in closed.folder.iterdir() if SECRET.encode() in path.read_bytes()]
    assert stored == []


@pytest.mark.parametrize("url", ["http://stripe.example.com", "ftp://127.0.0.1", "http://10.0.0.1:8080"])
def test_key_is_sent_only_over_https_or_on_this_machine(closed: Terminal, url: str) -> None:
    closed.environment["TALKMETER_STRIPE_URL"] = url

    assert "TALKMETER_STRIPE_URL must" in closed.error(*PUSH)


def test_redirect_to_another_server_is_not_followed(closed: Terminal, stripe: StripeProxy, customer: str) -> None:
    stripe.faults.update(dict.fromkeys(range(1, 20), lambda _: Answer(302, b"", f"{stripe.url}/elsewhere")))

    closed.error(*PUSH)

    assert {request.path for request in stripe.requests} == {"/v1/invoiceitems"}


def test_missing_library_is_named(closed: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stripe", None)

    assert closed.error(*PUSH).endswith("that is not installed: pip install 'talkmeter[stripe]'.")
