"""Webhooks over HTTP: set, list, test and delete; who may; what is never shown."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook as Verifier

from talkmeter.accounts.connectors import SecretBox
from talkmeter.db.engine import writing
from talkmeter.notify.webhooks import note_failure
from tests.api.organizations import (
    Answer,
    OrganizationClient,
    client_of,
    error_of,
    make_credential,
    make_token,
    new_organization,
)
from tests.postgres import engine_for
from tests.receivers import Receiver, answer, receiver
from tests.servers import Server, running_server

WEBHOOKS = "/admin/usage/webhooks"
KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
URL = "https://example.com/hooks"
DAY = 86_400_000_000
WAIT_SEC = 30


@pytest.fixture(scope="module")
def hook() -> Iterator[Receiver]:
    with receiver() as server:
        yield server


@pytest.fixture(scope="module")
def sending_server(hook: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that may send to the receiver."""
    folder = tmp_path_factory.mktemp("webhooks")
    with running_server(folder, secret_key=KEY, outgoing_origins=hook.origin) as server:
        yield server


@pytest.fixture
def org(sending_server: Server) -> Iterator[OrganizationClient]:
    with new_organization(sending_server) as organization:
        yield organization


def put(org: OrganizationClient, id_: str = "wh_1", url: str = URL) -> httpx.Response:
    return org.client.put(f"{WEBHOOKS}/{id_}", json={"url": url})


def secret_of(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    secret: str = response.json()["secret"]
    assert secret.startswith("whsec_")
    return secret


def get(org: OrganizationClient, id_: str = "wh_1") -> Answer:
    response = org.client.get(f"{WEBHOOKS}/{id_}")
    assert response.status_code == 200, response.text
    webhook: Answer = response.json()
    return webhook


def attempted(org: OrganizationClient, id_: str = "wh_1") -> Any:
    """Return the newest delivery of a webhook when an attempt has ended."""
    deadline = time.monotonic() + WAIT_SEC
    while time.monotonic() < deadline:
        deliveries = get(org, id_)["deliveries"]
        if deliveries and any(attempt["duration_ms"] is not None for attempt in deliveries[0]["attempts"]):
            return deliveries[0]
        time.sleep(0.05)
    pytest.fail("no attempt has ended")


def test_new_webhook_shows_its_secret_once(org: OrganizationClient) -> None:
    created = put(org)
    secret = secret_of(created)
    assert created.json() == {"id": "wh_1", "url": URL, "secret": secret}

    webhook = get(org)
    assert webhook.pop("created_at").startswith("20")
    assert webhook == {"id": "wh_1", "url": URL, "failing_since": None, "disabled_at": None, "deliveries": []}
    assert secret not in org.client.get(WEBHOOKS).text


def test_existing_webhook_gets_another_url_and_keeps_its_secret(org: OrganizationClient) -> None:
    secret_of(put(org))

    assert put(org, url="https://example.com/new").json() == {
        "id": "wh_1",
        "url": "https://example.com/new",
        "secret": None,
    }
    assert [webhook["url"] for webhook in org.client.get(WEBHOOKS).json()["webhooks"]] == ["https://example.com/new"]


def test_deleted_webhook_is_gone_and_gets_another_secret(org: OrganizationClient) -> None:
    secret = secret_of(put(org))

    assert org.client.delete(f"{WEBHOOKS}/wh_1").status_code == 204
    assert error_of(org.client.get(f"{WEBHOOKS}/wh_1"), 404) == "Webhook 'wh_1' does not exist."
    assert error_of(org.client.delete(f"{WEBHOOKS}/wh_1"), 404) == "Webhook 'wh_1' does not exist."
    assert error_of(org.client.post(f"{WEBHOOKS}/wh_1/test"), 404) == "Webhook 'wh_1' does not exist."
    assert secret_of(put(org)) != secret


def test_test_message_arrives_signed_and_its_attempt_is_listed(org: OrganizationClient, hook: Receiver) -> None:
    secret = secret_of(put(org, url=f"{hook.origin}/{org.id}"))
    tested = org.client.post(f"{WEBHOOKS}/wh_1/test")
    assert tested.status_code == 202
    delivery = attempted(org)

    (request,) = [request for request in hook.received if request.target == f"/{org.id}"]
    body = Verifier(secret).verify(request.body, request.headers)
    assert (body["type"], body["data"]) == ("webhook.test", {"organization_id": org.id, "webhook_id": "wh_1"})
    assert tested.json() == {"message_id": request.headers["webhook-id"]}
    assert (delivery["message_id"], delivery["type"]) == (request.headers["webhook-id"], "webhook.test")
    assert (delivery["state"], delivery["next_at"]) == ("delivered", None)
    (attempt,) = delivery["attempts"]
    assert (attempt["number"], attempt["status"], attempt["error"]) == (1, 204, None)


def test_failed_test_message_shows_the_class_of_the_error_only(org: OrganizationClient, hook: Receiver) -> None:
    hook.behave = answer(500, body=b"stack trace of the receiver")
    try:
        secret_of(put(org, url=f"{hook.origin}/{org.id}"))
        org.client.post(f"{WEBHOOKS}/wh_1/test")
        delivery = attempted(org)
    finally:
        hook.behave = answer()

    assert (delivery["state"], delivery["attempts"][0]["status"], delivery["attempts"][0]["error"]) == (
        "pending",
        500,
        "status",
    )
    assert delivery["next_at"] is not None
    webhook = org.client.get(WEBHOOKS)
    assert webhook.json()["webhooks"][0]["failing_since"] is not None
    assert "stack trace" not in webhook.text
    assert "127.0.0.1" not in webhook.text.replace(hook.origin, "")


def test_webhook_is_tested_once_a_minute(org: OrganizationClient, hook: Receiver) -> None:
    secret_of(put(org, url=f"{hook.origin}/{org.id}"))
    assert org.client.post(f"{WEBHOOKS}/wh_1/test").status_code == 202

    again = org.client.post(f"{WEBHOOKS}/wh_1/test")
    assert error_of(again, 429) == "A webhook can be tested once a minute; try again later."
    assert again.headers["Retry-After"] == "60"


def test_disabled_webhook_is_enabled_by_setting_it_again(org: OrganizationClient) -> None:
    secret_of(put(org))
    with engine_for(org.server.environment["TALKMETER_DATABASE_URL"]) as engine, writing(engine) as connection:
        note_failure(connection, org.id, "wh_1", 0)
        note_failure(connection, org.id, "wh_1", 5 * DAY)
    assert get(org)["disabled_at"] == "1970-01-06T00:00:00Z"
    assert error_of(org.client.post(f"{WEBHOOKS}/wh_1/test"), 422) == (
        "Webhook 'wh_1' was disabled at 1970-01-06T00:00:00Z; set it again to enable it."
    )

    put(org)
    assert get(org)["disabled_at"] is None


@pytest.mark.parametrize(
    ("id_", "body", "sentence"),
    [
        ("WH", {"url": URL}, "The id of a webhook has 1 to 64 of a-z, 0-9, - and _, not 'WH'."),
        ("wh", {}, 'Object missing required field `url`. Send {"url": "https://example.com/path"}.'),
        ("wh", {"url": URL, "secret": "x"}, "Object contains unknown field `secret`"),
        ("wh", {"url": "http://example.com"}, "The URL of a webhook must begin with https://."),
        ("wh", {"url": "https://10.0.0.1/"}, "The URL of a webhook must not have a private address."),
        ("wh", {"url": "http://127.0.0.1:1/"}, "The URL of a webhook must begin with https://."),
    ],
)
def test_invalid_webhook_is_refused(org: OrganizationClient, id_: str, body: Answer, sentence: str) -> None:
    assert error_of(org.client.put(f"{WEBHOOKS}/{id_}", json=body), 422).startswith(sentence)
    assert org.client.get(WEBHOOKS).json() == {"webhooks": []}


def test_webhook_needs_the_scope_of_billing(sending_server: Server, org: OrganizationClient) -> None:
    secret_of(put(org))
    viewer = make_credential(sending_server, org_id=org.id, role="viewer")
    with client_of(sending_server, viewer) as client:
        for request in ("GET ", "GET /wh_1", "PUT /wh_1", "DELETE /wh_1", "POST /wh_1/test"):
            method, _, path = request.partition(" ")
            response = client.request(method, WEBHOOKS + path)
            assert "needs the scope billing:manage" in error_of(response, 403)


def test_webhooks_of_another_organization_are_not_found(sending_server: Server, org: OrganizationClient) -> None:
    secret_of(put(org))
    with new_organization(sending_server) as other:
        assert other.client.get(WEBHOOKS).json() == {"webhooks": []}
        for method, path in (("GET", "/wh_1"), ("DELETE", "/wh_1"), ("POST", "/wh_1/test")):
            error_of(other.client.request(method, WEBHOOKS + path), 404)
    assert get(org)["url"] == URL


def test_changes_are_in_the_audit_log_without_path_and_secret(
    sending_server: Server, org: OrganizationClient, hook: Receiver
) -> None:
    secret = secret_of(put(org, url=f"{hook.origin}/services/T0/B0/token"))
    org.client.post(f"{WEBHOOKS}/wh_1/test")
    token = make_token(sending_server, **{org.id: "admin"})
    with client_of(sending_server, token, X_Anyreach_Org=org.id) as client:
        assert client.delete(f"{WEBHOOKS}/wh_1").status_code == 204

    log = sending_server.cli("audit", "--org", org.id)
    lines = [line.split("\t")[1:] for line in reversed(log.splitlines()) if "\twebhook." in line]
    key_id, token_id = (text.partition(".")[0] for text in (org.key, token))
    assert lines == [
        [f"key {key_id}", "webhook.set", org.id, "wh_1", hook.origin],
        [f"key {key_id}", "webhook.test", org.id, "wh_1"],
        [f"token {token_id}", "webhook.delete", org.id, "wh_1"],
    ]
    assert secret not in log


def test_server_without_a_key_stores_no_webhook(tmp_path: Path) -> None:
    with running_server(tmp_path) as server, new_organization(server) as organization:
        assert error_of(put(organization), 503) == (
            "This server cannot store webhooks: its operator must set TALKMETER_SECRET_KEY."
        )


def test_metrics_count_attempts_and_the_delay(org: OrganizationClient, hook: Receiver) -> None:
    secret_of(put(org, url=f"{hook.origin}/{org.id}"))
    org.client.post(f"{WEBHOOKS}/wh_1/test")
    attempted(org)

    lines = org.client.get("/metrics").text.splitlines()
    delivered = 'talkmeter_deliveries_total{channel="webhook",state="delivered"} '
    assert [line for line in lines if line.startswith(delivered) and float(line.split()[-1]) >= 1]
    assert any(line.startswith("talkmeter_delivery_delay_seconds ") for line in lines)


def test_secret_in_the_database_is_encrypted(org: OrganizationClient) -> None:
    secret = secret_of(put(org))
    database = (org.server.folder / "talkmeter.db").read_bytes()
    wal = org.server.folder / "talkmeter.db-wal"
    stored = database + (wal.read_bytes() if wal.exists() else b"")

    assert secret.removeprefix("whsec_").encode() not in stored
    assert SecretBox(KEY).encrypt([secret])[:5] in stored
