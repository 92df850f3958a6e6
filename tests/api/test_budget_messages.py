"""A budget that reaches a threshold sends one message to each of its webhooks, and lists what became of it."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from talkmeter.accounts.sessions import ACCESSES
from tests import local_http
from tests.api.organizations import OrganizationClient, make_link, new_organization
from tests.events import Json, conversation
from tests.receivers import Receiver, receiver
from tests.servers import running_server, wait_until

BUDGET = "/admin/usage/budgets/calls"
KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@pytest.fixture(scope="module")
def hook() -> Iterator[Receiver]:
    with receiver() as server:
        yield server


@pytest.fixture
def org(hook: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrganizationClient]:
    folder = tmp_path_factory.mktemp("messages")
    with (
        running_server(folder, secret_key=KEY, outgoing_origins=hook.origin) as server,
        new_organization(server) as org,
    ):
        yield org


def put_budget(org: OrganizationClient, webhooks: list[str]) -> Any:
    budget: Json = {"name": "Calls", "metric": "total_calls", "period": "day", "limit": "3", "webhooks": webhooks}
    return org.client.put(BUDGET, json=budget, headers={"If-None-Match": "*"})


def send_call(org: OrganizationClient, id_: str) -> None:
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    org.send(conversation(id_, created_at=now) | {"time": now})


def test_reached_threshold_is_sent_once_and_signed(hook: Receiver, org: OrganizationClient) -> None:
    secret = org.client.put("/admin/usage/webhooks/wh_1", json={"url": f"{hook.origin}/usage"}).json()["secret"]
    assert put_budget(org, ["wh_1"]).status_code == 200
    send_call(org, "c1")
    started = time.monotonic()
    send_call(org, "c2")
    wait_until(lambda: hook.received)
    assert time.monotonic() - started < 3
    send_call(org, "c3")
    wait_until(lambda: len(hook.received) == 3)

    messages = [json.loads(one.body) for one in hook.received]
    crossed = {message["data"]["threshold"]: message["data"] for message in messages}
    assert {threshold: (data["value"], data["percent"]) for threshold, data in crossed.items()} == {
        50: ("2", "66.6"),
        80: ("3", "100.0"),
        100: ("3", "100.0"),
    }
    assert crossed[50]["organization_id"] == org.id
    assert {message["type"] for message in messages} == {"budget.crossed"}
    for one in hook.received:
        Verifier(secret).verify(one.body.decode(), one.headers)

    shown = org.client.get(BUDGET).json()["crossings"]
    ids = [delivery["message_id"] for crossing in shown for delivery in crossing["deliveries"]]
    assert sorted(ids) == sorted(one.headers["webhook-id"] for one in hook.received)
    wait_until(lambda: states(org) == {"delivered"})
    [listed] = org.client.get("/admin/usage/budgets").json()["budgets"]
    assert [crossing["deliveries"] for crossing in listed["crossings"]] == [None, None, None]


def states(org: OrganizationClient) -> set[str]:
    crossings = org.client.get(BUDGET).json()["crossings"]
    return {delivery["state"] for crossing in crossings for delivery in crossing["deliveries"]}


def test_budget_names_only_webhooks_that_exist(org: OrganizationClient) -> None:
    answer = put_budget(org, ["wh_9"])
    assert answer.status_code == 422
    assert answer.json()["detail"] == "'webhooks' has 'wh_9', but the organization has no webhook of this id."


def test_session_that_may_manage_sends_a_test_message(hook: Receiver, org: OrganizationClient) -> None:
    page = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
    webhook = f"{org.server.url}/admin/usage/webhooks/wh_2"
    statuses = {}
    for access in ACCESSES:
        link = make_link(org.server, org.id, access)
        signed_in = local_http.post(f"{org.server.url}/session", json={"link": link}, headers=page)
        signed = {**page, "Cookie": signed_in.headers["set-cookie"].partition(";")[0]}
        stored = local_http.put(webhook, json={"url": f"{hook.origin}/test"}, headers=signed)
        statuses[access] = (stored.status_code, local_http.post(f"{webhook}/test", headers=signed).status_code)
    assert statuses == {"read": (403, 403), "manage": (200, 202)}
    wait_until(lambda: [one for one in hook.received if one.target == "/test"])
