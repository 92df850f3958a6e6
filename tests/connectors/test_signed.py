"""Our own events in signed messages: how they are read, and that proofs agree with Standard Webhooks' own code."""

import base64
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import ClassVar, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from talkmeter.ingest.connectors.provider import Ignored, Message, NotVerified, RecordUpdate
from talkmeter.ingest.connectors.signed import PROVIDER
from talkmeter.records import Conversation, InventoryItem, Kind, WorkflowExecution
from tests.connectors.signed_samples import (
    CALLER,
    Vector,
    agrees,
    assert_reads_or_refuses,
    is_proved,
    messages_like,
    refusal_of,
    single_bit_changes,
    told,
    utc,
    vectors,
    with_header,
)
from tests.docs.documents import read
from tests.events import conversation, event, run

SECRET: Final = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
ID: Final = "webhook-id"
TIMESTAMP: Final = "webhook-timestamp"
SIGNATURE: Final = "webhook-signature"
VECTORS: Final = vectors("standard-webhooks")
SAMPLE: Final = VECTORS[0].message()
CALL: Final = conversation(
    "call-1", channel="webrtc", modality="voice", agent_id="ann", agent_number="+15005550001", web_widget_id="w1"
)

Json = dict[str, object]


def body_of(*events: Json) -> bytes:
    """One event alone, any other number of them as an array."""
    return json.dumps(events[0] if len(events) == 1 else events).encode()


def of(body: bytes, content_type: str = "application/json") -> Message:
    return Message("POST", SAMPLE.url, {"content-type": content_type}, body, SAMPLE.received_at)


def signed(message: Message, secret: str = SECRET, id_: str = "msg_1", seconds: int = 0) -> Message:
    """The message as Standard Webhooks' own code signs it, `seconds` from now, and come now."""
    moment = int(time.time())
    signature = Webhook(secret).sign(id_, datetime.fromtimestamp(moment + seconds, UTC), message.body.decode())
    headers = {**message.headers, ID: id_, TIMESTAMP: str(moment + seconds), SIGNATURE: signature}
    return message._replace(headers=headers, received_at=moment * 1_000_000)


def standard_proves(message: Message, secret: str = SECRET) -> bool:
    # Its code is not careful with what is no signature at all, which it refuses by whatever exception comes.
    try:
        Webhook(secret).verify(message.body, dict(message.headers), json_parse=False)
    except (WebhookVerificationError, ValueError):
        return False
    return True


def we_prove(message: Message, secret: str = SECRET) -> bool:
    return is_proved(PROVIDER, message, secret)


def secret_of(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


def all_told(message: Message) -> list[RecordUpdate]:
    reading = PROVIDER.read(message)
    assert isinstance(reading, tuple)
    records = [part for part in reading if isinstance(part, RecordUpdate)]
    assert len(records) == len(reading)
    return records


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.sample)
def test_the_sample_is_proved_by_its_signature(vector: Vector) -> None:
    assert we_prove(vector.message(), vector.secret)


def test_the_secret_before_proves_while_it_is_changed() -> None:
    other = secret_of(b"another key")
    assert is_proved(PROVIDER, SAMPLE, other, SECRET)
    assert not is_proved(PROVIDER, SAMPLE, other)


@pytest.mark.parametrize("secret", [SECRET.removeprefix("whsec_"), SECRET.rstrip("="), f" {SECRET}\n"])
def test_a_secret_may_be_written_without_its_prefix_or_its_padding(secret: str) -> None:
    assert we_prove(SAMPLE, secret)


@pytest.mark.parametrize("secrets", [(), ("",), ("whsec_",), ("whsec_not base64",), ("é",)])
def test_what_is_no_secret_proves_nothing(secrets: tuple[str, ...]) -> None:
    with pytest.raises(NotVerified, match=r"^The connector's secret must be whsec_ and base64\.$"):
        PROVIDER.verify(SAMPLE, secrets)


def test_one_of_several_signatures_is_enough() -> None:
    good = SAMPLE.headers[SIGNATURE]
    assert we_prove(with_header(SAMPLE, SIGNATURE, f"v1,AAAA v1a,BBBB {good} junk"))
    assert not we_prove(with_header(SAMPLE, SIGNATURE, f"v1,AAAA v1a,{good[3:]} {good[3:]}"))


@pytest.mark.parametrize("name", [ID, TIMESTAMP, SIGNATURE])
def test_a_missing_header_is_told_in_a_sentence(name: str) -> None:
    with pytest.raises(NotVerified, match=rf"^The header {name} is missing or empty\.$"):
        PROVIDER.verify(with_header(SAMPLE, name, ""), [SECRET])


@pytest.mark.parametrize("text", ["now", "1760000000.5", "-1", "٣", "9" * 400])
def test_a_time_that_is_none_is_told_in_a_sentence(text: str) -> None:
    with pytest.raises(NotVerified, match=r"^The header webhook-timestamp must be the seconds since 1970\.$"):
        PROVIDER.verify(with_header(SAMPLE, TIMESTAMP, text), [SECRET])


@pytest.mark.parametrize(("seconds", "proved"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)])
def test_a_message_is_proved_up_to_five_minutes_before_and_after_it_was_signed(seconds: int, proved: bool) -> None:
    assert we_prove(SAMPLE._replace(received_at=SAMPLE.received_at + seconds * 1_000_000)) is proved


@pytest.mark.parametrize("seconds", [-400, -200, 0, 200, 400])
def test_we_and_standard_webhooks_agree_on_the_age_of_a_message(seconds: int) -> None:
    message = signed(of(body_of(CALL)), seconds=seconds)
    assert we_prove(message) == standard_proves(message) == (abs(seconds) < 300)


def test_we_and_standard_webhooks_agree_on_every_change_of_a_single_bit() -> None:
    message = signed(of(body_of(CALL)))
    # The address is not signed, and two bits at the end of the signature's base64 stand for nothing.
    address, nothing = len(message.url) * 8, 2
    proved = agrees(we_prove, standard_proves, single_bit_changes(message, (ID, TIMESTAMP, SIGNATURE)))
    assert address <= proved <= address + nothing


@given(
    body=st.text(),
    keys=st.tuples(st.binary(min_size=1), st.binary(min_size=1)),
    id_=st.text(min_size=1),
)
def test_we_and_standard_webhooks_agree_on_any_body(body: str, keys: tuple[bytes, bytes], id_: str) -> None:
    secret, other = map(secret_of, keys)
    message = signed(of(body.encode()), secret, id_)
    assert we_prove(message, secret)
    assert standard_proves(message, secret)
    assert we_prove(message, other) == standard_proves(message, other)


@given(messages_like(SAMPLE._replace(body=body_of(CALL, run())), (ID, TIMESTAMP, SIGNATURE, "ce-specversion")))
def test_no_message_breaks_the_proof_or_the_reading(message: Message) -> None:
    is_proved(PROVIDER, message, SECRET)
    assert not is_proved(PROVIDER, message, secret_of(b"another key"))
    assert_reads_or_refuses(PROVIDER, message)


def test_a_conversation_is_metered_field_by_field() -> None:
    message = of(body_of({**CALL, "id": "event-1", "sequence": 7}))
    assert told(PROVIDER, message) == RecordUpdate(
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
def test_one_event_or_many_are_read_in_every_form_of_json(content_type: str, events: list[Json]) -> None:
    message = of(body_of(*events), content_type)
    assert [part.event_id for part in all_told(message)] == [event_["id"] for event_ in events]


def test_without_a_content_type_the_body_is_json() -> None:
    assert told(PROVIDER, of(body_of(CALL))._replace(headers={})).id == "call-1"


def test_runs_items_and_deletions_are_metered_too() -> None:
    items: list[Json] = [
        run("run-1"),
        event("agent.updated", {"id": "ann", "name": "Ann"}),
        event("conversation.deleted", {"id": "call-1"}),
    ]
    runs, agent, deleted = all_told(of(body_of(*items)))
    assert isinstance(runs.record, WorkflowExecution)
    assert (agent.kind, agent.record) == (Kind.AGENT, InventoryItem(name="Ann"))
    assert (deleted.kind, deleted.id, deleted.record) == (Kind.CONVERSATION, "call-1", None)


def test_a_message_is_taken_whole_or_not_at_all() -> None:
    bad = conversation("call-2", channel=f"+1500{CALLER}")
    sentence = refusal_of(PROVIDER, of(body_of(CALL, bad, run())))
    assert sentence.startswith("Event 2 of 3: data.channel: invalid enum value")


def test_an_event_names_no_organization_because_the_address_does() -> None:
    sentence = "data.organization_id must be left out: the connector determines the organization."
    assert refusal_of(PROVIDER, of(body_of(conversation(organization_id="acme")))) == sentence
    assert told(PROVIDER, of(body_of(conversation(organization_id="")))).id == "call-1"


def test_attributes_in_headers_are_refused_because_nobody_signed_them() -> None:
    headers = {"content-type": "application/json", "ce-specversion": "1.0", "ce-type": "conversation.deleted"}
    sentence = refusal_of(PROVIDER, of(b'{"id": "call-1"}')._replace(headers=headers))
    assert sentence == "The whole event must be in the body: the signature does not cover ce- headers."


@pytest.mark.parametrize(
    ("message", "beginning"),
    [
        (SAMPLE, "The event: "),
        (of(b"hello"), "The body is not JSON."),
        (of(b"["), "The body is not a JSON array"),
        (of(b"[" + b"1," * 20_000 + b"1]"), "The request holds more than 10000 events"),
        (of(body_of(CALL), "text/plain"), "Content-Type must be one of application/cloudevents+json,"),
        (of(body_of(event("call.ended", {"id": "1"}))), "type '…' is not metered"),
        (of(body_of(conversation(status=f"+1500{CALLER}"))), "data.status: invalid enum value '…'"),
        (of(body_of(conversation(status=f"it's \"+1500{CALLER}"))), "data.status: invalid enum value '…'"),
        (of(body_of(conversation(status="x" * 130 + CALLER))), "data.status: invalid enum value '…'"),
        (of(body_of(conversation(created_at=f"+1500{CALLER}"))), "data.created_at must be an RFC 3339 date"),
        (of(body_of(conversation(agent_number=f"{CALLER}\n"))), "data.agent_number contains a control character: '…'"),
        (of(body_of(conversation(duration=-1))), "data.duration must be between 0 and 31622400 seconds"),
    ],
)
def test_what_cannot_be_counted_is_told_by_field_and_without_its_value(message: Message, beginning: str) -> None:
    assert refusal_of(PROVIDER, message).startswith(beginning)


class Receiver(BaseHTTPRequestHandler):
    """Keeps what is posted to it as messages."""

    received: ClassVar[list[Message]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.received.append(Message("POST", self.path, headers, body, time.time_ns() // 1_000))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_the_program_in_the_documentation_sends_messages_that_are_proved_and_metered() -> None:
    (program,) = read("docs/connectors/signed.md").blocks("python")
    names: dict[str, Callable[[str, str, Json], None]] = {}
    exec(program, names)
    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        names["send"](f"http://127.0.0.1:{server.server_port}/hooks/signed/t_1", SECRET, CALL)
        thread.join()
    (message,) = Receiver.received
    assert we_prove(message)
    assert told(PROVIDER, message) == told(PROVIDER, of(body_of(CALL)))


def test_a_signed_message_is_of_no_side() -> None:
    assert (PROVIDER.name, PROVIDER.side, PROVIDER.status) == ("signed", None, 200)


def test_the_message_that_tries_a_connector_is_signed_as_standard_webhooks_say_and_is_not_metered() -> None:
    assert PROVIDER.make_test_message is not None
    message = PROVIDER.make_test_message(SECRET, SAMPLE.url, int(time.time()) * 1_000_000)
    assert standard_proves(message)
    assert we_prove(message)
    assert PROVIDER.read(message) == Ignored("talkmeter.test")
