"""Time series by hour, day, week and month, of everything or of one value."""

from typing import Any

import pytest

from talkmeter import clock
from talkmeter.period import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR, format_instant
from tests.api.march_usage import WINDOW, call
from tests.api.organizations import SUMMARY, Answer, OrganizationClient
from tests.api.queries import USAGE, Query, assert_needs_billing_manage, get_answer, get_error, get_response
from tests.events import conversation

BY_WEEK: Query = {**WINDOW, "interval": "week"}
ALLOWED = "from, to, interval, compare, agent, number, widget, channel, workflow"
RUN_FIELDS = {"workflow_runs", "workflow_runs_success", "workflow_runs_failed"}
PART_FIELDS = {
    *("from", "to", "calls", "voice_calls", "chat_calls", "inbound_calls", "outbound_calls"),
    *("voice_minutes", "chat_minutes", "voice_duration_ms", "chat_duration_ms"),
    *RUN_FIELDS,
}


def column(answer: Answer, field: str, points: str = "points") -> list[Any]:
    return [None if point is None else point[field] for point in answer[points]]


def test_points_have_the_parts_of_all_figures(known: OrganizationClient) -> None:
    answer = get_answer(known, "series", BY_WEEK)
    assert (answer["from"], answer["to"]) == ("2026-03-02T00:00:00Z", "2026-03-16T00:00:00Z")
    assert (answer["interval"], answer["filter"], answer["comparison"], answer["then"]) == ("week", None, None, None)
    assert (
        answer["points"]
        == [
            {
                "start": "2026-03-02",
                "from": "2026-03-02T00:00:00Z",
                "to": "2026-03-09T00:00:00Z",
                "whole": True,
                "state": "final",
                "calls": 5,
                "voice_calls": 3,
                "chat_calls": 2,
                "inbound_calls": 4,
                "outbound_calls": 1,
                "voice_minutes": 1.84,
                "chat_minutes": 1.67,
                "voice_duration_ms": 110_500,
                "chat_duration_ms": 100_000,
                "workflow_runs": 3,
                "workflow_runs_success": 1,
                "workflow_runs_failed": 1,
            },
            {
                "start": "2026-03-09",
                "from": "2026-03-09T00:00:00Z",
                "to": "2026-03-16T00:00:00Z",
                "whole": True,
                "state": "no_data",
                "calls": 2,
                "voice_calls": 2,
                "chat_calls": 0,
                "inbound_calls": 2,
                "outbound_calls": 0,
                "voice_minutes": 0,
                "chat_minutes": 0,
                "voice_duration_ms": 0,
                "chat_duration_ms": 0,
                "workflow_runs": 1,
                "workflow_runs_success": 0,
                "workflow_runs_failed": 0,
            },
        ]
        or answer["points"][1]["state"] == "final"
    )


def test_series_has_the_activity_fields_of_the_summary(known: OrganizationClient) -> None:
    series = get_answer(known, "series", {**BY_WEEK, "compare": "previous"})
    summary = get_answer(known, "summary", {**WINDOW, "compare": "previous"})
    inventory = {"total_agents", "total_phone_numbers", "shared_phone_numbers", "total_web_widgets", "total_datasets"}
    own = inventory | {"active_datasets", "last_event_at", "daily"}
    assert summary.keys() - series.keys() == own
    assert {name: value for name, value in series.items() if name in summary and name != "comparison"} == {
        name: value for name, value in summary.items() if name in series and name != "comparison"
    }
    daily = summary["comparison"].pop("daily")
    assert series["comparison"] == summary["comparison"]
    assert sum(day["calls"] for day in daily) == sum(column(series, "calls", "then")) == 2


@pytest.mark.parametrize(
    ("interval", "starts", "calls", "whole"),
    [
        ("day", ["2026-03-03", "2026-03-04", "2026-03-05"], [1, 2, 2], [True, True, False]),
        ("week", ["2026-03-02"], [5], [False]),
        ("month", ["2026-03-01"], [5], [False]),
    ],
)
def test_intervals_are_cut_by_the_window(
    known: OrganizationClient, interval: str, starts: list[str], calls: list[int], whole: list[bool]
) -> None:
    answer = get_answer(known, "series", {"from": "2026-03-03", "to": "2026-03-05T12:00:00Z", "interval": interval})
    assert column(answer, "start") == starts
    assert column(answer, "calls") == calls
    assert column(answer, "whole") == whole
    assert answer["points"][-1]["to"] == "2026-03-05T12:00:00Z"


def test_hours_are_read_from_the_records(known: OrganizationClient) -> None:
    window = {"from": "2026-03-04T11:30:00Z", "to": "2026-03-04T13:00:00Z"}
    answer = get_answer(known, "series", {**window, "interval": "hour"})
    assert column(answer, "start") == ["2026-03-04T11:00:00Z", "2026-03-04T12:00:00Z"]
    assert column(answer, "from") == ["2026-03-04T11:30:00Z", "2026-03-04T12:00:00Z"]
    assert column(answer, "whole") == [False, True]
    assert column(answer, "calls") == [2, 0]
    assert column(answer, "outbound_calls") == [1, 0]
    assert answer["total_calls"] == 2


def test_48_ragged_hours_have_49_points_and_more_are_rejected(known: OrganizationClient) -> None:
    hours = {"from": "2026-03-03T00:30:00Z", "to": "2026-03-05T00:30:00Z", "interval": "hour"}
    assert len(get_answer(known, "series", hours)["points"]) == 49
    assert get_error(known, "series", {**hours, "to": "2026-03-05T00:30:00.000001Z"}) == (
        "The range from 2026-03-03T00:30:00Z to 2026-03-05T00:30:00.000001Z is longer than 48 hours; use interval=day."
    )


def test_earlier_part_is_at_the_same_offset_and_null_after_the_earlier_window(known: OrganizationClient) -> None:
    march = {"from": "2026-03-01", "to": "2026-03-31", "interval": "week", "compare": "previous"}
    answer = get_answer(known, "series", march)
    assert column(answer, "start") == [
        "2026-02-23",
        "2026-03-02",
        "2026-03-09",
        "2026-03-16",
        "2026-03-23",
        "2026-03-30",
    ]
    # February ends on the 28th: 1 March is compared with 1 February, 2 to 8 March with 2 to 8 February, and so on.
    assert column(answer, "from", "then") == [
        *("2026-02-01T00:00:00Z", "2026-02-02T00:00:00Z", "2026-02-09T00:00:00Z", "2026-02-16T00:00:00Z"),
        *("2026-02-23T00:00:00Z", None),
    ]
    assert column(answer, "calls", "then") == [0, 0, 0, 2, 0, None]
    assert answer["then"][4]["to"] == "2026-03-01T00:00:00Z"
    assert answer["comparison"]["figures"]["total_calls"]["then"] == 2


def test_rest_of_a_longer_earlier_window_is_one_more_element(org: OrganizationClient) -> None:
    org.send(
        *(conversation(f"jan-{day}", created_at=f"2026-01-{day}T12:00:00Z", duration=60) for day in (28, 29, 30, 31)),
        conversation("feb", created_at="2026-02-28T12:00:00Z"),
    )
    february = {"from": "2026-02-01", "to": "2026-03-01", "compare": "previous"}
    answer = get_answer(org, "series", {**february, "interval": "day"})
    assert len(answer["points"]) == 28
    assert len(answer["then"]) == 29
    assert answer["then"][27]["calls"] == 1
    rest = answer["then"][28]
    assert (rest["from"], rest["to"]) == ("2026-01-29T00:00:00Z", "2026-02-01T00:00:00Z")
    assert (rest["calls"], rest["voice_minutes"]) == (3, 3)
    summary = get_answer(org, "summary", february)
    assert summary["comparison"]["daily"] == answer["then"]
    assert rest.keys() == PART_FIELDS


def test_current_hours_are_settling_and_later_ones_are_in_the_future(org: OrganizationClient) -> None:
    today = clock.now() // MICROSECONDS_PER_DAY * MICROSECONDS_PER_DAY
    org.send(conversation(created_at=format_instant(today)))
    window = {"from": format_instant(today), "to": format_instant(today + 2 * MICROSECONDS_PER_DAY)}
    before = (clock.now() - today) // MICROSECONDS_PER_HOUR
    states = column(get_answer(org, "series", {**window, "interval": "hour"}), "state")
    after = (clock.now() - today) // MICROSECONDS_PER_HOUR
    settling = states.count("settling")
    assert before + 1 <= settling <= after + 1
    assert states == ["settling"] * settling + ["future"] * (48 - settling)


def test_filtered_series_has_only_the_figures_of_its_records(known: OrganizationClient) -> None:
    calls = get_answer(known, "series", {**BY_WEEK, "agent": "agent-1", "compare": "previous"})
    assert calls["filter"] == {"by": "agent", "value": "agent-1", "name": "Reception"}
    assert (calls["total_calls"], calls["live_calls"], calls["stale_calls"]) == (3, 1, 1)
    assert column(calls, "calls") == [2, 1]
    assert column(calls, "calls", "then") == [1, 0]
    assert {"workflow_runs_total", "live_runs"}.isdisjoint(calls)
    assert calls["points"][0].keys() == (PART_FIELDS | {"start", "whole", "state"}) - RUN_FIELDS
    assert calls["then"][0].keys() == PART_FIELDS - RUN_FIELDS
    assert "workflow_runs_total" not in calls["comparison"]["figures"]
    runs = get_answer(known, "series", {**BY_WEEK, "workflow": "workflow-1", "compare": "previous"})
    assert runs["filter"] == {"by": "workflow", "value": "workflow-1", "name": None}
    assert column(runs, "workflow_runs") == [2, 0]
    assert runs["points"][0].keys() == {"from", "to", "start", "whole", "state"} | RUN_FIELDS
    assert {"total_calls", "voice_minutes", "stale_calls"}.isdisjoint(runs)
    assert runs["comparison"]["figures"].keys() == {f"workflow_runs_{name}" for name in ("total", "success", "failed")}


@pytest.mark.parametrize(
    ("query", "applied", "calls"),
    [
        ({"agent": ""}, {"by": "agent", "value": None, "name": None}, 2),
        ({"agent": "nobody"}, {"by": "agent", "value": "nobody", "name": None}, 0),
        ({"number": "+15550001"}, {"by": "number", "value": "+15550001", "name": "Main line"}, 2),
        ({"widget": "widget-1"}, {"by": "widget", "value": "widget-1", "name": "Website"}, 2),
        ({"channel": "webrtc"}, {"by": "channel", "value": "webrtc", "name": None}, 2),
    ],
)
def test_each_filter_selects_its_calls(known: OrganizationClient, query: Query, applied: Answer, calls: int) -> None:
    answer = get_answer(known, "series", {**BY_WEEK, **query})
    assert (answer["filter"], answer["total_calls"]) == (applied, calls)


def test_states_of_filtered_days_are_those_of_the_organization(known: OrganizationClient) -> None:
    days = {**WINDOW, "interval": "day"}
    everything = get_answer(known, "series", days)
    assert set(column(everything, "state")) > {"final"}
    for query in ({"agent": "nobody"}, {"workflow": "workflow-2"}):
        assert column(get_answer(known, "series", {**days, **query}), "state") == column(everything, "state")


INVALID: dict[str, tuple[Query, str]] = {
    "no interval": (WINDOW, "'interval' is missing: it must be one of hour, day, week, month."),
    "an unknown interval": (
        {**WINDOW, "interval": "year"},
        "'interval' must be one of hour, day, week, month, not 'year'.",
    ),
    "two filters": (
        {**BY_WEEK, "number": "+1", "agent": "agent-1"},
        "Give at most one of agent, number, widget, channel, workflow, not agent and number.",
    ),
    "a filter of calls and one of runs": (
        {**BY_WEEK, "workflow": "w", "channel": "text"},
        "Give at most one of agent, number, widget, channel, workflow, not channel and workflow.",
    ),
    "an unknown channel": (
        {**BY_WEEK, "channel": "fax"},
        "'channel' must be one of telephone, webrtc, email, text, not 'fax'.",
    ),
    "a parameter of records": ({**BY_WEEK, "day": "2026-03-03"}, f"Unknown parameter 'day'. Allowed: {ALLOWED}."),
    "a filter that only records have": (
        {**BY_WEEK, "direction": "inbound"},
        f"Unknown parameter 'direction'. Allowed: {ALLOWED}.",
    ),
    "a window longer than a year": (
        {"from": "2026-03-01", "to": "2027-03-03", "interval": "month"},
        "The range from 2026-03-01T00:00:00Z to 2027-03-03T00:00:00Z is longer than 366 days.",
    ),
}


@pytest.mark.parametrize(("query", "sentence"), INVALID.values(), ids=INVALID)
def test_invalid_series_parameters_are_rejected_with_the_reason(
    known: OrganizationClient, query: Query, sentence: str
) -> None:
    assert get_error(known, "series", query) == sentence


def test_series_needs_billing_manage(known: OrganizationClient) -> None:
    assert_needs_billing_manage(known, "series", BY_WEEK)


def test_interval_comparison_and_filter_change_the_etag(known: OrganizationClient) -> None:
    queries: list[Query] = [
        BY_WEEK,
        {**BY_WEEK, "interval": "day"},
        {**BY_WEEK, "compare": "previous"},
        {**BY_WEEK, "compare": "year"},
        {**BY_WEEK, "agent": "agent-1"},
        {**BY_WEEK, "agent": ""},
        {**BY_WEEK, "number": "agent-1"},
    ]
    tags = {get_response(known, "series", query).headers["ETag"] for query in queries}
    tags.add(known.client.get(SUMMARY, params=WINDOW).headers["ETag"])
    assert len(tags) == len(queries) + 1


def test_unchanged_series_is_304_until_a_change(org: OrganizationClient) -> None:
    org.send(call("03-03", "a1", agent_id="agent-1"))
    first = get_response(org, "series", BY_WEEK)
    assert first.headers["Cache-Control"] == "private, no-cache"
    cached = {"If-None-Match": first.headers["ETag"]}
    again = org.client.get(f"{USAGE}/series", params=BY_WEEK, headers=cached)
    assert (again.status_code, again.content) == (304, b"")
    org.send(call("03-04", "a2", agent_id="agent-1"))
    changed = org.client.get(f"{USAGE}/series", params=BY_WEEK, headers=cached)
    assert (changed.status_code, changed.json()["total_calls"]) == (200, 2)
