"""TALKMETER_KNOWN_ORGANIZATIONS_ONLY: events of organizations that do not exist are quarantined until you add them."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from tests.api.organizations import client_of, make_sender_key
from tests.events import conversation, event
from tests.servers import Server, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("known"), known_organizations_only="true") as server:
        server.cli("orgs", "add", "acme")
        yield server


@pytest.fixture(scope="module")
def sender(server: Server) -> Iterator[httpx.Client]:
    with client_of(server, make_sender_key(server)) as client:
        yield client


def rows(server: Server, query: str) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(server.folder / "talkmeter.db")) as database:
        return database.execute(query).fetchall()


def test_unknown_organization_is_quarantined_and_the_others_count(server: Server, sender: httpx.Client) -> None:
    events = [conversation(f"call-{org_id}", organization_id=org_id) for org_id in ("acme", "acne")]

    receipt = sender.post("/metering/events", json=events).raise_for_status().json()

    assert receipt["accepted"] == 1
    assert [(entry["index"], entry["reason"]) for entry in receipt["quarantined"]] == [(1, "unknown_organization")]
    assert rows(server, "SELECT org_id FROM organization_directory") == [("acme",)]
    [(id_,)] = rows(server, "SELECT lower(hex(hash)) FROM quarantine WHERE org_id = ''")
    assert "Organization 'acne' does not exist" in server.cli("quarantine", "replay", id_)

    server.cli("orgs", "add", "acne")
    assert server.cli("quarantine", "replay", id_).startswith("1 replayed")
    assert rows(server, "SELECT id FROM conversation WHERE org_id = 'acne'") == [("call-acne",)]


def test_parent_of_an_unknown_organization_is_set_by_a_replay(server: Server, sender: httpx.Client) -> None:
    claim = event("organization.updated", {"id": "branch", "parent_id": "acme"})
    assert len(sender.post("/metering/events", json=[claim]).raise_for_status().json()["quarantined"]) == 1
    [(id_,)] = rows(server, "SELECT lower(hex(hash)) FROM quarantine WHERE org_id = ''")

    server.cli("orgs", "add", "branch")

    assert server.cli("quarantine", "replay", id_).startswith("1 replayed")
    assert rows(server, "SELECT org_id, parent_id FROM organization_parent") == [("branch", "acme")]


def test_deletion_includes_events_that_arrived_before_the_organization(server: Server, sender: httpx.Client) -> None:
    sent = [conversation("early", organization_id=org_id) for org_id in ("early", "nobody")]
    sender.post("/metering/events", json=sent).raise_for_status()
    server.cli("orgs", "add", "early")

    server.cli("orgs", "delete", "early", "--yes")

    kept = [fields for (fields,) in rows(server, "SELECT CAST(kept_fields AS TEXT) FROM quarantine")]
    assert ["nobody" in fields for fields in kept if '"id":"early"' in fields] == [True]


def test_organization_in_the_header_must_exist_too(server: Server, sender: httpx.Client) -> None:
    headers = {"X-Anyreach-Org": "nobody"}

    posted = sender.post("/metering/events", json=conversation("call-9"), headers=headers).raise_for_status().json()
    body = {"time": "2026-03-01T12:00:00Z", "items": [{"id": "ann"}]}
    put = sender.put("/metering/inventory/agent", json=body, headers=headers)

    assert [entry["reason"] for entry in posted["quarantined"]] == ["unknown_organization"]
    assert put.status_code == 422
    assert put.json()["detail"].startswith("Organization 'nobody' does not exist")
    assert rows(server, "SELECT * FROM organization WHERE org_id = 'nobody'") == []
