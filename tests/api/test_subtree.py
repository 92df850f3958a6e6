"""Organizations as a tree: who may set a parent, who may read the subtree, and what the answers say."""

from collections.abc import Iterator

import httpx
import pytest

from tests.api.organizations import (
    Answer,
    OrganizationClient,
    client_of,
    error_of,
    make_credential,
    make_sender_key,
    new_organization,
    receipt_of,
)
from tests.api.queries import Query, get_answer, get_error, get_response
from tests.events import Json, conversation, event
from tests.servers import Server

DAY: Query = {"from": "2026-03-01", "to": "2026-03-02"}
SUBTREE: Query = {**DAY, "subtree": "true"}
BY_ORGANIZATION: Query = {**DAY, "by": "organization"}


@pytest.fixture(scope="module")
def sender(server: Server) -> Iterator[httpx.Client]:
    with client_of(server, make_sender_key(server)) as client:
        yield client


@pytest.fixture
def child(server: Server) -> Iterator[OrganizationClient]:
    with new_organization(server) as organization:
        yield organization


def below(child: OrganizationClient, parent: OrganizationClient | None, **envelope: object) -> Json:
    parent_id = None if parent is None else parent.id
    return event("organization.updated", {"id": child.id, "parent_id": parent_id}, **envelope)


def send(sender: httpx.Client, *events: Json) -> Answer:
    return receipt_of(sender.post("/metering/events", json=events))


def test_subtree_is_the_sum_of_the_organization_and_those_below(
    org: OrganizationClient, child: OrganizationClient, sender: httpx.Client
) -> None:
    org.send(conversation("own", duration=60))
    child.send(conversation("of the child", duration=30), event("agent.updated", {"id": "ann"}))
    assert send(sender, below(child, org))["accepted"] == 1

    answer = get_answer(org, "summary", SUBTREE)

    assert (answer["total_calls"], answer["voice_duration_ms"], answer["total_agents"]) == (2, 90_000, 1)
    assert answer["last_event_at"] == child.summary()["last_event_at"]
    assert org.calls() == child.calls() == 1
    assert get_answer(child, "summary", SUBTREE)["total_calls"] == 1


def test_breakdown_by_organization_has_one_row_for_each_member(
    org: OrganizationClient, child: OrganizationClient, sender: httpx.Client
) -> None:
    org.send(conversation("own"))
    child.send(conversation("one"), conversation("two"))
    send(sender, below(child, org))
    org.server.cli("orgs", "rename", child.id, "A customer")

    answer = get_answer(org, "breakdown", {**BY_ORGANIZATION, "compare": "previous"})

    assert [(row["value"], row["name"], row["total_calls"]) for row in answer["rows"]] == [
        (child.id, "A customer", 2),
        (org.id, None, 1),
    ]
    assert (answer["others"]["total_calls"], answer["others"]["values"]) == (0, 0)
    found = get_answer(org, "breakdown", {**BY_ORGANIZATION, "search": "customer"})
    assert [row["value"] for row in found["rows"]] == [child.id]


def test_part_of_a_day_of_a_subtree_is_read_from_the_records(
    org: OrganizationClient, child: OrganizationClient, sender: httpx.Client
) -> None:
    org.send(conversation("early", created_at="2026-03-01T01:00:00Z"))
    child.send(conversation("late", created_at="2026-03-01T23:00:00Z"))
    send(sender, below(child, org))
    evening: Query = {"from": "2026-03-01T20:00:00Z", "to": "2026-03-02"}

    assert get_answer(org, "summary", {**evening, "subtree": "true"})["total_calls"] == 1
    assert [row["value"] for row in get_answer(org, "breakdown", {**evening, "by": "organization"})["rows"]] == [
        child.id
    ]


def test_etag_changes_with_a_write_of_a_member_and_with_the_members(
    org: OrganizationClient, child: OrganizationClient, sender: httpx.Client
) -> None:
    def etag() -> str:
        return get_response(org, "summary", SUBTREE).headers["ETag"]

    alone = etag()
    send(sender, below(child, org))
    together = etag()
    unchanged = org.client.get("/admin/usage/summary", params=SUBTREE, headers={"If-None-Match": together})
    assert unchanged.status_code == 304
    child.send(conversation())
    assert len({alone, together, etag()}) == 3


def test_organization_does_not_choose_its_parent(org: OrganizationClient, child: OrganizationClient) -> None:
    [refused] = child.send(below(child, org))["quarantined"]

    assert refused["reason"] == "foreign_organization"
    assert refused["detail"] == (
        "An organization does not choose its parent: send organization.updated with a sender key, in a request that "
        "names no organization."
    )
    assert [one["organization_id"] for one in get_answer(org, "organizations", {})["organizations"]] == [org.id]


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        ({"id": "a", "parent_id": "a"}, "data.parent_id is the organization itself."),
        ({"id": "a", "organization_id": "b"}, "data.organization_id is 'b', but data.id is 'a'."),
        ({"parent_id": "a"}, "data: missing required field `id`."),
    ],
)
def test_invalid_parent_is_quarantined_with_a_sentence(sender: httpx.Client, data: Json, detail: str) -> None:
    [refused] = send(sender, event("organization.updated", data))["quarantined"]

    assert (refused["reason"], refused["detail"]) == ("invalid_data", detail)


def test_receipt_says_which_parent_wins(
    org: OrganizationClient, child: OrganizationClient, sender: httpx.Client
) -> None:
    newer, older = (below(child, parent, time=f"2026-03-0{day}T00:00:00Z") for parent, day in ((org, 2), (None, 1)))

    receipt = send(sender, newer, newer, older)

    assert (receipt["accepted"], receipt["duplicate"], receipt["stale"]) == (1, 1, 1)
    assert get_answer(org, "organizations", {})["organizations"] == [
        {"organization_id": org.id, "name": None, "parent_id": None},
        {"organization_id": child.id, "name": None, "parent_id": org.id},
    ]


def test_subtree_needs_the_scope_for_child_organizations(org: OrganizationClient) -> None:
    key = make_credential(org.server, org_id=org.id, scopes=("billing:manage",))
    with client_of(org.server, key) as client:
        for endpoint, query in (("summary", SUBTREE), ("breakdown", BY_ORGANIZATION), ("organizations", {})):
            sentence = error_of(client.get(f"/admin/usage/{endpoint}", params=query), 403)
            assert "child_organizations:manage" in sentence
        assert client.get("/admin/usage/summary", params={**DAY, "subtree": "false"}).status_code == 200


@pytest.mark.parametrize(
    ("endpoint", "query", "sentence"),
    [
        (
            "summary",
            {**SUBTREE, "agent": "ann"},
            "'subtree' cannot be combined with 'agent': a filter is for one organization.",
        ),
        (
            "breakdown",
            {**BY_ORGANIZATION, "channel": "text"},
            "A breakdown by organization cannot be filtered: a filter is for one organization.",
        ),
        ("summary", {**DAY, "subtree": "yes"}, "'subtree' must be true or false, not 'yes'."),
        ("series", {**SUBTREE, "interval": "day"}, "Unknown parameter 'subtree'."),
        ("export", {**BY_ORGANIZATION, "of": "breakdown"}, "'by' must be one of agent"),
    ],
)
def test_query_that_a_subtree_does_not_have_is_refused(
    org: OrganizationClient, endpoint: str, query: Query, sentence: str
) -> None:
    assert get_error(org, endpoint, query).startswith(sentence)


def test_subtree_with_too_many_organizations_is_refused(org: OrganizationClient, sender: httpx.Client) -> None:
    children = [
        event("organization.updated", {"id": f"{org.id}-{number}", "parent_id": org.id}) for number in range(1_000)
    ]
    assert send(sender, *children[:999])["accepted"] == 999
    assert len(get_answer(org, "organizations", {})["organizations"]) == 1_000
    assert get_answer(org, "summary", SUBTREE)["total_calls"] == 0

    assert send(sender, children[999])["accepted"] == 1

    assert get_error(org, "summary", SUBTREE) == (
        f"More than 1,000 organizations are in the subtree of '{org.id}'; ask for a part of it."
    )
