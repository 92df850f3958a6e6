"""Breakdowns of known usage by every dimension, in every order, with series and comparison."""

from typing import Any

import pytest

from tests.api.march_usage import WINDOW, call
from tests.api.organizations import Answer, OrganizationClient, new_organization
from tests.api.queries import Query, get_answer
from tests.events import conversation, event
from tests.servers import running_server

BY_AGENT: Query = {**WINDOW, "by": "agent"}


def values_of(answer: Answer, figure: str = "total_calls") -> list[tuple[str | None, Any]]:
    return [(row["value"], row[figure]) for row in answer["rows"]]


def delta(now: float, then: float, change: float, percent: float | None) -> Answer:
    return {"now": now, "then": then, "change": change, "change_percent": percent}


def test_every_field_of_a_call_breakdown_is_correct(known: OrganizationClient) -> None:
    query = {**BY_AGENT, "limit": "1", "interval": "week", "compare": "previous"}
    answer = get_answer(known, "breakdown", query)
    cursor = answer["next_cursor"]
    assert cursor
    assert answer == {
        "from": "2026-03-02T00:00:00Z",
        "to": "2026-03-16T00:00:00Z",
        "by": "agent",
        "order": "calls",
        "filter": None,
        "values": 3,
        "next_cursor": cursor,
        "changed": False,
        "starts": ["2026-03-02", "2026-03-09"],
        "comparison": {
            "mode": "previous",
            "now": {"from": "2026-03-02T00:00:00Z", "to": "2026-03-16T00:00:00Z"},
            "then": {"from": "2026-02-16T00:00:00Z", "to": "2026-03-02T00:00:00Z"},
        },
        "rows": [
            {
                "value": "agent-1",
                "name": "Reception",
                "total_calls": 3,
                "voice_calls": 3,
                "chat_calls": 0,
                "inbound_calls": 2,
                "outbound_calls": 1,
                "timed_calls": 2,
                "live_calls": 1,
                "voice_minutes": 1.51,
                "chat_minutes": 0,
                "avg_call_duration_sec": 45.3,
                "voice_duration_ms": 90_500,
                "chat_duration_ms": 0,
                "share": 0.4286,
                "series": [2, 1],
                "comparison": {
                    "total_calls": delta(3, 1, 2, 200.0),
                    "voice_calls": delta(3, 1, 2, 200.0),
                    "chat_calls": delta(0, 0, 0, None),
                    "inbound_calls": delta(2, 1, 1, 100.0),
                    "outbound_calls": delta(1, 0, 1, None),
                    "voice_minutes": delta(1.51, 0.5, 1.01, 202.0),
                    "chat_minutes": delta(0, 0, 0, None),
                    "avg_call_duration_sec": delta(45.3, 30.0, 15.3, 51.0),
                    "voice_duration_ms": delta(90_500, 30_000, 60_500, 201.7),
                    "chat_duration_ms": delta(0, 0, 0, None),
                },
            }
        ],
        "others": {
            "values": 2,
            "total_calls": 4,
            "voice_calls": 2,
            "chat_calls": 2,
            "inbound_calls": 4,
            "outbound_calls": 0,
            "timed_calls": 3,
            "live_calls": 0,
            "voice_minutes": 0.33,
            "chat_minutes": 1.67,
            "avg_call_duration_sec": 40.0,
            "voice_duration_ms": 20_000,
            "chat_duration_ms": 100_000,
            "share": 0.5714,
            "series": [3, 1],
            "comparison": {
                "total_calls": delta(4, 1, 3, 300.0),
                "voice_calls": delta(2, 1, 1, 100.0),
                "chat_calls": delta(2, 0, 2, None),
                "inbound_calls": delta(4, 1, 3, 300.0),
                "outbound_calls": delta(0, 0, 0, None),
                "voice_minutes": delta(0.33, 0.17, 0.16, 94.1),
                "chat_minutes": delta(1.67, 0, 1.67, None),
                "avg_call_duration_sec": delta(40.0, 10.0, 30.0, 300.0),
                "voice_duration_ms": delta(20_000, 10_000, 10_000, 100.0),
                "chat_duration_ms": delta(100_000, 0, 100_000, None),
            },
        },
    }


def test_every_field_of_a_run_breakdown_is_correct(known: OrganizationClient) -> None:
    query = {**WINDOW, "by": "workflow", "limit": "1", "interval": "month", "compare": "year"}
    nothing_before = {"workflow_runs_total": 2, "workflow_runs_success": 1, "workflow_runs_failed": 1}
    others_before = {"workflow_runs_total": 2, "workflow_runs_success": 0, "workflow_runs_failed": 0}
    answer = get_answer(known, "breakdown", query)
    cursor = answer["next_cursor"]
    assert cursor
    assert answer == {
        "from": "2026-03-02T00:00:00Z",
        "to": "2026-03-16T00:00:00Z",
        "by": "workflow",
        "order": "runs",
        "filter": None,
        "values": 3,
        "next_cursor": cursor,
        "changed": False,
        "starts": ["2026-03-01"],
        "comparison": {
            "mode": "year",
            "now": {"from": "2026-03-02T00:00:00Z", "to": "2026-03-16T00:00:00Z"},
            "then": {"from": "2025-03-02T00:00:00Z", "to": "2025-03-16T00:00:00Z"},
        },
        "rows": [
            {
                "value": "workflow-1",
                "name": None,
                **nothing_before,
                "live_runs": 0,
                "share": 0.5,
                "series": [2],
                "comparison": {name: delta(now, 0, now, None) for name, now in nothing_before.items()},
            }
        ],
        "others": {
            "values": 2,
            **others_before,
            "live_runs": 1,
            "share": 0.5,
            "series": [2],
            "comparison": {name: delta(now, 0, now, None) for name, now in others_before.items()},
        },
    }


SPLITS: dict[str, list[tuple[str | None, int]]] = {
    "agent": [("agent-1", 3), (None, 2), ("agent-2", 2)],
    "number": [(None, 3), ("+15550001", 2), ("+15550002", 2)],
    "widget": [(None, 5), ("widget-1", 2)],
    "channel": [("telephone", 4), ("webrtc", 2), ("email", 1)],
    "modality": [("voice", 5), ("chat", 2)],
    "direction": [("inbound", 6), ("outbound", 1)],
    "status": [("completed", 5), ("failed", 1), ("in_progress", 1)],
    "workflow": [("workflow-1", 2), (None, 1), ("workflow-2", 1)],
    "run_status": [("cancelled", 1), ("failed", 1), ("running", 1), ("success", 1)],
}


@pytest.mark.parametrize(("by", "expected"), SPLITS.items())
def test_rows_are_sorted_by_figure_then_value(
    known: OrganizationClient, by: str, expected: list[tuple[str | None, int]]
) -> None:
    answer = get_answer(known, "breakdown", {**WINDOW, "by": by})
    runs = by in {"workflow", "run_status"}
    assert values_of(answer, "workflow_runs_total" if runs else "total_calls") == expected
    assert answer["order"] == ("runs" if runs else "calls")
    assert (answer["starts"], answer["comparison"]) == (None, None)
    assert all(part["series"] is part["comparison"] is None for part in (*answer["rows"], answer["others"]))
    assert (answer["others"]["values"], answer["others"]["share"]) == (0, 0)


@pytest.mark.parametrize(
    ("order", "figure", "expected"),
    [
        ("calls", "total_calls", [("agent-1", 3, 0.4286), (None, 2, 0.2857), ("agent-2", 2, 0.2857)]),
        ("voice", "voice_duration_ms", [("agent-1", 90_500, 0.819), ("agent-2", 20_000, 0.181), (None, 0, 0.0)]),
        ("chat", "chat_duration_ms", [("agent-2", 100_000, 1.0), (None, 0, 0.0), ("agent-1", 0, 0.0)]),
    ],
)
def test_order_decides_rows_shares_and_series(
    known: OrganizationClient, order: str, figure: str, expected: list[tuple[str | None, int, float]]
) -> None:
    answer = get_answer(known, "breakdown", {**BY_AGENT, "order": order, "interval": "month"})
    assert [(row["value"], row[figure], row["share"]) for row in answer["rows"]] == expected
    assert [row["series"] for row in answer["rows"]] == [[amount] for _, amount, _ in expected]


@pytest.mark.parametrize(
    ("query", "starts", "series"),
    [
        ({"from": "2026-03-03", "to": "2026-03-06", "interval": "day"}, ["03-03", "03-04", "03-05"], [1, 1, 0]),
        ({"from": "2026-03-04", "to": "2026-03-11", "interval": "week"}, ["03-02", "03-09"], [1, 1]),
        ({"from": "2026-02-20", "to": "2026-03-16", "interval": "month"}, ["02-01", "03-01"], [1, 3]),
        (
            {"from": "2026-03-03T11:59:00Z", "to": "2026-03-04T11:59:00Z", "interval": "day"},
            ["03-03", "03-04"],
            [1, 0],
        ),
        (
            {"from": "2026-03-03T11:59:00.000001Z", "to": "2026-03-04T11:59:00.000001Z", "interval": "week"},
            ["03-02"],
            [1],
        ),
    ],
    ids=["days", "weeks from a Wednesday", "months", "partial days", "a partial week"],
)
def test_series_has_one_value_per_interval_of_the_window(
    known: OrganizationClient, query: Query, starts: list[str], series: list[int]
) -> None:
    answer = get_answer(known, "breakdown", {**query, "by": "agent"})
    assert answer["starts"] == [f"2026-{start}" for start in starts]
    assert [row["series"] for row in answer["rows"] if row["value"] == "agent-1"] == [series]


def test_rows_and_others_add_up_to_the_summary_at_any_limit(known: OrganizationClient) -> None:
    summary = known.summary(WINDOW["from"], WINDOW["to"])
    for by, values in SPLITS.items():
        for limit in ("1", "2", "1000"):
            answer = get_answer(known, "breakdown", {**WINDOW, "by": by, "limit": limit})
            parts = [*answer["rows"], answer["others"]]
            exact = [name for name, figure in parts[0].items() if isinstance(figure, int) and name in summary]
            assert len(exact) in {4, 9}
            assert {name: sum(part[name] for part in parts) for name in exact} == {
                name: summary[name] for name in exact
            }
            assert len(answer["rows"]) + answer["others"]["values"] == len(values)


def test_row_limit_defaults_to_50_and_is_at_most_1000(org: OrganizationClient) -> None:
    org.send(*(conversation(f"call-{number}", agent_id=f"agent-{number:03}") for number in range(60)))
    query = {"from": "2026-03-01", "to": "2026-03-02", "by": "agent"}
    for limit, rows in (({}, 50), ({"limit": "1"}, 1), ({"limit": "60"}, 60), ({"limit": "1000"}, 60)):
        answer = get_answer(org, "breakdown", {**query, **limit})
        assert len(answer["rows"]) == rows
        assert answer["others"]["values"] == answer["others"]["total_calls"] == 60 - rows
        assert answer["rows"][0]["value"] == "agent-000"


def test_breakdown_without_a_window_is_month_to_date(known: OrganizationClient) -> None:
    answer, summary = get_answer(known, "breakdown", {"by": "agent"}), known.get_summary().json()
    assert (answer["from"], answer["to"]) == (summary["from"], summary["to"])


def test_new_organization_has_no_rows_and_zero_others(org: OrganizationClient) -> None:
    answer = get_answer(org, "breakdown", {**BY_AGENT, "interval": "week", "compare": "previous"})
    assert answer["rows"] == []
    others = answer["others"]
    assert others.pop("series") == [0, 0]
    assert set(map(tuple, (delta.values() for delta in others.pop("comparison").values()))) == {(0, 0, 0, None)}
    assert set(others.values()) == {0}


def test_breakdown_contains_only_its_organization(known: OrganizationClient, org: OrganizationClient) -> None:
    org.send(call("03-03", "a1", agent_id="mine"))
    assert values_of(get_answer(org, "breakdown", BY_AGENT)) == [("mine", 1)]
    # An agent with the same id has the name from its own organization.
    org.send(call("03-03", "a2", agent_id="agent-1"))
    assert [row["name"] for row in get_answer(org, "breakdown", BY_AGENT)["rows"]] == [None, None]
    assert len(get_answer(known, "breakdown", BY_AGENT)["rows"]) == 3


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("agent", {"agent-1": "Reception", None: None, "agent-2": None}),
        ("number", {None: None, "+15550001": "Main line", "+15550002": None}),
        ("widget", {None: None, "widget-1": "Website"}),
        ("channel", {"telephone": None, "webrtc": None, "email": None}),
    ],
)
def test_row_has_the_inventory_name_of_its_value(
    known: OrganizationClient, by: str, names: dict[str | None, str | None]
) -> None:
    rows = get_answer(known, "breakdown", {**WINDOW, "by": by})["rows"]
    assert {row["value"]: row["name"] for row in rows} == names


def agent_names(org: OrganizationClient) -> dict[str, str | None]:
    rows = get_answer(org, "breakdown", {"from": "2026-03-01", "to": "2026-03-02", "by": "agent"})["rows"]
    return {row["value"]: row["name"] for row in rows}


def rename_and_delete(org: OrganizationClient) -> None:
    """Send a deleted agent with two names, a deleted and recreated agent, and a deleted agent without a name."""
    org.send(*(conversation(id_, agent_id=id_) for id_ in ("gone", "back", "nameless")))
    for id_, name, time in (
        ("gone", "Ada", "10:00"),
        ("gone", "Grace", "11:00"),
        ("gone", None, "12:00"),
        ("back", "Old", "10:00"),
        ("back", "New", "14:00"),
        ("nameless", None, "10:00"),
    ):
        org.send(event("agent.updated", {"id": id_, "name": name}, time=f"2026-03-01T{time}:00Z"))
    for id_ in ("gone", "back", "nameless"):
        org.send(event("agent.deleted", {"id": id_}, time="2026-03-01T13:00:00Z"))


def test_deleted_agent_keeps_its_last_known_name(org: OrganizationClient) -> None:
    rename_and_delete(org)
    assert agent_names(org) == {"gone": "Grace", "back": "New", "nameless": None}


def test_deleted_agent_has_no_name_without_history(tmp_path_factory: pytest.TempPathFactory) -> None:
    with (
        running_server(tmp_path_factory.mktemp("no-history"), history_days="0") as server,
        new_organization(server) as org,
    ):
        rename_and_delete(org)
        assert agent_names(org) == {"gone": None, "back": "New", "nameless": None}
