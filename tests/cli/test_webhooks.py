"""`talkmeter webhooks`: set, list, test, deliveries and delete."""

from collections.abc import Iterator

import pytest
from standardwebhooks import Webhook as Verifier

from tests.cli.terminal import Terminal
from tests.receivers import Receiver, answer, receiver

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as server:
        yield server


@pytest.fixture
def ready(terminal: Terminal, hook: Receiver) -> Terminal:
    """A terminal with the organization acme, which may send to the receiver."""
    terminal.environment |= {"TALKMETER_SECRET_KEY": KEY, "TALKMETER_OUTGOING_ORIGINS": hook.origin}
    terminal.run("orgs", "add", "acme")
    return terminal


def run(terminal: Terminal, command: str, *arguments: str) -> str:
    return terminal.run("webhooks", command, *arguments, "--org", "acme")


def error(terminal: Terminal, command: str, *arguments: str, org: str = "acme") -> str:
    return terminal.error("webhooks", command, *arguments, "--org", org)


def test_webhook_is_set_tested_and_deleted(ready: Terminal, hook: Receiver) -> None:
    secret = run(ready, "set", "wh_1", f"{hook.origin}/path")
    assert run(ready, "list") == f"wh_1\t{hook.origin}/path\tin use"

    assert run(ready, "test", "wh_1").startswith("Delivered: status 204, after ")
    (request,) = hook.received
    assert Verifier(secret).verify(request.body, request.headers)["type"] == "webhook.test"
    message, type_, state, number, _, _, status, error_ = run(ready, "deliveries", "wh_1").split("\t")
    assert (message, type_, state) == (request.headers["webhook-id"], "webhook.test", "delivered")
    assert (number, status, error_) == ("1", "204", "-")

    assert run(ready, "delete", "wh_1") == "Webhook wh_1 is deleted."
    assert run(ready, "list") == ""


def test_second_set_changes_the_url_and_prints_no_secret(ready: Terminal, hook: Receiver) -> None:
    run(ready, "set", "wh_1", hook.origin)
    again = ready.execute("webhooks", "set", "wh_1", f"{hook.origin}/new", "--org", "acme")

    assert (again.stdout, again.stderr) == ("", "Webhook wh_1 has this URL now, and keeps its secret.\n")
    assert run(ready, "list") == f"wh_1\t{hook.origin}/new\tin use"


def test_failed_test_exits_with_the_class_of_the_error(ready: Terminal, hook: Receiver) -> None:
    run(ready, "set", "wh_1", hook.origin)
    hook.behave = answer(500)

    assert error(ready, "test", "wh_1").startswith("Not delivered: status (status 500), after ")
    assert run(ready, "list").startswith(f"wh_1\t{hook.origin}\tfailing since 20")
    assert error(ready, "test", "wh_1") == "A webhook can be tested once a minute; try again later."


def test_delivery_without_an_attempt_is_listed(ready: Terminal, hook: Receiver) -> None:
    run(ready, "set", "wh_1", hook.origin)
    row = ("acme", "1", "msg_1", "webhook", "wh_1", '{"type":"webhook.test","timestamp":"","data":', 0, 0, 0, "pending")
    body = row[5] + '{"organization_id":"acme","webhook_id":"wh_1"}}'
    ready.change("INSERT INTO delivery VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", *row[:5], body, *row[6:])

    assert run(ready, "deliveries", "wh_1") == "msg_1\twebhook.test\tpending\t-\t-\t-\t-\t-"


def test_mistakes_are_one_sentence(ready: Terminal) -> None:
    assert error(ready, "set", "wh_1", "https://10.0.0.1/") == "The URL of a webhook must not have a private address."
    assert error(ready, "test", "wh_1") == "Webhook 'wh_1' does not exist."
    assert error(ready, "delete", "wh_1") == "Webhook 'wh_1' does not exist."
    assert error(ready, "deliveries", "wh_1") == "Webhook 'wh_1' does not exist."
    assert error(ready, "list", org="bolt").startswith("Organization 'bolt' does not exist")
    del ready.environment["TALKMETER_SECRET_KEY"]
    failed = ready.execute("webhooks", "set", "wh_1", "https://example.com/", "--org", "acme")
    assert failed.stderr.startswith("talkmeter: TALKMETER_SECRET_KEY is not set")
