"""The inventory: events and snapshots of agents, phone numbers, web widgets and knowledge bases."""

from collections.abc import Callable
from itertools import permutations

import httpx
import pytest

from tests.api.organizations import (
    ORGANIZATION_HEADER,
    Answer,
    OrganizationClient,
    client_of,
    counts_of,
    error_of,
    make_sender_key,
    new_organization,
    receipt_of,
)
from tests.events import Json, event
from tests.servers import Server

KINDS = {
    "agent": "total_agents",
    "phone_number": "total_phone_numbers",
    "web_widget": "total_web_widgets",
    "dataset": "total_datasets",
}
EARLY, NOON, LATE = "2026-03-01T06:00:00Z", "2026-03-01T12:00:00Z", "2026-03-01T18:00:00Z"
AGENTS = "/metering/inventory/agent"


def updated(kind: str, id_: str, time: str = NOON, **fields: object) -> Json:
    return event(f"{kind}.updated", {"id": id_, **fields}, time=time)


def deleted(kind: str, id_: str, time: str = NOON) -> Json:
    return event(f"{kind}.deleted", {"id": id_}, time=time)


def items(*ids: str, **fields: object) -> list[Json]:
    return [{"id": id_, **fields} for id_ in ids]


def put(org: OrganizationClient, kind: str, time: str, *listed: Json) -> Answer:
    """Send a valid snapshot and return its receipt."""
    return receipt_of(org.put_inventory(kind, time, *listed))


def agents(org: OrganizationClient) -> int:
    total: int = org.summary()["total_agents"]
    return total


@pytest.mark.parametrize(("kind", "field"), KINDS.items())
def test_items_of_each_kind_are_counted_until_deleted(org: OrganizationClient, kind: str, field: str) -> None:
    org.send(updated(kind, "one"), updated(kind, "two"), updated(kind, "one", LATE, name="renamed"))
    summary = org.summary()
    assert {name: summary[name] for name in KINDS.values()} == dict.fromkeys(KINDS.values(), 0) | {field: 2}
    org.send(deleted(kind, "one", "2026-03-01T19:00:00Z"))
    assert org.summary()[field] == 1


def test_inventory_does_not_depend_on_the_window(org: OrganizationClient) -> None:
    org.send(updated("agent", "one"))
    assert org.summary("1999-01-01", "1999-01-02")["total_agents"] == 1
    assert org.get_summary().json()["total_agents"] == 1


def test_shared_numbers_and_active_datasets_are_part_of_the_totals(org: OrganizationClient) -> None:
    org.send(
        updated("phone_number", "+1", shared=True),
        updated("phone_number", "+2", shared=False),
        updated("phone_number", "+3", shared=None),
        updated("phone_number", "+4", active=True),
        updated("dataset", "one", active=True),
        updated("dataset", "two", active=True),
        updated("dataset", "three", shared=True),
    )
    summary = org.summary()
    assert (summary["total_phone_numbers"], summary["shared_phone_numbers"]) == (4, 1)
    assert (summary["total_datasets"], summary["active_datasets"]) == (3, 2)
    org.send(updated("phone_number", "+1", LATE), deleted("dataset", "one", LATE))
    summary = org.summary()
    assert (summary["total_phone_numbers"], summary["shared_phone_numbers"]) == (4, 0)
    assert (summary["total_datasets"], summary["active_datasets"]) == (2, 1)


def test_late_deletion_does_not_remove_a_recreated_item(org: OrganizationClient) -> None:
    org.send(updated("agent", "one", EARLY), deleted("agent", "one", NOON))
    assert agents(org) == 0
    assert counts_of(org.send(updated("agent", "one", LATE))) == (1, 0, 0, 0, 0)
    assert agents(org) == 1
    assert counts_of(org.send(deleted("agent", "one", "2026-03-01T17:00:00Z"))) == (0, 0, 0, 1, 0)
    assert agents(org) == 1


def test_deletion_that_arrives_before_its_record_is_kept(org: OrganizationClient) -> None:
    org.send(deleted("agent", "one", LATE))
    assert counts_of(org.send(updated("agent", "one", NOON))) == (0, 0, 0, 1, 0)
    assert agents(org) == 0


@pytest.mark.parametrize(("kind", "field"), KINDS.items())
def test_snapshot_replaces_its_kind_and_no_other(org: OrganizationClient, kind: str, field: str) -> None:
    org.send(*(updated(other, f"{other}-{number}", EARLY) for other in KINDS for number in range(3)))
    assert counts_of(put(org, kind, NOON, *items(f"{kind}-0", "new"))) == (2, 0, 0, 0, 0)
    summary = org.summary()
    assert {name: summary[name] for name in KINDS.values()} == dict.fromkeys(KINDS.values(), 3) | {field: 2}


def test_snapshot_sets_shared_and_active(org: OrganizationClient) -> None:
    put(org, "phone_number", NOON, *items("+1", "+2", shared=True), *items("+3", name="Reception"))
    put(org, "dataset", NOON, *items("one", active=True), *items("two", active=None))
    summary = org.summary()
    assert (summary["total_phone_numbers"], summary["shared_phone_numbers"]) == (3, 2)
    assert (summary["total_datasets"], summary["active_datasets"]) == (2, 1)


def test_empty_snapshot_removes_all_items_of_its_kind(org: OrganizationClient) -> None:
    org.send(updated("agent", "one", EARLY))
    assert counts_of(put(org, "agent", NOON)) == (0, 0, 0, 0, 0)
    assert agents(org) == 0
    assert org.summary()["last_event_at"] is not None


def test_item_exists_only_if_newer_than_the_last_snapshot(org: OrganizationClient) -> None:
    put(org, "agent", NOON, *items("listed"))
    org.send(updated("agent", "older", "2026-03-01T11:59:59.999999Z"))
    assert agents(org) == 1
    org.send(updated("agent", "of the same instant", NOON), updated("agent", "newer", "2026-03-01T12:00:00.000001Z"))
    assert agents(org) == 3
    org.send(updated("agent", "older", LATE))
    assert agents(org) == 4


def test_parts_of_one_snapshot_with_equal_time_add_up(org: OrganizationClient) -> None:
    put(org, "agent", EARLY, *items("old"))
    put(org, "agent", NOON, *items("one", "two"))
    put(org, "agent", NOON, *items("two", "three"))
    assert agents(org) == 3
    put(org, "agent", LATE, *items("three"))
    assert agents(org) == 1


def test_late_older_snapshot_changes_nothing(org: OrganizationClient) -> None:
    put(org, "agent", LATE, *items("one"))
    assert counts_of(put(org, "agent", NOON, *items("one", "two"))) == (1, 0, 0, 1, 0)
    assert agents(org) == 1


def test_repeated_snapshot_is_all_duplicates(org: OrganizationClient) -> None:
    put(org, "agent", NOON, *items("one", "two"))
    assert counts_of(put(org, "agent", NOON, *items("two", "one"))) == (0, 2, 0, 0, 0)
    assert agents(org) == 2


def test_deletion_counts_only_after_the_snapshot(org: OrganizationClient) -> None:
    put(org, "agent", NOON, *items("one", "two"))
    org.send(deleted("agent", "one", EARLY), deleted("agent", "two", LATE))
    assert agents(org) == 1


def test_snapshots_and_events_give_the_same_inventory_in_any_order(server: Server) -> None:
    steps: tuple[Callable[[OrganizationClient], object], ...] = (
        lambda org: org.send(updated("agent", "a", EARLY), updated("agent", "c", "2026-03-01T13:00:00Z")),
        lambda org: put(org, "agent", NOON, *items("a", "b")),
        lambda org: put(org, "agent", LATE, *items("b", "d")),
        lambda org: org.send(deleted("agent", "d", "2026-03-01T19:00:00Z"), deleted("agent", "b", NOON)),
    )
    for order in permutations(steps):
        with new_organization(server) as org:
            for step in order:
                step(org)
            assert agents(org) == 1


BAD_ITEMS: dict[str, Json] = {
    "without an id": {"name": "x"},
    "with an empty id": {"id": ""},
    "with a number for an id": {"id": 7},
    "with an id of 10 kB": {"id": "x" * 10_000},
    "with a NUL": {"id": "agent\0"},
    "with text for shared": {"id": "x", "shared": "yes"},
    "with a number for a name": {"id": "x", "name": 5},
    "of a foreign organization": {"id": "x", "organization_id": "foreign"},
}


@pytest.mark.parametrize("bad", BAD_ITEMS.values(), ids=BAD_ITEMS)
def test_snapshot_with_one_bad_item_is_rejected_and_changes_nothing(org: OrganizationClient, bad: Json) -> None:
    put(org, "agent", NOON, *items("one", "two"))
    before = org.get_summary(from_="2026-03-01", to="2026-03-02")
    sentence = error_of(org.put_inventory("agent", LATE, *items("three"), bad), 422)
    assert "items[1]" in sentence
    assert len(sentence) < 300
    after = org.get_summary(from_="2026-03-01", to="2026-03-02")
    assert (after.headers["ETag"], after.content) == (before.headers["ETag"], before.content)


BAD_SNAPSHOTS: dict[str, tuple[object, int]] = {
    "without a time": ({"items": []}, 422),
    "with an empty time": ({"time": "", "items": []}, 422),
    "with a time without an offset": ({"time": "2026-03-01T12:00:00", "items": []}, 422),
    "with a date for a time": ({"time": "2026-03-01", "items": []}, 422),
    "with an impossible time": ({"time": "2026-02-31T12:00:00Z", "items": []}, 422),
    "of the year 20000": ({"time": "20000-01-01T00:00:00Z", "items": []}, 422),
    "of the year 2100": ({"time": "2100-01-01T00:00:00Z", "items": []}, 422),
    "with a number for a time": ({"time": 1772366400, "items": []}, 422),
    "without items": ({"time": NOON}, 422),
    "with null for items": ({"time": NOON, "items": None}, 422),
    "with one item for items": ({"time": NOON, "items": {"id": "one"}}, 422),
    "with text for an item": ({"time": NOON, "items": ["one"]}, 422),
    "that is a list": ([{"id": "one"}], 422),
    "of 10 001 items": ({"time": NOON, "items": items(*(f"agent-{number}" for number in range(10_001)))}, 413),
}


@pytest.mark.parametrize(("snapshot", "status"), BAD_SNAPSHOTS.values(), ids=BAD_SNAPSHOTS)
def test_malformed_snapshot_is_rejected_and_changes_nothing(
    org: OrganizationClient, snapshot: object, status: int
) -> None:
    put(org, "agent", EARLY, *items("one"))
    sentence = error_of(org.client.put(AGENTS, json=snapshot), status)
    assert len(sentence) < 300
    assert agents(org) == 1


@pytest.mark.parametrize("kind", ["agents", "Agent", "conversation", "workflow_execution", "trunk", "%00", "x" * 2_000])
def test_unknown_inventory_kind_is_rejected_with_the_allowed_kinds(org: OrganizationClient, kind: str) -> None:
    sentence = error_of(org.client.put(f"/metering/inventory/{kind}", json={"time": NOON, "items": []}), 422)
    assert all(known in sentence for known in KINDS)
    assert len(sentence) < 300


def test_ten_thousand_items_are_accepted(org: OrganizationClient) -> None:
    receipt = put(org, "phone_number", NOON, *items(*(f"+1555{number:07}" for number in range(10_000)), shared=True))
    assert counts_of(receipt) == (10_000, 0, 0, 0, 0)
    assert org.summary()["shared_phone_numbers"] == 10_000


def test_sender_key_must_name_the_organization_of_a_snapshot(server: Server, org: OrganizationClient) -> None:
    snapshot = {"time": NOON, "items": items("one", "two")}

    def put_as_sender(**headers: str) -> httpx.Response:
        return sender.put(AGENTS, json=snapshot, headers=headers)

    with client_of(server, make_sender_key(server)) as sender:
        assert ORGANIZATION_HEADER in error_of(put_as_sender(), 422)
        assert counts_of(receipt_of(put_as_sender(**{ORGANIZATION_HEADER: org.id}))) == (2, 0, 0, 0, 0)
    assert agents(org) == 2
