"""`talkmeter costs`: a table for people, and the answer of the API as JSON."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.organizations import client_of
from tests.cli.metered import EVENTS, Metered, cells
from tests.cli.terminal import Terminal
from tests.servers import running_server

PLANS = """
[plans.smb]
name = "SMB"
currency = "USD"
effective = "2026-02"
fee = "10.00"
minimum = "20.00"

[[plans.smb.charges]]
id = "voice"
name = "Voice"
meter = "voice_minutes"
included = "1"
price = "0.50"

[[plans.smb.charges]]
id = "chats"
name = "Chats"
meter = "chat_sessions"
tiers = [{ up_to = "1", price = "2.00" }, { price = "1.50" }]

[[plans.smb.charges]]
id = "runs"
name = "Runs"
meter = "workflow_runs"
package = "2"
price = "3.00"
"""
MARCH = ("--from", "2026-03-01", "--to", "2026-04-01")


@pytest.fixture(scope="module")
def priced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metered]:
    """A terminal with usage and a plan since February 2026, and a client of its server."""
    terminal = Terminal(tmp_path_factory.mktemp("priced"))
    with running_server(terminal.folder) as server, client_of(server, server.key("acme")) as client:
        client.post("/metering/events", json=EVENTS).raise_for_status()
        Path(terminal.folder, "plans.toml").write_text(PLANS)
        terminal.run("plans", "apply", "plans.toml", "--restate")
        terminal.run("plans", "assign", "acme", "smb", "--from", "2026-02", "--restate")
        yield Metered(terminal, client)


def test_costs_of_a_month_can_be_read_line_by_line(priced: Metered) -> None:
    lines = priced.run("costs", *MARCH)

    assert lines[0] == "2026-03: plan smb, version 1, open"
    assert [cells(line) for line in lines[1:-2]] == [
        ["charge", "quantity", "price", "USD"],
        ["Voice", "22.008333 minutes", "1 included, 21.008333 at 0.50", "10.50"],
        ["Chats", "2 sessions", "1 at 2.00 + 1 at 1.50", "3.50"],
        ["Runs", "3 runs", "2 packages of 2 at 3.00", "6.00"],
        ["Monthly fee", "10.00"],
        ["Sum", "30.00"],
    ]
    assert lines[-2:] == ["", "Total from 2026-03-01 to 2026-04-01 (UTC, end excluded): 30.00 USD"]


def test_minimum_is_a_line_if_the_charges_do_not_reach_it(priced: Metered) -> None:
    lines = [cells(line.strip()) for line in priced.run("costs", "--from", "2026-02-01", "--to", "2026-03-01")]

    assert ["Voice", "2 minutes", "1 included, 1 at 0.50", "0.50"] in lines
    assert ["Minimum charge", "19.50"] in lines


def test_part_of_a_month_has_no_prices_because_they_are_of_the_whole_month(priced: Metered) -> None:
    lines = priced.run("costs", "--from", "2026-03-02", "--to", "2026-04-01")

    assert cells(lines[2]) == ["Voice", "20 minutes", "10.00"]


def test_split_shows_rows_others_and_what_is_not_split(priced: Metered) -> None:
    lines = priced.run("costs", *MARCH, "--by", "agent", "--limit", "2")

    begin = lines.index(next(line for line in lines if line.startswith("value")))
    assert [cells(line.strip()) for line in lines[begin:-2]] == [
        ["value", "name", "USD"],
        ["0 others", "9.54"],
        ["(none)", "1.75"],
        ["2 others", "2.71"],
        ["fee", "Monthly fee (not split)", "10.00"],
        ["runs", "Runs (not split)", "6.00"],
    ]


def test_json_is_the_response_of_the_api(priced: Metered) -> None:
    for options in ((), ("--by", "agent"), ("--by", "charge", "--limit", "1")):
        parameters = dict(zip((option.removeprefix("--") for option in options[::2]), options[1::2], strict=True))
        printed = json.loads("\n".join(priced.run("costs", *MARCH, *options, "--json")))
        window = {"from": "2026-03-01", "to": "2026-04-01"}
        assert printed == priced.get("costs", **window, **parameters).json()


def test_organization_without_a_plan_gets_a_sentence(priced: Metered) -> None:
    priced.terminal.run("orgs", "add", "bolt")
    assert priced.terminal.run("costs", "--org", "bolt", *MARCH) == (
        "bolt has no plan from 2026-03-01 to 2026-04-01 (end excluded), so there are no costs."
    )


def test_month_without_a_plan_is_named(priced: Metered) -> None:
    lines = priced.run("costs", "--from", "2026-01-01", "--to", "2026-03-01")
    assert lines[:3] == ["2026-01: no plan", "", "2026-02: plan smb, version 1, open"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--from", "2026-03-01"), "'to' is missing. Give both 'from' and 'to' as days such as 2026-11-01"),
        (("--by", "status"), "'by' must be one of charge, agent, number, widget, channel, direction, workflow"),
        (("--limit", "0"), "'limit' must be a whole number from 1 to 1000, not '0'"),
        (("--from", "2026-03-01T00:00:00Z", "--to", "2026-04-01"), "'from' must be"),
    ],
)
def test_option_that_is_not_allowed_is_rejected(priced: Metered, options: tuple[str, ...], sentence: str) -> None:
    assert priced.error("costs", *options).startswith(sentence)


def test_unknown_organization_is_rejected(priced: Metered) -> None:
    assert priced.terminal.error("costs", "--org", "unknown").startswith("Organization 'unknown' does not exist")
