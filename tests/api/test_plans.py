"""Plans over HTTP: versions, assignments, restating, who may change them, and mistakes."""

import json
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from talkmeter.accounts.credentials import CredentialKind
from tests.api.billing import COSTS, PLANS, VOICE, Billing, call, get_costs, make_operator_key, plan, running_billing
from tests.api.organizations import (
    EVENTS,
    ORGANIZATION_HEADER,
    OrganizationClient,
    client_of,
    error_of,
    make_credential,
    make_sender_key,
    make_token,
)
from tests.bad_plans import BAD_PLANS, BadPlan
from tests.events import Json, conversation

ONLY_TOML = "first month is a date of TOML"


@pytest.fixture(scope="module")
def billing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Billing]:
    with running_billing(tmp_path_factory.mktemp("billing")) as running:
        yield running


@pytest.fixture
def org(billing: Billing) -> Iterator[OrganizationClient]:
    with billing.organization() as organization:
        yield organization


def plan_path(org: OrganizationClient) -> str:
    return f"/billing/organizations/{org.id}/plan"


def test_applied_plan_is_listed_with_its_content(billing: Billing) -> None:
    content = plan(VOICE, fee="10.00")
    plan_id = billing.apply(content)
    [version] = billing.plans()[plan_id]
    assert version["version"] == 1
    assert version["content"] == content
    assert version["created_at"].startswith("2026-11-20T")


def test_equal_content_adds_no_version_and_another_content_does(billing: Billing) -> None:
    plan_id = billing.apply(plan(VOICE))
    assert billing.put_plan(plan_id, plan(VOICE)).json() == {"plan": plan_id, "version": 1, "changes": []}
    changed = billing.put_plan(plan_id, plan({**VOICE, "price": "0.15"})).json()
    assert changed == {"plan": plan_id, "version": 2, "changes": ["~ charges.voice.price = 0.12 -> 0.15"]}
    assert [version["version"] for version in billing.plans()[plan_id]] == [1, 2]


def test_defaults_that_are_written_out_are_the_same_content(billing: Billing) -> None:
    plan_id = billing.apply(plan(VOICE))
    written_out = plan({**VOICE, "per_call": "exact", "included": "0"}, fee="0", minimum="0")
    assert billing.put_plan(plan_id, written_out).json()["version"] == 1


def test_dry_run_says_what_would_change_and_writes_nothing(billing: Billing) -> None:
    before = billing.plans()
    response = billing.put_plan("dry", plan(VOICE), dry_run="true")
    assert response.json()["version"] == 1
    assert "+ charges.voice.price = 0.12" in response.json()["changes"]
    assert billing.plans() == before


@pytest.mark.parametrize("dry_run", ["false", "true"])
def test_version_of_an_earlier_month_needs_restate(billing: Billing, dry_run: str) -> None:
    content = plan(VOICE, effective="2026-10")
    sentence = error_of(billing.put_plan("early", content, dry_run=dry_run), 422)
    assert sentence == (
        "Version 1 of plan 'early' would start in 2026-10, which changes the costs of past months. Start it in 2026-11 "
        "or later, or use restate to change them; closed months keep their plan."
    )
    assert billing.put_plan("early", content, dry_run="true", restate="true").status_code == 200
    assert "early" not in billing.plans()


def test_latest_effective_version_prices_a_month_and_the_newest_of_equals(
    billing: Billing, org: OrganizationClient
) -> None:
    plan_id = billing.apply(plan(VOICE, effective="2026-12", fee="12.00"))
    billing.apply(plan(VOICE, fee="10.00"), plan_id)
    billing.assign(org, plan_id)
    assert billing.assignment(org)["version"] == 2
    billing.apply(plan(VOICE, fee="11.00"), plan_id)
    assert get_costs(org)["months"][0]["version"] == 3
    assert get_costs(org)["total"] == "11.00"


def test_plan_keeps_its_currency(billing: Billing) -> None:
    plan_id = billing.apply(plan(VOICE))
    response = billing.put_plan(plan_id, plan(VOICE, currency="EUR"))
    assert error_of(response, 422) == (
        f"Plan '{plan_id}' has the currency USD, which cannot change to EUR. Add another plan."
    )


@pytest.mark.parametrize("bad", [bad for name, bad in BAD_PLANS.items() if name != ONLY_TOML])
def test_mistake_in_a_plan_is_said_with_its_place(billing: Billing, bad: BadPlan) -> None:
    body = tomllib.loads(bad.text)["plans"]["smb"]
    place = f"{bad.place}: " if bad.place else ""
    assert error_of(billing.put_plan("bad", body), 422) == place + bad.sentence
    assert "bad" not in billing.plans()


@pytest.mark.parametrize("plan_id", ["Smb", "-smb", "s" * 65, "s%20b", "s%C3%A9"])
def test_id_of_a_plan_that_is_not_allowed_is_rejected(billing: Billing, plan_id: str) -> None:
    assert error_of(billing.put_plan(plan_id, plan(VOICE)), 422).startswith("A plan's id must have 1 to 64 lowercase")


@pytest.mark.parametrize("body", ["[]", '"smb"', "null", "7"])
def test_body_that_is_not_an_object_is_rejected(billing: Billing, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    for path in (f"{PLANS}/smb", "/billing/organizations/acme/plan"):
        error_of(billing.operator.put(path, content=body, headers=headers), 422)


def test_body_that_is_not_json_or_too_large_is_rejected(billing: Billing, org: OrganizationClient) -> None:
    for path in (f"{PLANS}/smb", plan_path(org)):
        for body, content_type, status in (
            (b"{", "application/json", 400),
            (b'{"a": "\xff"}', "application/json", 400),
            (b'{"plan": "\\ud800", "from": "2026-11"}', "application/json", 400),
            (b"[" * 100_000, "application/json", 400),
            (b"{}", "text/plain", 415),
            (b" " * 1_000_001, "application/json", 413),
        ):
            response = billing.operator.put(path, content=body, headers={"Content-Type": content_type})
            error_of(response, status)


def test_assignment_is_listed_and_prices_from_its_month_on(billing: Billing, org: OrganizationClient) -> None:
    first, second = billing.apply(plan(fee="1.00")), billing.apply(plan(fee="2.00"))
    empty: Json = {"organization_id": org.id, "plan": None, "version": None, "assignments": []}
    assert billing.assignment(org) == empty
    billing.assign(org, first)
    answer = billing.assign(org, second, "2026-12")
    assert answer == billing.assignment(org)
    assert answer == {
        "organization_id": org.id,
        "plan": first,
        "version": 1,
        "assignments": [{"plan": first, "from": "2026-11"}, {"plan": second, "from": "2026-12"}],
    }


def test_assignment_from_the_same_month_replaces_and_null_means_no_plan(
    billing: Billing, org: OrganizationClient
) -> None:
    first, second = billing.apply(plan(fee="1.00")), billing.apply(plan(fee="2.00"))
    billing.assign(org, first)
    billing.assign(org, second)
    assert billing.assignment(org)["assignments"] == [{"plan": second, "from": "2026-11"}]
    assert get_costs(org)["total"] == "2.00"
    assert billing.assign(org, None)["plan"] is None
    assert get_costs(org)["total"] is None


def test_assignment_from_an_earlier_month_needs_restate(billing: Billing, org: OrganizationClient) -> None:
    plan_id = billing.apply(plan(VOICE, effective="2026-10"), restate="true")
    body = {"plan": plan_id, "from": "2026-10"}
    assert error_of(billing.put_assignment(org.id, body), 422).startswith("An assignment would start in 2026-10")
    assert billing.assignment(org)["assignments"] == []
    billing.assign(org, plan_id, "2026-10", restate="true")
    assert billing.assignment(org)["assignments"] == [{"plan": plan_id, "from": "2026-10"}]


@pytest.mark.parametrize(
    "body",
    [
        {"plan": "smb"},
        {"from": "2026-12"},
        {"plan": 7, "from": "2026-12"},
        {"plan": None, "from": "2026-13"},
        {"plan": None, "from": "2026-12-01"},
        {"plan": None, "from": "1969-12"},
        {"plan": None, "from": None},
        {"plan": None, "from": "2026-12", "to": "2027-01"},
        {"plan": "not-applied", "from": "2026-12"},
    ],
)
def test_assignment_that_is_not_valid_is_rejected(billing: Billing, org: OrganizationClient, body: Json) -> None:
    error_of(billing.put_assignment(org.id, body), 422)
    assert billing.assignment(org)["assignments"] == []


def test_unknown_organization_is_404(billing: Billing) -> None:
    for org_id in ("unknown", "%C3%A9", "a%2Fb"):
        path = f"/billing/organizations/{org_id}/plan"
        for response in (
            billing.operator.get(path),
            billing.operator.put(path, json={"plan": None, "from": "2026-11"}),
        ):
            assert response.status_code == 404, response.text


@pytest.mark.parametrize("parameter", ["restate=yes", "dry_run=1", "force=true", "restate=true&restate=true"])
def test_unknown_parameter_or_value_is_rejected(billing: Billing, org: OrganizationClient, parameter: str) -> None:
    before = billing.plans()
    error_of(billing.operator.put(f"{PLANS}/parameters?{parameter}", json=plan(VOICE)), 422)
    body = {"plan": None, "from": "2026-11"}
    error_of(billing.operator.put(f"{plan_path(org)}?{parameter}", json=body), 422)
    assert billing.plans() == before


def test_concurrent_assignments_leave_one_of_them(billing: Billing, org: OrganizationClient) -> None:
    plans = [billing.apply(plan(fee=f"{number}.00")) for number in range(1, 9)]

    def assign(plan_id: str) -> int:
        return billing.put_assignment(org.id, {"plan": plan_id, "from": "2026-11"}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(assign, plans)) == {200}
    [assignment] = billing.assignment(org)["assignments"]
    assert assignment["plan"] in plans
    assert get_costs(org)["total"] == f"{plans.index(assignment['plan']) + 1}.00"


def test_concurrent_changes_of_a_plan_get_different_versions(billing: Billing) -> None:
    plan_id = billing.apply(plan(fee="0.00"))

    def apply(number: int) -> httpx.Response:
        return billing.put_plan(plan_id, plan(fee=f"{number}.00"))

    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(apply, range(1, 9)))
    assert {response.status_code for response in responses} == {200}
    assert sorted(response.json()["version"] for response in responses) == list(range(2, 10))
    stored = {version["version"]: version["content"]["fee"] for version in billing.plans()[plan_id]}
    assert len(stored) == 9
    assert len(set(stored.values())) == 9


def test_changes_are_in_the_audit_log_with_the_key(billing: Billing, org: OrganizationClient) -> None:
    plan_id = billing.apply(plan(VOICE))
    billing.apply(plan(VOICE, fee="1.00"), plan_id)
    billing.assign(org, plan_id)
    billing.assign(org, None, restate="true")
    entries = json.loads(billing.server.cli("audit", "--json", "--limit", "4"))
    key = billing.operator.headers["Authorization"].removeprefix("Bearer ").partition(".")[0]
    assert [entry["actor"] for entry in entries] == [{"kind": "key", "id": key}] * 4
    found = [(entry["action"], entry["organization"], entry["subject"], entry["detail"]) for entry in entries[::-1]]
    assert found == [
        ("plan.apply", None, plan_id, "version 1, effective 2026-11, new plan"),
        ("plan.apply", None, plan_id, "version 2, effective 2026-11, after version 1"),
        ("plan.assign", org.id, plan_id, "from 2026-11, before: none"),
        ("plan.assign", org.id, "none", f"from 2026-11, before: {plan_id}, restated"),
    ]


Endpoint = tuple[str, str, Any]


def plan_endpoints(org: OrganizationClient) -> list[Endpoint]:
    return [
        ("GET", PLANS, None),
        ("PUT", f"{PLANS}/matrix", plan(VOICE)),
        ("GET", plan_path(org), None),
        ("PUT", plan_path(org), {"plan": None, "from": "2026-11"}),
    ]


def other_endpoints() -> list[Endpoint]:
    window = "?from=2026-11-01&to=2026-11-02"
    return [
        ("GET", COSTS, None),
        ("GET", f"/admin/usage/summary{window}", None),
        ("GET", f"/admin/usage/breakdown{window}&by=agent", None),
        ("GET", f"/admin/usage/records{window}&kind=conversation", None),
        ("GET", "/admin/usage/records/conversation/call-1", None),
        ("GET", "/admin/usage/inventory?kind=agent", None),
        ("GET", "/admin/usage/connectors", None),
        ("GET", "/admin/usage/organizations", None),
        ("GET", f"/admin/usage/export{window}&of=records", None),
        ("POST", EVENTS, conversation()),
        ("PUT", "/metering/inventory/agent", {"time": "2026-11-01T00:00:00Z", "items": []}),
    ]


def keys_of(org: OrganizationClient) -> dict[str, str | None]:
    """Return a credential of each kind but an operator key."""
    server = org.server
    return {
        "admin": org.key,
        "viewer": make_credential(server, org_id=org.id, role="viewer"),
        "billing": make_credential(server, org_id=org.id, scopes=("billing:manage",)),
        "plans in the database": make_credential(server, org_id=org.id, scopes=("plans:manage",)),
        "sender": make_sender_key(server),
        "sender with the scope in the database": make_credential(
            server, scopes=("plans:manage",), kind=CredentialKind.SENDER
        ),
        "admin token": make_token(server, **{org.id: "admin"}),
        "viewer token": make_token(server, **{org.id: "viewer"}),
        "anonymous": None,
    }


def test_only_an_operator_key_manages_plans(billing: Billing, org: OrganizationClient) -> None:
    for name, key in keys_of(org).items():
        with client_of(billing.server, key) as client:
            for method, path, body in plan_endpoints(org):
                for headers in ({}, {ORGANIZATION_HEADER: org.id}):
                    if headers == {} and "token" in name:
                        continue
                    response = client.request(method, path, json=body, headers=headers)
                    sentence = error_of(response, 401 if key is None else 403)
                    assert key is None or "plans:manage" in sentence
    assert "matrix" not in billing.plans()
    for method, path, body in plan_endpoints(org):
        assert billing.operator.request(method, path, json=body).status_code == 200


def test_cookie_of_an_admin_session_cannot_manage_plans(billing: Billing, org: OrganizationClient) -> None:
    page = {"Sec-Fetch-Site": "same-origin"}
    with client_of(billing.server, None) as browser:
        signed_in = browser.post("/session", headers={**page, "Authorization": f"Bearer {org.key}"})
        cookie = {"Cookie": signed_in.headers["set-cookie"].partition(";")[0], **page}
        assert browser.get(COSTS, headers=cookie).status_code == 200
        for method, path, body in plan_endpoints(org):
            error_of(browser.request(method, path, json=body, headers=cookie), 401)


def test_operator_key_cannot_read_usage_or_send_events(billing: Billing, org: OrganizationClient) -> None:
    org.send(call("2026-11-01"))
    for headers in ({}, {ORGANIZATION_HEADER: org.id}):
        for method, path, body in other_endpoints():
            error_of(billing.operator.request(method, path, json=body, headers=headers), 403)
        scopes = billing.operator.get("/admin/members/me/scopes", headers=headers)
        assert scopes.json() == ["operator:read", "plans:manage"]


def test_revoked_operator_key_is_rejected(billing: Billing) -> None:
    key = make_operator_key(billing.server)
    billing.server.cli("keys", "revoke", key)
    with client_of(billing.server, key) as client:
        error_of(client.get(PLANS), 401)
