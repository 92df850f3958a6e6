"""Pages of records: their order, their cursors, and the error messages for invalid queries."""

import pytest
from itsdangerous import URLSafeSerializer

from tests.api.march_usage import WINDOW
from tests.api.organizations import Answer, OrganizationClient, error_of, new_organization
from tests.api.queries import USAGE, Query, assert_needs_billing_manage, get_answer, get_error, get_response, repeated
from tests.events import Json, conversation, event, run

RECORDS = f"{USAGE}/records"
CALLS: Query = {**WINDOW, "kind": "conversation"}
RUNS: Query = {**WINDOW, "kind": "workflow_execution"}
FIRST_OF_MARCH: Query = {"kind": "conversation", "from": "2026-03-01", "to": "2026-03-02"}
WRONG_CURSOR = (
    "'cursor' does not belong to this query: send the next_cursor of the previous page and leave the other parameters "
    "unchanged; without 'from' and 'to' the window changes at midnight (UTC)."
)


def ids_of(answer: Answer) -> list[str]:
    return [record["id"] for record in answer["records"]]


def pages_of(org: OrganizationClient, query: Query) -> list[Answer]:
    """Return every page of a query."""
    pages = [get_answer(org, "records", query)]
    while pages[-1]["next_cursor"] is not None:
        pages.append(get_answer(org, "records", {**query, "cursor": pages[-1]["next_cursor"]}))
    return pages


def cursor_of(org: OrganizationClient, query: Query) -> str:
    """Return the cursor after the first record of a query."""
    cursor: str = get_answer(org, "records", {**query, "limit": "1"})["next_cursor"]
    assert cursor
    return cursor


def make_calls(number: int) -> list[Json]:
    """Return calls that were created at only three instants, two of them at the start and end of a day."""
    instants = ("2026-03-01T00:00:00Z", "2026-03-01T12:00:00.000001Z", "2026-03-01T23:59:59.999999Z")
    return [conversation(f"call-{i:03}", created_at=instants[i % 3]) for i in range(number)]


@pytest.mark.parametrize("limit", [1, 2, 7, 50, 59, 60, 61])
def test_pages_of_any_size_have_every_record_once_in_the_same_order(org: OrganizationClient, limit: int) -> None:
    org.send(*make_calls(60), conversation("before", created_at="2026-02-28T23:59:59.999999Z"))
    pages = pages_of(org, {**FIRST_OF_MARCH, "limit": str(limit)})
    ids = [id_ for page in pages for id_ in ids_of(page)]
    assert ids == sorted(ids, key=lambda id_: (int(id_[5:]) % 3, id_), reverse=True)
    assert len(set(ids)) == 60
    assert [len(page["records"]) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert [page["totals"] is None for page in pages] == [False] + [True] * (len(pages) - 1)
    assert pages[0]["totals"]["total_calls"] == 60


def test_limit_is_50_by_default_and_at_most_1000(org: OrganizationClient) -> None:
    org.send(*make_calls(1_001))
    first = get_answer(org, "records", FIRST_OF_MARCH)
    largest = get_answer(org, "records", {**FIRST_OF_MARCH, "limit": "1000"})
    assert (len(first["records"]), len(largest["records"])) == (50, 1_000)
    assert first["totals"] == largest["totals"]
    last = get_answer(org, "records", {**FIRST_OF_MARCH, "limit": "1000", "cursor": largest["next_cursor"]})
    assert (len(last["records"]), last["next_cursor"]) == (1, None)


def test_later_page_can_have_another_size(org: OrganizationClient) -> None:
    org.send(*make_calls(10))
    cursor = cursor_of(org, FIRST_OF_MARCH)
    rest = get_answer(org, "records", {**FIRST_OF_MARCH, "cursor": cursor, "limit": "9"})
    assert (len(rest["records"]), rest["next_cursor"]) == (9, None)


def test_page_skips_days_without_records(org: OrganizationClient) -> None:
    days = ("2026-03-01", "2026-03-03", "2026-07-01", "2027-02-28")
    org.send(*(conversation(day, created_at=f"{day}T12:00:00Z") for day in days))
    for query in ({}, {"agent": ""}, {"channel": "telephone"}, {"live": "false"}):
        pages = pages_of(org, {**FIRST_OF_MARCH, "to": "2027-03-01", "limit": "1", **query})
        assert [id_ for page in pages for id_ in ids_of(page)] == sorted(days, reverse=True)


def test_later_page_accepts_the_same_window_in_another_notation(org: OrganizationClient) -> None:
    org.send(*make_calls(3))
    cursor = cursor_of(org, FIRST_OF_MARCH)
    same = {"kind": "conversation", "from": "2026-03-01T01:00:00+01:00", "to": "2026-03-02T00:00:00Z"}
    assert len(get_answer(org, "records", {**same, "cursor": cursor})["records"]) == 2


def test_later_page_reports_a_change_since_the_first_page(org: OrganizationClient) -> None:
    org.send(*make_calls(6))
    first = get_answer(org, "records", {**FIRST_OF_MARCH, "limit": "2"})
    second = get_answer(org, "records", {**FIRST_OF_MARCH, "limit": "2", "cursor": first["next_cursor"]})
    assert (first["changed"], second["changed"]) == (False, False)
    org.send(run())
    again = get_answer(org, "records", {**FIRST_OF_MARCH, "limit": "2", "cursor": first["next_cursor"]})
    assert again["changed"]
    assert ids_of(again) == ids_of(second)
    # The next page is compared with the first one too.
    third = get_answer(org, "records", {**FIRST_OF_MARCH, "cursor": again["next_cursor"]})
    assert third["changed"]
    assert not get_answer(org, "records", FIRST_OF_MARCH)["changed"]


def test_duplicates_and_events_of_other_organizations_are_not_a_change(org: OrganizationClient) -> None:
    sent = make_calls(3)
    org.send(*sent)
    cursor = cursor_of(org, FIRST_OF_MARCH)
    org.send(*sent)
    with new_organization(org.server) as other:
        other.send(*sent)
    assert not get_answer(org, "records", {**FIRST_OF_MARCH, "cursor": cursor})["changed"]


def test_cursor_is_valid_after_its_record_is_deleted_and_newer_ones_are_added(org: OrganizationClient) -> None:
    org.send(*(conversation(id_, created_at=f"2026-03-01T0{id_}:00:00Z") for id_ in "12345"))
    cursor = get_answer(org, "records", {**FIRST_OF_MARCH, "limit": "2"})["next_cursor"]
    org.send(
        event("conversation.deleted", {"id": "4"}, time="2026-03-01T13:00:00Z"),
        conversation("6", created_at="2026-03-01T06:00:00Z"),
    )
    page = get_answer(org, "records", {**FIRST_OF_MARCH, "cursor": cursor})
    assert (ids_of(page), page["changed"]) == (["3", "2", "1"], True)


def test_cursor_with_any_changed_character_is_rejected(known: OrganizationClient) -> None:
    cursor = cursor_of(known, CALLS)
    for position in range(0, len(cursor), 3):
        other = "A" if cursor[position] != "A" else "B"
        changed = f"{cursor[:position]}{other}{cursor[position + 1 :]}"
        assert get_error(known, "records", {**CALLS, "cursor": changed}) == WRONG_CURSOR


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "null", "2026-03-04", "AAAA", "A" * 43, "A" * 999, "A" * 5_000, "é", "%", "a b"],
    ids=lambda cursor: f"{cursor[:12]!a} of {len(cursor)}",
)
def test_text_that_is_not_a_cursor_is_rejected(known: OrganizationClient, cursor: str) -> None:
    assert get_error(known, "records", {**CALLS, "cursor": cursor}) == WRONG_CURSOR


def test_truncated_or_extended_cursor_is_rejected(known: OrganizationClient) -> None:
    cursor = cursor_of(known, CALLS)
    for changed in (cursor[:-1], cursor[:-4], cursor[4:], cursor + "AAAA", cursor.swapcase()):
        assert get_error(known, "records", {**CALLS, "cursor": changed}) == WRONG_CURSOR


@pytest.mark.parametrize(
    "other",
    [
        {"agent": "agent-1"},
        {"agent": ""},
        {"live": "false"},
        {"stale": "false"},
        {"has_duration": "true"},
        {"status": "completed"},
        {"day": "2026-03-04"},
        {"to": "2026-03-17"},
        {"from": "2026-03-02T00:00:00.000001Z"},
        {"kind": "workflow_execution"},
    ],
    ids=str,
)
def test_cursor_of_another_query_is_rejected(known: OrganizationClient, other: Query) -> None:
    query = {**CALLS, **other}
    assert get_error(known, "records", {**query, "cursor": cursor_of(known, CALLS)}) == WRONG_CURSOR
    if len(get_answer(known, "records", query)["records"]) > 1:
        assert get_error(known, "records", {**CALLS, "cursor": cursor_of(known, query)}) == WRONG_CURSOR


def test_cursor_of_another_organization_or_of_the_inventory_is_rejected(
    known: OrganizationClient, org: OrganizationClient
) -> None:
    org.send(*make_calls(3), *(event("agent.updated", {"id": id_}) for id_ in "ab"))
    assert get_error(known, "records", {**FIRST_OF_MARCH, "cursor": cursor_of(org, FIRST_OF_MARCH)}) == WRONG_CURSOR
    items = get_answer(org, "inventory", {"kind": "agent", "limit": "1"})["next_cursor"]
    assert get_error(org, "records", {**FIRST_OF_MARCH, "cursor": items}) == WRONG_CURSOR


def test_cursor_contains_neither_the_organization_nor_a_key(known: OrganizationClient) -> None:
    _, position = URLSafeSerializer("another key").loads_unsafe(cursor_of(known, CALLS))
    content = repr(position)
    assert len(content) > 16
    assert known.id not in content
    assert known.key.partition(".")[2] not in content


def test_only_one_encoding_of_a_cursor_is_accepted(known: OrganizationClient) -> None:
    cursor = cursor_of(known, CALLS)
    for changed in (f"{cursor}=", f"{cursor}!", f"{cursor[:-1]}{chr(ord(cursor[-1]) + 1)}"):
        assert get_error(known, "records", {**CALLS, "cursor": changed}) == WRONG_CURSOR


KNOWN = (
    "kind, from, to, day, agent, number, widget, channel, modality, direction, workflow, status, has_duration, live, "
    "stale, limit, cursor"
)
STATUSES = "cancelled, completed, failed, in_progress, ringing, transferred, triggered, unanswered"
INVALID_QUERIES: dict[str, tuple[Query, str]] = {
    "no kind": (WINDOW, "'kind' is missing: it must be one of conversation, workflow_execution."),
    "an empty kind": ({**WINDOW, "kind": ""}, "'kind' must be one of conversation, workflow_execution, not ''."),
    "a kind of the inventory": (
        {**WINDOW, "kind": "agent"},
        "'kind' must be one of conversation, workflow_execution, not 'agent'.",
    ),
    "calls by workflow": (
        {**CALLS, "workflow": "workflow-1"},
        "'workflow' is only allowed with kind=workflow_execution, not with kind=conversation.",
    ),
    **{
        f"runs by {name}": (
            {**RUNS, name: value},
            f"'{name}' is only allowed with kind=conversation, not with kind=workflow_execution.",
        )
        for name, value in {
            "agent": "",
            "number": "+1",
            "widget": "w",
            "channel": "email",
            "modality": "voice",
            "direction": "inbound",
            "has_duration": "true",
            "stale": "false",
        }.items()
    },
    "an unknown channel": (
        {**CALLS, "channel": "sms"},
        "'channel' must be one of telephone, webrtc, email, text, not 'sms'.",
    ),
    "an empty channel": ({**CALLS, "channel": ""}, "'channel' must be one of telephone, webrtc, email, text, not ''."),
    "an unknown modality": ({**CALLS, "modality": "text"}, "'modality' must be one of voice, chat, not 'text'."),
    "an unknown direction": (
        {**CALLS, "direction": "in"},
        "'direction' must be one of inbound, outbound, not 'in'.",
    ),
    "a status that is not counted": (
        {**CALLS, "status": "token_created"},
        f"'status' must be one of {STATUSES}, not 'token_created'.",
    ),
    "a status of runs": ({**CALLS, "status": "success"}, f"'status' must be one of {STATUSES}, not 'success'."),
    "a status of calls": (
        {**RUNS, "status": "completed"},
        "'status' must be one of cancelled, failed, running, success, waiting, not 'completed'.",
    ),
    "a flag that is not true or false": ({**CALLS, "live": "yes"}, "'live' must be true or false, not 'yes'."),
    "a flag in capitals": ({**CALLS, "stale": "True"}, "'stale' must be true or false, not 'True'."),
    "an empty flag": ({**CALLS, "has_duration": ""}, "'has_duration' must be true or false, not ''."),
    **{
        f"the day {text!a}": ({**CALLS, "day": text}, f"'day' must be a day such as 2026-11-01, not {text!a}.")
        for text in ("", "yesterday", "2026-02-30", "20260304", "2026-3-4", "2026-03-04T00:00:00Z", " 2026-03-04")
    },
    "a day before 1970": (
        {**CALLS, "day": "1969-12-31"},
        "'day' must be between 1970-01-01 and 2099-12-31, not '1969-12-31'.",
    ),
    "a day after 2099": (
        {**CALLS, "day": "2100-01-01"},
        "'day' must be between 1970-01-01 and 2099-12-31, not '2100-01-01'.",
    ),
    "the day after the window": (
        {**CALLS, "day": "2026-03-16"},
        "'day' must be a day of the window from 2026-03-02T00:00:00Z to 2026-03-16T00:00:00Z, not 2026-03-16.",
    ),
    "the day before the window": (
        {**CALLS, "day": "2026-03-01"},
        "'day' must be a day of the window from 2026-03-02T00:00:00Z to 2026-03-16T00:00:00Z, not 2026-03-01.",
    ),
    "a parameter of breakdowns": ({**CALLS, "by": "agent"}, f"Unknown parameter 'by'. Allowed: {KNOWN}."),
    "a misspelled parameter": ({**CALLS, "agents": "agent-1"}, f"Unknown parameter 'agents'. Allowed: {KNOWN}."),
    "a control character": ({**CALLS, "agent": "agent\n1"}, r"'agent' contains a control character: 'agent\n1'."),
    "a window without a start": (
        {"kind": "conversation", "to": "2026-03-01"},
        "'from' is missing: give both 'from' and 'to', or neither for month to date ('to' was given).",
    ),
    "a limit of zero": ({**CALLS, "limit": "0"}, "'limit' must be a whole number from 1 to 1000, not '0'."),
    "a limit of 1001": ({**CALLS, "limit": "1001"}, "'limit' must be a whole number from 1 to 1000, not '1001'."),
    "a limit of words": ({**CALLS, "limit": "all"}, "'limit' must be a whole number from 1 to 1000, not 'all'."),
}


@pytest.mark.parametrize(("query", "message"), INVALID_QUERIES.values(), ids=INVALID_QUERIES)
def test_error_of_an_invalid_query_states_the_rule(known: OrganizationClient, query: Query, message: str) -> None:
    assert get_error(known, "records", query) == message


@pytest.mark.parametrize("again", [{"kind": "conversation"}, {"agent": "x"}, {"day": "2026-03-04"}, {"cursor": ""}])
def test_repeated_parameter_is_rejected(known: OrganizationClient, again: Query) -> None:
    query = repeated({**CALLS, "agent": "", "day": "2026-03-04", "cursor": ""}, **again)
    assert error_of(known.client.get(f"{RECORDS}?{query}"), 422) == f"'{next(iter(again))}' is given more than once."


def test_records_need_billing_manage(known: OrganizationClient) -> None:
    assert_needs_billing_manage(known, "records", CALLS)


def test_records_are_private_and_head_has_no_body(known: OrganizationClient) -> None:
    answer = get_response(known, "records", CALLS)
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert {"Authorization", "Cookie", "X-Anyreach-Org"} <= set(answer.headers["Vary"].split(", "))
    head = known.client.head(RECORDS, params=CALLS)
    assert (head.status_code, head.content) == (200, b"")


def test_history_of_a_record_takes_no_parameters(org: OrganizationClient) -> None:
    response = org.client.get("/admin/usage/records/conversation/one", params={"limit": "5"})

    assert response.status_code == 422
    assert response.json()["detail"] == "Unknown parameter 'limit'. Allowed: none."
