"""The examples of docs/reference/http-api.md against a real server, and the snapshots of counting.md."""

import json
import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.api.organizations import Organization, new_organization
from tests.docs.documents import COUNTING, HTTP_API
from tests.docs.shell import run_script
from tests.events import Json
from tests.servers import Server, running_server

OUTSIDE_THE_DESCRIPTION = ("/openapi.json", "/docs")
REQUIRED = {
    "/admin/usage/breakdown": "?by=agent",
    "/admin/usage/records": "?kind=conversation",
    "/admin/usage/inventory": "?kind=agent",
    "/admin/usage/export": "?of=daily",
}
"""What an endpoint cannot do without."""
_numbers = count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def caller(server: Server) -> Iterator[Organization]:
    with new_organization(server) as organization:
        yield organization


def agents(caller: Organization) -> int:
    """How many agents the organization has."""
    number: int = caller.ask().json()["total_agents"]
    return number


def test_every_command_is_answered_as_the_page_says(server: Server, caller: Organization, tmp_path: Path) -> None:
    scopes, *events = [
        *HTTP_API.section("Roles and scopes").blocks("sh"),
        *HTTP_API.section("Request formats").blocks("sh"),
    ]
    [snapshot] = HTTP_API.section("Sending the inventory").blocks("sh")
    [question] = HTTP_API.section("Reading usage").blocks("sh")
    variables = {"TALKMETER_URL": server.url, "TALKMETER_KEY": caller.key}
    said = [json.loads(run_script(one, tmp_path, variables)) for one in (scopes, *events, snapshot, question)]

    assert "billing:manage" in said[0]
    receipt = {"duplicate": 0, "conflicting": 0, "stale": 0, "quarantined": []}
    assert said[1:-1] == [{"accepted": number, **receipt} for number in (1, 1, 1, 1, 2)]
    figures = ("total_calls", "voice_duration_ms", "workflow_runs_success", "shared_phone_numbers", "total_agents")
    assert [said[-1][name] for name in figures] == [1, 120_000, 1, 1, 2]


ASKED = ("Comparison", "Usage breakdown", "Records", "Export")


def test_every_question_is_answered_as_the_page_says(server: Server, caller: Organization, tmp_path: Path) -> None:
    call = {"channel": "telephone", "direction": "inbound", "status": "completed", "duration": 95}
    event = told("conversation.updated", "call-1", "9:00")
    event["data"] = {"id": "call-1", "created_at": at("9:00"), "agent_id": "ann", **call}
    caller.client.post("/metering/events", json=[event]).raise_for_status()
    variables = {"TALKMETER_URL": server.url, "TALKMETER_KEY": caller.key}
    commands = [command for title in ASKED for command in HTTP_API.section(title).blocks("sh")]
    compared, driven, behind, _ = (run_script(command, tmp_path, variables) for command in commands)
    [shown] = HTTP_API.section("Comparison").blocks("json")
    comparison = json.loads(compared)["comparison"]

    assert {**comparison, "figures": {"total_calls": comparison["figures"]["total_calls"]}} == json.loads(shown)
    [row] = json.loads(driven)["rows"]
    assert (row["value"], row["share"], row["series"]) == ("ann", 1.0, [0, 0, 0, 1, 0, 0])
    records = json.loads(behind)
    assert [one["id"] for one in records["records"]] == ["call-1"]
    assert records["totals"]["voice_duration_ms"] == records["records"][0]["adds"]["voice_duration_ms"] == 95_000
    [file] = tmp_path.glob("talkmeter-*-2026-11-01-to-2026-11-22-daily.csv")
    assert file.read_bytes().startswith(b"\xef\xbb\xbfday,state,changed_at,total_calls,")
    assert len(file.read_text().splitlines()) == 1 + 22


def listed_fields(title: str) -> list[str]:
    """What stands in the first column of a section's tables, name by name."""
    return [name for cell in HTTP_API.section(title).column() for name in re.findall(r"\w+", cell)]


def test_the_parameters_are_those_of_the_code(caller: Organization) -> None:
    paths = caller.client.get("/openapi.json").json()["paths"]
    sections = {
        "/admin/usage/summary": "Reading usage",
        "/admin/usage/breakdown": "Usage breakdown",
        "/admin/usage/records": "Records",
    }
    for path, title in sections.items():
        described = {one["name"] for one in paths[path]["get"]["parameters"] if one["in"] == "query"}

        assert described - {"organization_id"} <= set(listed_fields(title)), path


def test_the_receipt_shown_is_that_of_such_a_batch(caller: Organization) -> None:
    [shown] = HTTP_API.section("The receipt").blocks("json")
    batch = [
        told("agent.updated", "ann", "9:00"),
        told("conversation.updated", "call-1", "9:00"),
        told("agent.updated", "bob", "9:00"),
    ]
    call = {"channel": "text", "direction": "inbound", "status": "failed", "created_at": at("9:00"), "duration": -1}
    batch[1] |= {"id": "e-6", "data": {"id": "call-1", **call}}

    assert caller.client.post("/metering/events", json=batch).json() == json.loads(shown)


def test_an_error_has_the_shape_shown(caller: Organization) -> None:
    [shown] = HTTP_API.section("Errors").blocks("json")
    answer = caller.client.get("/admin/usage/summary", params={"from": "2026-11-23", "to": "2026-11-22"})

    assert answer.json() == json.loads(shown)
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_the_endpoints_are_those_of_the_application(caller: Organization) -> None:
    listed = {(row[0].lower(), row[1].strip("`")) for row in HTTP_API.section("Endpoints").rows()}
    described = caller.client.get("/openapi.json").json()["paths"]
    others = {("get", path) for path in OUTSIDE_THE_DESCRIPTION}

    assert listed == {(method, path) for path, methods in described.items() for method in methods} | others


def test_listed_errors_of_each_endpoint_are_those_of_the_openapi_description(caller: Organization) -> None:
    rows = HTTP_API.section("Endpoints").rows()
    listed = {(row[0].lower(), row[1].strip("`")): set(re.findall(r"\d+", row[4])) for row in rows}
    described = {
        (method, path): {code for code in operation["responses"] if code >= "400"} - {"500", "503"}
        for path, methods in caller.client.get("/openapi.json").json()["paths"].items()
        for method, operation in methods.items()
    }

    assert {**{endpoint: set() for endpoint in listed}, **described} == listed


def test_every_endpoint_to_get_answers_and_its_head_too(caller: Organization) -> None:
    caller.client.post("/metering/events", json=[told("agent.updated", "ann", "9:00")]).raise_for_status()
    listed = [row[1].strip("`") for row in HTTP_API.section("Endpoints").rows() if row[0] == "GET"]
    paths = [path.format(kind="agent", record_id="ann") + REQUIRED.get(path, "") for path in listed]

    assert REQUIRED.keys() <= set(listed)
    assert {
        path: (caller.client.get(path).status_code, caller.client.head(path).status_code) for path in paths
    } == dict.fromkeys(paths, (200, 200))


def test_an_answer_at_hand_is_a_304(caller: Organization) -> None:
    first = caller.client.get("/admin/usage/summary")
    again = caller.client.get("/admin/usage/summary", headers={"If-None-Match": first.headers["ETag"]})
    written = [first.headers[name] for name in ("Cache-Control", "Vary")]

    assert (again.status_code, again.content) == (304, b"")
    assert all(text in " ".join(HTTP_API.section("Caching").prose.split()) for text in written)


def test_a_snapshot_with_one_bad_item_leaves_the_inventory_as_it_was(caller: Organization) -> None:
    kept = caller.client.put(
        "/metering/inventory/agent", json={"time": at("9:00"), "items": [{"id": "ann"}, {"id": "bob"}]}
    )
    refused = caller.client.put(
        "/metering/inventory/agent", json={"time": at("10:00"), "items": [{"id": "ann"}, {"id": ""}]}
    )

    assert (kept.status_code, refused.status_code, agents(caller)) == (200, 422, 2)
    assert "items[1]" in refused.json()["detail"]


def at(clock: str) -> str:
    """An instant of one day."""
    return f"2026-11-22T{clock:0>5}:00Z"


def told(type_: str, id_: str, clock: str) -> Json:
    """An event about an item."""
    head = {"specversion": "1.0", "id": f"event-{next(_numbers)}", "source": "/docs", "type": type_, "time": at(clock)}
    return {**head, "data": {"id": id_}}


def tell(caller: Organization, row: str) -> None:
    """Send what a row of the table of floors says arrives."""
    if snapshot := re.match(r"a snapshot of (\S+) with (\w+)", row):
        body = {"time": at(snapshot[1].rstrip(",")), "items": [{"id": snapshot[2]}]}
        caller.client.put("/metering/inventory/agent", json=body).raise_for_status()
        return
    type_ = row.split("`")[1]
    events = [told(type_, id_, clock) for id_, clock in re.findall(r"(\w+) at (\d+:\d+)", row)]
    caller.client.post("/metering/events", json=events).raise_for_status()


def test_the_inventory_after_each_row_of_the_table_of_floors_is_the_one_it_says(caller: Organization) -> None:
    rows = COUNTING.section("Inventory and snapshots").rows()
    expected = [len(row[1].split(":")[0].split(", ")) for row in rows]
    found = []
    for row in rows:
        tell(caller, row[0])
        found.append(agents(caller))

    assert found == expected == [2, 1, 2, 2, 2, 1]


def test_the_table_of_floors_ends_alike_from_its_end_to_its_beginning(caller: Organization) -> None:
    for row in reversed(COUNTING.section("Inventory and snapshots").rows()):
        tell(caller, row[0])

    assert agents(caller) == 1
