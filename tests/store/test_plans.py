"""How SQLite runs each statement: by an index, within one organization, never by reading a whole table."""

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest
from sqlalchemy.engine import make_url

import talkmeter.accounts
import talkmeter.db
import talkmeter.ledger
import talkmeter.usage
from talkmeter.db.json_rows import JSON_SUBQUERY
from talkmeter.db.statements import Compiled
from talkmeter.db.tables import DISTRIBUTED
from talkmeter.records import Kind
from talkmeter.usage.filters import Filter, page_statement, sum_statement
from tests.store.ledger import FileLedger

SQLITE = make_url("sqlite://").get_dialect()()
ORGANIZATION_TABLES = {table.name for table in DISTRIBUTED}
LISTS = {
    "talkmeter.ledger.organizations._LIST": "all organizations, for the command line and for housekeeping",
    "talkmeter.accounts.credentials._LIST": "all credentials, for the command line",
    "talkmeter.accounts.connectors._LIST": "all connectors, for the command line",
    "talkmeter.accounts.sessions._DELETE_EXPIRED_LINKS": "links of ten minutes, once for each new one",
    "talkmeter.accounts.sessions._DELETE_EXPIRED": "sessions of a week at the longest, once for each sign-in",
    "talkmeter.accounts.credentials._DELETE_NAMED": "the demonstration's own, once at its start",
}
RAGGED_ENDS = "talkmeter.usage.days._SCANS[4]"
ONE_RANGE = "talkmeter.usage.days._TOTALS[1]"


def compiled_statements() -> Iterator[tuple[str, Compiled]]:
    """Every statement of the packages that contain SQL, by the name of the constant that holds it."""
    for package in (talkmeter.db, talkmeter.accounts, talkmeter.ledger, talkmeter.usage):
        for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            for name, value in vars(importlib.import_module(info.name)).items():
                held = value.items() if isinstance(value, dict) else [("", value)]
                for key, one in held:
                    if isinstance(one, Compiled):
                        yield f"{info.name}.{name}" + (f"[{key}]" if key else ""), one


STATEMENTS = dict(compiled_statements())


@pytest.fixture
def ledger(file_ledger: FileLedger) -> FileLedger:
    """In a file: every database explains in words of its own."""
    return file_ledger


def explained(ledger: FileLedger, sql: str) -> list[str]:
    """Every step of a statement."""
    with ledger.plain() as connection:
        steps = connection.execute(f"EXPLAIN QUERY PLAN {sql}", [None] * sql.count("?"))
        return [str(detail) for *_, detail in steps]


def plan_of(ledger: FileLedger, name: str) -> list[str]:
    """The steps that touch tables; where sorting needs a temporary tree it is of one organization's rows."""
    steps = explained(ledger, STATEMENTS[name].text(SQLITE, expanded=2))
    # What is handed over as one is what the other steps found.
    return [step for step in steps if step.startswith(("SEARCH", "SCAN")) and step != f"SCAN {JSON_SUBQUERY}"]


def test_the_statements_are_found() -> None:
    assert len(STATEMENTS) > 25
    assert RAGGED_ENDS in STATEMENTS
    assert LISTS.keys() <= STATEMENTS.keys()


@pytest.mark.parametrize("name", [name for name in STATEMENTS if name not in LISTS])
def test_a_statement_searches_by_an_index_and_scans_no_table(ledger: FileLedger, name: str) -> None:
    steps = plan_of(ledger, name)

    assert steps
    for step in steps:
        assert re.match(r"SEARCH \w+ USING (COVERING INDEX|INDEX|PRIMARY KEY) ", step), step


@pytest.mark.parametrize("name", [name for name in STATEMENTS if name not in LISTS])
def test_a_statement_on_usage_reads_one_organization(ledger: FileLedger, name: str) -> None:
    for step in plan_of(ledger, name):
        _, table, *_ = step.split()
        assert table not in ORGANIZATION_TABLES or "(org_id=?" in step, step


def test_the_ragged_ends_of_a_window_are_read_from_covering_indexes_and_silent_calls_from_their_own(
    ledger: FileLedger,
) -> None:
    calls = "SEARCH conversation USING COVERING INDEX conversation_window (org_id=? AND created_at>? AND created_at<?)"
    runs = (
        "SEARCH workflow_execution USING COVERING INDEX workflow_execution_window "
        "(org_id=? AND created_at>? AND created_at<?)"
    )
    silent = "SEARCH conversation USING INDEX conversation_live (org_id=? AND time<?)"

    assert plan_of(ledger, RAGGED_ENDS) == [calls, runs] * 4 + [silent]


def test_the_days_of_a_window_are_read_in_one_range_of_the_key(ledger: FileLedger) -> None:
    days, *outermost = plan_of(ledger, ONE_RANGE)

    assert days == "SEARCH usage_daily USING PRIMARY KEY (org_id=? AND dimension=? AND day>? AND day<?)"
    assert outermost == ["SEARCH usage_daily USING PRIMARY KEY (org_id=? AND dimension=?)"] * 2


def test_the_newest_silent_call_is_found_at_one_end_of_its_index(ledger: FileLedger) -> None:
    organization, silent = plan_of(ledger, "talkmeter.usage.revision._REVISION")

    assert organization == "SEARCH organization USING INDEX sqlite_autoindex_organization_1 (org_id=?)"
    assert silent == "SEARCH conversation USING INDEX conversation_live (org_id=? AND time<?)"


CONNECTORS = "SEARCH connector USING INDEX connector_organization (org_id=?)"
OUTCOMES = "SEARCH connector_outcome USING INDEX sqlite_autoindex_connector_outcome_1"
OUTCOMES_BACKWARDS = "SEARCH latest USING COVERING INDEX sqlite_autoindex_connector_outcome_1 (connector_id=?)"


def test_the_days_of_connectors_are_read_in_one_range_of_the_key_for_each(ledger: FileLedger) -> None:
    present = plan_of(ledger, "talkmeter.usage.connectors._TALLIES")
    last = plan_of(ledger, "talkmeter.usage.connectors._ACTIVE_DAYS")

    assert present == [CONNECTORS, f"{OUTCOMES} (connector_id=? AND day>? AND day<?)"]
    assert last == [CONNECTORS, f"{OUTCOMES} (connector_id=? AND day>?)", OUTCOMES_BACKWARDS]


def test_open_conversations_are_found_among_the_live_ones(ledger: FileLedger) -> None:
    (live,) = plan_of(ledger, "talkmeter.usage.connectors._OPEN")

    assert live == "SEARCH conversation USING INDEX conversation_live (org_id=?)"


FILTERS = {
    "all calls": Filter(Kind.CONVERSATION),
    "calls of an agent": Filter(Kind.CONVERSATION, (("agent", "ann"),)),
    "inbound calls without a number": Filter(Kind.CONVERSATION, (("number", ""), ("direction", "inbound"))),
    "calls with a duration": Filter(Kind.CONVERSATION, has_duration=True),
    "live calls": Filter(Kind.CONVERSATION, live=True),
    "silent calls": Filter(Kind.CONVERSATION, stale=True),
    "all runs": Filter(Kind.WORKFLOW_EXECUTION),
    "failed runs of a workflow": Filter(Kind.WORKFLOW_EXECUTION, (("workflow", "w"), ("run_status", "failed"))),
}


@pytest.mark.parametrize("wanted", FILTERS.values(), ids=FILTERS)
def test_a_page_of_records_goes_on_in_the_index_of_its_order_and_sorts_nothing(
    ledger: FileLedger, wanted: Filter
) -> None:
    steps = explained(ledger, page_statement(wanted).text(SQLITE))
    table = wanted.kind.value

    assert steps == [f"SEARCH {table} USING INDEX {table}_window (org_id=? AND created_at>? AND created_at<?)"]


@pytest.mark.parametrize("wanted", FILTERS.values(), ids=FILTERS)
def test_what_the_records_of_a_filter_come_to_is_one_scan_of_the_window(ledger: FileLedger, wanted: Filter) -> None:
    steps = explained(ledger, sum_statement(wanted).text(SQLITE))

    assert re.match(r"SEARCH \w+ USING (COVERING )?INDEX \w+_window \(org_id=\? AND created_at>\?", steps[0])
    assert [step for step in steps[1:] if "SCAN" in step] == []


def test_winners_are_found_by_their_whole_key(ledger: FileLedger) -> None:
    steps = {name: plan_of(ledger, name) for name in STATEMENTS if name.startswith("talkmeter.ledger.states._WINNERS")}

    assert len(steps) == 6
    for name, (step,) in steps.items():
        inventory = "conversation" not in name and "workflow" not in name
        assert ("(org_id=? AND kind=? AND id=?)" if inventory else "(org_id=? AND id=?)") in step


def test_history_is_walked_from_key_to_key_and_not_from_its_beginning(ledger: FileLedger) -> None:
    (step,) = plan_of(ledger, "talkmeter.ledger.history._KEYS_AFTER")

    assert re.search(r"\(org_id=\? AND \(?kind", step), step


def test_the_names_of_a_conversation_and_the_conversations_of_a_name_are_found_by_their_keys(
    ledger: FileLedger,
) -> None:
    (names,) = plan_of(ledger, "talkmeter.ledger.call_links._CALLS")
    (members,) = plan_of(ledger, "talkmeter.ledger.call_links._MEMBERS")

    assert names == "SEARCH conversation_link USING COVERING INDEX conversation_link_id (org_id=? AND id=?)"
    assert members == "SEARCH conversation_link USING PRIMARY KEY (org_id=? AND call=?)"
