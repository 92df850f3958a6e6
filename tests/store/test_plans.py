"""How SQLite runs each statement: by an index, within one organization, never by reading a whole table."""

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest
from sqlalchemy.engine import make_url

import talkmeter.ledger
import talkmeter.usage
from talkmeter.ledger.statements import Compiled
from talkmeter.ledger.tables import DISTRIBUTED
from tests.store.ledger import Ledger

SQLITE = make_url("sqlite://").get_dialect()()
ORGANIZATION_TABLES = {table.name for table in DISTRIBUTED}
LISTS = {
    "talkmeter.ledger.organizations._LIST": "all organizations, for the command line and for housekeeping",
    "talkmeter.ledger.credentials._LIST": "all credentials, for the command line",
    "talkmeter.ledger.sessions._DROP_OLD_LINKS": "links of ten minutes, once for each new one",
    "talkmeter.ledger.sessions._DROP_OLD": "sessions of a week at the longest, once for each sign-in",
    "talkmeter.ledger.credentials._DELETE_NAMED": "the demonstration's own, once at its start",
}
RAGGED_ENDS = "talkmeter.usage.days._SCAN"


def compiled_statements() -> Iterator[tuple[str, Compiled]]:
    """Every statement of `ledger` and `usage`, by the name of the constant that holds it."""
    for package in (talkmeter.ledger, talkmeter.usage):
        for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            for name, value in vars(importlib.import_module(info.name)).items():
                held = value.items() if isinstance(value, dict) else [("", value)]
                for key, one in held:
                    if isinstance(one, Compiled):
                        yield f"{info.name}.{name}" + (f"[{key}]" if key else ""), one


STATEMENTS = dict(compiled_statements())


def plan_of(ledger: Ledger, name: str) -> list[str]:
    """The steps that touch tables; where sorting needs a temporary tree it is of one organization's rows."""
    sql = STATEMENTS[name].text(SQLITE, expanded=2)
    steps = ledger.rows(f"EXPLAIN QUERY PLAN {sql}", *[None] * sql.count("?"))
    return [detail for *_, detail in steps if detail.startswith(("SEARCH", "SCAN"))]


def test_the_statements_are_found() -> None:
    assert len(STATEMENTS) > 25
    assert RAGGED_ENDS in STATEMENTS
    assert LISTS.keys() <= STATEMENTS.keys()


@pytest.mark.parametrize("name", [name for name in STATEMENTS if name not in LISTS])
def test_a_statement_searches_by_an_index_and_scans_no_table(ledger: Ledger, name: str) -> None:
    steps = plan_of(ledger, name)

    assert steps
    for step in steps:
        assert re.match(r"SEARCH \w+ USING (COVERING INDEX|INDEX|PRIMARY KEY) ", step), step


@pytest.mark.parametrize("name", [name for name in STATEMENTS if name not in LISTS])
def test_a_statement_on_usage_reads_one_organization(ledger: Ledger, name: str) -> None:
    for step in plan_of(ledger, name):
        _, table, *_ = step.split()
        assert table not in ORGANIZATION_TABLES or "(org_id=?" in step, step


def test_the_ragged_ends_of_a_window_are_read_from_covering_indexes_alone(ledger: Ledger) -> None:
    calls = "SEARCH conversation USING COVERING INDEX conversation_window (org_id=? AND created_at>? AND created_at<?)"
    runs = (
        "SEARCH workflow_execution USING COVERING INDEX workflow_execution_window "
        "(org_id=? AND created_at>? AND created_at<?)"
    )

    assert plan_of(ledger, RAGGED_ENDS) == [calls, runs, calls, runs]


def test_the_days_of_a_window_are_read_in_one_range_of_the_key(ledger: Ledger) -> None:
    (step,) = plan_of(ledger, "talkmeter.usage.days._TOTALS")

    assert step == "SEARCH usage_daily USING PRIMARY KEY (org_id=? AND dimension=? AND day>? AND day<?)"


def test_winners_are_found_by_their_whole_key(ledger: Ledger) -> None:
    steps = {name: plan_of(ledger, name) for name in STATEMENTS if name.startswith("talkmeter.ledger.winners._WINNERS")}

    assert len(steps) == 6
    for name, (step,) in steps.items():
        inventory = "conversation" not in name and "workflow" not in name
        assert ("(org_id=? AND kind=? AND id=?)" if inventory else "(org_id=? AND id=?)") in step


def test_history_is_walked_from_key_to_key_and_not_from_its_beginning(ledger: Ledger) -> None:
    (step,) = plan_of(ledger, "talkmeter.ledger.history._KEYS_AFTER")

    assert re.search(r"\(org_id=\? AND \(?kind", step), step
