"""Schemathesis checks the running server against its own OpenAPI description."""

import re
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import BaseSchema, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api.billing import make_operator_key
from tests.api.organizations import Answer, OrganizationClient, make_credential
from tests.servers import Server

EXAMPLES = 25
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
INGEST = {200, 400, 401, 403, 408, 413, 415, 422, 500, 503, 507}
ENDPOINTS = {
    ("get", "/admin/members/me/scopes"): {200, 401, 403, 422, 500, 503},
    ("get", "/admin/usage/summary"): {200, 304, 401, 403, 422, 500, 503},
    ("get", "/admin/usage/series"): {200, 304, 401, 403, 422, 500, 503},
    ("get", "/admin/usage/breakdown"): {200, 304, 401, 403, 422, 500, 503},
    ("get", "/admin/usage/records"): {200, 401, 403, 422, 500, 503},
    ("get", "/admin/usage/records/{kind}/{record_id}"): {200, 401, 403, 404, 422, 500, 503},
    ("get", "/admin/usage/inventory"): {200, 401, 403, 422, 500, 503},
    ("get", "/admin/usage/connectors"): {200, 401, 403, 422, 500, 503},
    ("get", "/admin/usage/organizations"): {200, 401, 403, 422, 500, 503},
    ("get", "/admin/usage/export"): {200, 401, 403, 422, 500, 503, 507},
    ("get", "/admin/usage/costs"): {200, 304, 401, 403, 422, 500, 503},
    ("get", "/admin/usage/forecast"): {200, 304, 401, 403, 422, 500, 503},
    ("get", "/admin/usage/budgets"): {200, 401, 403, 422, 500, 503},
    ("get", "/admin/usage/budgets/{budget_id}"): {200, 401, 403, 404, 422, 500, 503},
    ("put", "/admin/usage/budgets/{budget_id}"): {*(200, 400, 401, 403, 408, 412, 413, 415, 422, 428, 500, 503, 507)},
    ("delete", "/admin/usage/budgets/{budget_id}"): {204, 401, 403, 404, 412, 415, 422, 428, 500, 503, 507},
    ("get", "/admin/usage/allowance"): {200, 401, 403, 404, 422, 500, 503},
    ("get", "/admin/usage/webhooks"): {200, 401, 403, 422, 500, 503},
    ("get", "/admin/usage/webhooks/{webhook_id}"): {200, 401, 403, 404, 422, 500, 503},
    ("put", "/admin/usage/webhooks/{webhook_id}"): INGEST,
    ("delete", "/admin/usage/webhooks/{webhook_id}"): {204, 401, 403, 404, 415, 422, 500, 503, 507},
    ("post", "/admin/usage/webhooks/{webhook_id}/test"): {202, 401, 403, 404, 415, 422, 429, 500, 503, 507},
    ("get", "/operator/organizations"): {200, 401, 403, 422, 500, 503},
    ("get", "/operator/organizations/export"): {200, 401, 403, 422, 500, 503, 507},
    ("get", "/billing/plans"): {200, 401, 403, 422, 500, 503},
    ("put", "/billing/plans/{plan_id}"): {200, 400, 401, 403, 408, 413, 415, 422, 500, 503, 507},
    ("get", "/billing/organizations/{org_id}/plan"): {200, 401, 403, 404, 422, 500, 503},
    ("put", "/billing/organizations/{org_id}/plan"): {200, 400, 401, 403, 404, 408, 413, 415, 422, 500, 503, 507},
    ("post", "/email/confirm"): {200, 400, 403, 408, 413, 415, 422, 500, 503, 507},
    ("get", "/health/live"): {200},
    ("get", "/health/ready"): {200, 500, 503},
    ("get", "/metrics"): {200, 403, 500, 503},
    ("get", "/session"): {200, 500, 503},
    ("post", "/session"): {200, 400, 401, 403, 408, 413, 415, 422, 500, 503, 507},
    ("delete", "/session"): {200, 403, 500, 503, 507},
    ("post", "/metering/events"): INGEST,
    ("put", "/metering/inventory/{kind}"): INGEST,
    ("post", "/metering/hooks/{provider}/{connector_id}"): {200, 204, 400, 401, 404, 408, 413, 415, 500, 503, 507},
}
OF_OPERATORS = ("/billing/", "/operator/")
WITH_INPUT = [
    ("get", "/admin/usage/summary"),
    ("get", "/admin/usage/series"),
    ("get", "/admin/usage/breakdown"),
    ("get", "/admin/usage/records"),
    ("get", "/admin/usage/inventory"),
    ("get", "/admin/usage/export"),
    ("get", "/admin/usage/costs"),
    ("put", "/admin/usage/budgets/{budget_id}"),
    ("get", "/admin/usage/allowance"),
    ("put", "/admin/usage/webhooks/{webhook_id}"),
    ("post", "/email/confirm"),
    ("get", "/operator/organizations"),
    ("put", "/billing/plans/{plan_id}"),
    ("put", "/billing/organizations/{org_id}/plan"),
    ("post", "/metering/events"),
    ("put", "/metering/inventory/{kind}"),
]


@pytest.fixture(scope="module")
def description(server: Server) -> BaseSchema:
    """The description of the running server, called with a valid admin key."""
    return description_for(server, make_credential(server, org_id="org-described", role="admin"))


@pytest.fixture(scope="module")
def operator_description(server: Server) -> BaseSchema:
    """The description of the running server, called with an operator key."""
    return description_for(server, make_operator_key(server))


def description_for(server: Server, key: str) -> BaseSchema:
    config = schemathesis.Config.from_dict({"headers": {"Authorization": f"Bearer {key}"}})
    return schemathesis.openapi.from_url(f"{server.url}/openapi.json", config=config)


def check_operation(description: BaseSchema, method: str, path: str, mode: GenerationMode) -> None:
    """Call an operation many times, with requests that are derived deterministically from the description."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=description[path][method].as_strategy(generation_mode=mode))
    def check(case: Case[Any]) -> None:
        case.call_and_validate(checks=CHECKS)

    check()


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_valid_requests_get_described_responses(description: BaseSchema, method: str, path: str) -> None:
    check_operation(description, method, path, GenerationMode.POSITIVE)


@pytest.mark.parametrize(
    ("method", "path"), [endpoint for endpoint in ENDPOINTS if endpoint[1].startswith(OF_OPERATORS)]
)
def test_valid_requests_of_an_operator_get_described_responses(
    operator_description: BaseSchema, method: str, path: str
) -> None:
    check_operation(operator_description, method, path, GenerationMode.POSITIVE)


@pytest.mark.parametrize(
    ("method", "path"), [endpoint for endpoint in WITH_INPUT if endpoint[1].startswith(OF_OPERATORS)]
)
def test_invalid_requests_of_an_operator_get_described_responses(
    operator_description: BaseSchema, method: str, path: str
) -> None:
    check_operation(operator_description, method, path, GenerationMode.NEGATIVE)


@pytest.mark.parametrize(("method", "path"), WITH_INPUT)
def test_invalid_requests_get_described_responses(description: BaseSchema, method: str, path: str) -> None:
    check_operation(description, method, path, GenerationMode.NEGATIVE)


def test_no_request_of_these_tests_caused_a_server_error(server: Server, description: BaseSchema) -> None:
    check_operation(description, "post", "/metering/events", GenerationMode.NEGATIVE)
    assert "Traceback" not in server.log()
    assert '"level": "error"' not in server.log()


def test_description_is_valid_openapi_of_all_endpoints(description: BaseSchema, document: Answer) -> None:
    assert document["openapi"].startswith("3.1.")
    description.validate()
    described = {(method, path) for path, operations in document["paths"].items() for method in operations}
    assert described == set(ENDPOINTS)


@pytest.mark.parametrize(("endpoint", "statuses"), ENDPOINTS.items(), ids=map(" ".join, ENDPOINTS))
def test_every_possible_status_of_an_endpoint_is_described(
    document: Answer, endpoint: tuple[str, str], statuses: set[int]
) -> None:
    method, path = endpoint
    responses = document["paths"][path][method]["responses"]
    assert {int(status) for status in responses} == statuses
    for status, response in responses.items():
        assert response["description"]
        if int(status) >= 400:
            assert list(response["content"]) == ["application/problem+json"]


def test_operations_with_credentials_declare_security(document: Answer) -> None:
    schemes = document["components"]["securitySchemes"]
    for method, path in ENDPOINTS:
        named = {name for scheme in document["paths"][path][method].get("security", []) for name in scheme}
        required = path.startswith(("/admin", *OF_OPERATORS, "/metering/events", "/metering/inventory"))
        assert bool(named) == (required or (method, path) == ("post", "/session"))
        assert named <= set(schemes)
    assert [scheme["scheme"] for scheme in schemes.values()] == ["bearer"]


def test_unchanged_description_is_a_304(org: OrganizationClient) -> None:
    answer = org.client.get("/openapi.json")
    unchanged = org.client.get("/openapi.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    again = org.client.get("/openapi.json", headers={"If-None-Match": '"another"'})
    assert (again.status_code, again.content) == (200, answer.content)


def test_inventory_kinds_are_described_as_an_enum(document: Answer) -> None:
    kind = document["paths"]["/metering/inventory/{kind}"]["put"]["parameters"][0]
    assert kind["required"] is True
    assert set(kind["schema"]["enum"]) == {"agent", "phone_number", "web_widget", "dataset"}


def test_every_operation_and_parameter_has_a_description(document: Answer) -> None:
    operations = [document["paths"][path][method] for method, path in ENDPOINTS]
    for operation in operations:
        assert operation["summary"]
        assert all(parameter.get("description") for parameter in operation.get("parameters", []))


def test_docs_page_loads_nothing_from_other_hosts(org: OrganizationClient) -> None:
    page = org.client.get("/docs", headers={"Authorization": ""})
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    # The icon is part of the page: browsers would request /favicon.ico, and report that the policy forbids it.
    assert page.text.count('<link rel="icon" href="data:,">') == 1
    assert "img-src data:;" in policy
    without_example = page.text.replace("https://example.com/hooks/usage", "")
    assert not re.search(r"https?://|<script|<img|<link(?! rel=.icon)|\son\w+=|\sstyle=", without_example)
    [nonce] = re.findall(r'<style nonce="([^"]+)">', page.text)
    assert f"'nonce-{nonce}'" in policy
    assert nonce not in org.client.get("/docs").text


def test_docs_page_shows_every_schema_and_example_and_its_links_work(org: OrganizationClient, document: Answer) -> None:
    page = org.client.get("/docs").text
    anchors = set(re.findall(r'<section id="(\w+)">', page))
    operations = [document["paths"][path][method] for method, path in ENDPOINTS]
    bodies = [body for operation in operations for body in operation.get("requestBody", {}).get("content", {}).values()]

    assert anchors == set(document["components"]["schemas"]) | {operation["operationId"] for operation in operations}
    assert set(re.findall(r'href="#(\w+)"', page)) <= anchors
    assert page.count("<pre>") == sum(len(body["examples"]) for body in bodies)
    assert "application/json</code>: <a" in page


def test_docs_page_lists_every_endpoint_and_parameter(org: OrganizationClient, document: Answer) -> None:
    page = org.client.get("/docs").text
    for method, path in ENDPOINTS:
        assert f"{method.upper()} {path}" in page
        for parameter in document["paths"][path][method].get("parameters", []):
            assert f">{parameter['name']}<" in page
