"""Parameters of breakdowns: which ones are rejected and why; comparison with the present; conditional requests."""

import pytest

from talkmeter import clock
from talkmeter.period import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR, format_instant
from tests.api.march_usage import WINDOW, call
from tests.api.organizations import SUMMARY, OrganizationClient, error_of
from tests.api.queries import USAGE, Query, assert_needs_billing_manage, get_answer, get_error, get_response, repeated
from tests.events import conversation, event

BREAKDOWN = f"{USAGE}/breakdown"
BY_AGENT: Query = {**WINDOW, "by": "agent"}
DIMENSIONS = "agent, number, widget, channel, modality, direction, status, workflow, run_status, organization"
ALLOWED = "from, to, by, order, limit, interval, compare, agent, number, widget, channel, workflow, search, cursor"
INVALID: dict[str, tuple[Query, str]] = {
    "no dimension": (WINDOW, f"'by' is missing: it must be one of {DIMENSIONS}."),
    "an empty dimension": ({**WINDOW, "by": ""}, f"'by' must be one of {DIMENSIONS}, not ''."),
    "an unknown dimension": ({**WINDOW, "by": "agents"}, f"'by' must be one of {DIMENSIONS}, not 'agents'."),
    "a dimension in capitals": ({**WINDOW, "by": "Agent"}, f"'by' must be one of {DIMENSIONS}, not 'Agent'."),
    "an unknown order": (
        {**BY_AGENT, "order": "minutes"},
        "'order' must be one of calls, voice, chat, runs, not 'minutes'.",
    ),
    "calls sorted by runs": (
        {**BY_AGENT, "order": "runs"},
        "A breakdown by agent cannot be sorted by runs. Allowed: calls, voice, chat.",
    ),
    "runs sorted by calls": (
        {**WINDOW, "by": "workflow", "order": "calls"},
        "A breakdown by workflow cannot be sorted by calls. Allowed: runs.",
    ),
    "runs sorted by chat": (
        {**WINDOW, "by": "run_status", "order": "chat"},
        "A breakdown by run_status cannot be sorted by chat. Allowed: runs.",
    ),
    "an unknown interval": (
        {**BY_AGENT, "interval": "hour"},
        "'interval' must be one of day, week, month, not 'hour'.",
    ),
    "an empty interval": ({**BY_AGENT, "interval": ""}, "'interval' must be one of day, week, month, not ''."),
    "an unknown comparison": (
        {**BY_AGENT, "compare": "last"},
        "'compare' must be one of none, previous, year, not 'last'.",
    ),
    "a window longer than a year with compare=year": (
        {"from": "2026-03-01", "to": "2027-03-02", "by": "agent", "compare": "year"},
        (
            "The range from 2026-03-01T00:00:00Z to 2027-03-02T00:00:00Z is longer than a year "
            "and cannot be compared with the year before; use compare=previous."
        ),
    ),
    "a window without an earlier window": (
        {"from": "1970-01-01", "to": "1970-01-03", "by": "agent", "compare": "previous"},
        "The window to compare with would start before 1970; use compare=none.",
    ),
    "a parameter of records": (
        {**BY_AGENT, "direction": "inbound"},
        f"Unknown parameter 'direction'. Allowed: {ALLOWED}.",
    ),
    "two filters": (
        {**BY_AGENT, "widget": "w", "channel": "text"},
        "Give at most one of agent, number, widget, channel, workflow, not widget and channel.",
    ),
    "calls of a workflow": (
        {**BY_AGENT, "workflow": "w"},
        "A breakdown by agent cannot be filtered by workflow: conversations have no workflow.",
    ),
    "runs of a channel": (
        {**WINDOW, "by": "run_status", "channel": "text"},
        "A breakdown by run_status cannot be filtered by channel: workflow runs have no channel.",
    ),
    "a long search": ({**BY_AGENT, "search": "x" * 201}, "'search' has more than 200 characters."),
    "a cursor of nothing": (
        {**BY_AGENT, "cursor": "x"},
        (
            "'cursor' does not belong to this query: send the next_cursor of the previous page and leave the other "
            "parameters unchanged; without 'from' and 'to' the window changes at midnight (UTC)."
        ),
    ),
    "a misspelled name": ({**BY_AGENT, "limits": "5"}, f"Unknown parameter 'limits'. Allowed: {ALLOWED}."),
    "a non-ASCII name": ({**BY_AGENT, "größe": "1"}, rf"Unknown parameter 'gr\xf6\xdfe'. Allowed: {ALLOWED}."),
    "a control character": ({**WINDOW, "by": "agent\0"}, r"'by' contains a control character: 'agent\x00'."),
    "a window without an end": (
        {"from": "2026-03-01", "by": "agent"},
        "'to' is missing: give both 'from' and 'to', or neither for month to date ('from' was given).",
    ),
    "a window that ends before it starts": (
        {"from": "2026-03-02", "to": "2026-03-01", "by": "agent"},
        "'to' must be after 'from', but 2026-03-01T00:00:00Z is not after 2026-03-02T00:00:00Z.",
    ),
}


@pytest.mark.parametrize(("query", "sentence"), INVALID.values(), ids=INVALID)
def test_invalid_breakdown_parameters_are_rejected_with_the_reason(
    known: OrganizationClient, query: Query, sentence: str
) -> None:
    assert get_error(known, "breakdown", query) == sentence


@pytest.mark.parametrize(
    "limit", ["0", "-1", "1001", "10000", "1.0", "1e2", "", " 5", "five", "\u0665", "0x10", "1" * 5_000]
)
def test_limit_must_be_a_number_from_1_to_1000(known: OrganizationClient, limit: str) -> None:
    sentence = get_error(known, "breakdown", {**BY_AGENT, "limit": limit})
    assert sentence.startswith("'limit' must be a whole number from 1 to 1000, not '")


@pytest.mark.parametrize("again", [{"by": "agent"}, {"by": "number"}, {"limit": "1"}, {"from": "2026-03-02"}])
def test_repeated_parameter_is_rejected_even_with_equal_values(known: OrganizationClient, again: Query) -> None:
    query = repeated({**BY_AGENT, "limit": "1"}, **again)
    assert error_of(known.client.get(f"{BREAKDOWN}?{query}"), 422) == f"'{next(iter(again))}' is given more than once."


def test_breakdown_needs_billing_manage(known: OrganizationClient) -> None:
    assert_needs_billing_manage(known, "breakdown", BY_AGENT)


@pytest.mark.parametrize("compare", ["previous", "year"])
def test_unfinished_window_is_compared_until_the_last_full_hour(known: OrganizationClient, compare: str) -> None:
    today = clock.now() // MICROSECONDS_PER_DAY * MICROSECONDS_PER_DAY
    start, end = today - 30 * MICROSECONDS_PER_DAY, today + 30 * MICROSECONDS_PER_DAY
    window = {"from": format_instant(start), "to": format_instant(end)}
    before = clock.now() // MICROSECONDS_PER_HOUR * MICROSECONDS_PER_HOUR
    answer = get_answer(known, "breakdown", {**window, "by": "agent", "compare": compare})
    after = clock.now() // MICROSECONDS_PER_HOUR * MICROSECONDS_PER_HOUR
    assert answer["comparison"]["now"]["from"] == window["from"]
    assert answer["comparison"]["now"]["to"] in {format_instant(before), format_instant(after)}


def test_window_without_a_full_past_hour_is_not_compared(org: OrganizationClient) -> None:
    start = clock.now() - 1
    window = {"from": format_instant(start), "to": format_instant(start + 24 * MICROSECONDS_PER_HOUR)}
    org.send(conversation(agent_id="agent-1", created_at=format_instant(start)))
    answer = get_answer(org, "breakdown", {**window, "by": "agent", "compare": "previous"})
    # If a new hour has started since, a part of it is compared.
    assert answer["comparison"] is None or start // MICROSECONDS_PER_HOUR < clock.now() // MICROSECONDS_PER_HOUR
    [row] = answer["rows"]
    assert (row["comparison"] is None) == (answer["others"]["comparison"] is None) == (answer["comparison"] is None)


def test_unchanged_breakdown_is_304_until_a_change(org: OrganizationClient) -> None:
    org.send(call("03-03", "a1", agent_id="agent-1"))
    first = get_response(org, "breakdown", BY_AGENT)
    assert first.headers["Cache-Control"] == "private, no-cache"
    cached = {"If-None-Match": first.headers["ETag"]}
    again = org.client.get(BREAKDOWN, params=BY_AGENT, headers=cached)
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    org.send(event("agent.updated", {"id": "agent-1", "name": "Reception"}))
    changed = org.client.get(BREAKDOWN, params=BY_AGENT, headers=cached)
    assert changed.status_code == 200
    assert [row["name"] for row in changed.json()["rows"]] == ["Reception"]


def test_every_parameter_changes_the_etag(known: OrganizationClient) -> None:
    queries: list[Query] = [
        BY_AGENT,
        {**BY_AGENT, "by": "number"},
        {**BY_AGENT, "order": "voice"},
        {**BY_AGENT, "limit": "2"},
        {**BY_AGENT, "interval": "day"},
        {**BY_AGENT, "compare": "previous"},
        {**BY_AGENT, "compare": "year"},
        {**BY_AGENT, "number": "+15550001"},
        {**BY_AGENT, "channel": "text"},
        {**BY_AGENT, "search": "reception"},
        {**BY_AGENT, "to": "2026-03-17"},
    ]
    tags = {get_response(known, "breakdown", query).headers["ETag"] for query in queries}
    tags.add(known.client.get(SUMMARY, params=WINDOW).headers["ETag"])
    assert len(tags) == len(queries) + 1
    same = {**BY_AGENT, "order": "calls", "limit": "50", "compare": "none"}
    assert get_response(known, "breakdown", same).headers["ETag"] in tags


def test_head_has_the_headers_of_a_breakdown_and_no_body(known: OrganizationClient) -> None:
    head = known.client.head(BREAKDOWN, params=BY_AGENT)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["ETag"] == get_response(known, "breakdown", BY_AGENT).headers["ETag"]
