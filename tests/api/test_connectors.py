"""`GET /admin/usage/connectors` against a server whose clock is set: what stacks sent, and what is told of it."""

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
from tests.api.organizations import Answer, client_of, make_credential, make_token, refusal_of
from tests.connectors.metering_server import Hook, MeteringServer, metering_server
from tests.events import Json, conversation
from tests.fake_clock import FakeClock

PATH: Final = "/admin/usage/connectors"
SECRET: Final = "n8n's particular secret"
SIGNING: Final = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
NONE: Final = dict.fromkeys(("accepted", "duplicate", "conflicting", "stale", "quarantined", "ignored", "rejected"), 0)


class Now(NamedTuple):
    """A server, and its clock."""

    metering: MeteringServer
    clock: FakeClock

    def set(self, instant: str) -> None:
        """Let it be this instant now."""
        self.clock.set(read_instant(instant) // 1_000_000 - int(time.time()))


@pytest.fixture(scope="module")
def now(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Now]:
    folder = tmp_path_factory.mktemp("connectors")
    clock = FakeClock(folder)
    with metering_server(folder, clock.environment) as running:
        yield Now(running, clock)


def ask(hook: Hook) -> Answer:
    """What is told of all connectors of a connector's organization."""
    server = hook.metering.server
    with client_of(server, make_credential(server, org_id=hook.org_id, role="admin")) as client:
        answer = client.get(PATH)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert SECRET not in answer.text
    told: Answer = answer.json()
    return told


def told_of(hook: Hook) -> Answer:
    """What is told of a connector."""
    found: Answer
    [found] = [one for one in ask(hook)["connectors"] if one["id"] == hook.id]
    return found


def send(hook: Hook, name: str = "n8n.workflow.success", run: str = "1", secret: str = SECRET, **fields: str) -> int:
    """A message of n8n; the status it is answered with."""
    body = {"id": f"event-{run}", "eventName": name, "ts": "2026-03-02T09:00:00Z", "payload": {"executionId": run}}
    return local_http.post(hook.url, json={**body, **fields}, headers={HEADER: secret}).status_code


def tell(hook: Hook, number: int, instant: str, *events: Json) -> None:
    """Our own events in one message, signed by the code of Standard Webhooks at an instant."""
    body = json.dumps(events)
    moment = datetime.fromisoformat(instant).astimezone(UTC)
    signature = Webhook(SIGNING).sign(f"msg-{number}", moment, body)
    headers = {"webhook-id": f"msg-{number}", "webhook-timestamp": str(int(moment.timestamp()))}
    sent = {"Content-Type": "application/json", "webhook-signature": signature, **headers}
    assert local_http.post(hook.url, content=body, headers=sent).is_success


def test_what_became_of_a_week_of_messages_is_told_day_by_day(now: Now) -> None:
    hook = now.metering.connect("n8n", SECRET)
    now.set("2026-03-01T23:00:00Z")
    assert send(hook) == 200
    assert hook.outcomes(1)
    now.set("2026-03-03T10:00:00Z")
    said = [
        send(hook),
        send(hook, run="2", secret="wrong"),
        send(hook, "n8n.node.started"),
        send(hook, "n8n.audit.user.login"),
        send(hook, "n8n.node.started"),
    ]
    assert said == [200, 401, 200, 200, 200]
    assert hook.outcomes(6)
    now.set("2026-03-08T12:00:00Z")
    assert [send(hook, ts="yesterday"), send(hook, run="3")] == [200, 200]
    assert hook.outcomes(8)

    told = told_of(hook)
    days = {f"2026-03-0{day}": dict(NONE) for day in range(2, 9)}
    days["2026-03-03"] |= {"duplicate": 1, "rejected": 1, "ignored": 3}
    days["2026-03-08"] |= {"quarantined": 1, "accepted": 1}
    assert told["days"] == [{"date": date, **counts} for date, counts in days.items()]
    assert told["outcomes"] == {**NONE, "accepted": 1, "duplicate": 1, "quarantined": 1, "ignored": 3, "rejected": 1}
    types = [(one["type"], one["messages"], one["last_at"][:16]) for one in told["ignored_types"]]
    assert types == [("n8n.node.started", 2, "2026-03-03T10:00"), ("n8n.audit.user.login", 1, "2026-03-03T10:00")]
    assert told["last_event_at"].startswith("2026-03-08T12:00:")
    assert told["last_rejected_at"].startswith("2026-03-03T10:00:")
    assert (told["disabled_at"], told["silent_hours"], told["open_conversations"]) == (None, None, 0)


def test_silence_after_messages_of_every_day_is_told_by_the_page_and_the_command_line(now: Now) -> None:
    hook = now.metering.connect("n8n", SECRET)
    for day in range(1, 8):
        now.set(f"2026-04-0{day}T05:00:00Z")
        assert send(hook, run=str(day)) == 200
        assert hook.outcomes(day)
    assert told_of(hook)["silent_hours"] is None
    now.set("2026-04-08T12:30:00Z")
    assert send(hook, secret="wrong") == 401

    assert told_of(hook)["silent_hours"] == 31
    shown = now.metering.server.cli("connectors", "show", hook.id)
    assert shown.endswith("Silent for 31 hours, although webhooks arrived every day before.")
    assert send(hook, "n8n.node.started") == 200
    assert hook.outcomes(9)
    assert told_of(hook)["silent_hours"] is None


def test_the_command_line_shows_ignored_types_and_open_conversations(now: Now) -> None:
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


def test_conversations_that_go_on_are_counted_until_they_end(now: Now) -> None:
    hook = now.metering.connect("signed", SIGNING)
    created_at = "2026-06-01T08:59:00Z"
    now.set("2026-06-01T09:00:00Z")
    live = [
        {**conversation(id_, status="in_progress", duration=None, created_at=created_at), "time": created_at}
        for id_ in ("call-1", "call-2")
    ]
    tell(hook, 1, "2026-06-01T09:00:00Z", *live)
    assert told_of(hook)["open_conversations"] == 2
    ended = {**conversation("call-1", created_at=created_at), "time": "2026-06-01T09:00:00Z"}
    tell(hook, 2, "2026-06-01T09:00:00Z", ended)
    assert told_of(hook)["open_conversations"] == 1


def test_of_very_many_types_those_with_the_most_messages_are_told(now: Now) -> None:
    hook = now.metering.connect("n8n", SECRET)
    now.set("2026-07-01T09:00:00Z")
    for number in range(MAX_TYPES + 20):
        assert send(hook, f"n8n.made.up.{number:02}") == 200
    assert hook.outcomes(MAX_TYPES + 20)

    told = told_of(hook)
    assert [(one["type"], one["messages"]) for one in told["ignored_types"]] == [
        ("others", 8),
        *((f"n8n.made.up.{number:02}", 1) for number in range(MAX_TYPES - 1)),
    ]
    assert told["outcomes"]["ignored"] == MAX_TYPES + 20


def test_connectors_in_use_stand_before_disabled_ones(now: Now) -> None:
    first = now.metering.connect("n8n", SECRET)
    second = now.metering.connect("vapi", "another", org_id=first.org_id)
    with writing(now.metering.engine) as connection:
        disable_connector(connection, first.id, read_instant("2026-03-01T00:00:00Z"))

    answer = ask(first)
    assert list(answer) == ["organization_id", "as_of", "connectors"]
    assert answer["organization_id"] == first.org_id
    listed = [(one["id"], one["provider"], one["disabled_at"]) for one in answer["connectors"]]
    assert listed == [(second.id, "vapi", None), (first.id, "n8n", "2026-03-01T00:00:00Z")]
    assert list(answer["connectors"][0]) == [
        "id", "provider", "created_at", "disabled_at", "last_event_at", "last_rejected_at", "outcomes", "days",
        "ignored_types", "open_conversations", "silent_hours",
    ]  # fmt: skip


def test_connectors_are_told_to_those_who_may_and_of_their_own_organization_alone(now: Now) -> None:
    hook, foreign = now.metering.connect("n8n", SECRET), now.metering.connect("n8n", SECRET)
    server = now.metering.server

    assert [one["id"] for one in ask(hook)["connectors"]] == [hook.id]
    with client_of(server, None) as stranger:
        assert "Authorization" in refusal_of(stranger.get(PATH), 401)
    with client_of(server, make_credential(server, org_id=hook.org_id, role="viewer")) as viewer:
        assert "billing:manage" in refusal_of(viewer.get(PATH), 403)
    with client_of(server, make_credential(server, org_id=hook.org_id, role="admin")) as admin:
        assert refusal_of(admin.get(PATH, params={"organization_id": foreign.org_id}), 403)
        assert "no parameter here" in refusal_of(admin.get(PATH, params={"org": foreign.org_id}), 422)
    with client_of(server, make_token(server, **{hook.org_id: "admin", foreign.org_id: "admin"})) as person:
        told = person.get(PATH, params={"organization_id": foreign.org_id}).json()
    assert [one["id"] for one in told["connectors"]] == [foreign.id]
