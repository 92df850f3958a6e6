"""The records of a figure: every filter and page, and that the records add up to the figure."""

from collections import Counter
from collections.abc import Iterable

import pytest

from talkmeter import clock
from talkmeter.period import MICROSECONDS_PER_HOUR, format_instant
from tests.api.march_usage import WINDOW, call
from tests.api.organizations import Answer, OrganizationClient, new_organization
from tests.api.queries import USAGE, Query, get_answer
from tests.events import Json, conversation, event, run

RECORDS = f"{USAGE}/records"
CALLS: Query = {**WINDOW, "kind": "conversation"}
RUNS: Query = {**WINDOW, "kind": "workflow_execution"}
FIRST_OF_MARCH: Query = {"kind": "conversation", "from": "2026-03-01", "to": "2026-03-02"}


def ids_of(answer: Answer) -> list[str]:
    return [record["id"] for record in answer["records"]]


def sums_of(records: Iterable[Answer]) -> Counter[str]:
    total: Counter[str] = Counter()
    for record in records:
        total.update(record["adds"])
    return total


def pages_of(org: OrganizationClient, query: Query) -> list[Answer]:
    """Return every page of a query."""
    pages = [get_answer(org, "records", query)]
    while pages[-1]["next_cursor"] is not None:
        pages.append(get_answer(org, "records", {**query, "cursor": pages[-1]["next_cursor"]}))
    return pages


def test_conversation_has_every_field(org: OrganizationClient) -> None:
    org.send(
        event(
            "conversation.updated",
            {
                "id": "call 1/ä",
                "channel": "webrtc",
                "modality": "voice",
                "direction": "outbound",
                "status": "transferred",
                "created_at": "2026-03-01T10:00:00.25Z",
                "duration": 95.0005,
                "agent_id": "agent-1",
                "agent_number": "+15550001",
                "web_widget_id": "widget-1",
            },
            id="event-ä",
            source="/platform",
            time="2026-03-01T10:05:00.123456Z",
            sequence="7",
        )
    )
    answer = get_answer(org, "records", FIRST_OF_MARCH)
    assert answer == {
        "kind": "conversation",
        "from": "2026-03-01T00:00:00Z",
        "to": "2026-03-02T00:00:00Z",
        "records": [
            {
                "id": "call 1/ä",
                "created_at": "2026-03-01T10:00:00.250000Z",
                "status": "transferred",
                "channel": "webrtc",
                "direction": "outbound",
                "modality": "voice",
                "agent_id": "agent-1",
                "agent_number": "+15550001",
                "web_widget_id": "widget-1",
                "duration_ms": 95_001,
                "live": False,
                "stale": False,
                "adds": {
                    "total_calls": 1,
                    "voice_calls": 1,
                    "outbound_calls": 1,
                    "timed_calls": 1,
                    "voice_duration_ms": 95_001,
                },
                "event": {
                    "source": "/platform",
                    "id": "event-ä",
                    "time": "2026-03-01T10:05:00.123456Z",
                    "sequence": 7,
                },
                "stored_at": org.summary()["last_event_at"],
            }
        ],
        "next_cursor": None,
        "names": {"agents": {}, "numbers": {}, "widgets": {}},
        "totals": {
            "total_calls": 1,
            "voice_calls": 1,
            "chat_calls": 0,
            "inbound_calls": 0,
            "outbound_calls": 1,
            "timed_calls": 1,
            "live_calls": 0,
            "voice_minutes": 1.58,
            "chat_minutes": 0,
            "avg_call_duration_sec": 95.0,
            "voice_duration_ms": 95_001,
            "chat_duration_ms": 0,
        },
        "changed": False,
    }


def test_run_has_every_field(org: OrganizationClient) -> None:
    sent = run(status="waiting", workflow_id="workflow-1")
    org.send(sent)
    answer = get_answer(org, "records", {**FIRST_OF_MARCH, "kind": "workflow_execution"})
    assert answer["records"] == [
        {
            "id": "run-1",
            "created_at": "2026-03-01T11:59:00Z",
            "status": "waiting",
            "workflow_id": "workflow-1",
            "live": True,
            "adds": {"workflow_runs_total": 1, "live_runs": 1},
            "event": {"source": "/tests", "id": sent["id"], "time": "2026-03-01T12:00:00Z", "sequence": 0},
            "stored_at": org.summary()["last_event_at"],
        }
    ]
    assert answer["totals"] == {
        "workflow_runs_total": 1,
        "workflow_runs_success": 0,
        "workflow_runs_failed": 0,
        "live_runs": 1,
    }


ADDS: dict[str, tuple[Json, Answer]] = {
    "a live call": (
        conversation(status="ringing", duration=None),
        {"total_calls": 1, "voice_calls": 1, "inbound_calls": 1, "live_calls": 1},
    ),
    "a call with a duration of zero": (
        conversation(duration=0),
        {"total_calls": 1, "voice_calls": 1, "inbound_calls": 1, "timed_calls": 1},
    ),
    "an email": (
        conversation(channel="email", duration=None, direction="outbound"),
        {"total_calls": 1, "chat_calls": 1, "outbound_calls": 1},
    ),
    "a chat": (
        conversation(channel="text", duration=1),
        {"total_calls": 1, "chat_calls": 1, "inbound_calls": 1, "timed_calls": 1, "chat_duration_ms": 1_000},
    ),
}


@pytest.mark.parametrize(("sent", "adds"), ADDS.values(), ids=ADDS)
def test_record_lists_the_figures_it_adds_to(org: OrganizationClient, sent: Json, adds: Answer) -> None:
    org.send(sent)
    [record] = get_answer(org, "records", FIRST_OF_MARCH)["records"]
    assert record["adds"] == adds
    assert {name: org.summary()[name] for name in adds} == adds


EVERY_FILTER = (
    "agent=agent-1&number=+15550001&widget=&channel=telephone&modality=voice&direction=outbound&status=completed"
    "&has_duration=true&live=false&stale=false&day=2026-03-04"
)
FILTERS: dict[str, tuple[Query, str]] = {
    "everything": (CALLS, "n2 a3 n1 b2 b1 a2 a1"),
    "an agent": ({**CALLS, "agent": "agent-1"}, "a3 a2 a1"),
    "no agent": ({**CALLS, "agent": ""}, "n2 n1"),
    "an agent without counted calls": ({**CALLS, "agent": "agent-9"}, ""),
    "an unknown agent": ({**CALLS, "agent": "AGENT-1"}, ""),
    "a number": ({**CALLS, "number": "+15550001"}, "a2 a1"),
    "no number": ({**CALLS, "number": ""}, "n1 b2 b1"),
    "a widget": ({**CALLS, "widget": "widget-1"}, "b2 b1"),
    "no widget": ({**CALLS, "widget": ""}, "n2 a3 n1 a2 a1"),
    "a channel": ({**CALLS, "channel": "webrtc"}, "b2 b1"),
    "a channel without calls": ({**CALLS, "channel": "text"}, ""),
    "voice": ({**CALLS, "modality": "voice"}, "n2 a3 b2 a2 a1"),
    "chat": ({**CALLS, "modality": "chat"}, "n1 b1"),
    "a direction": ({**CALLS, "direction": "outbound"}, "a2"),
    "a status": ({**CALLS, "status": "failed"}, "n2"),
    "with a duration": ({**CALLS, "has_duration": "true"}, "n2 b2 b1 a2 a1"),
    "without a duration": ({**CALLS, "has_duration": "false"}, "a3 n1"),
    "live": ({**CALLS, "live": "true"}, "a3"),
    "not live": ({**CALLS, "live": "false"}, "n2 n1 b2 b1 a2 a1"),
    "stale": ({**CALLS, "stale": "true"}, "a3"),
    "not stale": ({**CALLS, "stale": "false"}, "n2 n1 b2 b1 a2 a1"),
    "live and not stale": ({**CALLS, "live": "true", "stale": "false"}, ""),
    "a day": ({**CALLS, "day": "2026-03-04"}, "b1 a2"),
    "a day without calls": ({**CALLS, "day": "2026-03-15"}, ""),
    "all filters at once": (
        {**CALLS, **dict(pair.split("=") for pair in EVERY_FILTER.split("&"))},
        "a2",
    ),
    "a window that starts and ends within a day": (
        {**CALLS, "from": "2026-03-03T11:59:00.000001Z", "to": "2026-03-05T11:59:00Z"},
        "b1 a2",
    ),
    "a day that is partly in the window": ({**CALLS, "from": "2026-03-04T12:00:00Z", "day": "2026-03-04"}, ""),
    "runs": (RUNS, "r4 r3 r2 r1"),
    "a workflow": ({**RUNS, "workflow": "workflow-1"}, "r2 r1"),
    "no workflow": ({**RUNS, "workflow": ""}, "r3"),
    "a run status": ({**RUNS, "status": "cancelled"}, "r4"),
    "live runs": ({**RUNS, "live": "true"}, "r3"),
    "runs that have ended": ({**RUNS, "live": "false"}, "r4 r2 r1"),
    "runs of a day and a workflow": ({**RUNS, "workflow": "workflow-1", "day": "2026-03-04"}, "r2"),
}


@pytest.mark.parametrize(("query", "ids"), FILTERS.values(), ids=FILTERS)
def test_filter_returns_matching_records_newest_first_and_their_totals(
    known: OrganizationClient, query: Query, ids: str
) -> None:
    answer = get_answer(known, "records", query)
    assert ids_of(answer) == ids.split()
    exact = {name: figure for name, figure in answer["totals"].items() if isinstance(figure, int) and figure}
    assert exact == sums_of(answer["records"])
    assert (answer["next_cursor"], answer["changed"]) == (None, False)
    pages = pages_of(known, {**query, "limit": "1"})
    assert [id_ for page in pages for id_ in ids_of(page)] == ids.split()


def test_from_and_to_are_the_part_of_the_day_within_the_window(known: OrganizationClient) -> None:
    answer = get_answer(known, "records", {**CALLS, "from": "2026-03-04T06:00:00Z", "day": "2026-03-04"})
    assert (answer["from"], answer["to"]) == ("2026-03-04T06:00:00Z", "2026-03-05T00:00:00Z")


@pytest.mark.parametrize("id_", ["a b", "50%", "a+b", "a&agent=b", "ü/../ö", "\N{TELEPHONE RECEIVER}", "'; --", "null"])
def test_filter_accepts_an_id_with_any_characters(org: OrganizationClient, id_: str) -> None:
    org.send(conversation("mine", agent_id=id_), conversation("other", agent_id="other"))
    answer = get_answer(org, "records", {**FIRST_OF_MARCH, "agent": id_})
    assert [(record["id"], record["agent_id"]) for record in answer["records"]] == [("mine", id_)]


def test_live_call_is_stale_after_a_day_without_events_but_an_email_never_is(org: OrganizationClient) -> None:
    now = clock.now()
    old, recent = (format_instant(now - hours * MICROSECONDS_PER_HOUR) for hours in (25, 1))
    org.send(
        {**conversation("old", status="in_progress"), "time": old},
        {**conversation("recent", status="in_progress"), "time": recent},
        {**conversation("email", status="in_progress", channel="email"), "time": old},
        {**conversation("ended"), "time": old},
    )
    stale = {record["id"]: record["stale"] for record in get_answer(org, "records", FIRST_OF_MARCH)["records"]}
    assert stale == {"old": True, "recent": False, "email": False, "ended": False}
    assert ids_of(get_answer(org, "records", {**FIRST_OF_MARCH, "stale": "true"})) == ["old"]
    assert ids_of(get_answer(org, "records", {**FIRST_OF_MARCH, "stale": "false"})) == ["recent", "ended", "email"]
    assert (org.summary()["live_calls"], org.summary()["stale_calls"]) == (3, 1)


def test_uncounted_conversations_are_not_listed(org: OrganizationClient) -> None:
    org.send(
        conversation("not joined", status="token_created", channel="webrtc"),
        conversation("deleted"),
        event("conversation.deleted", {"id": "deleted"}, time="2026-03-01T13:00:00Z"),
        event("conversation.deleted", {"id": "never seen"}),
    )
    answer = get_answer(org, "records", FIRST_OF_MARCH)
    assert (ids_of(answer), set(answer["totals"].values())) == ([], {0})


def test_correction_moves_a_record_from_one_filter_to_another(org: OrganizationClient) -> None:
    org.send({**conversation(agent_id="agent-1", status="ringing"), "time": "2026-03-01T12:00:00Z"})
    org.send({**conversation(agent_id="agent-2", duration=5), "time": "2026-03-01T12:01:00Z"})
    assert ids_of(get_answer(org, "records", {**FIRST_OF_MARCH, "agent": "agent-1"})) == []
    [record] = get_answer(org, "records", {**FIRST_OF_MARCH, "agent": "agent-2"})["records"]
    assert (record["status"], record["duration_ms"]) == ("completed", 5_000)


def test_records_of_a_breakdown_row_add_up_to_it(known: OrganizationClient) -> None:
    for by, field in (("agent", "agent"), ("number", "number"), ("widget", "widget"), ("status", "status")):
        for row in get_answer(known, "breakdown", {**WINDOW, "by": by})["rows"]:
            answer = get_answer(known, "records", {**CALLS, field: row["value"] or ""})
            assert answer["totals"] == {name: row[name] for name in answer["totals"]}


def test_records_of_a_window_add_up_to_its_summary(known: OrganizationClient) -> None:
    summary = known.summary(WINDOW["from"], WINDOW["to"])
    for query in (CALLS, RUNS):
        totals = get_answer(known, "records", query)["totals"]
        assert totals == {name: summary[name] for name in totals}


def test_records_and_histories_have_the_names_of_what_they_refer_to(org: OrganizationClient) -> None:
    org.send(
        event("agent.updated", {"id": "agent-1", "name": "Reception"}),
        event("agent.updated", {"id": "agent-2"}),
        event("agent.updated", {"id": "agent-3", "name": "Not called"}),
        event("phone_number.updated", {"id": "+1", "name": "Main line", "shared": False}),
        event("web_widget.updated", {"id": "widget-1", "name": "Website"}),
        call("03-01", "a", agent_id="agent-1", agent_number="+1"),
        call("03-01", "b", agent_id="agent-2", web_widget_id="widget-1"),
    )
    names = {"agents": {"agent-1": "Reception"}, "numbers": {"+1": "Main line"}, "widgets": {"widget-1": "Website"}}
    assert get_answer(org, "records", FIRST_OF_MARCH)["names"] == names
    assert get_answer(org, "records/conversation/a", {})["names"] == {**names, "widgets": {}}


def test_default_window_of_records_is_the_month_to_date(org: OrganizationClient) -> None:
    now = format_instant(clock.now())
    org.send(conversation("now", created_at=now), conversation("long ago"))
    assert ids_of(get_answer(org, "records", {"kind": "conversation"})) == ["now"]


def test_records_of_other_organizations_are_not_visible(known: OrganizationClient, org: OrganizationClient) -> None:
    org.send(call("03-03", "a1", agent_id="mine", duration=1))
    answer = get_answer(org, "records", CALLS)
    [record] = answer["records"]
    assert (record["id"], record["agent_id"], record["duration_ms"]) == ("a1", "mine", 1_000)
    assert len(get_answer(known, "records", CALLS)["records"]) == 7
    with new_organization(org.server) as other:
        assert ids_of(get_answer(other, "records", CALLS)) == []
