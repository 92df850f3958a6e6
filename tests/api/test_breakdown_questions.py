"""Questions for a breakdown: which ones are refused and why, the clock, and answers that are at hand already."""

import pytest

from talkmeter import clock
from talkmeter.period import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR, format_instant
from tests.api.organizations import SUMMARY, Organization, refusal_of
from tests.api.questions import USAGE, Query, answer_to, asked, assert_needs_billing_manage, refusal_to, twice
from tests.api.usage_of_march import WINDOW, call
from tests.events import conversation, event

BREAKDOWN = f"{USAGE}/breakdown"
BY_AGENT: Query = {**WINDOW, "by": "agent"}
DIMENSIONS = "agent, number, widget, channel, modality, direction, status, workflow, run_status"
KNOWN = "from, to, by, order, limit, interval, compare"
REFUSED: dict[str, tuple[Query, str]] = {
    "no split": (WINDOW, f"'by' is missing: it must be one of {DIMENSIONS}."),
    "an empty split": ({**WINDOW, "by": ""}, f"'by' must be one of {DIMENSIONS}, not ''."),
    "an unknown split": ({**WINDOW, "by": "agents"}, f"'by' must be one of {DIMENSIONS}, not 'agents'."),
    "a split in capitals": ({**WINDOW, "by": "Agent"}, f"'by' must be one of {DIMENSIONS}, not 'Agent'."),
    "an unknown order": (
        {**BY_AGENT, "order": "minutes"},
        "'order' must be one of calls, voice, chat, runs, not 'minutes'.",
    ),
    "calls in order of runs": (
        {**BY_AGENT, "order": "runs"},
        "A breakdown by agent can be in order of calls, voice, chat, not of runs.",
    ),
    "runs in order of calls": (
        {**WINDOW, "by": "workflow", "order": "calls"},
        "A breakdown by workflow can be in order of runs, not of calls.",
    ),
    "runs in order of chat": (
        {**WINDOW, "by": "run_status", "order": "chat"},
        "A breakdown by run_status can be in order of runs, not of chat.",
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
    "a window longer than a year beside the year before": (
        {"from": "2026-03-01", "to": "2027-03-02", "by": "agent", "compare": "year"},
        (
            "The range from 2026-03-01T00:00:00Z to 2027-03-02T00:00:00Z is longer than a year "
            "and cannot be compared with the year before."
        ),
    ),
    "a window before which time begins": (
        {"from": "1970-01-01", "to": "1970-01-03", "by": "agent", "compare": "previous"},
        "The window to compare with would begin before 1970; ask with compare=none.",
    ),
    "a parameter of records": ({**BY_AGENT, "agent": "agent-1"}, f"Unknown parameter 'agent'. Allowed: {KNOWN}."),
    "a slip in a name": ({**BY_AGENT, "limits": "5"}, f"Unknown parameter 'limits'. Allowed: {KNOWN}."),
    "a name in other letters": ({**BY_AGENT, "größe": "1"}, rf"Unknown parameter 'gr\xf6\xdfe'. Allowed: {KNOWN}."),
    "a control character": ({**WINDOW, "by": "agent\0"}, r"'by' contains a control character: 'agent\x00'."),
    "a window without an end": (
        {"from": "2026-03-01", "by": "agent"},
        "'to' is missing: give both 'from' and 'to', or neither for month to date ('from' was given).",
    ),
    "a window that ends before it begins": (
        {"from": "2026-03-02", "to": "2026-03-01", "by": "agent"},
        "'to' must be after 'from', but 2026-03-01T00:00:00Z is not after 2026-03-02T00:00:00Z.",
    ),
}


@pytest.mark.parametrize(("query", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_breakdown_that_breaks_a_rule_is_refused_and_the_rule_is_told(
    known: Organization, query: Query, sentence: str
) -> None:
    assert refusal_to(known, "breakdown", query) == sentence


@pytest.mark.parametrize(
    "limit", ["0", "-1", "1001", "10000", "1.0", "1e2", "", " 5", "five", "\u0665", "0x10", "1" * 5_000]
)
def test_a_limit_that_is_no_number_from_1_to_1000_is_refused(known: Organization, limit: str) -> None:
    sentence = refusal_to(known, "breakdown", {**BY_AGENT, "limit": limit})
    assert sentence.startswith("'limit' must be a whole number from 1 to 1000, not '")


@pytest.mark.parametrize("again", [{"by": "agent"}, {"by": "number"}, {"limit": "1"}, {"from": "2026-03-02"}])
def test_a_parameter_that_is_given_twice_is_refused_even_when_both_say_the_same(
    known: Organization, again: Query
) -> None:
    query = twice({**BY_AGENT, "limit": "1"}, **again)
    assert (
        refusal_of(known.client.get(f"{BREAKDOWN}?{query}"), 422) == f"'{next(iter(again))}' is given more than once."
    )


def test_a_breakdown_needs_billing_manage(known: Organization) -> None:
    assert_needs_billing_manage(known, "breakdown", BY_AGENT)


@pytest.mark.parametrize("compare", ["previous", "year"])
def test_a_window_that_is_not_over_is_compared_up_to_the_last_full_hour(known: Organization, compare: str) -> None:
    today = clock.now() // MICROSECONDS_PER_DAY * MICROSECONDS_PER_DAY
    start, end = today - 30 * MICROSECONDS_PER_DAY, today + 30 * MICROSECONDS_PER_DAY
    window = {"from": format_instant(start), "to": format_instant(end)}
    before = clock.now() // MICROSECONDS_PER_HOUR * MICROSECONDS_PER_HOUR
    answer = answer_to(known, "breakdown", {**window, "by": "agent", "compare": compare})
    after = clock.now() // MICROSECONDS_PER_HOUR * MICROSECONDS_PER_HOUR
    assert answer["comparison"]["now"]["from"] == window["from"]
    assert answer["comparison"]["now"]["to"] in {format_instant(before), format_instant(after)}


def test_before_its_first_full_hour_has_passed_a_window_is_compared_with_nothing(org: Organization) -> None:
    start = clock.now() - 1
    window = {"from": format_instant(start), "to": format_instant(start + 24 * MICROSECONDS_PER_HOUR)}
    org.send(conversation(agent_id="agent-1", created_at=format_instant(start)))
    answer = answer_to(org, "breakdown", {**window, "by": "agent", "compare": "previous"})
    # Where an hour has begun since, a part of it is compared.
    assert answer["comparison"] is None or start // MICROSECONDS_PER_HOUR < clock.now() // MICROSECONDS_PER_HOUR
    [row] = answer["rows"]
    assert (row["comparison"] is None) == (answer["others"]["comparison"] is None) == (answer["comparison"] is None)


def test_an_unchanged_breakdown_is_a_304_until_something_changes(org: Organization) -> None:
    org.send(call("03-03", "a1", agent_id="agent-1"))
    first = asked(org, "breakdown", BY_AGENT)
    assert first.headers["Cache-Control"] == "private, no-cache"
    at_hand = {"If-None-Match": first.headers["ETag"]}
    again = org.client.get(BREAKDOWN, params=BY_AGENT, headers=at_hand)
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    org.send(event("agent.updated", {"id": "agent-1", "name": "Reception"}))
    changed = org.client.get(BREAKDOWN, params=BY_AGENT, headers=at_hand)
    assert changed.status_code == 200
    assert [row["name"] for row in changed.json()["rows"]] == ["Reception"]


def test_every_part_of_a_question_is_a_part_of_its_etag(known: Organization) -> None:
    queries: list[Query] = [
        BY_AGENT,
        {**BY_AGENT, "by": "number"},
        {**BY_AGENT, "order": "voice"},
        {**BY_AGENT, "limit": "2"},
        {**BY_AGENT, "interval": "day"},
        {**BY_AGENT, "compare": "previous"},
        {**BY_AGENT, "compare": "year"},
        {**BY_AGENT, "to": "2026-03-17"},
    ]
    tags = {asked(known, "breakdown", query).headers["ETag"] for query in queries}
    tags.add(known.client.get(SUMMARY, params=WINDOW).headers["ETag"])
    assert len(tags) == len(queries) + 1
    same = {**BY_AGENT, "order": "calls", "limit": "50", "compare": "none"}
    assert asked(known, "breakdown", same).headers["ETag"] in tags


def test_head_has_the_headers_of_a_breakdown_and_no_body(known: Organization) -> None:
    head = known.client.head(BREAKDOWN, params=BY_AGENT)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["ETag"] == asked(known, "breakdown", BY_AGENT).headers["ETag"]
