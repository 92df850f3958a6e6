"""Transcripts and caller data never appear in logs, responses, the quarantine or files, even if senders send them."""

import json
import sqlite3
from collections.abc import Iterator

import pytest

from tests.api.organizations import (
    BATCH,
    EVENTS,
    PLAIN,
    STRUCTURED,
    SUMMARY,
    OrganizationClient,
    client_of,
    make_sender_key,
    new_organization,
)
from tests.events import Json, conversation, event, run
from tests.servers import Server, running_server

SAID = "my-card-number-is-4929"
CALLER = "+4915123456789"
PRIVATE: Json = {
    "user_id": CALLER,
    "transcript": [{"role": "user", "content": SAID}],
    "conversation": SAID,
    "summary": SAID,
    "initial_context": {"customer": CALLER, SAID: SAID},
    "recording_details": f"https://recordings.example/{CALLER}/{SAID}",
}


def private(event_: Json, **fields: object) -> Json:
    """Return an event with private data in unknown fields and attributes; `fields` replace fields of its data."""
    data = event_["data"]
    assert isinstance(data, dict)
    return {**event_, "subject": SAID, "dialled": CALLER, "extension": PRIVATE, "data": {**data, **PRIVATE, **fields}}


EVENTS_WITH_PRIVATE_DATA = {
    "a good call": private(conversation("call-1")),
    "a good run": private(run()),
    "a good agent": private(event("agent.updated", {"id": "agent-1", "name": "Ada"})),
    "an unknown channel": private(conversation("call-2"), channel="sms"),
    "an unknown status": private(conversation("call-3"), status="done"),
    "a negative duration": private(conversation("call-4"), duration=-1),
    "a list for a channel": private(conversation("call-5"), channel=[SAID, CALLER]),
    "an object for an id": private(conversation("call-6"), id={"caller": CALLER}),
    "an object for a duration": private(conversation("call-7"), duration={"caller": CALLER, "said": SAID}),
    "a list for a time": {**private(conversation("call-8")), "time": [SAID]},
    "no time": {name: value for name, value in private(conversation("call-9")).items() if name != "time"},
    "text for data": {**private(conversation()), "data": f"{CALLER}: {SAID}"},
    "a list for data": {**private(conversation()), "data": [CALLER, SAID]},
    "an unknown type": {**private(conversation()), "type": "call.ended"},
    "an object for a sequence": {**private(conversation("call-10")), "sequence": {"caller": CALLER}},
    "a foreign organization": private(conversation("call-11"), organization_id="foreign"),
    "NaN": private(conversation("call-12"), user_turn_count=float("nan")),
    "a lone surrogate": private(conversation("call-13"), user_name="\ud800"),
    "deep nesting": private(conversation("call-14"), custom_metadata=json.loads('{"a":' * 900 + "1" + "}" * 900)),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server"), log_level="debug", max_events="50") as running:
        yield running


@pytest.fixture(scope="module")
def sent(server: Server) -> Iterator[tuple[OrganizationClient, list[str]]]:
    """An organization for which all events were sent in every format, and all responses of the server."""
    with new_organization(server) as org:
        bodies = [json.dumps(event_).encode() for event_ in EVENTS_WITH_PRIVATE_DATA.values()]
        requests = [
            *((STRUCTURED, body) for body in bodies),
            (BATCH, b"[" + b",".join(bodies) + b"]"),
            (BATCH, b"[" + b",".join(bodies * 3) + b"]"),
            (PLAIN, b"[" + b",".join(bodies) + b"}"),
            (PLAIN, bodies[0][:-1]),
            (PLAIN, SAID.encode()),
            (f"text/{SAID}"[:20], SAID.encode()),
        ]
        answers = [org.post(body, content_type).text for content_type, body in requests]
        binary = {"Content-Type": PLAIN, "ce-specversion": "1.0", "ce-subject": SAID, "ce-caller": CALLER}
        answers.append(org.client.post(EVENTS, content=json.dumps(PRIVATE), headers=binary).text)
        with client_of(server, make_sender_key(server)) as sender:
            answers.append(sender.post(EVENTS, content=bodies[0], headers={"Content-Type": STRUCTURED}).text)
        items: list[Json] = [PRIVATE | {"id": "agent-1"}, PRIVATE | {"id": 1}]
        answers += [org.put_inventory("agent", "2026-03-01T00:00:00Z", *items[:many]).text for many in (1, 2)]
        yield org, answers


def assert_private(text: str) -> None:
    assert SAID not in text
    assert CALLER not in text


def test_events_were_counted_or_quarantined(sent: tuple[OrganizationClient, list[str]]) -> None:
    org, answers = sent
    accepted = {
        name: json.loads(answer)["accepted"] for name, answer in zip(EVENTS_WITH_PRIVATE_DATA, answers, strict=False)
    }
    assert [accepted[name] for name in ("a good call", "a good run", "a good agent")] == [1, 1, 1]
    assert 10 < list(accepted.values()).count(0) < len(EVENTS_WITH_PRIVATE_DATA)
    assert org.calls() + 2 == sum(accepted.values())


def test_receipts_and_errors_contain_no_private_data(sent: tuple[OrganizationClient, list[str]]) -> None:
    for answer in sent[1]:
        assert_private(answer)


def test_debug_log_contains_no_private_data(sent: tuple[OrganizationClient, list[str]]) -> None:
    org, _ = sent
    log = org.server.log()
    assert log.count('"event": "request"') >= len(EVENTS_WITH_PRIVATE_DATA)
    assert_private(log)
    assert org.key.partition(".")[2] not in log


@pytest.mark.parametrize("path", [SUMMARY, "/admin/members/me/scopes", "/metrics", "/openapi.json", "/docs"])
def test_no_response_contains_private_data(sent: tuple[OrganizationClient, list[str]], path: str) -> None:
    answer = sent[0].client.get(path)
    assert answer.status_code == 200
    assert_private(answer.text)


def test_quarantine_contains_no_private_data(sent: tuple[OrganizationClient, list[str]]) -> None:
    org, _ = sent
    listed = org.server.cli("quarantine", "list")
    assert_private(listed)
    ids = [line.split("\t")[0] for line in listed.splitlines()]
    assert len(ids) >= 12
    shown = [org.server.cli("quarantine", "show", id_) for id_ in ids[:3]]
    assert "known fields" in shown[0]
    assert_private("".join(shown))


def test_database_contains_no_private_data(sent: tuple[OrganizationClient, list[str]]) -> None:
    file = sent[0].server.folder / "talkmeter.db"
    with sqlite3.connect(file) as connection:
        rows = connection.execute("SELECT kept_fields FROM quarantine").fetchall()
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    connection.close()
    assert len(rows) >= 12
    files = [path.read_bytes() for path in file.parent.iterdir()]
    assert any(b"call-2" in content for content in files)
    for content in files:
        assert SAID.encode() not in content
        assert CALLER.encode() not in content
