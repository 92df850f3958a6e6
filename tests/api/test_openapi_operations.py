"""What a client generator and a reader need of the OpenAPI description: names, parameters, formats and examples."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import pytest

from tests import local_http
from tests.api.organizations import EVENTS, Answer, OrganizationClient, make_token
from tests.servers import Server

CONTRACT: Final = Path(__file__).parent.parent / "contract"
INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z")
DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
OPERATION_IDS: Final = {
    "listMyScopes",
    "getUsageSummary",
    "getUsageBreakdown",
    "getUsageSeries",
    "listRecords",
    "listSubtree",
    "getRecordHistory",
    "listInventory",
    "listConnectors",
    "exportUsage",
    "getCosts",
    "getForecast",
    "listBudgets",
    "getBudget",
    "putBudget",
    "deleteBudget",
    "getAllowance",
    "listWebhooks",
    "getWebhook",
    "putWebhook",
    "deleteWebhook",
    "testWebhook",
    "listOrganizations",
    "exportOrganizations",
    "listPlans",
    "applyPlan",
    "getOrganizationPlan",
    "assignPlan",
    "confirmEmail",
    "checkLiveness",
    "checkReadiness",
    "getMetrics",
    "getSession",
    "signIn",
    "signOut",
    "sendEvents",
    "replaceInventory",
    "receiveWebhook",
}
"""Generated clients name their methods after these, so a change breaks programs."""
OTHER_FORMATS: Final = {
    ("Costs", "from"): {"date"},
    ("Costs", "to"): {"date"},
    ("OrganizationList", "from"): {"date"},
    ("OrganizationList", "to"): {"date"},
    ("MonthCosts", "from"): {"date"},
    ("MonthCosts", "to"): {"date"},
    ("CurrentPeriod", "from"): {"date"},
    ("CurrentPeriod", "to"): {"date"},
    ("CrossingAnswer", "from"): {"date"},
    ("CrossingAnswer", "to"): {"date"},
    ("Assignment", "from"): set[str](),
    ("AssignmentState", "from"): set[str](),
    ("TierCost", "from"): set[str](),
    # An hour begins at an instant, a longer interval on a day.
    ("UsagePoint", "start"): {"date-time", "date"},
    ("CallPoint", "start"): {"date-time", "date"},
    ("RunPoint", "start"): {"date-time", "date"},
}
"""The formats of fields that are named like instants: days, and months and quantities, which have none."""
ORGANIZATION: Final = {("header", "X-Anyreach-Org"), ("query", "organization_id")}
SAME_ORIGIN: Final = {"Sec-Fetch-Site": "same-origin"}
DATA: Final = {
    "conversation.updated": "ConversationData",
    "conversation.deleted": "DeletedRecordData",
    "workflow_execution.updated": "WorkflowExecutionData",
    "phone_number.updated": "InventoryItemData",
}


def operations_of(document: Answer) -> dict[tuple[str, str], Answer]:
    """Return the operations by method and path."""
    return {(method, path): item[method] for path, item in document["paths"].items() for method in item}


def media_types_of(operation: Answer) -> dict[str, Answer]:
    """Return the media types of an operation's request body; none if it has no body."""
    content: dict[str, Answer] = operation.get("requestBody", {}).get("content", {})
    return content


def is_valid(document: Answer, schema: Answer, value: object) -> bool:
    """Return whether a value matches a schema of the description, formats included."""
    whole = {**schema, "components": document["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True).is_valid(value)


def event_examples(document: Answer) -> list[Answer]:
    """Return the examples of single events."""
    examples = media_types_of(document["paths"][EVENTS]["post"])["application/json"]["examples"].values()
    return [example["value"] for example in examples if isinstance(example["value"], dict)]


def outcome(server: Server, method: str, path: str, token: str, place: str, org_id: str) -> tuple[int, str | None]:
    """Name an organization in an authorized request, and return its status and the organization in its response."""
    url = server.url + path.format(
        kind="agent",
        record_id="ann",
        provider="n8n",
        connector_id="none",
        plan_id="smb",
        org_id="acme",
        budget_id="own",
        webhook_id="wh",
    )
    bearer = {"Authorization": f"Bearer {token}"}
    signed_in = local_http.post(f"{server.url}/session", headers={**bearer, **SAME_ORIGIN}).raise_for_status()
    headers = {**bearer, **SAME_ORIGIN, "Cookie": signed_in.headers["set-cookie"].partition(";")[0]}
    answer = local_http.request(
        method,
        url,
        headers=headers | ({"X-Anyreach-Org": org_id} if place == "header" else {}),
        params={"organization_id": org_id} if place == "query" else {},
    )
    content = answer.json() if "json" in answer.headers.get("content-type", "") else None
    return answer.status_code, content.get("organization") if isinstance(content, dict) else None


def test_organization_is_a_parameter_if_and_only_if_it_has_an_effect(server: Server, document: Answer) -> None:
    token = make_token(server, **{"org-own": "admin", "org-second": "admin"})
    listed, used = set(), set()
    for (method, path), operation in operations_of(document).items():
        for place, name in ORGANIZATION:
            if any((entry["in"], entry["name"]) == (place, name) for entry in operation.get("parameters", [])):
                listed.add((method, path, name))
            own, foreign = (outcome(server, method, path, token, place, org) for org in ("org-own", "org-foreign"))
            if own != foreign:
                used.add((method, path, name))

    assert listed == used
    assert len(used) == 2 * 26


def test_operation_ids_are_short_and_stable(document: Answer) -> None:
    ids = [operation["operationId"] for operation in operations_of(document).values()]

    assert sorted(ids) == sorted(OPERATION_IDS)
    assert max(map(len, ids)) <= 30


def test_event_is_a_component_and_plain_json_comes_first(document: Answer) -> None:
    types = media_types_of(document["paths"][EVENTS]["post"])
    event = {"$ref": "#/components/schemas/CloudEvent"}

    assert list(types) == ["application/json", "application/cloudevents+json", "application/cloudevents-batch+json"]
    assert types["application/cloudevents+json"]["schema"] == event
    assert types["application/cloudevents-batch+json"]["schema"]["items"] == event
    assert types["application/json"]["schema"]["oneOf"][0] == event


def test_every_body_has_examples_that_match_its_schema(document: Answer) -> None:
    bodies = [body for operation in operations_of(document).values() for body in media_types_of(operation).values()]

    assert len(bodies) == 13
    for body in bodies:
        assert body["examples"]
        for name, example in body["examples"].items():
            assert example["summary"]
            assert is_valid(document, body["schema"], example["value"]), name


def test_examples_of_events_and_inventory_are_accepted(org: OrganizationClient, document: Answer) -> None:
    operations = operations_of(document)
    for type_, body in media_types_of(operations["post", EVENTS]).items():
        for example in body["examples"].values():
            receipt = org.post(json.dumps(example["value"]).encode(), type_).raise_for_status().json()
            assert receipt["quarantined"] == []
    put = operations["put", "/metering/inventory/{kind}"]
    [example] = media_types_of(put)["application/json"]["examples"].values()
    answer = org.client.put("/metering/inventory/agent", json=example["value"])

    assert answer.json()["accepted"] == len(example["value"]["items"])


def test_fields_that_events_require_are_those_of_the_schema(org: OrganizationClient, document: Answer) -> None:
    whole = {"$ref": "#/components/schemas/CloudEvent"}
    for event in event_examples(document):
        data_schema = {"$ref": f"#/components/schemas/{DATA[event['type']]}"}
        for field in event:
            smaller = {name: value for name, value in event.items() if name != field}
            accepted = not org.send(smaller)["quarantined"]
            assert accepted == is_valid(document, whole, smaller), field
        for field in event["data"]:
            smaller = {name: value for name, value in event["data"].items() if name != field}
            accepted = not org.send({**event, "data": smaller})["quarantined"]
            assert accepted == is_valid(document, data_schema, smaller), field


def fields_of(content: Any) -> Iterator[tuple[str, object]]:
    """Yield every field of a JSON document, with its value or each of its values."""
    if isinstance(content, list):
        for element in content:
            yield from fields_of(element)
    elif isinstance(content, dict):
        for name, value in content.items():
            yield from ((name, element) for element in (value if isinstance(value, list) else [value]))
            yield from fields_of(value)


def formats_of(schema: Any) -> set[str]:
    """Return the formats of a schema and its alternatives; none if it is a reference."""
    alternatives = [*schema.get("oneOf", []), *schema.get("anyOf", []), *filter(None, [schema.get("items")])]
    own = {schema["format"]} if "format" in schema else set[str]()
    return own.union(*map(formats_of, alternatives))


@pytest.mark.parametrize(("pattern", "format_"), [(INSTANT, "date-time"), (DAY, "date")])
def test_instants_and_days_have_a_format(document: Answer, pattern: re.Pattern[str], format_: str) -> None:
    responses = [json.loads(path.read_text()) for path in CONTRACT.glob("*.json")]
    examples = event_examples(document)
    names = {
        name
        for name, value in fields_of([*responses, *examples])
        if isinstance(value, str) and pattern.fullmatch(value)
    }
    described = [
        (schema, name, formats_of(field))
        for schema, component in document["components"]["schemas"].items()
        for name, field in component.get("properties", {}).items()
        if name in names
    ]

    assert {name for _, name, _ in described} == names
    # Most bounds are instants; those that are days are listed.
    usual = {name: {"date-time"} if name in ("from", "to", "start") else {format_} for name in names}
    assert [entry for entry in described if entry[2] != OTHER_FORMATS.get(entry[:2], usual[entry[1]])] == []


def test_parameters_with_instants_and_days_have_a_format(document: Answer) -> None:
    formats = {"from": {"date-time", "date"}, "to": {"date-time", "date"}, "day": {"date"}}
    days = {"from": {"date"}, "to": {"date"}}
    of_days = {"getCosts", "listOrganizations", "exportOrganizations"}
    found = [
        (operation["operationId"], parameter["name"], formats_of(parameter["schema"]))
        for operation in operations_of(document).values()
        for parameter in operation.get("parameters", [])
        if parameter["name"] in formats
    ]

    assert {name for _, name, _ in found} == set(formats)
    expected = [(id_, name, (days if id_ in of_days else formats)[name]) for id_, name, _ in found]
    assert found == expected
