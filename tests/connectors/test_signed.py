"""Our own events in signed messages (Standard Webhooks): how they are read, and what secrets and headers may look like.

What all providers have in common is tested in test_provider_contract.py.
"""

import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import ClassVar

import pytest

from talkmeter.ingest.connectors.provider import Message, NotVerified, RecordUpdate
from talkmeter.ingest.connectors.signed import PROVIDER
from talkmeter.ledger.batch import Rejection
from talkmeter.records import Conversation, InventoryItem, Kind, WorkflowExecution
from tests.connectors.cases.signed import (
    CALL,
    SAMPLE,
    SECRET,
    SIGNATURE,
    TIMESTAMP,
    body_of,
    message_of,
    official,
    sign,
)
from tests.connectors.messages import CALLER, NOW, SECOND, is_verified, record_update, refusal, utc, with_header
from tests.docs.documents import read
from tests.events import Json, conversation, event, run


def verified(message: Message, secret: str = SECRET) -> bool:
    return is_verified(PROVIDER, message, secret)


def all_updates(message: Message) -> list[RecordUpdate]:
    result = PROVIDER.read(message)
    assert isinstance(result, tuple)
    updates = [update for update in result if isinstance(update, RecordUpdate)]
    assert len(updates) == len(result)
    return updates


@pytest.mark.parametrize("secret", [SECRET.removeprefix("whsec_"), SECRET.rstrip("="), f" {SECRET}\n"])
def test_secret_may_lack_its_prefix_or_its_padding(secret: str) -> None:
    assert verified(SAMPLE, secret)


@pytest.mark.parametrize("secrets", [(), ("",), ("whsec_",), ("whsec_not base64",), ("é",)])
def test_invalid_secret_is_an_error_that_says_so(secrets: tuple[str, ...]) -> None:
    with pytest.raises(NotVerified, match=r"^The connector's secret must be whsec_ followed by base64\.$"):
        PROVIDER.verify(SAMPLE, secrets)


def test_one_of_several_signatures_is_enough() -> None:
    good = SAMPLE.headers[SIGNATURE]
    assert verified(with_header(SAMPLE, SIGNATURE, f"v1,AAAA v1a,BBBB {good} junk"))
    assert not verified(with_header(SAMPLE, SIGNATURE, f"v1,AAAA v1a,{good[3:]} {good[3:]}"))


@pytest.mark.parametrize("text", ["now", "1760000000.5", "-1", "٣", "9" * 400])
def test_invalid_timestamp_is_an_error_that_says_so(text: str) -> None:
    with pytest.raises(NotVerified, match=r"^The header webhook-timestamp must be the seconds since 1970\.$"):
        PROVIDER.verify(with_header(SAMPLE, TIMESTAMP, text), [SECRET])


@pytest.mark.parametrize("seconds", [-400, -200, 0, 200, 400])
def test_signature_expires_after_five_minutes_in_standard_webhooks_too(seconds: int) -> None:
    message = message_of(body_of(CALL))._replace(received_at=NOW + seconds * SECOND)
    message = sign(message)._replace(received_at=NOW)
    assert verified(message) == official(message) == (abs(seconds) < 300)


def test_conversation_field_by_field() -> None:
    message = message_of(body_of({**CALL, "id": "event-1", "sequence": 7}))
    assert record_update(PROVIDER, message) == RecordUpdate(
        kind=Kind.CONVERSATION,
        id="call-1",
        record=Conversation(
            channel="webrtc",
            direction="inbound",
            status="completed",
            created_at=utc(2026, 3, 1, 11, 59),
            duration_ms=60_000,
            modality="voice",
            agent_id="ann",
            agent_number="+15005550001",
            web_widget_id="w1",
        ),
        time=utc(2026, 3, 1, 12),
        event_id="event-1",
        sequence=7,
        linked_ids=(),
    )


@pytest.mark.parametrize(
    ("content_type", "events"),
    [
        ("application/json", [CALL]),
        ("application/json", [CALL, run()]),
        ("application/json; charset=utf-8", []),
        ("application/cloudevents+json", [CALL]),
        ("application/cloudevents-batch+json", [CALL, run(), run("run-2")]),
    ],
)
def test_one_or_many_events_are_read_in_every_json_media_type(content_type: str, events: list[Json]) -> None:
    message = message_of(body_of(*events), content_type)
    assert [update.event_id for update in all_updates(message)] == [event_["id"] for event_ in events]


def test_body_without_a_content_type_is_json() -> None:
    assert record_update(PROVIDER, message_of(body_of(CALL))._replace(headers={})).id == "call-1"


def test_runs_items_and_deletions_are_metered() -> None:
    items: list[Json] = [
        run("run-1"),
        event("agent.updated", {"id": "ann", "name": "Ann"}),
        event("conversation.deleted", {"id": "call-1"}),
    ]
    runs, agent, deleted = all_updates(message_of(body_of(*items)))
    assert isinstance(runs.record, WorkflowExecution)
    assert (agent.kind, agent.record) == (Kind.AGENT, InventoryItem(name="Ann"))
    assert (deleted.kind, deleted.id, deleted.record) == (Kind.CONVERSATION, "call-1", None)


def test_one_invalid_event_does_not_affect_the_others() -> None:
    bad = {**conversation("call-2", channel=f"+1500{CALLER}"), "id": f"+1500{CALLER}", "source": f"/{CALLER}"}
    result = PROVIDER.read(message_of(body_of(CALL, bad, run())))
    assert isinstance(result, tuple)
    assert len(result) == 3
    first, second, third = result
    assert isinstance(first, RecordUpdate)
    assert isinstance(third, RecordUpdate)
    assert isinstance(second, Rejection)
    assert second.detail.startswith("Event 2 of 3: data.channel: invalid enum value")
    assert CALLER not in repr(second)
    assert refusal(PROVIDER, message_of(body_of(bad))).startswith("data.channel: invalid enum value")


def test_event_may_name_the_connectors_organization_and_no_other() -> None:
    sentence = "data.organization_id must be left out or be the connector's organization."
    message = message_of(body_of(conversation(organization_id="acme")))
    assert record_update(PROVIDER, message._replace(org_id="acme")).id == "call-1"
    for other in ("", "other"):
        assert refusal(PROVIDER, message._replace(org_id=other)) == sentence
    assert record_update(PROVIDER, message_of(body_of(conversation(organization_id="")))).id == "call-1"


def test_attributes_in_headers_are_refused_because_they_are_not_signed() -> None:
    headers = {"content-type": "application/json", "ce-specversion": "1.0", "ce-type": "conversation.deleted"}
    sentence = refusal(PROVIDER, message_of(b'{"id": "call-1"}')._replace(headers=headers))
    assert sentence == "The whole event must be in the body: the signature does not cover ce- headers."


class Receiver(BaseHTTPRequestHandler):
    """Stores each request as a message."""

    received: ClassVar[list[Message]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.received.append(Message("POST", self.path, headers, body, time.time_ns() // 1_000))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def test_program_in_the_documentation_sends_messages_that_are_metered() -> None:
    (program,) = read("docs/connectors/signed.md").blocks("python")
    names: dict[str, Callable[[str, str, Json], None]] = {}
    exec(program, names)
    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        names["send"](f"http://127.0.0.1:{server.server_port}/hooks/signed/t_1", SECRET, CALL)
        thread.join()
    (message,) = Receiver.received
    assert verified(message)
    assert record_update(PROVIDER, message) == record_update(PROVIDER, message_of(body_of(CALL)))
