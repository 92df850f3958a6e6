"""`GET /admin/usage/connectors` on a server with a fake clock, after webhooks of several days."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

import pytest
from standardwebhooks import Webhook

from talkmeter.accounts.connectors import disable_connector
from talkmeter.db.engine import writing
from talkmeter.ingest.connectors.n8n import HEADER
from talkmeter.period import read_instant
from talkmeter.usage.connectors import MAX_TYPES
from tests import local_http
from tests.api.organizations import Answer, client_of, error_of, make_credential, make_token
from tests.connectors.metering_server import Hook, MeteringServer, metering_server
from tests.events import Json, conversation
from tests.fake_clock import FakeClock

PATH: Final = "/admin/usage/connectors"
SECRET: Final = "n8n's particular secret"
SIGNING: Final = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
NONE: Final = dict.fromkeys(("accepted", "duplicate", "conflicting", "stale", "quarantined", "ignored", "rejected"), 0)


class ClockedServer(NamedTuple):
    """A server and its fake clock."""

    metering: MeteringServer
    clock: FakeClock

    def set(self, instant: str) -> None:
        """Set the clock to an instant."""
        self.clock.set(read_instant(instant) // 1_000_000 - int(time.time()))


@pytest.fixture(scope="module")
def now(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockedServer]:
    folder = tmp_path_factory.mktemp("connectors")
    clock = FakeClock(folder)
    with metering_server(folder, clock.environment) as running:
        yield ClockedServer(running, clock)


def get_connectors(hook: Hook) -> Answer:
    """Return the health of all connectors of the hook's organization."""
    server = hook.metering.server
    with client_of(server, make_credential(server, org_id=hook.org_id, role="admin")) as client:
        answer = client.get(PATH)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert SECRET not in answer.text
    connectors: Answer = answer.json()
    return connectors


def health_of(hook: Hook) -> Answer:
    """Return the health of the hook's connector."""
    found: Answer
    [found] = [connector for connector in get_connectors(hook)["connectors"] if connector["id"] == hook.id]
    return found


def send(hook: Hook, name: str = "n8n.workflow.success", run: str = "1", secret: str = SECRET, **fields: str) -> int:
    """Send a webhook of n8n and return the status."""
    body = {"id": f"event-{run}", "eventName": name, "ts": "2026-03-02T09:00:00Z", "payload": {"executionId": run}}
    return local_http.post(hook.url, json={**body, **fields}, headers={HEADER: secret}).status_code


def send_signed(hook: Hook, number: int, instant: str, *events: Json) -> None:
    """Send CloudEvents in one message, signed with Standard Webhooks at an instant."""
    body = json.dumps(events)
    moment = datetime.fromisoformat(instant).astimezone(UTC)
    signature = Webhook(SIGNING).sign(f"msg-{number}", moment, body)
    headers = {"webhook-id": f"msg-{number}", "webhook-timestamp": str(int(moment.timestamp()))}
    signed_headers = {"Content-Type": "application/json", "webhook-signature": signature, **headers}
    assert local_http.post(hook.url, content=body, headers=signed_headers).is_success


def test_connector_outcomes_are_listed_by_day(now: ClockedServer) -> None:
    hook = now.metering.connect("n8n", SECRET)
    now.set("2026-03-01T23:00:00Z")
    assert send(hook) == 200
    assert hook.outcomes(1)
    now.set("2026-03-03T10:00:00Z")
    statuses = [
        send(hook),
        send(hook, run="2", secret="wrong"),
        send(hook, "n8n.node.started"),
        send(hook, "n8n.audit.user.login"),
        send(hook, "n8n.node.started"),
    ]
    assert statuses == [200, 401, 200, 200, 200]
    assert hook.outcomes(6)
    now.set("2026-03-08T12:00:00Z")
    assert [send(hook, ts="yesterday"), send(hook, run="3")] == [200, 200]
    assert hook.outcomes(8)

    health = health_of(hook)
    days = {f"2026-03-0{day}": dict(NONE) for day in range(2, 9)}
    days["2026-03-03"] |= {"duplicate": 1, "rejected": 1, "ignored": 3}
    days["2026-03-08"] |= {"quarantined": 1, "accepted": 1}
    assert health["days"] == [{"date": date, **counts} for date, counts in days.items()]
    assert health["outcomes"] == {**NONE, "accepted": 1, "duplicate": 1, "quarantined": 1, "ignored": 3, "rejected": 1}
    types = [(entry["type"], entry["messages"], entry["last_at"][:16]) for entry in health["ignored_types"]]
    assert types == [("n8n.node.started", 2, "2026-03-03T10:00"), ("n8n.audit.user.login", 1, "2026-03-03T10:00")]
    assert health["last_event_at"].startswith("2026-03-08T12:00:")
    assert health["last_rejected_at"].startswith("2026-03-03T10:00:")
    assert (health["disabled_at"], health["silent_hours"], health["open_conversations"]) == (None, None, 0)


def test_silent_connector_is_reported_by_api_and_command_line(now: ClockedServer) -> None:
    hook = now.metering.connect("n8n", SECRET)
    for day in range(1, 8):
        now.set(f"2026-04-0{day}T05:00:00Z")
        assert send(hook, run=str(day)) == 200
        assert hook.outcomes(day)
    assert health_of(hook)["silent_hours"] is None
    now.set("2026-04-08T12:30:00Z")
    assert send(hook, secret="wrong") == 401

    assert health_of(hook)["silent_hours"] == 31
    shown = now.metering.server.cli("connectors", "show", hook.id)
    assert shown.endswith("Silent for 31 hours, although webhooks arrived every day before.")
    assert send(hook, "n8n.node.started") == 200
    assert hook.outcomes(9)
    assert health_of(hook)["silent_hours"] is None


def test_command_line_shows_ignored_types_and_open_conversations(now: ClockedServer) -> None:
    hook = now.metering.connect("n8n", SECRET)
    now.set("2026-05-01T05:00:00Z")
    for name in ("n8n.node.started", "n8n.node.started", "n8n.node.finished", "n8n.workflow.success"):
        assert send(hook, name) == 200
    assert hook.outcomes(4)

    shown = now.metering.server.cli("connectors", "show", hook.id)
    rows = [line.split() for line in shown.splitlines()[2:-1]]
    assert rows[0] == ["day", "outcome", "webhooks", "last", "type"]
    assert [row[:3] for row in rows[1:]] == [
        ["2026-05-01", *rest] for rest in (["accepted", "1"], ["ignored", "1"], ["ignored", "2"])
    ]
    assert all(row[3].startswith("2026-05-01T05:00:") for row in rows[1:])
    assert [row[4] for row in rows[2:]] == ["n8n.node.finished", "n8n.node.started"]
    assert shown.endswith("Open conversations: 0.")


def test_open_conversations_are_counted_until_they_end(now: ClockedServer) -> None:
    hook = now.metering.connect("signed", SIGNING)
    created_at = "2026-06-01T08:59:00Z"
    now.set("2026-06-01T09:00:00Z")
    live = [
        {**conversation(id_, status="in_progress", duration=None, created_at=created_at), "time": created_at}
        for id_ in ("call-1", "call-2")
    ]
    send_signed(hook, 1, "2026-06-01T09:00:00Z", *live)
    assert health_of(hook)["open_conversations"] == 2
    ended = {**conversation("call-1", created_at=created_at), "time": "2026-06-01T09:00:00Z"}
    send_signed(hook, 2, "2026-06-01T09:00:00Z", ended)
    assert health_of(hook)["open_conversations"] == 1


def test_ignored_types_with_the_most_messages_are_listed(now: ClockedServer) -> None:
    hook = now.metering.connect("n8n", SECRET)
    now.set("2026-07-01T09:00:00Z")
    for number in range(MAX_TYPES + 20):
        assert send(hook, f"n8n.made.up.{number:02}") == 200
    assert hook.outcomes(MAX_TYPES + 20)

    health = health_of(hook)
    assert [(entry["type"], entry["messages"]) for entry in health["ignored_types"]] == [
        ("others", 8),
        *((f"n8n.made.up.{number:02}", 1) for number in range(MAX_TYPES - 1)),
    ]
    assert health["outcomes"]["ignored"] == MAX_TYPES + 20


def test_active_connectors_are_listed_before_disabled_ones(now: ClockedServer) -> None:
    first = now.metering.connect("n8n", SECRET)
    second = now.metering.connect("vapi", "another", org_id=first.org_id)
    with writing(now.metering.engine) as connection:
        disable_connector(connection, first.id, read_instant("2026-03-01T00:00:00Z"))

    answer = get_connectors(first)
    assert list(answer) == ["organization_id", "as_of", "connectors"]
    assert answer["organization_id"] == first.org_id
    listed = [(connector["id"], connector["provider"], connector["disabled_at"]) for connector in answer["connectors"]]
    assert listed == [(second.id, "vapi", None), (first.id, "n8n", "2026-03-01T00:00:00Z")]
    assert list(answer["connectors"][0]) == [
        "id", "provider", "created_at", "disabled_at", "last_event_at", "last_rejected_at", "outcomes", "days",
        "ignored_types", "assumed_values", "open_conversations", "silent_hours",
    ]  # fmt: skip


def test_connectors_need_billing_manage_in_their_organization(now: ClockedServer) -> None:
    hook, foreign = now.metering.connect("n8n", SECRET), now.metering.connect("n8n", SECRET)
    server = now.metering.server

    assert [connector["id"] for connector in get_connectors(hook)["connectors"]] == [hook.id]
    with client_of(server, None) as anonymous:
        assert "Authorization" in error_of(anonymous.get(PATH), 401)
    with client_of(server, make_credential(server, org_id=hook.org_id, role="viewer")) as viewer:
        assert "billing:manage" in error_of(viewer.get(PATH), 403)
    with client_of(server, make_credential(server, org_id=hook.org_id, role="admin")) as admin:
        assert error_of(admin.get(PATH, params={"organization_id": foreign.org_id}), 403)
        assert "Unknown parameter" in error_of(admin.get(PATH, params={"org": foreign.org_id}), 422)
    with client_of(server, make_token(server, **{hook.org_id: "admin", foreign.org_id: "admin"})) as person:
        health = person.get(PATH, params={"organization_id": foreign.org_id}).json()
    assert [connector["id"] for connector in health["connectors"]] == [foreign.id]
