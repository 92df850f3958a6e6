"""docs/reference/http-api.md matches a real server: its commands, endpoints, parameters and responses.

Also the table of inventory snapshots in docs/reference/counting.md.
"""

import json
import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.api.billing import make_operator_key
from tests.api.organizations import OrganizationClient, client_of, new_organization
from tests.docs.documents import COUNTING, HTTP_API
from tests.docs.shell import run_script
from tests.events import Json
from tests.servers import Server, running_server

NOT_IN_OPENAPI = ("/openapi.json", "/docs", "/email/confirm")
REQUIRED = {
    "/admin/usage/series": "?interval=day",
    "/admin/usage/breakdown": "?by=agent",
    "/admin/usage/records": "?kind=conversation",
    "/admin/usage/inventory": "?kind=agent",
    "/admin/usage/export": "?of=daily",
    "/admin/usage/allowance": "?budget=calls",
}
"""The query that an endpoint requires."""
SECRET_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
_numbers = count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server"), secret_key=SECRET_KEY) as running:
        yield running


@pytest.fixture
def caller(server: Server) -> Iterator[OrganizationClient]:
    with new_organization(server) as organization:
        yield organization


def agents(caller: OrganizationClient) -> int:
    """Return the number of agents in the summary."""
    number: int = caller.get_summary().json()["total_agents"]
    return number


def test_commands_get_the_responses_shown(server: Server, caller: OrganizationClient, tmp_path: Path) -> None:
    scopes, *events = [
        *HTTP_API.section("Roles and scopes").blocks("sh"),
        *HTTP_API.section("Request formats").blocks("sh"),
    ]
    [snapshot] = HTTP_API.section("Sending the inventory").blocks("sh")
    [query] = HTTP_API.section("Reading usage").blocks("sh")
    variables = {"TALKMETER_URL": server.url, "TALKMETER_KEY": caller.key}
    commands = (scopes, *events, snapshot, query)
    responses = [json.loads(run_script(command, tmp_path, variables)) for command in commands]

    assert "billing:manage" in responses[0]
    receipt = {"duplicate": 0, "conflicting": 0, "stale": 0, "quarantined": []}
    assert responses[1:-1] == [{"accepted": number, **receipt} for number in (1, 1, 1, 1, 2)]
    figures = ("total_calls", "voice_duration_ms", "workflow_runs_success", "shared_phone_numbers", "total_agents")
    assert [responses[-1][name] for name in figures] == [1, 120_000, 1, 1, 2]


QUERY_SECTIONS = ("Comparison", "Time series", "Usage breakdown", "Records", "Export")


def test_queries_get_the_responses_shown(server: Server, caller: OrganizationClient, tmp_path: Path) -> None:
    call = {"channel": "telephone", "direction": "inbound", "status": "completed", "duration": 95}
    event = item_event("conversation.updated", "call-1", "9:00")
    event["data"] = {"id": "call-1", "created_at": at("9:00"), "agent_id": "ann", **call}
    caller.client.post("/metering/events", json=[event]).raise_for_status()
    variables = {"TALKMETER_URL": server.url, "TALKMETER_KEY": caller.key}
    commands = [command for title in QUERY_SECTIONS for command in HTTP_API.section(title).blocks("sh")]
    compared, series, breakdown, listed, _ = (run_script(command, tmp_path, variables) for command in commands)
    [shown] = HTTP_API.section("Comparison").blocks("json")
    comparison = json.loads(compared)["comparison"]
    assert len(comparison.pop("daily")) == 22
    assert {**comparison, "figures": {"total_calls": comparison["figures"]["total_calls"]}} == json.loads(shown)
    assert [point["calls"] for point in json.loads(series)["points"]] == [0, 0, 0, 1, 0, 0]
    [row] = json.loads(breakdown)["rows"]
    assert (row["value"], row["share"], row["series"]) == ("ann", 1.0, [0, 0, 0, 1, 0, 0])
    records = json.loads(listed)
    assert [record["id"] for record in records["records"]] == ["call-1"]
    assert records["totals"]["voice_duration_ms"] == records["records"][0]["adds"]["voice_duration_ms"] == 95_000
    [file] = tmp_path.glob("talkmeter-*-2026-11-01-to-2026-11-22-daily.csv")
    assert file.read_bytes().startswith(b"\xef\xbb\xbfday,state,changed_at,total_calls,")
    assert len(file.read_text().splitlines()) == 1 + 22


def test_plans_are_managed_and_costs_read_as_shown(server: Server, caller: OrganizationClient, tmp_path: Path) -> None:
    keys = {"TALKMETER_KEY": caller.key, "OPERATOR_KEY": make_operator_key(server)}
    [costs] = HTTP_API.section("Costs").blocks("sh")
    apply, assign = HTTP_API.section("Plans").blocks("sh")
    [shown] = HTTP_API.section("Plans").blocks("json")
    commands = (apply, assign.replace("acme", caller.id), costs)
    responses = [
        json.loads(run_script(command, tmp_path, {"TALKMETER_URL": server.url, **keys})) for command in commands
    ]

    assert (responses[0]["plan"], responses[0]["version"]) == ("smb", 1)
    assert responses[1] == json.loads(shown) | {"organization_id": caller.id}
    assert responses[2]["total"] is None


def listed_fields(title: str) -> list[str]:
    """Return the names in the first column of a section's tables."""
    return [name for cell in HTTP_API.section(title).column() for name in re.findall(r"\w+", cell)]


def test_parameters_match_the_openapi_description(caller: OrganizationClient) -> None:
    paths = caller.client.get("/openapi.json").json()["paths"]
    sections = {
        "/admin/usage/summary": "Reading usage",
        "/admin/usage/series": "Time series",
        "/admin/usage/breakdown": "Usage breakdown",
        "/admin/usage/records": "Records",
        "/admin/usage/costs": "Costs",
    }
    for path, title in sections.items():
        described = {parameter["name"] for parameter in paths[path]["get"]["parameters"] if parameter["in"] == "query"}

        assert described - {"organization_id"} <= set(listed_fields(title)), path


def test_receipt_is_as_shown(caller: OrganizationClient) -> None:
    [shown] = HTTP_API.section("The receipt").blocks("json")
    batch = [
        item_event("agent.updated", "ann", "9:00"),
        item_event("conversation.updated", "call-1", "9:00"),
        item_event("agent.updated", "bob", "9:00"),
    ]
    call = {"channel": "text", "direction": "inbound", "status": "failed", "created_at": at("9:00"), "duration": -1}
    batch[1] |= {"id": "e-6", "data": {"id": "call-1", **call}}

    assert caller.client.post("/metering/events", json=batch).json() == json.loads(shown)


def test_error_is_as_shown(caller: OrganizationClient) -> None:
    [shown] = HTTP_API.section("Errors").blocks("json")
    answer = caller.client.get("/admin/usage/summary", params={"from": "2026-11-23", "to": "2026-11-22"})

    assert answer.json() == json.loads(shown)
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_endpoints_match_the_application(caller: OrganizationClient) -> None:
    listed = {(row[0].lower(), row[1].strip("`")) for row in HTTP_API.section("Endpoints").rows()}
    described = caller.client.get("/openapi.json").json()["paths"]
    others = {("get", path) for path in NOT_IN_OPENAPI}

    assert listed == {(method, path) for path, methods in described.items() for method in methods} | others


def test_error_codes_of_each_endpoint_match_the_openapi_description(caller: OrganizationClient) -> None:
    rows = HTTP_API.section("Endpoints").rows()
    listed = {(row[0].lower(), row[1].strip("`")): set(re.findall(r"\d+", row[4])) for row in rows}
    described = {
        (method, path): {code for code in operation["responses"] if code >= "400"} - {"500", "503"}
        for path, methods in caller.client.get("/openapi.json").json()["paths"].items()
        for method, operation in methods.items()
    }

    assert {**{endpoint: set() for endpoint in listed}, **described} == listed


def test_every_get_endpoint_responds_to_get_and_head(caller: OrganizationClient) -> None:
    caller.client.post("/metering/events", json=[item_event("agent.updated", "ann", "9:00")]).raise_for_status()
    caller.client.put("/admin/usage/webhooks/wh", json={"url": "https://example.com/"}).raise_for_status()
    listed = [row[1].strip("`") for row in HTTP_API.section("Endpoints").rows() if row[0] == "GET"]
    names = {"kind": "agent", "record_id": "ann", "org_id": caller.id, "budget_id": "calls", "webhook_id": "wh"}
    budget = {"name": "Calls", "metric": "total_calls", "period": "month", "limit": "10"}
    caller.client.put("/admin/usage/budgets/calls", json=budget, headers={"If-None-Match": "*"}).raise_for_status()
    paths = [path.format(**names) + REQUIRED.get(path, "") for path in listed]

    assert REQUIRED.keys() <= set(listed)
    with client_of(caller.server, make_operator_key(caller.server)) as operator:
        clients = {path: operator if path.startswith(("/billing/", "/operator/")) else caller.client for path in paths}
        statuses = {
            path: (client.get(path).status_code, client.head(path).status_code) for path, client in clients.items()
        }
    assert statuses == dict.fromkeys(paths, (200, 200))


def test_unchanged_answer_is_a_304(caller: OrganizationClient) -> None:
    first = caller.client.get("/admin/usage/summary")
    again = caller.client.get("/admin/usage/summary", headers={"If-None-Match": first.headers["ETag"]})
    headers = [first.headers[name] for name in ("Cache-Control", "Vary")]

    assert (again.status_code, again.content) == (304, b"")
    assert all(text in " ".join(HTTP_API.section("Caching").prose.split()) for text in headers)


def test_snapshot_with_a_bad_item_changes_nothing(caller: OrganizationClient) -> None:
    accepted = caller.client.put(
        "/metering/inventory/agent", json={"time": at("9:00"), "items": [{"id": "ann"}, {"id": "bob"}]}
    )
    refused = caller.client.put(
        "/metering/inventory/agent", json={"time": at("10:00"), "items": [{"id": "ann"}, {"id": ""}]}
    )

    assert (accepted.status_code, refused.status_code, agents(caller)) == (200, 422, 2)
    assert "items[1]" in refused.json()["detail"]


def at(clock: str) -> str:
    """Return an instant of the example's day."""
    return f"2026-11-22T{clock:0>5}:00Z"


def item_event(type_: str, id_: str, clock: str) -> Json:
    """Return an event about an item, with a new id."""
    head = {"specversion": "1.0", "id": f"event-{next(_numbers)}", "source": "/docs", "type": type_, "time": at(clock)}
    return {**head, "data": {"id": id_}}


def send_row(caller: OrganizationClient, row: str) -> None:
    """Send the events or the snapshot that a row of the snapshot table describes."""
    if snapshot := re.match(r"a snapshot of (\S+) with (\w+)", row):
        body = {"time": at(snapshot[1].rstrip(",")), "items": [{"id": snapshot[2]}]}
        caller.client.put("/metering/inventory/agent", json=body).raise_for_status()
        return
    type_ = row.split("`")[1]
    events = [item_event(type_, id_, clock) for id_, clock in re.findall(r"(\w+) at (\d+:\d+)", row)]
    caller.client.post("/metering/events", json=events).raise_for_status()


def test_inventory_after_each_row_of_the_snapshot_table_is_as_shown(caller: OrganizationClient) -> None:
    rows = COUNTING.section("Inventory and snapshots").rows()
    expected = [len(row[1].split(":")[0].split(", ")) for row in rows]
    found = []
    for row in rows:
        send_row(caller, row[0])
        found.append(agents(caller))

    assert found == expected == [2, 1, 2, 2, 2, 1]


def test_rows_of_the_snapshot_table_in_reverse_give_the_same_inventory(caller: OrganizationClient) -> None:
    for row in reversed(COUNTING.section("Inventory and snapshots").rows()):
        send_row(caller, row[0])

    assert agents(caller) == 1
