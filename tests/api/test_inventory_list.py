"""The list of items behind an inventory card; its length equals the number of the card."""

import pytest

from tests.api.organizations import Answer, OrganizationClient, error_of, new_organization
from tests.api.queries import USAGE, Query, assert_needs_billing_manage, get_answer, get_error, get_response, repeated
from tests.events import Json, conversation, event

INVENTORY = f"{USAGE}/inventory"
KINDS = {
    "agent": "total_agents",
    "phone_number": "total_phone_numbers",
    "web_widget": "total_web_widgets",
    "dataset": "total_datasets",
}
EARLY, NOON, LATE = "2026-03-01T06:00:00Z", "2026-03-01T12:00:00Z", "2026-03-01T18:00:00Z"
WRONG_CURSOR = (
    "'cursor' does not belong to this query: send the next_cursor of the previous page and leave the other parameters "
    "unchanged; without 'from' and 'to' the window changes at midnight (UTC)."
)


def updated(kind: str, id_: str, time: str = NOON, **fields: object) -> Json:
    return event(f"{kind}.updated", {"id": id_, **fields}, time=time)


def deleted(kind: str, id_: str, time: str = NOON) -> Json:
    return event(f"{kind}.deleted", {"id": id_}, time=time)


def agents(*ids: str) -> list[Json]:
    return [updated("agent", id_) for id_ in ids]


def ids_of(answer: Answer) -> list[str]:
    return [item["id"] for item in answer["items"]]


def listed(org: OrganizationClient, kind: str, **query: str) -> list[str]:
    """Return the ids of a list of one page, and check its total."""
    answer = get_answer(org, "inventory", {"kind": kind, **query})
    assert answer["total"] == len(answer["items"])
    assert (answer["next_cursor"], answer["changed"]) == (None, False)
    return ids_of(answer)


def test_every_field_of_an_item_list_is_correct(org: OrganizationClient) -> None:
    named = event(
        "phone_number.updated",
        {"id": "+15550001", "name": "Main line", "shared": True},
        source="/platform",
        time="2026-03-01T12:00:00.5Z",
        sequence="2",
    )
    bare = updated("phone_number", "+15550000")
    org.send(named, bare)
    stored_at = org.summary()["last_event_at"]
    assert get_answer(org, "inventory", {"kind": "phone_number"}) == {
        "kind": "phone_number",
        "items": [
            {
                "id": "+15550000",
                "name": None,
                "shared": False,
                "active": False,
                "event": {"source": "/tests", "id": bare["id"], "time": NOON, "sequence": 0},
                "stored_at": stored_at,
            },
            {
                "id": "+15550001",
                "name": "Main line",
                "shared": True,
                "active": False,
                "event": {
                    "source": "/platform",
                    "id": named["id"],
                    "time": "2026-03-01T12:00:00.500000Z",
                    "sequence": 2,
                },
                "stored_at": stored_at,
            },
        ],
        "next_cursor": None,
        "total": 2,
        "changed": False,
    }


@pytest.mark.parametrize(("kind", "card"), KINDS.items())
def test_item_list_equals_the_inventory_card(org: OrganizationClient, kind: str, card: str) -> None:
    org.send(*(updated(one, f"{one}-{number}") for one in KINDS for number in range(3)), deleted(kind, "unknown"))
    org.send(deleted(kind, f"{kind}-1", LATE))
    assert listed(org, kind) == [f"{kind}-0", f"{kind}-2"]
    assert org.summary()[card] == 2


def test_items_omitted_by_a_snapshot_are_not_listed(org: OrganizationClient) -> None:
    org.send(updated("agent", "old", EARLY), updated("agent", "newer", LATE))
    org.put_inventory("agent", NOON, {"id": "kept", "name": "Ada"})
    assert listed(org, "agent") == ["kept", "newer"]
    assert org.summary()["total_agents"] == 2


def test_recreated_item_is_listed_with_its_new_name(org: OrganizationClient) -> None:
    org.send(updated("agent", "a", EARLY, name="Old"), deleted("agent", "a"), updated("agent", "a", LATE, name="New"))
    [item] = get_answer(org, "inventory", {"kind": "agent"})["items"]
    assert (item["name"], item["event"]["time"]) == ("New", LATE)


def test_shared_numbers_and_active_datasets_can_be_filtered(org: OrganizationClient) -> None:
    org.send(
        *(updated("phone_number", f"+{number}", shared=number % 3 == 0) for number in range(1, 8)),
        *(updated("dataset", f"set-{number}", active=number % 2 == 0) for number in range(5)),
        updated("phone_number", "+9", EARLY, shared=True),
        deleted("phone_number", "+9"),
    )
    summary = org.summary()
    assert listed(org, "phone_number", shared="true") == ["+3", "+6"]
    assert listed(org, "phone_number", shared="false") == ["+1", "+2", "+4", "+5", "+7"]
    assert (summary["total_phone_numbers"], summary["shared_phone_numbers"]) == (7, 2)
    assert listed(org, "dataset", active="true") == ["set-0", "set-2", "set-4"]
    assert listed(org, "dataset", active="false") == ["set-1", "set-3"]
    assert (summary["total_datasets"], summary["active_datasets"]) == (5, 3)


def test_ids_are_sorted_by_their_bytes(org: OrganizationClient) -> None:
    ids = ("Z", "a", "10", "9", "ä", "\N{GRINNING FACE}", "a/b", " ", "%")
    org.send(*agents(*ids))
    assert listed(org, "agent") == sorted(ids, key=str.encode)


def test_organization_without_items_has_an_empty_list(org: OrganizationClient) -> None:
    org.send(conversation(agent_id="agent-1"))
    for kind in KINDS:
        assert listed(org, kind) == []


def test_item_list_contains_only_its_organization(org: OrganizationClient) -> None:
    org.send(*agents("mine"))
    with new_organization(org.server) as other:
        other.send(*agents("mine", "theirs"))
        assert listed(org, "agent") == ["mine"]
        assert listed(other, "agent") == ["mine", "theirs"]


def pages_of(org: OrganizationClient, **query: str) -> list[Answer]:
    pages = [get_answer(org, "inventory", query)]
    while pages[-1]["next_cursor"] is not None:
        pages.append(get_answer(org, "inventory", {**query, "cursor": pages[-1]["next_cursor"]}))
    return pages


def cursor_of(org: OrganizationClient, **query: str) -> str:
    cursor: str = get_answer(org, "inventory", {**query, "limit": "1"})["next_cursor"]
    assert cursor
    return cursor


@pytest.mark.parametrize("limit", [1, 3, 9, 10, 11])
def test_pages_of_any_size_return_every_item_once_in_order(org: OrganizationClient, limit: int) -> None:
    org.send(*(updated("phone_number", f"+{number}", shared=number < 10) for number in range(20)))
    pages = pages_of(org, kind="phone_number", shared="true", limit=str(limit))
    assert [id_ for page in pages for id_ in ids_of(page)] == [f"+{number}" for number in range(10)]
    assert [page["total"] for page in pages] == [10] + [None] * (len(pages) - 1)
    assert len(pages) == -(-10 // limit)


def test_item_limit_defaults_to_50_and_is_at_most_1000(org: OrganizationClient) -> None:
    org.send(*agents(*(f"agent-{number:04}" for number in range(1_001))))
    assert len(get_answer(org, "inventory", {"kind": "agent"})["items"]) == 50
    pages = pages_of(org, kind="agent", limit="1000")
    assert ([len(page["items"]) for page in pages], pages[0]["total"]) == ([1_000, 1], 1_001)


def test_later_page_reports_changes_since_the_first_page(org: OrganizationClient) -> None:
    org.send(*agents("a", "b", "c"))
    cursor = cursor_of(org, kind="agent")
    assert not get_answer(org, "inventory", {"kind": "agent", "cursor": cursor})["changed"]
    org.send(*agents("aa"), deleted("agent", "a", LATE))
    page = get_answer(org, "inventory", {"kind": "agent", "cursor": cursor, "limit": "1"})
    assert (ids_of(page), page["changed"]) == (["aa"], True)
    assert get_answer(org, "inventory", {"kind": "agent", "cursor": page["next_cursor"]})["changed"]


def test_cursor_of_another_list_is_rejected(org: OrganizationClient) -> None:
    org.send(
        *agents("a", "b", "c"),
        *(updated("phone_number", f"+{number}", shared=True) for number in range(3)),
        *(conversation(f"call-{number}") for number in range(3)),
    )
    of_agents, of_numbers = cursor_of(org, kind="agent"), cursor_of(org, kind="phone_number")
    records: Query = {"kind": "conversation", "from": "2026-03-01", "to": "2026-03-02", "limit": "1"}
    of_records = get_answer(org, "records", records)["next_cursor"]
    with new_organization(org.server) as other:
        other.send(*agents("a", "b", "c"))
        of_others = cursor_of(other, kind="agent")
    for query, cursor in (
        ({"kind": "agent"}, of_numbers),
        ({"kind": "agent"}, of_records),
        ({"kind": "agent"}, of_others),
        ({"kind": "agent"}, ""),
        ({"kind": "agent"}, of_agents[:-2] + ("BB" if of_agents.endswith("AA") else "AA")),
        ({"kind": "agent"}, of_agents[:-3]),
        ({"kind": "phone_number"}, of_agents),
        ({"kind": "phone_number", "shared": "true"}, of_numbers),
        ({"kind": "phone_number", "shared": "false"}, of_numbers),
        ({"kind": "dataset"}, of_agents),
    ):
        assert get_error(org, "inventory", {**query, "cursor": cursor}) == WRONG_CURSOR


NAMES = "agent, phone_number, web_widget, dataset"
ALLOWED = "kind, shared, active, limit, cursor"
INVALID: dict[str, tuple[Query, str]] = {
    "no kind": ({}, f"'kind' is missing: it must be one of {NAMES}."),
    "an empty kind": ({"kind": ""}, f"'kind' must be one of {NAMES}, not ''."),
    "a kind of records": ({"kind": "conversation"}, f"'kind' must be one of {NAMES}, not 'conversation'."),
    "a plural": ({"kind": "agents"}, f"'kind' must be one of {NAMES}, not 'agents'."),
    "shared agents": (
        {"kind": "agent", "shared": "true"},
        "'shared' is only allowed with kind=phone_number, not with kind=agent.",
    ),
    "shared datasets": (
        {"kind": "dataset", "shared": "false"},
        "'shared' is only allowed with kind=phone_number, not with kind=dataset.",
    ),
    "active numbers": (
        {"kind": "phone_number", "active": "true"},
        "'active' is only allowed with kind=dataset, not with kind=phone_number.",
    ),
    "active widgets": (
        {"kind": "web_widget", "active": "true"},
        "'active' is only allowed with kind=dataset, not with kind=web_widget.",
    ),
    "a flag that is not a boolean": (
        {"kind": "phone_number", "shared": "1"},
        "'shared' must be true or false, not '1'.",
    ),
    "an empty flag": ({"kind": "dataset", "active": ""}, "'active' must be true or false, not ''."),
    "a window": (
        {"kind": "agent", "from": "2026-03-01"},
        f"Unknown parameter 'from'. Allowed: {ALLOWED}.",
    ),
    "a filter of records": ({"kind": "agent", "agent": "a"}, f"Unknown parameter 'agent'. Allowed: {ALLOWED}."),
    "a limit of zero": ({"kind": "agent", "limit": "0"}, "'limit' must be a whole number from 1 to 1000, not '0'."),
    "a limit of 1001": (
        {"kind": "agent", "limit": "1001"},
        "'limit' must be a whole number from 1 to 1000, not '1001'.",
    ),
    "a control character": ({"kind": "agent\t"}, r"'kind' contains a control character: 'agent\t'."),
}


@pytest.mark.parametrize(("query", "sentence"), INVALID.values(), ids=INVALID)
def test_invalid_item_parameters_are_rejected_with_the_reason(
    org: OrganizationClient, query: Query, sentence: str
) -> None:
    assert get_error(org, "inventory", query) == sentence


@pytest.mark.parametrize("again", [{"kind": "agent"}, {"kind": "dataset"}, {"limit": "5"}])
def test_repeated_parameter_is_rejected(org: OrganizationClient, again: Query) -> None:
    query = repeated({"kind": "agent", "limit": "5"}, **again)
    assert error_of(org.client.get(f"{INVENTORY}?{query}"), 422) == f"'{next(iter(again))}' is given more than once."


def test_item_list_needs_billing_manage(org: OrganizationClient) -> None:
    assert_needs_billing_manage(org, "inventory", {"kind": "agent"})


def test_item_list_is_private_and_head_has_no_body(org: OrganizationClient) -> None:
    assert get_response(org, "inventory", {"kind": "agent"}).headers["Cache-Control"] == "private, no-cache"
    head = org.client.head(INVENTORY, params={"kind": "agent"})
    assert (head.status_code, head.content) == (200, b"")
