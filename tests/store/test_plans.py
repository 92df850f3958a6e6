"""SQLite's query plans: every statement searches an index within one organization and never scans a table."""

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest
from sqlalchemy.engine import make_url

import talkmeter.accounts
import talkmeter.billing
import talkmeter.budgets
import talkmeter.db
import talkmeter.ledger
import talkmeter.notify
import talkmeter.usage
from talkmeter.db.json_rows import JSON_SUBQUERY
from talkmeter.db.statements import Compiled
from talkmeter.db.tables import DISTRIBUTED
from talkmeter.period import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR
from talkmeter.records import Kind
from talkmeter.usage.filters import Filter, Group, group_statement, page_statement, sum_statement
from tests.store.ledger import FileLedger

SQLITE = make_url("sqlite://").get_dialect()()
ORGANIZATION_TABLES = {table.name for table in DISTRIBUTED}
LISTS = {
    "talkmeter.db.schema._READ": "one row, once per write transaction",
    "talkmeter.ledger.organizations._LIST": "all organizations, for the command line and for housekeeping",
    "talkmeter.ledger.organizations._WITH_USAGE": "all organizations, for verify",
    "talkmeter.ledger.parents._LIST": "one row for each organization with a parent, for the command line",
    "talkmeter.accounts.credentials._LIST": "all credentials, for the command line",
    "talkmeter.accounts.connectors._LIST": "all connectors, for the command line",
    "talkmeter.accounts.sessions._DELETE_EXPIRED_LINKS": "links of up to ten minutes, once per new link",
    "talkmeter.accounts.sessions._DELETE_EXPIRED": "sessions of up to a week, once per sign-in",
    "talkmeter.accounts.sessions._DELETE_LINKS": "links of up to ten minutes, for the command line",
    "talkmeter.accounts.sessions._DELETE_ALL_LINKS": "links of up to ten minutes, for the command line",
    "talkmeter.accounts.sessions._LIST": "all sessions, for the command line",
    "talkmeter.accounts.credential_uses._USES": "one row for each credential, for the command line",
    "talkmeter.usage.activity._NEWEST": "one row for each organization, for /metrics",
    "talkmeter.usage.activity._CONNECTORS": "all connectors, for /metrics",
    "talkmeter.usage.all_organizations._MONTH": "one row for each organization, for operators",
    "talkmeter.usage.all_organizations._DAYS": "daily totals of all organizations, for ranges of an operator",
    "talkmeter.usage.all_organizations._LAST_EVENTS": "one row for each organization, for operators",
    "talkmeter.usage.connectors._ACTIVE_DAYS_OF_MANY": "the connectors of one page of organizations",
    "talkmeter.billing.plans._VERSIONS": "all plans, which are few and shared by all organizations",
    "talkmeter.billing.plans._DEFAULTS": "one row for each change of the default plan",
    "talkmeter.budgets.evaluator._REVISIONS": "one row for each organization with budgets, once a second",
    "talkmeter.notify.deliveries._DUE_ORGANIZATIONS": "pending deliveries, once a second in the background",
    "talkmeter.notify.deliveries._OLDEST": "pending deliveries, for /metrics",
    "talkmeter.notify.webhooks._ALL": "all webhooks, for the command line",
    "talkmeter.accounts.credentials._DELETE_NAMED": "credentials of the demo, once at its start",
}
PARTIAL_DAYS = "talkmeter.usage.days._SCANS[4]"
ONE_RANGE = "talkmeter.usage.days._TOTALS[1]"


PACKAGES = (
    talkmeter.db,
    talkmeter.accounts,
    talkmeter.ledger,
    talkmeter.usage,
    talkmeter.notify,
    talkmeter.billing,
    talkmeter.budgets,
)


def compiled_statements() -> Iterator[tuple[str, Compiled]]:
    """Yield every statement of the packages that contain SQL, with the name of its constant."""
    for package in PACKAGES:
        for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            for name, value in vars(importlib.import_module(info.name)).items():
                members = value.items() if isinstance(value, dict) else [(None, value)]
                for key, member in members:
                    if isinstance(member, Compiled):
                        yield f"{info.name}.{name}" + ("" if key is None else f"[{key}]"), member


STATEMENTS = dict(compiled_statements())


@pytest.fixture
def ledger(file_ledger: FileLedger) -> FileLedger:
    """A ledger on SQLite, whose plans these tests compare."""
    return file_ledger


def explain(ledger: FileLedger, sql: str) -> list[str]:
    """Return the steps of a statement's query plan."""
    with ledger.raw_connection() as connection:
        steps = connection.execute(f"EXPLAIN QUERY PLAN {sql}", [None] * sql.count("?"))
        return [str(detail) for *_, detail in steps]


def plan_of(ledger: FileLedger, name: str) -> list[str]:
    """Return the steps that read tables; temporary trees for sorting contain rows of one organization only."""
    steps = explain(ledger, STATEMENTS[name].text(SQLITE, expanded=2))
    # The JSON subquery reads the rows that the other steps found.
    return [step for step in steps if step.startswith(("SEARCH", "SCAN")) and step != f"SCAN {JSON_SUBQUERY}"]


def test_statements_are_found() -> None:
    assert len(STATEMENTS) > 25
    assert PARTIAL_DAYS in STATEMENTS
    assert LISTS.keys() <= STATEMENTS.keys()


@pytest.mark.parametrize("name", [name for name in STATEMENTS if name not in LISTS])
def test_statement_uses_an_index_and_scans_no_table(ledger: FileLedger, name: str) -> None:
    steps = plan_of(ledger, name)

    assert steps
    for step in steps:
        assert re.match(r"SEARCH \w+ USING (COVERING INDEX|INDEX|PRIMARY KEY) ", step), step


@pytest.mark.parametrize("name", [name for name in STATEMENTS if name not in LISTS])
def test_statement_on_usage_tables_reads_one_organization(ledger: FileLedger, name: str) -> None:
    for step in plan_of(ledger, name):
        _, table, *_ = step.split()
        assert table not in ORGANIZATION_TABLES or "(org_id=?" in step, step


def test_partial_days_use_covering_indexes_and_stale_calls_their_own_index(ledger: FileLedger) -> None:
    calls = "SEARCH conversation USING COVERING INDEX conversation_window (org_id=? AND created_at>? AND created_at<?)"
    runs = (
        "SEARCH workflow_execution USING COVERING INDEX workflow_execution_window "
        "(org_id=? AND created_at>? AND created_at<?)"
    )
    stale = "SEARCH conversation USING INDEX conversation_live (org_id=? AND time<?)"

    retained = "SEARCH organization USING INDEX sqlite_autoindex_organization_1 (org_id=?)"
    assert plan_of(ledger, PARTIAL_DAYS) == [calls, runs] * 4 + [stale, retained]


def test_month_of_all_organizations_is_one_range_of_the_key(ledger: FileLedger) -> None:
    month = plan_of(ledger, "talkmeter.usage.all_organizations._MONTH")
    one = plan_of(ledger, "talkmeter.usage.all_organizations._ONE")

    assert month == ["SEARCH usage_monthly USING PRIMARY KEY (month=?)"]
    assert one == ["SEARCH usage_daily USING PRIMARY KEY (org_id=? AND dimension=? AND day>? AND day<?)"]


def test_days_of_a_window_are_one_range_of_the_key(ledger: FileLedger) -> None:
    days, *first_and_last = plan_of(ledger, ONE_RANGE)

    assert days == "SEARCH usage_daily USING PRIMARY KEY (org_id=? AND dimension=? AND day>? AND day<?)"
    assert first_and_last == ["SEARCH usage_daily USING PRIMARY KEY (org_id=? AND dimension=?)"] * 2


def test_newest_stale_call_is_found_at_one_end_of_its_index(ledger: FileLedger) -> None:
    organization, stale = plan_of(ledger, "talkmeter.usage.revision._REVISION")

    assert organization == "SEARCH organization USING INDEX sqlite_autoindex_organization_1 (org_id=?)"
    assert stale == "SEARCH conversation USING INDEX conversation_live (org_id=? AND time<?)"


CONNECTORS = "SEARCH connector USING INDEX connector_organization (org_id=?)"
OUTCOMES = "SEARCH connector_outcome USING INDEX sqlite_autoindex_connector_outcome_1"
OUTCOMES_BACKWARDS = "SEARCH latest USING COVERING INDEX sqlite_autoindex_connector_outcome_1 (connector_id=?)"


def test_days_of_each_connector_are_one_range_of_the_key(ledger: FileLedger) -> None:
    present = plan_of(ledger, "talkmeter.usage.connectors._TALLIES")
    last = plan_of(ledger, "talkmeter.usage.connectors._ACTIVE_DAYS")

    assert present == [CONNECTORS, f"{OUTCOMES} (connector_id=? AND day>? AND day<?)"]
    assert last == [CONNECTORS, f"{OUTCOMES} (connector_id=? AND day>?)", OUTCOMES_BACKWARDS]


def test_open_conversations_use_the_index_of_live_ones(ledger: FileLedger) -> None:
    (live,) = plan_of(ledger, "talkmeter.usage.connectors._OPEN")

    assert live == "SEARCH conversation USING INDEX conversation_live (org_id=?)"


FILTERS = {
    "all calls": Filter(Kind.CONVERSATION),
    "calls of an agent": Filter(Kind.CONVERSATION, (("agent", "ann"),)),
    "inbound calls without a number": Filter(Kind.CONVERSATION, (("number", ""), ("direction", "inbound"))),
    "calls with a duration": Filter(Kind.CONVERSATION, has_duration=True),
    "live calls": Filter(Kind.CONVERSATION, live=True),
    "stale calls": Filter(Kind.CONVERSATION, stale=True),
    "all runs": Filter(Kind.WORKFLOW_EXECUTION),
    "failed runs of a workflow": Filter(Kind.WORKFLOW_EXECUTION, (("workflow", "w"), ("run_status", "failed"))),
}


@pytest.mark.parametrize("wanted", FILTERS.values(), ids=FILTERS)
def test_page_of_records_reads_an_index_in_order_without_sorting(ledger: FileLedger, wanted: Filter) -> None:
    steps = explain(ledger, page_statement(wanted).text(SQLITE))
    table = wanted.kind.value

    assert steps == [f"SEARCH {table} USING INDEX {table}_window (org_id=? AND created_at>? AND created_at<?)"]


@pytest.mark.parametrize("wanted", FILTERS.values(), ids=FILTERS)
def test_sum_of_filtered_records_is_one_scan_of_the_window(ledger: FileLedger, wanted: Filter) -> None:
    steps = explain(ledger, sum_statement(wanted).text(SQLITE))

    assert re.match(r"SEARCH \w+ USING (COVERING )?INDEX \w+_window \(org_id=\? AND created_at>\?", steps[0])
    assert [step for step in steps[1:] if "SCAN" in step] == []


GROUPS = {
    "hours": Group(MICROSECONDS_PER_HOUR),
    "values": Group(dimension="agent"),
    "days of values": Group(MICROSECONDS_PER_DAY, "agent"),
}


@pytest.mark.parametrize("group", GROUPS.values(), ids=GROUPS)
@pytest.mark.parametrize("wanted", FILTERS.values(), ids=FILTERS)
def test_groups_of_filtered_records_are_one_scan_of_the_window(
    ledger: FileLedger, wanted: Filter, group: Group
) -> None:
    if group.dimension and wanted.kind is Kind.WORKFLOW_EXECUTION:
        group = group._replace(dimension="run_status")
    steps = explain(ledger, group_statement(wanted, group).text(SQLITE))
    reads = [step for step in steps if step.startswith(("SEARCH", "SCAN")) and step != f"SCAN {JSON_SUBQUERY}"]

    assert len(reads) == 1
    assert re.match(r"SEARCH \w+ USING (COVERING )?INDEX \w+_window \(org_id=\? AND created_at>\?", reads[0])


def test_stale_calls_of_a_value_use_the_index_of_live_ones(ledger: FileLedger) -> None:
    names = [name for name in STATEMENTS if name.startswith("talkmeter.usage.filtered._STALE")]

    assert len(names) == 8
    for name in names:
        assert plan_of(ledger, name) == ["SEARCH conversation USING INDEX conversation_live (org_id=? AND time<?)"]


def test_winning_states_are_found_by_their_complete_key(ledger: FileLedger) -> None:
    steps = {name: plan_of(ledger, name) for name in STATEMENTS if name.startswith("talkmeter.ledger.states._WINNERS")}

    assert len(steps) == 6
    for name, (step,) in steps.items():
        inventory = "conversation" not in name and "workflow" not in name
        assert ("(org_id=? AND kind=? AND id=?)" if inventory else "(org_id=? AND id=?)") in step


def test_next_keys_of_the_history_are_found_by_index(ledger: FileLedger) -> None:
    (step,) = plan_of(ledger, "talkmeter.ledger.history._KEYS_AFTER")

    assert re.search(r"\(org_id=\? AND \(?kind", step), step


def test_calls_of_a_conversation_and_conversations_of_a_call_are_found_by_key(ledger: FileLedger) -> None:
    (calls,) = plan_of(ledger, "talkmeter.ledger.call_links._CALLS")
    (members,) = plan_of(ledger, "talkmeter.ledger.call_links._MEMBERS")

    assert calls == "SEARCH conversation_link USING COVERING INDEX conversation_link_id (org_id=? AND id=?)"
    assert members == "SEARCH conversation_link USING PRIMARY KEY (org_id=? AND call=?)"


def test_inventory_days_are_found_by_item_and_day(ledger: FileLedger) -> None:
    steps = plan_of(ledger, "talkmeter.usage.inventory_days._DAYS")

    assert steps == [
        "SEARCH inventory_item USING INDEX sqlite_autoindex_inventory_item_1 (org_id=? AND kind=?)",
        "SEARCH inventory_day USING PRIMARY KEY (org_id=? AND kind=? AND id=? AND day>? AND day<?) LEFT-JOIN",
        "SEARCH earlier USING PRIMARY KEY (org_id=? AND kind=? AND id=? AND day<?)",
    ]
    (stored,) = plan_of(ledger, "talkmeter.ledger.inventory_days._STORED")
    assert stored == "SEARCH inventory_day USING PRIMARY KEY (org_id=? AND kind=? AND id=? AND day=?)"


def test_unfilled_days_are_one_range_of_the_key(ledger: FileLedger) -> None:
    (days,) = plan_of(ledger, "talkmeter.ledger.billed_durations._DAYS")
    (values,) = plan_of(ledger, "talkmeter.ledger.billed_durations._VALUES")

    assert days == "SEARCH usage_daily USING PRIMARY KEY (org_id=? AND dimension=?)"
    assert values == "SEARCH usage_daily USING PRIMARY KEY (org_id=? AND dimension=? AND day>? AND day<?)"


def test_due_deliveries_are_found_in_the_index_of_pending_ones(ledger: FileLedger) -> None:
    (every,) = plan_of(ledger, "talkmeter.notify.deliveries._DUE_ORGANIZATIONS")
    steps = explain(ledger, STATEMENTS["talkmeter.notify.deliveries._DUE"].text(SQLITE))

    assert every == "SCAN delivery USING INDEX delivery_due"
    assert any("USING INDEX delivery_due (org_id=?" in step for step in steps), steps
    assert not any("delivery_pk" in step or "autoindex" in step for step in steps)
