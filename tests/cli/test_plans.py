"""`talkmeter plans`: apply, dry run, restate, the default plan, list, show and assign."""

import json
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal
from tests.events import Json, conversation
from tests.unit.prose import ROOT

EXAMPLE = str(ROOT / "examples" / "plans.toml")
SMB = """
[plans.smb]
name = "SMB"
currency = "USD"
effective = "2099-01"
fee = "10.00"

[[plans.smb.charges]]
id = "voice"
name = "Voice"
meter = "voice_minutes"
price = "0.12"

[[plans.smb.charges]]
id = "chats"
name = "Chats"
meter = "chat_sessions"
tiers = [{ up_to = "10", price = "0.05" }, { price = "0.02" }]
where = { channel = "webrtc" }
"""
PAST = SMB.replace("2099-01", "2024-01")
APPLIED = [
    "smb: version 1, effective 2099-01 (new plan)",
    "  + name = SMB",
    "  + currency = USD",
    "  + effective = 2099-01",
    "  + fee = 10.00",
    "  + charges.voice.name = Voice",
    "  + charges.voice.meter = voice_minutes",
    "  + charges.voice.price = 0.12",
    "  + charges.chats.name = Chats",
    "  + charges.chats.meter = chat_sessions",
    "  + charges.chats.where = channel = 'webrtc'",
    "  + charges.chats.tiers = 0.05 up to 10, 0.02 beyond",
]
NOTHING = "Nothing to change: all plans of the file are stored already."


class Plans:
    """A terminal with a file of plans."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal

    def write(self, text: str) -> str:
        (self.terminal.folder / "plans.toml").write_text(text)
        return "plans.toml"

    def apply(self, text: str, *options: str) -> list[str]:
        """Apply a file and return the lines that are printed."""
        return self.terminal.run("plans", "apply", self.write(text), *options).splitlines()

    def stored(self) -> list[tuple[object, ...]]:
        """Return all rows that applying and assigning plans write."""
        tables = ("plan_version", "default_plan", "plan_assignment", "audit")
        return [row for table in tables for row in self.terminal.rows(f"SELECT * FROM {table}")]

    def entries(self) -> list[tuple[object, ...]]:
        """Return the entries about plans in the audit log, oldest first."""
        entries: list[Json] = json.loads(self.terminal.run("audit", "--json"))
        fields = ("action", "organization", "subject", "detail")
        found = [tuple(entry[name] for name in fields) for entry in reversed(entries)]
        return [entry for entry in found if str(entry[0]).startswith("plan.")]


@pytest.fixture
def plans(terminal: Terminal) -> Plans:
    return Plans(terminal)


def current_month() -> str:
    return f"{datetime.now(UTC):%Y-%m}"


def test_apply_prints_what_changes_and_writes_it(plans: Plans) -> None:
    assert plans.apply(SMB) == APPLIED
    assert plans.entries() == [("plan.apply", None, "smb", "version 1, effective 2099-01, new plan")]


def test_dry_run_prints_the_same_and_writes_nothing(plans: Plans) -> None:
    assert plans.apply(SMB, "--dry-run") == [*APPLIED, "Nothing was changed: leave out --dry-run to apply this."]
    assert plans.stored() == []


def test_equal_content_writes_nothing(plans: Plans) -> None:
    plans.apply(SMB)
    before = plans.stored()
    reordered = SMB.replace('fee = "10.00"\n', "").replace("[plans.smb]", '[plans.smb]\nfee = "10.00" # the same')
    for text in (SMB, reordered, "", SMB.replace("[[plans.smb.charges]]", "\n[[ plans . smb . charges ]]")):
        assert plans.apply(text) == [NOTHING]
        assert plans.apply(text, "--dry-run") == [NOTHING]
    assert plans.stored() == before


def test_changed_plan_gets_a_version_with_a_readable_difference(plans: Plans) -> None:
    plans.apply(SMB)
    changed = SMB.replace('"0.12"', '"0.15"').replace('fee = "10.00"', 'minimum = "50.00"').replace('"10"', '"20"')
    assert plans.apply(changed) == [
        "smb: version 2, effective 2099-01 (compared with version 1)",
        "  - fee = 10.00",
        "  ~ charges.voice.price = 0.12 -> 0.15",
        "  ~ charges.chats.tiers = 0.05 up to 10, 0.02 beyond -> 0.05 up to 20, 0.02 beyond",
        "  + minimum = 50.00",
    ]
    assert plans.apply(SMB.partition("[[")[0], "--dry-run")[:2] == [
        "smb: version 3, effective 2099-01 (compared with version 2)",
        "  - minimum = 50.00",
    ]


def test_version_is_compared_with_the_one_that_it_follows(plans: Plans) -> None:
    plans.apply(SMB)
    later = SMB.replace("2099-01", "2099-07").replace('"0.12"', '"0.15"')
    plans.apply(later)
    between = SMB.replace("2099-01", "2099-03").replace('"0.12"', '"0.13"')
    assert plans.apply(between) == [
        "smb: version 3, effective 2099-03 (compared with version 1)",
        "  ~ effective = 2099-01 -> 2099-03",
        "  ~ charges.voice.price = 0.12 -> 0.13",
    ]


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_version_of_a_past_month_needs_restate(plans: Plans, options: tuple[str, ...]) -> None:
    error = plans.terminal.error("plans", "apply", plans.write(PAST), *options)
    assert error == (
        "Version 1 of plan 'smb' would start in 2024-01, which changes the costs of past months. Start it in "
        f"{current_month()} or later, or use restate to change them; closed months keep their plan."
    )
    assert plans.stored() == []


def test_restate_is_recorded(plans: Plans) -> None:
    plans.apply(PAST, "--restate")
    assert plans.entries() == [("plan.apply", None, "smb", "version 1, effective 2024-01, new plan, restated")]


def test_plan_that_is_not_in_the_file_stays(plans: Plans) -> None:
    plans.apply(SMB)
    plans.apply(SMB.replace("plans.smb", "plans.other"))
    assert [line.split("\t")[0] for line in plans.terminal.run("plans", "list").splitlines()] == ["other", "smb"]


def test_currency_of_a_plan_cannot_change(plans: Plans) -> None:
    plans.apply(SMB)
    before = plans.stored()
    error = plans.terminal.error("plans", "apply", plans.write(SMB.replace("USD", "EUR")))
    assert error == "Plan 'smb' has the currency USD, which cannot change to EUR. Add another plan."
    assert plans.stored() == before


def test_default_plan_applies_from_the_current_month(plans: Plans) -> None:
    assert plans.apply(f'default_plan = "smb"\n{SMB}')[-1] == f"default plan: smb, from {current_month()}"
    assert plans.apply('default_plan = "smb"') == [NOTHING]
    assert plans.apply(SMB) == [NOTHING]
    assert plans.apply('default_plan = ""') == [f"default plan: none, from {current_month()}"]
    assert plans.apply('default_plan = ""') == [NOTHING]
    assert [entry for entry in plans.entries() if entry[0] == "plan.default"] == [
        ("plan.default", None, "smb", f"from {current_month()}, before: none"),
        ("plan.default", None, "none", f"from {current_month()}, before: smb"),
    ]


def test_default_plan_prices_months_from_the_first_one_with_usage(plans: Plans) -> None:
    now = datetime.now(UTC)
    plans.terminal.run("orgs", "add", "acme")
    plans.terminal.run("orgs", "add", "unused")
    plans.terminal.run("ingest", plans.terminal.file("calls.jsonl", call_at(now)))
    plans.apply(f'default_plan = "smb"\n{PAST}', "--restate")
    days = f"{now - timedelta(days=40):%Y-%m-01}", f"{now + timedelta(days=1):%Y-%m-%d}"
    answer = json.loads(plans.terminal.run("costs", "--org", "acme", "--from", days[0], "--to", days[1], "--json"))
    assert [month["plan"] for month in answer["months"]][-1] == "smb"
    assert {month["plan"] for month in answer["months"][:-1]} == {None}
    assert answer["total"] == "10.12"
    assert "unused has no plan" in plans.terminal.run("costs", "--org", "unused")


def call_at(at: datetime) -> Json:
    return conversation("call-1", organization_id="acme", created_at=f"{at:%Y-%m-%d}T00:00:00Z")


def test_assignment_takes_the_place_of_the_default_plan(plans: Plans) -> None:
    now = datetime.now(UTC)
    plans.terminal.run("orgs", "add", "acme")
    plans.terminal.run("ingest", plans.terminal.file("calls.jsonl", call_at(now)))
    plans.apply(f'default_plan = "smb"\n{PAST}', "--restate")
    plans.terminal.run("plans", "assign", "acme", "--none")
    assert "acme has no plan" in plans.terminal.run("costs", "--org", "acme")


def test_list_shows_the_version_of_the_current_month_and_the_default(plans: Plans) -> None:
    assert plans.terminal.run("plans", "list") == ""
    plans.apply(f'default_plan = "smb"\n{PAST}', "--restate")
    plans.apply(SMB)
    plans.apply(SMB.replace("plans.smb", "plans.next"))
    assert [line.split("\t") for line in plans.terminal.run("plans", "list").splitlines()] == [
        ["next", "SMB", "USD", "2 charges", "version 1 of 1, effective 2099-01"],
        ["smb", "SMB", "USD", "2 charges", "version 1 of 2, effective 2024-01", "default plan"],
    ]


def test_show_prints_toml_that_apply_reads_as_equal(plans: Plans) -> None:
    plans.apply(Path(EXAMPLE).read_text().replace("2026-11", "2024-11"), "--restate")
    shown = plans.terminal.run("plans", "show", "smb")
    assert shown.startswith("# version 1\n[plans.smb]\n")
    original = tomllib.loads(Path(EXAMPLE).read_text())["plans"]["smb"]
    assert plans.apply(shown) == [NOTHING]
    decoded = tomllib.loads(shown)["plans"]["smb"]
    del original["charges"][1]["mode"]
    assert decoded == original | {"effective": "2024-11"}


def test_show_prints_the_newest_version_or_the_one_that_is_asked_for(plans: Plans) -> None:
    plans.apply(SMB)
    plans.apply(SMB.replace("10.00", "11.00"))
    assert 'fee = "11.00"' in plans.terminal.run("plans", "show", "smb")
    assert 'fee = "10.00"' in plans.terminal.run("plans", "show", "smb", "--version", "1")
    assert plans.terminal.error("plans", "show", "smb", "--version", "3") == (
        "Plan 'smb' has no version 3; it has versions 1 to 2."
    )
    assert plans.terminal.error("plans", "show", "none") == (
        "Plan 'none' does not exist; 'talkmeter plans list' shows all plans."
    )


def test_assign_starts_in_the_current_month_or_the_one_that_is_given(plans: Plans) -> None:
    plans.terminal.run("orgs", "add", "acme")
    plans.apply(SMB)
    month = current_month()
    assign = ("plans", "assign", "acme")
    assert plans.terminal.run(*assign, "smb") == f"acme has the plan smb from {month} on."
    assert plans.terminal.run(*assign, "smb", "--from", "2099-02") == "acme has the plan smb from 2099-02 on."
    assert plans.terminal.run(*assign, "--none", "--from", "2099-03") == "acme has no plan from 2099-03 on."
    assert plans.terminal.run(*assign, "smb", "--from", "2024-01", "--restate").endswith("from 2024-01 on.")
    assert plans.entries()[1:] == [
        ("plan.assign", "acme", "smb", f"from {month}, before: none"),
        ("plan.assign", "acme", "smb", "from 2099-02, before: smb"),
        ("plan.assign", "acme", "none", "from 2099-03, before: smb"),
        ("plan.assign", "acme", "smb", "from 2024-01, before: none, restated"),
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("acme",), "Give either PLAN_ID or --none."),
        (("acme", "smb", "--none"), "Give either PLAN_ID or --none."),
        (("acme", "other"), "Plan 'other' does not exist. Plans: smb."),
        (("unknown", "smb"), "Organization 'unknown' does not exist"),
        (("acme", "smb", "--from", "2099"), "'--from' must be a month from 1970-01 to 2099-12 such as 2026-11"),
        (("acme", "smb", "--from", "2024-01"), "An assignment would start in 2024-01, which changes the costs"),
    ],
)
def test_assignment_that_is_not_valid_is_rejected(plans: Plans, arguments: tuple[str, ...], sentence: str) -> None:
    plans.terminal.run("orgs", "add", "acme")
    plans.apply(SMB)
    assert plans.terminal.error("plans", "assign", *arguments).startswith(sentence)
    assert plans.terminal.rows("SELECT * FROM plan_assignment") == []


def test_damaged_plan_is_named_by_the_commands_that_need_it_and_by_verify(plans: Plans) -> None:
    plans.apply(SMB)
    plans.terminal.change("UPDATE plan_version SET content = '{'")
    sentence = "A row of the table plan_version is damaged (plan_id 'smb', version 1): Input data was truncated."
    assert plans.terminal.error("plans", "list") == sentence
    assert plans.terminal.error("plans", "apply", plans.write(SMB)) == sentence
    done = plans.terminal.execute("verify")
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, sentence)


def test_operator_key_is_listed_and_has_no_role_or_organization(plans: Plans) -> None:
    terminal = plans.terminal
    terminal.run("orgs", "add", "acme")
    key = terminal.run("keys", "add", "--operator", "--name", "billing")
    assert terminal.run("keys", "list").startswith(key.partition(".")[0])
    only = "An operator key only has the scopes operator:read and plans:manage; leave out --role and --scope."
    assert terminal.error("keys", "add", "--operator", "--role", "admin") == only
    assert terminal.error("keys", "add", "--operator", "--scope", "plans:manage") == only
    for other in (("--org", "acme"), ("--sender",)):
        error = terminal.error("keys", "add", "--operator", *other)
        assert error == "Give one of --org ORG_ID, --sender or --operator."


def test_key_of_an_organization_cannot_have_the_scope_plans_manage(plans: Plans) -> None:
    plans.terminal.run("orgs", "add", "acme")
    error = plans.terminal.error("keys", "add", "--org", "acme", "--scope", "plans:manage")
    assert error.startswith("Unknown scope plans:manage. Scopes: ")
    assert plans.terminal.run("keys", "list") == ""
