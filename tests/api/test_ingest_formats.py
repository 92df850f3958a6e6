"""Events in every CloudEvents format and in plain JSON, and their receipts."""

import gzip
import json
import sys
from urllib.parse import quote

import httpx
import pytest

from tests.api.organizations import (
    BATCH,
    EVENTS,
    ORGANIZATION_HEADER,
    PLAIN,
    STRUCTURED,
    OrganizationClient,
    client_of,
    counts_of,
    error_of,
    make_sender_key,
    new_org_id,
    new_organization,
    receipt_of,
)
from tests.events import Json, conversation, event, run
from tests.servers import Server

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ACCEPTED = {"accepted": 1, "duplicate": 0, "conflicting": 0, "stale": 0, "quarantined": []}


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def as_data(event_: Json) -> Json:
    data = event_["data"]
    assert isinstance(data, dict)
    return data


def send_binary(org: OrganizationClient, attributes: Json, data: object) -> httpx.Response:
    """Send an event whose attributes are headers and whose data is the body."""
    headers = {f"ce-{name}": quote(str(value), safe="/:+-. ") for name, value in attributes.items()}
    return org.client.post(EVENTS, content=as_json(data), headers={"Content-Type": PLAIN, **headers})


def test_binary_event_without_a_content_type_is_json(org: OrganizationClient) -> None:
    event_ = conversation()
    headers = {f"ce-{name}": quote(str(value), safe="/:+-. ") for name, value in attributes_of(event_).items()}
    answer = org.client.post(EVENTS, content=as_json(as_data(event_)), headers=headers)
    assert (answer.status_code, answer.json()) == (200, ACCEPTED)
    assert org.client.post(EVENTS, content=as_json(event_)).status_code == 415


def attributes_of(event_: Json) -> Json:
    return {name: value for name, value in event_.items() if name != "data"}


@pytest.mark.parametrize(
    "content_type",
    [
        STRUCTURED,
        PLAIN,
        "Application/CloudEvents+JSON",
        "application/cloudevents+json; charset=utf-8",
        'application/json;charset="UTF-8"',
        "application/json ; charset=us-ascii; version=1",
    ],
)
def test_single_event_is_counted_as_structured_cloud_event_or_plain_json(
    org: OrganizationClient, content_type: str
) -> None:
    assert receipt_of(org.post(as_json(conversation()), content_type)) == ACCEPTED
    assert org.calls() == 1


@pytest.mark.parametrize("content_type", [BATCH, PLAIN, "application/cloudevents-batch+json; charset=UTF-8"])
def test_many_events_are_counted_as_a_batch_or_as_plain_json(org: OrganizationClient, content_type: str) -> None:
    events = [conversation("call-1"), conversation("call-2"), run("run-1")]
    assert counts_of(receipt_of(org.post(as_json(events), content_type))) == (3, 0, 0, 0, 0)
    assert org.calls() == 2
    assert org.summary()["workflow_runs_total"] == 1


def test_whitespace_around_a_body_is_ignored(org: OrganizationClient) -> None:
    assert receipt_of(org.post(b" \r\n\t" + as_json(conversation("call-1")) + b"\n")) == ACCEPTED
    assert receipt_of(org.post(b"\n [ " + as_json(conversation("call-2")) + b" ] \n")) == ACCEPTED
    assert org.calls() == 2


def test_binary_event_is_counted(org: OrganizationClient) -> None:
    sent = conversation()
    assert receipt_of(send_binary(org, attributes_of(sent), as_data(sent))) == ACCEPTED
    assert org.calls() == 1


def test_percent_encoded_headers_equal_the_event_in_a_body(org: OrganizationClient) -> None:
    sent = {**conversation(), "id": 'Zoë "1" 50% €', "source": "/Österreich/1", "sequence": "7"}
    assert receipt_of(send_binary(org, attributes_of(sent), as_data(sent))) == ACCEPTED
    assert counts_of(org.send(sent)) == (0, 1, 0, 0, 0)


def test_binary_event_without_an_attribute_is_quarantined_with_its_name(org: OrganizationClient) -> None:
    sent = attributes_of(conversation())
    del sent["time"]
    [quarantined] = receipt_of(send_binary(org, sent, as_data(conversation())))["quarantined"]
    assert quarantined["id"] == sent["id"]
    assert quarantined["detail"].startswith("time is missing")


@pytest.mark.parametrize("data", [[], [{"id": "call-1"}], "text", 5, None])
def test_binary_event_with_data_that_is_not_an_object_is_rejected(org: OrganizationClient, data: object) -> None:
    assert "object" in error_of(send_binary(org, attributes_of(conversation()), data), 400)


COMPRESSED = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip, the old name of gzip": ("x-gzip", gzip.compress),
    "GZIP in capitals": ("GZIP", gzip.compress),
    "zstd": ("zstd", zstd.compress),
    "gzip in two members": ("gzip", lambda body: gzip.compress(body[:50]) + gzip.compress(body[50:])),
    "gzip with an empty member": ("gzip", lambda body: gzip.compress(b"") + gzip.compress(body)),
    "zstd in two frames": ("zstd", lambda body: zstd.compress(body[:50]) + zstd.compress(body[50:])),
    "identity": ("identity", bytes),
}


@pytest.mark.parametrize(("encoding", "compress"), COMPRESSED.values(), ids=COMPRESSED)
def test_compressed_batch_is_counted(org: OrganizationClient, encoding: str, compress: object) -> None:
    assert callable(compress)
    body = compress(as_json([conversation(f"call-{number}") for number in range(1_000)]))
    assert counts_of(receipt_of(org.post(body, BATCH, Content_Encoding=encoding))) == (1000, 0, 0, 0, 0)
    assert org.calls() == 1_000


def test_compressed_body_in_chunks_is_counted(org: OrganizationClient) -> None:
    body = gzip.compress(as_json([conversation(f"call-{number}") for number in range(100)]))
    pieces = (body[begin : begin + 7] for begin in range(0, len(body), 7))
    headers = {"Content-Type": BATCH, "Content-Encoding": "gzip"}
    assert receipt_of(org.client.post(EVENTS, content=pieces, headers=headers))["accepted"] == 100


@pytest.mark.parametrize("content_type", [BATCH, PLAIN])
def test_empty_array_has_an_empty_receipt_and_sets_no_last_event(org: OrganizationClient, content_type: str) -> None:
    assert counts_of(receipt_of(org.post(b" [ ] ", content_type))) == (0, 0, 0, 0, 0)
    assert org.summary()["last_event_at"] is None


def test_same_content_wins_in_any_order_for_one_event_id(server: Server, org: OrganizationClient) -> None:
    shorter = conversation(duration=60)
    longer = {**shorter, "data": {**as_data(shorter), "duration": 61}}
    with new_organization(server) as other:
        receipts = [org.send(shorter), org.send(longer), other.send(longer), other.send(shorter)]
        assert org.summary()["voice_duration_ms"] == other.summary()["voice_duration_ms"]
    assert [sum(column) for column in zip(*map(counts_of, receipts), strict=True)] == [3, 0, 1, 0, 0]


def test_every_event_has_exactly_one_outcome(org: OrganizationClient) -> None:
    first = conversation(duration=60)
    second = {**first, "data": {**as_data(first), "duration": 61}}
    org.send(first)
    loser, winner = (second, first) if org.send(second)["conflicting"] else (first, second)
    older = {**first, "id": "older", "time": "2026-03-01T11:00:00Z"}
    receipt = org.send(conversation("call-2"), winner, loser, older, {**first, "type": "call.ended"})
    assert counts_of(receipt) == (1, 1, 1, 1, 1)
    [quarantined] = receipt["quarantined"]
    assert set(quarantined) == {"index", "id", "reason", "detail", "kept"}
    assert (quarantined["index"], quarantined["id"]) == (4, first["id"])
    assert (quarantined["reason"], quarantined["kept"]) == ("unknown_type", True)
    assert org.calls() == 2


def test_events_of_a_batch_are_applied_in_order(org: OrganizationClient) -> None:
    ringing = {**conversation(status="ringing", duration=None), "time": "2026-03-01T12:00:00Z"}
    answered = {**conversation(status="in_progress", duration=None), "time": "2026-03-01T12:00:01Z"}
    completed = {**conversation(duration=90), "time": "2026-03-01T12:00:02Z"}
    assert counts_of(org.send(ringing, answered, completed)) == (3, 0, 0, 0, 0)
    assert counts_of(org.send(ringing, answered, completed)) == (0, 1, 0, 2, 0)
    assert org.summary()["voice_duration_ms"] == 90_000


def test_events_of_a_batch_in_reverse_order_are_stale_after_the_first(org: OrganizationClient) -> None:
    ringing = {**conversation(status="ringing"), "time": "2026-03-01T12:00:00Z"}
    completed = {**conversation(duration=90), "time": "2026-03-01T12:00:02Z"}
    assert counts_of(org.send(completed, ringing)) == (1, 0, 0, 1, 0)
    assert org.summary()["voice_duration_ms"] == 90_000


def test_repeated_event_in_a_batch_is_counted_once(org: OrganizationClient) -> None:
    sent = conversation()
    assert counts_of(org.send(sent, sent, sent)) == (1, 2, 0, 0, 0)
    assert org.calls() == 1


def test_sender_key_sends_for_the_organization_of_each_event(server: Server) -> None:
    with new_organization(server) as one, new_organization(server) as two:
        events = [
            conversation("call-1", organization_id=one.id),
            conversation("call-1", organization_id=two.id),
            conversation("call-2"),
            conversation("call-2", organization_id=one.id),
        ]
        with client_of(server, make_sender_key(server)) as sender:
            receipt = receipt_of(sender.post(EVENTS, json=events))
        assert counts_of(receipt) == (3, 0, 0, 0, 1)
        [nameless] = receipt["quarantined"]
        assert (nameless["index"], nameless["reason"]) == (2, "missing_organization")
        assert (one.calls(), two.calls()) == (2, 1)


def test_sender_key_may_name_one_organization_for_all_events(server: Server) -> None:
    with new_organization(server) as org, client_of(server, make_sender_key(server)) as sender:
        headers = {ORGANIZATION_HEADER: org.id}
        assert receipt_of(sender.post(EVENTS, json=conversation("call-1"), headers=headers)) == ACCEPTED
        assert receipt_of(sender.post(f"{EVENTS}?organization_id={org.id}", json=conversation("call-2"))) == ACCEPTED
        assert org.calls() == 2


def test_sender_key_creates_an_unknown_organization(server: Server) -> None:
    org_id = new_org_id()
    with client_of(server, make_sender_key(server)) as sender:
        assert receipt_of(sender.post(EVENTS, json=conversation(organization_id=org_id))) == ACCEPTED
    assert org_id in server.cli("orgs", "list").split()


@pytest.mark.parametrize("named", [None, ""])
def test_event_with_an_organization_key_need_not_name_it(org: OrganizationClient, named: str | None) -> None:
    receipt = org.send(conversation("call-1"), conversation("call-2", organization_id=named))
    assert counts_of(receipt) == (2, 0, 0, 0, 0)
    assert org.calls() == 2


def test_same_event_with_and_without_organization_is_a_duplicate(org: OrganizationClient) -> None:
    sent = conversation()
    named = {**sent, "data": {**as_data(sent), "organization_id": org.id}}
    assert counts_of(org.send(sent, named)) == (1, 1, 0, 0, 0)


NULLABLE = {
    "conversation.updated": ("duration", "agent_id", "agent_number", "web_widget_id", "modality"),
    "workflow_execution.updated": ("workflow_id",),
    "phone_number.updated": ("name", "shared"),
    "dataset.updated": ("name", "active"),
}


@pytest.mark.parametrize(("type_", "name"), [(type_, name) for type_, names in NULLABLE.items() for name in names])
def test_empty_null_and_absent_are_equal(org: OrganizationClient, type_: str, name: str) -> None:
    sample = as_data(run() if type_.startswith("workflow") else conversation())
    data = {key: value for key, value in sample.items() if key != name}
    absent = event(type_, data)
    null, empty = ({**absent, "data": {**data, name: value}} for value in (None, ""))
    assert counts_of(org.send(absent, null, empty)) == (1, 2, 0, 0, 0)


def test_unknown_fields_and_attributes_are_ignored(org: OrganizationClient) -> None:
    sent = conversation(user_turn_count=3, custom_metadata={"deep": [1, {"er": None}]}, conversation="\ud83d\ude00")
    sent |= {"datacontenttype": PLAIN, "subject": "x", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7-01"}
    assert receipt_of(org.post(as_json(sent), STRUCTURED)) == ACCEPTED


@pytest.mark.parametrize("sequence", [2, "2", "0002", 10**17], ids=repr)
def test_greater_sequence_wins_at_equal_time(org: OrganizationClient, sequence: object) -> None:
    first = {**conversation(duration=10), "sequence": "1"}
    assert counts_of(org.send(first, {**conversation(duration=20), "sequence": sequence})) == (2, 0, 0, 0, 0)
    assert org.summary()["voice_duration_ms"] == 20_000


@pytest.mark.parametrize("sequence", [None, "", "not a number", "1.5", 1.5, True, [9], {}, "9" * 19, -1], ids=repr)
def test_non_integer_sequence_counts_as_0(org: OrganizationClient, sequence: object) -> None:
    first = {**conversation(duration=10), "sequence": "1"}
    assert counts_of(org.send(first, {**conversation(duration=20), "sequence": sequence})) == (1, 0, 0, 1, 0)
    assert org.summary()["voice_duration_ms"] == 10_000
