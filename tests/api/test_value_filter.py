"""Answers of one agent, number, widget, channel or workflow; searching and paging of breakdowns."""

import csv
from io import StringIO

import pytest

from tests.api.march_usage import WINDOW, call
from tests.api.organizations import Answer, OrganizationClient
from tests.api.queries import Query, get_answer, get_error, get_response
from tests.events import event

CALLS_OF_AN_AGENT: Query = {**WINDOW, "agent": "agent-1"}
RUN_FIELDS = {"workflow_runs_total", "workflow_runs_success", "workflow_runs_failed", "live_runs"}
INVENTORY = {"total_agents", "total_phone_numbers", "shared_phone_numbers", "total_web_widgets", "total_datasets"}


def values_of(answer: Answer) -> list[tuple[str | None, int]]:
    return [(row["value"], row["total_calls"]) for row in answer["rows"]]


def csv_of(org: OrganizationClient, query: Query) -> tuple[str, list[dict[str, str]]]:
    """Return the file name and the rows of an export."""
    response = get_response(org, "export", query)
    assert response.status_code == 200, response.text
    name = response.headers["Content-Disposition"].removeprefix('attachment; filename="').removesuffix('"')
    return name.removeprefix(f"talkmeter-{org.id}-"), list(csv.DictReader(StringIO(response.text.lstrip("\ufeff"))))


def test_summary_of_an_agent_has_its_calls_only(known: OrganizationClient) -> None:
    answer = get_answer(known, "summary", {**CALLS_OF_AN_AGENT, "compare": "previous"})
    assert answer["filter"] == {"by": "agent", "value": "agent-1", "name": "Reception"}
    assert (answer["total_calls"], answer["voice_minutes"], answer["live_calls"], answer["stale_calls"]) == (
        3,
        1.51,
        1,
        1,
    )
    assert (RUN_FIELDS | INVENTORY).isdisjoint(answer)
    assert {day["day"]: day["calls"] for day in answer["daily"] if day["calls"]} == {
        "2026-03-03": 1,
        "2026-03-04": 1,
        "2026-03-10": 1,
    }
    assert {"workflow_runs", "workflow_runs_success"}.isdisjoint(answer["daily"][0])
    comparison = answer["comparison"]
    assert comparison["figures"]["total_calls"] == {"now": 3, "then": 1, "change": 2, "change_percent": 200.0}
    assert [day["from"][:10] for day in comparison["daily"] if day["calls"]] == ["2026-02-20"]


def test_summary_of_a_workflow_has_its_runs_only(known: OrganizationClient) -> None:
    answer = get_answer(known, "summary", {**WINDOW, "workflow": "workflow-1", "compare": "previous"})
    assert answer["filter"] == {"by": "workflow", "value": "workflow-1", "name": None}
    assert {name: answer[name] for name in RUN_FIELDS} == {
        "workflow_runs_total": 2,
        "workflow_runs_success": 1,
        "workflow_runs_failed": 1,
        "live_runs": 0,
    }
    assert answer.keys() == RUN_FIELDS | {"from", "to", "last_event_at", "filter", "comparison", "daily"}
    assert answer["daily"][1].keys() == {
        *("day", "workflow_runs", "workflow_runs_success", "workflow_runs_failed", "state", "changed_at")
    }
    assert answer["comparison"]["figures"].keys() == RUN_FIELDS - {"live_runs"}


def test_days_of_a_filtered_summary_have_the_state_of_the_organization(known: OrganizationClient) -> None:
    everything = get_answer(known, "summary", WINDOW)["daily"]
    filtered = get_answer(known, "summary", {**WINDOW, "agent": "nobody"})["daily"]
    assert [(day["state"], day["changed_at"]) for day in filtered] == [
        (day["state"], day["changed_at"]) for day in everything
    ]
    assert sum(day["calls"] for day in filtered) == 0


UNSUPPORTED: dict[str, tuple[str, Query, str]] = {
    "summary of a direction": ("summary", {"direction": "inbound"}, "Unknown parameter 'direction'. Allowed: from, to"),
    "summary by week": ("summary", {"interval": "week"}, "Unknown parameter 'interval'. Allowed: from, to"),
    "summary of two filters": ("summary", {"agent": "a", "workflow": "w"}, "Give at most one of agent, number, "),
    "misspelled filter": ("summary", {"agnet": "a"}, "Unknown parameter 'agnet'. Allowed: from, to, compare, agent, "),
    "summary with a search": ("summary", {"search": "a"}, "Unknown parameter 'search'. Allowed: from, to"),
    "connectors of an agent": ("connectors", {"agent": "a"}, "Unknown parameter 'agent'. Allowed: none."),
    "inventory of an agent": ("inventory", {"agent": "a", "kind": "agent"}, "Unknown parameter 'agent'. Allowed: "),
}


@pytest.mark.parametrize(("endpoint", "query", "sentence"), UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_unsupported_parameter_is_rejected_and_never_ignored(
    known: OrganizationClient, endpoint: str, query: Query, sentence: str
) -> None:
    assert get_error(known, endpoint, query).startswith(sentence)


def test_filtered_breakdown_counts_only_matching_calls(known: OrganizationClient) -> None:
    query = {**CALLS_OF_AN_AGENT, "by": "number", "interval": "week", "compare": "previous"}
    answer = get_answer(known, "breakdown", query)
    assert answer["filter"] == {"by": "agent", "value": "agent-1", "name": "Reception"}
    assert values_of(answer) == [("+15550001", 2), ("+15550002", 1)]
    assert [(row["name"], row["share"], row["series"]) for row in answer["rows"]] == [
        ("Main line", 0.6667, [2, 0]),
        (None, 0.3333, [0, 1]),
    ]
    then = [row["comparison"]["total_calls"]["then"] for row in (*answer["rows"], answer["others"])]
    assert (answer["others"]["total_calls"], answer["others"]["values"], then) == (0, 0, [0, 0, 1])
    assert get_answer(known, "breakdown", {**WINDOW, "by": "run_status", "workflow": "workflow-1"})["values"] == 2


def test_records_of_a_filtered_row_add_up_to_it(known: OrganizationClient) -> None:
    answer = get_answer(known, "breakdown", {**CALLS_OF_AN_AGENT, "by": "number"})
    for row in answer["rows"]:
        records = get_answer(known, "records", {**CALLS_OF_AN_AGENT, "kind": "conversation", "number": row["value"]})
        assert records["totals"] == {name: row[name] for name in records["totals"]}


def test_search_finds_names_and_ids_in_any_case(known: OrganizationClient) -> None:
    by_agent = {**WINDOW, "by": "agent"}
    assert values_of(get_answer(known, "breakdown", {**by_agent, "search": "RECEP"})) == [("agent-1", 3)]
    assert values_of(get_answer(known, "breakdown", {**by_agent, "search": "Agent-"})) == [
        ("agent-1", 3),
        ("agent-2", 2),
    ]
    answer = get_answer(known, "breakdown", {**by_agent, "search": "nobody"})
    assert (answer["rows"], answer["values"], answer["others"]["values"]) == ([], 0, 3)
    assert answer["others"]["total_calls"] == get_answer(known, "summary", WINDOW)["total_calls"]


def test_pages_of_a_breakdown_contain_every_row_once_and_add_up(org: OrganizationClient) -> None:
    org.send(*(call("03-03", f"c{number}", agent_id=f"agent-{number % 7}", duration=number) for number in range(40)))
    query: Query = {**WINDOW, "by": "agent", "limit": "3", "interval": "day", "compare": "previous"}
    total = get_answer(org, "summary", WINDOW)["total_calls"]
    rows: list[tuple[str | None, int]] = []
    cursor = None
    while True:
        answer = get_answer(org, "breakdown", query | ({} if cursor is None else {"cursor": cursor}))
        rows += values_of(answer)
        assert answer["values"] == 7
        assert answer["others"]["values"] == 7 - len(rows)
        assert sum(calls for _, calls in rows) + answer["others"]["total_calls"] == total
        assert (answer["others"]["series"] is None) == (cursor is not None)
        assert not answer["changed"]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert rows == values_of(get_answer(org, "breakdown", {**WINDOW, "by": "agent"}))


def test_later_page_says_that_usage_changed_and_needs_its_own_query(org: OrganizationClient) -> None:
    org.send(*(call("03-03", f"c{number}", agent_id=f"agent-{number}") for number in range(3)))
    query: Query = {**WINDOW, "by": "agent", "limit": "1"}
    cursor = get_answer(org, "breakdown", query)["next_cursor"]
    org.send(event("agent.updated", {"id": "agent-1", "name": "Sales"}))
    assert get_answer(org, "breakdown", {**query, "cursor": cursor})["changed"]
    for other in ({"by": "number"}, {"order": "voice"}, {"search": "a"}, {"channel": "text"}, {"interval": "day"}):
        sentence = get_error(org, "breakdown", {**query, "cursor": cursor, **other})
        assert sentence.startswith("'cursor' does not belong to this query")


def test_filtered_export_has_matching_rows_and_names_the_filter(known: OrganizationClient) -> None:
    name, days = csv_of(known, {**CALLS_OF_AN_AGENT, "of": "daily"})
    assert name == "2026-03-02-to-2026-03-15-daily-agent-agent-1.csv"
    assert sum(int(day["total_calls"]) for day in days) == 3
    assert "workflow_runs_total" not in days[0]
    name, numbers = csv_of(known, {**CALLS_OF_AN_AGENT, "of": "breakdown", "by": "number"})
    assert name == "2026-03-02-to-2026-03-15-breakdown-number-agent-agent-1.csv"
    assert [row["total_calls"] for row in numbers] == ["2", "1"]
    name, runs = csv_of(known, {**WINDOW, "of": "daily", "workflow": ""})
    assert name == "2026-03-02-to-2026-03-15-daily-workflow-none.csv"
    assert [row["workflow_runs_total"] for row in runs if row["workflow_runs_total"] != "0"] == ["1"]
    name, records = csv_of(known, {**WINDOW, "of": "records", "number": "+15550002"})
    assert name == "2026-03-02-to-2026-03-15-records-conversation-number-15550002.csv"
    assert len(records) == 2


def test_file_name_of_a_filter_is_safe_and_short(known: OrganizationClient) -> None:
    name, _ = csv_of(known, {**WINDOW, "of": "daily", "agent": '../"x' + "y" * 190})
    assert name == f"2026-03-02-to-2026-03-15-daily-agent-x{'y' * 59}.csv"
