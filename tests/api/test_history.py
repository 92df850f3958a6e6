"""The history of a record: all received states, which one wins, and why."""

import http.client
import json
from itertools import permutations
from urllib.parse import quote, urlsplit

import pytest

from talkmeter import clock
from tests.api.organizations import Answer, OrganizationClient, error_of, new_organization
from tests.api.queries import USAGE, assert_needs_billing_manage
from tests.events import Json, conversation, event, run
from tests.servers import running_server

RECORDS = f"{USAGE}/records"
KINDS = ("conversation", "workflow_execution", "agent", "phone_number", "web_widget", "dataset")
ONLY_STATE = "It is the only state received."


def at(time: str, event_: Json, **envelope: object) -> Json:
    """Return the event with a time on 1 March."""
    return {**event_, "time": f"2026-03-01T{time}Z", **envelope}


def get(org: OrganizationClient, path: str) -> tuple[int, Answer]:
    """GET a raw path; HTTP clients normalize dots and slashes."""
    connection = http.client.HTTPConnection(urlsplit(org.server.url).netloc, timeout=60)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {org.key}"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def history_of(org: OrganizationClient, id_: str, kind: str = "conversation") -> Answer:
    status, history = get(org, f"{RECORDS}/{kind}/{quote(id_, safe='')}")
    assert status == 200, history
    return history


def reasons(org: OrganizationClient, id_: str = "call-1", kind: str = "conversation") -> list[str]:
    return [state["why"] for state in history_of(org, id_, kind)["states"]]


def test_every_field_of_a_history_is_correct(org: OrganizationClient) -> None:
    ringing = at("12:00:00", conversation(status="ringing", duration=None))
    completed = at("12:05:00", conversation(duration=95, agent_id="agent-1", agent_number="+1"), sequence="3")
    late = at("12:20:00", conversation(status="in_progress", duration=None, channel="webrtc", web_widget_id="w"))
    stored = []
    for event_ in (completed, ringing, late):
        before = clock.now()
        assert org.send(event_)["quarantined"] == []
        stored.append((before, clock.now()))
    history = history_of(org, "call-1")
    arrivals = [state.pop("stored_at") for state in history["states"]]
    common = {"direction": "inbound", "created_at": "2026-03-01T11:59:00Z"}
    no_ids = {"agent_id": None, "agent_number": None, "web_widget_id": None}
    live = {"kind": "conversation", **common, "duration_ms": None, **no_ids}
    assert history == {
        "kind": "conversation",
        "id": "call-1",
        "history_days": None,
        "linked_to": None,
        "linked": [],
        "names": {"agents": {}, "numbers": {}, "widgets": {}},
        "states": [
            {
                "wins": True,
                "why": "It is terminal, which outranks every other state.",
                "state": "terminal",
                "record": {
                    "kind": "conversation",
                    **common,
                    "status": "completed",
                    "channel": "telephone",
                    "modality": "voice",
                    "duration_ms": 95_000,
                    "agent_id": "agent-1",
                    "agent_number": "+1",
                    "web_widget_id": None,
                },
                "adds": {
                    "total_calls": 1,
                    "voice_calls": 1,
                    "inbound_calls": 1,
                    "timed_calls": 1,
                    "voice_duration_ms": 95_000,
                },
                "event": {"source": "/tests", "id": completed["id"], "time": "2026-03-01T12:05:00Z", "sequence": 3},
            },
            {
                "wins": False,
                "why": "It is live; a terminal state outranks it.",
                "state": "live",
                "record": {
                    **live,
                    "status": "in_progress",
                    "channel": "webrtc",
                    "modality": "chat",
                    "web_widget_id": "w",
                },
                "adds": {},
                "event": {"source": "/tests", "id": late["id"], "time": "2026-03-01T12:20:00Z", "sequence": 0},
            },
            {
                "wins": False,
                "why": "It is live; a terminal state outranks it.",
                "state": "live",
                "record": {**live, "status": "ringing", "channel": "telephone", "modality": "voice"},
                "adds": {},
                "event": {"source": "/tests", "id": ringing["id"], "time": "2026-03-01T12:00:00Z", "sequence": 0},
            },
        ],
    }
    assert arrivals[0] < arrivals[2] < arrivals[1]


def test_history_of_runs_items_and_deletions_has_their_fields(org: OrganizationClient) -> None:
    org.send(
        run(workflow_id="workflow-1"),
        at("10:00:00", event("phone_number.updated", {"id": "+1", "name": "Main line", "shared": True})),
        at("11:00:00", event("phone_number.deleted", {"id": "+1"})),
        event("conversation.deleted", {"id": "never seen"}),
        conversation("not joined", status="token_created", channel="webrtc"),
    )
    [success] = history_of(org, "run-1", "workflow_execution")["states"]
    assert success["record"] == {
        "kind": "workflow_execution",
        "status": "success",
        "created_at": "2026-03-01T11:59:00Z",
        "workflow_id": "workflow-1",
    }
    assert success["adds"] == {"workflow_runs_total": 1, "workflow_runs_success": 1}
    deleted, named = history_of(org, "+1", "phone_number")["states"]
    assert (deleted["state"], deleted["record"], deleted["adds"]) == ("deleted", None, {})
    assert (named["state"], named["adds"]) == ("live", {})
    assert named["record"] == {"kind": "inventory_item", "name": "Main line", "shared": True, "active": False}
    [tombstone] = history_of(org, "never seen")["states"]
    assert (tombstone["wins"], tombstone["state"], tombstone["record"]) == (True, "deleted", None)
    [uncounted] = history_of(org, "not joined")["states"]
    assert (uncounted["state"], uncounted["record"]["status"], uncounted["adds"]) == ("live", "token_created", {})


def test_contributions_of_the_winning_state_equal_the_summary(org: OrganizationClient) -> None:
    for event_ in (
        at("12:00:00", conversation(status="ringing", duration=None)),
        at("12:01:00", conversation(duration=60)),
        at("12:02:00", conversation(duration=61, direction="outbound")),
        at("11:00:00", event("conversation.deleted", {"id": "call-1"})),
    ):
        org.send(event_)
        summary, states = org.summary(), history_of(org, "call-1")["states"]
        assert [state["wins"] for state in states] == [True] + [False] * (len(states) - 1)
        assert [bool(state["adds"]) for state in states[1:]] == [False] * (len(states) - 1)
        exact = ("total_calls", "voice_calls", "inbound_calls", "outbound_calls", "voice_duration_ms")
        assert {name: summary[name] for name in exact} == {name: states[0]["adds"].get(name, 0) for name in exact}


def test_history_lists_duplicates_once_and_conflicts_separately(org: OrganizationClient) -> None:
    sent = at("12:00:00", conversation(duration=60))
    org.send(sent)
    org.send(sent, sent)
    assert len(history_of(org, "call-1")["states"]) == 1
    assert org.send({**sent, "data": conversation(duration=61)["data"]})["accepted"] in {0, 1}
    assert len(history_of(org, "call-1")["states"]) == 2


def test_item_omitted_by_a_snapshot_keeps_its_history(org: OrganizationClient) -> None:
    org.send(at("10:00:00", event("agent.updated", {"id": "agent-1", "name": "Ada"})))
    org.put_inventory("agent", "2026-03-01T11:00:00Z", {"id": "agent-2", "name": "Grace"})
    assert reasons(org, "agent-1", "agent") == [ONLY_STATE]
    assert reasons(org, "agent-2", "agent") == [ONLY_STATE]


BASE = at("12:00:00", conversation(duration=60), source="/m", id="m", sequence="5")
WHY: dict[str, tuple[Json, str, str]] = {
    "time": (
        {**BASE, "time": "2026-03-01T12:00:00.000001Z"},
        "Its event has the later time.",
        "Its event has an earlier time than the winner's.",
    ),
    "sequence": (
        {**BASE, "sequence": "6"},
        "Its event has the same time and the greater sequence.",
        "Its event has the winner's time and a smaller sequence.",
    ),
    "source": (
        {**BASE, "source": "/n"},
        "Its event has the same time and sequence, and a source that sorts later.",
        "Its event has the winner's time and sequence, and a source that sorts earlier.",
    ),
    "event id": (
        {**BASE, "id": "n"},
        "Its event has the same time, sequence and source, and an id that sorts later.",
        "Its event has the winner's time, sequence and source, and an id that sorts earlier.",
    ),
    "class": (
        at("01:00:00", event("conversation.deleted", {"id": "call-1"})),
        "It is deleted, which outranks every other state.",
        "It is terminal; a deleted state outranks it.",
    ),
}


@pytest.mark.parametrize(("winner", "why", "why_not"), WHY.values(), ids=WHY)
def test_history_names_the_deciding_part_of_the_rank_in_any_order(
    org: OrganizationClient, winner: Json, why: str, why_not: str
) -> None:
    with new_organization(org.server) as other:
        org.send(BASE)
        org.send(winner)
        other.send(winner)
        other.send(BASE)
        assert reasons(org) == reasons(other) == [why, why_not]


def test_content_hash_breaks_ties(org: OrganizationClient) -> None:
    org.send(BASE)
    org.send({**BASE, "data": conversation(duration=61)["data"]})
    assert reasons(org) == [
        "Its event has the same time, sequence, source and id; the hash of its content is greater.",
        "Its event has the winner's time, sequence, source and id, and other content with a smaller hash.",
    ]


def test_loser_is_compared_with_winner_and_winner_with_runner_up(org: OrganizationClient) -> None:
    steps = (
        at("12:00:00", conversation(status="ringing", duration=None)),
        at("12:05:00", conversation(duration=60)),
        at("12:05:00", conversation(duration=61), sequence="1"),
        at("12:04:00", conversation(duration=59)),
    )
    for order in permutations(steps):
        with new_organization(org.server) as other:
            for step in order:
                other.send(step)
            assert reasons(other) == [
                "Its event has the same time and the greater sequence.",
                "Its event has the winner's time and a smaller sequence.",
                "Its event has an earlier time than the winner's.",
                "It is live; a terminal state outranks it.",
            ]


def test_item_deletion_ranks_by_time_like_other_events(org: OrganizationClient) -> None:
    org.send(
        at("10:00:00", event("agent.updated", {"id": "a"})),
        at("11:00:00", event("agent.deleted", {"id": "a"})),
        at("12:00:00", event("agent.updated", {"id": "a"})),
    )
    states = history_of(org, "a", "agent")["states"]
    assert [state["state"] for state in states] == ["live", "deleted", "live"]
    later, earlier = "Its event has the later time.", "Its event has an earlier time than the winner's."
    assert [state["why"] for state in states] == [later, earlier, earlier]


@pytest.mark.parametrize(("days", "kept"), [("0", 1), ("30", 2)])
def test_history_reports_how_long_losing_states_are_kept(
    tmp_path_factory: pytest.TempPathFactory, days: str, kept: int
) -> None:
    with (
        running_server(tmp_path_factory.mktemp("history"), history_days=days) as server,
        new_organization(server) as org,
    ):
        org.send(at("12:00:00", conversation(status="ringing")))
        org.send(at("12:05:00", conversation(duration=60)))
        history = history_of(org, "call-1")
    assert history["history_days"] == int(days)
    assert len(history["states"]) == kept
    assert (history["states"][0]["wins"], history["states"][0]["record"]["duration_ms"]) == (True, 60_000)


IDS = (
    "a/b",
    "/a",
    "a/",
    "/",
    "//",
    "a//b",
    "..",
    ".",
    "../../summary",
    "a/../b",
    "a/./b",
    "50%",
    "%2F",
    "%252F",
    "a b",
    "a+b",
    "a?b=c",
    "a#b",
    "a;b",
    "a&b",
    "\\",
    '"',
    "ä",
    "a\N{COMBINING DIAERESIS}",
    "\N{TELEPHONE RECEIVER}\N{VARIATION SELECTOR-16}",
    "\N{MAN}\N{ZERO WIDTH JOINER}\N{PERSONAL COMPUTER}",
    "\N{RIGHT-TO-LEFT OVERRIDE}a",
    "conversation",
    "conversation/a",
    "admin/usage/records/conversation/x",
    "x" * 200,
    "\N{GRINNING FACE}" * 50,
)


@pytest.mark.parametrize("id_", IDS, ids=ascii)
def test_history_accepts_any_id_in_any_encoding(org: OrganizationClient, id_: str) -> None:
    assert org.send(conversation(id_))["accepted"] == 1
    assert history_of(org, id_)["id"] == id_
    everything = "".join(f"%{byte:02x}" for byte in id_.encode())
    status, history = get(org, f"{RECORDS}/conversation/{everything}?organization_id={org.id}")
    assert (status, history.get("id")) == (200, id_)


@pytest.mark.parametrize("id_", ["a/b", "a//b", "a/../b", "a/", "a;b", "a+b"])
def test_unencoded_slash_and_dot_are_accepted(org: OrganizationClient, id_: str) -> None:
    org.send(conversation(id_))
    status, history = get(org, f"{RECORDS}/conversation/{id_}")
    assert (status, history.get("id")) == (200, id_)


def test_kind_may_be_percent_encoded(org: OrganizationClient) -> None:
    org.send(conversation("a/b"))
    assert get(org, f"{RECORDS}/%63onversation/a/b")[1].get("id") == "a/b"


def test_ids_that_differ_in_a_slash_or_a_dot_are_different_records(org: OrganizationClient) -> None:
    ids = ("a/b", "a//b", "a/b/", "a/./b", "a/x/../b", "a%2Fb", "A/B")
    org.send(*(conversation(id_, duration=number) for number, id_ in enumerate(ids)))
    for number, id_ in enumerate(ids):
        [state] = history_of(org, id_)["states"]
        assert state["record"]["duration_ms"] == number * 1000


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_record_is_not_found(org: OrganizationClient, kind: str) -> None:
    answer = org.client.get(f"{RECORDS}/{kind}/unknown")
    assert error_of(answer, 404) == f"No event was received for {kind} 'unknown'."


def test_record_of_another_kind_or_organization_is_not_found(org: OrganizationClient) -> None:
    org.send(conversation("one"), event("agent.updated", {"id": "two"}))
    for kind, id_ in (("workflow_execution", "one"), ("agent", "one"), ("conversation", "two"), ("dataset", "two")):
        error_of(org.client.get(f"{RECORDS}/{kind}/{id_}"), 404)
    with new_organization(org.server) as other:
        for kind, id_ in (("conversation", "one"), ("agent", "two")):
            error_of(other.client.get(f"{RECORDS}/{kind}/{id_}"), 404)
        foreign = {"X-Anyreach-Org": org.id}
        error_of(other.client.get(f"{RECORDS}/conversation/one", headers=foreign), 403)
        error_of(other.client.get(f"{RECORDS}/conversation/one?organization_id={org.id}"), 403)


INVALID_IDS = ("%00", "a%0ab", "%ff", "%f0%9f", "x" * 201, "%C3%A4" * 101, "%", "%zz")


@pytest.mark.parametrize("encoded", INVALID_IDS, ids=lambda encoded: encoded[:12])
def test_invalid_id_is_not_found(org: OrganizationClient, encoded: str) -> None:
    status, problem = get(org, f"{RECORDS}/conversation/{encoded}")
    assert (status, problem["status"]) == (404, 404)
    assert len(problem["detail"]) < 300


@pytest.mark.parametrize("path", ["conversation/", "conversation//"])
def test_record_without_an_id_is_not_found(org: OrganizationClient, path: str) -> None:
    assert get(org, f"{RECORDS}/{path}")[0] == 404


@pytest.mark.parametrize("kind", ["conversations", "Conversation", "item", "%63onversation%20", "..", "inventory"])
def test_unknown_record_kind_is_rejected_with_the_allowed_kinds(org: OrganizationClient, kind: str) -> None:
    status, problem = get(org, f"{RECORDS}/{kind}/one")
    assert status == 422
    assert problem["detail"].startswith(f"'kind' must be one of {', '.join(KINDS)}, not ")


def test_history_needs_billing_manage(org: OrganizationClient) -> None:
    org.send(conversation("one"))
    assert_needs_billing_manage(org, "records/conversation/one", {})


def test_history_is_private_and_head_has_no_body(org: OrganizationClient) -> None:
    org.send(conversation("one"))
    answer = org.client.get(f"{RECORDS}/conversation/one")
    assert answer.headers["Cache-Control"] == "private, no-cache"
    head = org.client.head(f"{RECORDS}/conversation/one")
    assert (head.status_code, head.content) == (200, b"")
