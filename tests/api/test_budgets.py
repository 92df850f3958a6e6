"""`/admin/usage/budgets`: conditions, sessions, values and the check before a call."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from talkmeter.accounts.sessions import Access
from tests import local_http
from tests.api.billing import VOICE, Billing, call, plan, running_billing
from tests.api.organizations import Answer, OrganizationClient, make_credential, make_link
from tests.events import Json, event, run
from tests.servers import wait_until

BUDGETS = "/admin/usage/budgets"
CREATE = {"If-None-Match": "*"}
CALLS: Json = {"name": "Calls", "metric": "total_calls", "period": "month", "limit": "10"}
PAGE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="module")
def billing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Billing]:
    with running_billing(tmp_path_factory.mktemp("budgets")) as running:
        yield running


@pytest.fixture
def org(billing: Billing) -> Iterator[OrganizationClient]:
    with billing.organization() as org:
        yield org


def put(
    org: OrganizationClient, budget: object, headers: dict[str, str] | None = None, id_: str = "calls"
) -> httpx.Response:
    return org.client.put(f"{BUDGETS}/{id_}", json=budget, headers=CREATE if headers is None else headers)


def create(org: OrganizationClient, budget: Json, id_: str = "calls") -> httpx.Response:
    """Create a budget that must be accepted."""
    answer = put(org, budget, id_=id_)
    assert answer.status_code == 200, answer.text
    return answer


def show(org: OrganizationClient, id_: str = "calls") -> Answer:
    """Return a budget."""
    answer: Answer = org.client.get(f"{BUDGETS}/{id_}").raise_for_status().json()
    return answer


def allowance(org: OrganizationClient, id_: str = "calls") -> Answer:
    """Return whether a budget allows another call."""
    answer: Answer = org.client.get("/admin/usage/allowance", params={"budget": id_}).raise_for_status().json()
    return answer


def test_created_budget_has_its_defaults_and_its_author(org: OrganizationClient) -> None:
    created = create(org, CALLS).json()
    assert created["budget"] == {
        **CALLS,
        "filter": None,
        "thresholds": [50, 80, 100],
        "webhooks": [],
        "emails": [],
        "enabled": True,
    }
    assert created["changed_by"] == f"key {org.key.partition('.')[0]}"
    assert created["changed_at"].startswith("2026-11-20T12:0")
    [listed] = org.client.get(BUDGETS).json()["budgets"]
    assert listed["version"] == created["version"]


def test_creating_an_equal_budget_again_changes_nothing(org: OrganizationClient) -> None:
    first = create(org, CALLS)
    again = create(org, {**CALLS, "thresholds": [100, 50, 80, 50]})
    assert (again.json(), again.headers["ETag"]) == (first.json(), first.headers["ETag"])


def test_creating_another_budget_with_the_same_id_is_a_conflict(org: OrganizationClient) -> None:
    first = create(org, CALLS).json()
    answer = put(org, {**CALLS, "limit": "11"})
    assert answer.status_code == 412
    assert answer.json()["present"] == first
    key = org.key.partition(".")[0]
    assert answer.json()["detail"] == (f"Budget 'calls' exists already, changed at {first['changed_at']} by key {key}.")


def test_change_needs_the_etag_of_the_present_version(org: OrganizationClient) -> None:
    first = create(org, CALLS)
    changed = put(org, {**CALLS, "limit": "11"}, {"If-Match": first.headers["ETag"]})
    assert (changed.status_code, changed.json()["budget"]["limit"]) == (200, "11")
    stale = put(org, {**CALLS, "limit": "12"}, {"If-Match": first.headers["ETag"]})
    assert (stale.status_code, stale.json()["present"]) == (412, changed.json())
    assert "is not as you know it: it was changed at" in stale.json()["detail"]
    assert show(org)["budget"]["limit"] == "11"


@pytest.mark.parametrize("headers", [{}, {"If-Match": "*"}, {"If-Match": ""}])
def test_change_without_a_condition_is_a_428(org: OrganizationClient, headers: dict[str, str]) -> None:
    assert put(org, CALLS, headers).status_code == 428
    create(org, CALLS)
    assert put(org, CALLS, headers).status_code == 428
    assert org.client.delete(f"{BUDGETS}/calls", headers=headers).status_code == 428


@pytest.mark.parametrize("headers", [{**CREATE, "If-Match": '"1"'}, {"If-None-Match": '"1"'}])
def test_two_conditions_at_once_are_a_422(org: OrganizationClient, headers: dict[str, str]) -> None:
    assert put(org, CALLS, headers).status_code == 422


def test_deleted_budget_is_gone_with_its_crossings(org: OrganizationClient) -> None:
    etag = create(org, CALLS).headers["ETag"]
    assert org.client.delete(f"{BUDGETS}/calls", headers={"If-Match": '"stale"'}).status_code == 412
    assert org.client.delete(f"{BUDGETS}/calls", headers={"If-Match": etag}).status_code == 204
    assert org.client.get(f"{BUDGETS}/calls").status_code == 404
    assert org.client.delete(f"{BUDGETS}/calls", headers={"If-Match": etag}).status_code == 404
    deleted = put(org, CALLS, {"If-Match": etag})
    assert (deleted.status_code, deleted.json()["present"]) == (412, None)


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"metric": "calls"}, "'metric' must be one of total_calls, voice_calls,"),
        ({"metric": "charge:"}, "'metric' must be one of total_calls, voice_calls,"),
        ({"limit": "0"}, "'limit' must be a decimal number in quotes, more than 0"),
        ({"limit": "-1"}, "'limit' must be a decimal number in quotes, more than 0"),
        ({"limit": 10}, "The budget is not valid: Expected `str`, got `int`"),
        ({"limit": "included"}, "The limit 'included' needs a metric 'charge:ID' and the period 'month'."),
        ({"period": "year"}, "The budget is not valid: Invalid enum value 'year'"),
        ({"thresholds": []}, "The budget is not valid: Expected `array` of length >= 1"),
        ({"thresholds": [0]}, "The budget is not valid: Expected `int` >= 1"),
        ({"filter": {"agent": "a", "number": "n"}}, "The budget is not valid: Expected `object` of length <= 1"),
        ({"filter": {"workflow": "w"}}, "'total_calls' can be filtered by agent, number, widget, channel, not by"),
        ({"filter": {"channel": "fax"}}, "'channel' must be one of telephone, webrtc, email, text, not 'fax'."),
        ({"metric": "cost", "filter": {"agent": "a"}}, "'cost' cannot have a filter"),
        ({"metric": "cost"}, "The organization has no plan in this month"),
        ({"metric": "silence", "limit": "1.5"}, "'limit' of silence must be a whole number of hours, 1 to 168."),
        ({"metric": "silence", "limit": "2", "thresholds": [50]}, "'thresholds' of silence must be [100]"),
        ({"name": " "}, "'name' must be a text of 1 to 200 characters"),
        ({"colour": "red"}, "The budget is not valid: Object contains unknown field `colour`"),
        ({"id": "other"}, "'id' is 'other', but the URL names the budget 'calls'."),
    ],
)
def test_invalid_budget_is_a_422_with_what_is_allowed(org: OrganizationClient, fields: Json, detail: str) -> None:
    answer = put(org, {**CALLS, **fields})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(detail)
    assert org.client.get(BUDGETS).json() == {"budgets": []}


def test_budget_of_costs_needs_a_plan_that_gives_it(billing: Billing, org: OrganizationClient) -> None:
    billing.assign(
        org,
        billing.apply(plan({**VOICE, "included": "100"}, {"id": "n", "name": "N", "meter": "agents", "price": "1.00"})),
    )
    for metric, detail in {
        "charge:chat": "The plan of this month has no charge 'chat'; it has voice, n.",
        "charge:n": "The plan of this month has no included quantity for 'n', so the limit cannot be 'included'.",
    }.items():
        answer = put(org, {**CALLS, "metric": metric, "limit": "included"})
        assert (answer.status_code, answer.json()["detail"]) == (422, detail)
    create(org, {**CALLS, "metric": "charge:voice", "limit": "included"})
    assert show(org)["current"]["limit"] == "100"


def test_values_are_those_of_the_summary_and_the_costs(billing: Billing, org: OrganizationClient) -> None:
    billing.assign(org, billing.apply(plan({**VOICE, "price": "0.50"}, fee="1.00")))
    org.send(
        *(call("2026-11-18", f"c{number}", duration=90, agent_id="ann") for number in range(3)),
        call("2026-10-31", "earlier", agent_id="ann"),
        call("2026-11-17", "bob", direction="outbound", agent_id="bob", duration=30),
        run("r1", created_at="2026-11-18T10:00:00Z", status="failed"),
    )
    expected = {
        "total_calls": ("month", None, "4"),
        "outbound_calls": ("month", None, "1"),
        "voice_calls": ("week", {"agent": "ann"}, "3"),
        "voice_minutes": ("month", {"agent": "ann"}, "4.50"),
        "chat_minutes": ("month", None, "0.00"),
        "workflow_runs_failed": ("month", None, "1"),
        "inbound_calls": ("day", None, "0"),
        "cost": ("month", None, "3.50"),
        "charge:voice": ("month", None, "5"),
    }
    for number, (metric, (period, filter_, _)) in enumerate(expected.items()):
        create(org, {**CALLS, "metric": metric, "period": period, "filter": filter_, "limit": "8"}, f"b{number}")
    values = {one["budget"]["metric"]: one["current"]["value"] for one in org.client.get(BUDGETS).json()["budgets"]}
    assert values == {metric: value for metric, (_, _, value) in expected.items()}
    assert show(org, "b3")["current"]["percent"] == "56.2"


def test_allowance_ends_at_the_limit_and_returns_with_the_next_period(
    billing: Billing, org: OrganizationClient
) -> None:
    create(org, {**CALLS, "limit": "2", "period": "week"})
    reset = {"resets_at": "2026-11-23T00:00:00Z"}
    assert allowance(org) == {"allowed": True, "remaining": "2", **reset}
    org.send(call("2026-11-16", "c1"))
    assert allowance(org) == {"allowed": True, "remaining": "1", **reset}
    org.send(call("2026-11-20", "c2"), call("2026-11-20", "c3"))
    assert allowance(org) == {"allowed": False, "remaining": "0", **reset}
    assert org.client.get("/admin/usage/allowance").status_code == 422
    assert org.client.get("/admin/usage/allowance", params={"budget": "none"}).status_code == 404


def test_reached_thresholds_are_stored_once_and_stay(billing: Billing, org: OrganizationClient) -> None:
    create(org, {**CALLS, "limit": "2"})
    org.send(call("2026-11-16", "c1"))
    first = crossings(org, 1)
    org.send(call("2026-11-17", "c2"))
    both = crossings(org, 3)
    assert [(one["threshold"], one["value"], one["limit"]) for one in both] == [
        (100, "2", "2"),
        (80, "2", "2"),
        (50, "1", "2"),
    ]
    assert both[2:] == first
    org.send(event("conversation.deleted", {"id": "c2"}, time="2026-11-20T11:00:00Z"))
    assert show(org)["current"]["value"] == "1"
    assert show(org)["crossings"] == both


def crossings(org: OrganizationClient, number: int) -> list[Any]:
    """Return the crossings as soon as there are so many."""
    found: list[Any] = []

    def are_there() -> bool:
        found[:] = show(org)["crossings"]
        return len(found) == number

    wait_until(are_there)
    return found


SESSIONS = [
    ("manage", PAGE, 200),
    ("read", PAGE, 403),
    ("manage", {"Sec-Fetch-Site": "same-site"}, 403),
    ("manage", {"Sec-Fetch-Site": "cross-site"}, 403),
    ("manage", {"Sec-Fetch-Site": "none"}, 403),
    ("manage", {"Origin": "null"}, 403),
    ("manage", {"Origin": "https://evil.example"}, 403),
    ("manage", {}, 403),
    ("manage", {"Origin": "OWN"}, 200),
    ("manage", {**PAGE, "Content-Type": "text/plain"}, 415),
    ("manage", {**PAGE, "Content-Type": "application/x-www-form-urlencoded"}, 415),
    ("manage", {**PAGE, "Content-Type": "multipart/form-data; boundary=x"}, 415),
]


@pytest.mark.parametrize(("access", "headers", "status"), SESSIONS)
def test_session_changes_budgets_only_from_the_page_and_if_it_may(
    org: OrganizationClient, access: Access, headers: dict[str, str], status: int
) -> None:
    link = make_link(org.server, org.id, access)
    signed_in = local_http.post(f"{org.server.url}/session", json={"link": link}, headers=PAGE).raise_for_status()
    cookie = {"Cookie": signed_in.headers["set-cookie"].partition(";")[0]}
    sent = {**cookie, **{name: value.replace("OWN", org.server.url) for name, value in headers.items()}}
    url = f"{org.server.url}{BUDGETS}/calls"
    answer = local_http.put(url, json=CALLS, headers={"Content-Type": "application/json", **CREATE, **sent})
    assert answer.status_code == status
    etag = answer.headers["ETag"] if status == 200 else create(org, CALLS).headers["ETag"]
    removed = local_http.delete(url, headers={"Content-Type": "application/json", **sent, "If-Match": etag})
    assert removed.status_code == (204 if status == 200 else status)
    if status == 200:
        assert answer.json()["changed_by"].startswith("session ")


def test_session_changes_nothing_but_budgets(org: OrganizationClient) -> None:
    headers = {"Authorization": f"Bearer {org.key}", **PAGE}
    signed_in = local_http.post(f"{org.server.url}/session", headers=headers).raise_for_status()
    cookie = {"Cookie": signed_in.headers["set-cookie"].partition(";")[0], "Content-Type": "application/json", **PAGE}
    for method, path in (
        ("POST", "/metering/events"),
        ("PUT", "/metering/inventory/agent"),
        ("PUT", "/billing/plans/p"),
        ("PUT", f"/billing/organizations/{org.id}/plan"),
    ):
        assert local_http.request(method, f"{org.server.url}{path}", json={}, headers=cookie).status_code == 401


def test_budgets_of_another_organization_are_out_of_reach(billing: Billing, org: OrganizationClient) -> None:
    etag = create(org, CALLS).headers["ETag"]
    with billing.organization() as other:
        assert other.client.get(BUDGETS).json() == {"budgets": []}
        assert other.client.get(f"{BUDGETS}/calls").status_code == 404
        assert other.client.delete(f"{BUDGETS}/calls", headers={"If-Match": etag}).status_code == 404
        named = {"organization_id": org.id}
        assert other.client.get(BUDGETS, params=named).status_code == 403
        assert other.client.put(f"{BUDGETS}/x", json=CALLS, params=named, headers=CREATE).status_code == 403


def test_viewer_reads_no_budgets(org: OrganizationClient) -> None:
    viewer = {"Authorization": f"Bearer {make_credential(org.server, org_id=org.id, role='viewer')}"}
    for path in (BUDGETS, f"{BUDGETS}/calls", "/admin/usage/allowance?budget=calls"):
        assert local_http.get(f"{org.server.url}{path}", headers=viewer).status_code == 403


def test_organization_has_at_most_a_hundred_budgets(org: OrganizationClient) -> None:
    for number in range(100):
        create(org, CALLS, f"b{number}")
    answer = put(org, CALLS)
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "An organization has at most 100 budgets; delete one first.",
    )
    assert put(
        org, {**CALLS, "limit": "5"}, {"If-Match": org.client.get(f"{BUDGETS}/b7").headers["ETag"]}, "b7"
    ).is_success
