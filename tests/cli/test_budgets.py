"""`talkmeter budgets`: create, change, list, show and delete budgets."""

import json
from datetime import UTC, datetime

import pytest

from tests.cli.terminal import Terminal
from tests.events import conversation
from tests.receivers import answer, receiver


@pytest.fixture
def acme(terminal: Terminal) -> Terminal:
    terminal.run("orgs", "add", "acme")
    return terminal


def set_budget(terminal: Terminal, *options: str, id_: str = "calls") -> str:
    return terminal.run("budgets", "set", id_, "--org", "acme", *options)


def show(terminal: Terminal, id_: str = "calls") -> dict[str, str]:
    """Return the fields that `show` prints, without the table of thresholds."""
    lines = terminal.run("budgets", "show", id_, "--org", "acme").partition("\n\n")[0].splitlines()
    return {title.strip(): text.strip() for line in lines for title, text in [(line[:12], line[12:])]}


def test_budget_is_created_shown_changed_and_deleted(acme: Terminal) -> None:
    created = set_budget(acme, "--metric", "voice_minutes", "--limit", "12000", "--filter", "agent=ann")
    assert created == "Budget 'calls' of acme is created."
    shown = show(acme)
    assert shown["metric"] == "voice_minutes"
    assert shown["only"] == "agent=ann"
    assert shown["thresholds"] == "50 %, 80 %, 100 %"
    assert shown["now"] == "0.00, 0.0 %"
    assert shown["changed"].partition(" by ")[2].startswith("operator ")

    changed = set_budget(acme, "--limit", "500", "--name", "Ann", "--threshold", "90", "--threshold", "70", "--paused")
    assert changed == "Budget 'calls' of acme is changed."
    assert acme.run("budgets", "list", "--org", "acme").split("\t") == [
        *("calls", "Ann", "voice_minutes", "month", "0.00", "500", "0.0 %", "paused")
    ]
    assert show(acme)["thresholds"] == "70 %, 90 %"
    assert show(acme)["only"] == "agent=ann"

    assert acme.run("budgets", "delete", "calls", "--org", "acme") == "Budget 'calls' of acme is deleted."
    assert acme.run("budgets", "list", "--org", "acme") == ""
    entries = json.loads(acme.run("audit", "--json"))
    assert [(entry["action"], entry["subject"], entry["detail"]) for entry in entries[:3]] == [
        ("budget.delete", "calls", ""),
        ("budget.set", "calls", "Ann"),
        ("budget.set", "calls", "calls"),
    ]


def test_values_of_the_current_period_are_shown(acme: Terminal) -> None:
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    event = {**conversation("c1", created_at=now, organization_id="acme"), "time": now}
    (acme.folder / "calls.jsonl").write_text(json.dumps(event))
    acme.run("ingest", "calls.jsonl")
    set_budget(acme, "--metric", "total_calls", "--limit", "4", "--period", "day")
    listed = json.loads(acme.run("budgets", "list", "--org", "acme", "--json"))["budgets"]
    assert [listed[0]["current"][name] for name in ("value", "limit", "percent")] == ["1", "4", "25.0"]
    assert json.loads(acme.run("budgets", "show", "calls", "--org", "acme", "--json")) == listed[0]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("--metric", "cost", "--limit", "3"), "The organization has no plan in this month, so its costs cannot"),
        (("--metric", "calls", "--limit", "3"), "'metric' must be one of total_calls,"),
        (("--metric", "total_calls", "--limit", "x"), "'limit' must be a decimal number in quotes, more than 0"),
        (("--metric", "total_calls", "--limit", "3", "--period", "year"), "The budget is not valid: Invalid enum"),
        (("--metric", "total_calls", "--limit", "3", "--threshold", "0"), "The budget is not valid: Expected `int`"),
    ],
)
def test_invalid_option_is_an_error_that_says_what_is_allowed(
    acme: Terminal, options: tuple[str, ...], error: str
) -> None:
    assert acme.error("budgets", "set", "calls", "--org", "acme", *options).startswith(error)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ((), "A new budget needs --metric."),
        (("--metric", "total_calls"), "A new budget needs --limit."),
        (("--metric", "total_calls", "--limit", "3", "--filter", "ann"), "It must be like agent=ann, not 'ann'."),
    ],
)
def test_missing_option_is_a_usage_error(acme: Terminal, options: tuple[str, ...], error: str) -> None:
    done = acme.execute("budgets", "set", "calls", "--org", "acme", *options)
    assert done.returncode == 2
    assert error in done.stderr


def test_unknown_budget_and_organization_are_errors(acme: Terminal) -> None:
    assert acme.error("budgets", "show", "x", "--org", "acme").startswith("acme has no budget 'x'")
    assert acme.error("budgets", "delete", "x", "--org", "acme") == "Budget 'x' does not exist."
    for command in ("list", "show", "delete"):
        arguments = ("budgets", command, *(() if command == "list" else ("x",)), "--org", "nobody")
        assert acme.error(*arguments).startswith("Organization 'nobody' does not exist")


def test_test_message_goes_to_each_webhook(acme: Terminal) -> None:
    acme.environment["TALKMETER_SECRET_KEY"] = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
    set_budget(acme, "--metric", "total_calls", "--limit", "4")
    assert acme.error("budgets", "test", "calls", "--org", "acme").startswith("Budget 'calls' has no webhook")
    with receiver() as up, receiver() as down:
        acme.environment["TALKMETER_OUTGOING_ORIGINS"] = f"{up.origin},{down.origin}"
        down.behave = answer(500)
        acme.execute("webhooks", "set", "up", f"{up.origin}/a", "--org", "acme")
        acme.execute("webhooks", "set", "down", f"{down.origin}/b", "--org", "acme")
        set_budget(acme, "--webhook", "up", "--webhook", "down")
        done = acme.execute("budgets", "test", "calls", "--org", "acme")
    assert (done.returncode, [one.target for one in up.received]) == (1, ["/a"])
    assert done.stdout.startswith("up: Delivered: status 204, after ")
    assert done.stderr.startswith("talkmeter: down: Not delivered: status (status 500), after ")
