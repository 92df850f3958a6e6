"""docs/how-to/budgets.md matches the program: its commands, fields and responses."""

import json
import re
from pathlib import Path

from talkmeter.budgets.budget import METRICS, Budget
from talkmeter.budgets.store import MAX_BUDGETS
from tests.api.organizations import new_organization
from tests.docs.documents import read
from tests.docs.shell import run_script
from tests.servers import running_server

BUDGETS = read("docs/how-to/budgets.md")


def test_commands_work_and_get_the_responses_shown(tmp_path: Path) -> None:
    with running_server(tmp_path) as server, new_organization(server) as org:
        for line in BUDGETS.section("Create a budget").blocks("")[0].splitlines():
            server.cli(*(text.strip('"') for text in re.findall(r'"[^"]*"|\S+', line.replace("acme", org.id))[1:]))
        variables = {"TALKMETER_URL": server.url, "TALKMETER_KEY": org.key}
        created, checked = (json.loads(run_script(command, tmp_path, variables)) for command in BUDGETS.blocks("sh"))
        [shown] = BUDGETS.blocks("json")
    assert created["budget"]["filter"] == {"agent": "ann"}
    assert checked == {**json.loads(shown), "resets_at": checked["resets_at"]}
    assert set(checked) == set(json.loads(shown))


def test_table_of_fields_matches_the_code() -> None:
    rows = {row[0].strip("`"): row[1] for row in BUDGETS.section("Create a budget").rows()}
    assert list(rows) == list(Budget.__struct_fields__)
    listed = re.findall(r"`([\w:]+)`", rows["metric"])
    assert listed == list(METRICS)
    assert f"at most {MAX_BUDGETS} budgets" in BUDGETS.section("Create a budget").text
