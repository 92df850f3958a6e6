"""Quarantined webhooks are read again by their connector, from the fields that quarantine kept."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from talkmeter.ingest.connectors.kept_fields import keep_fields, rebuild_message
from talkmeter.ingest.connectors.provider import Ignored, Message, NotUnderstood, ReadResult, RecordUpdate
from talkmeter.ingest.connectors.registry import PROVIDERS
from talkmeter.records import Conversation
from tests.cli.terminal import Terminal
from tests.connectors.all_cases import all_cases
from tests.connectors.messages import FORM
from tests.connectors.provider_case import ProviderCase

NOT_REPLAYED = {"livekit"}
"""LiveKit's messages hold what counts in lists and tokens, which quarantine does not keep."""
SECRET_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
CALL = b"CallSid=CA00000000000000000000000000000001&CallStatus=completed&CallDuration=49&Direction=inbound"
CALL += b"&To=%2B15005550001&Timestamp=Sun%2C+25+Mar+2018+09%3A53%3A19+%2B0000"


def without_numbers(result: ReadResult) -> list[RecordUpdate]:
    updates = [update for update in result if isinstance(update, RecordUpdate)]
    return [
        update._replace(record=replace(update.record, agent_number=None))
        if isinstance(update.record, Conversation)
        else update
        for update in updates
    ]


@all_cases()
def test_rebuilt_message_gives_the_same_record_without_numbers(case: ProviderCase) -> None:
    read = 0
    for body in case.call:
        message = case.message._replace(body=body)
        is_form = message.headers.get("content-type") == FORM
        kept = keep_fields(case.provider.kept, body, is_form=is_form)
        rebuilt = rebuild_message(case.provider, kept, message.received_at, message.org_id)
        assert rebuilt is not None
        try:
            result = case.provider.read(rebuilt)
        except NotUnderstood:
            continue
        if not isinstance(result, Ignored):
            read += 1
            assert without_numbers(result) == without_numbers(case.provider.read(message))

    assert read == (0 if case.name in NOT_REPLAYED else len(case.call))


@pytest.fixture
def quarantined(tmp_path: Path) -> Terminal:
    """A terminal with a Twilio connector and a quarantined message of it that can be read now."""
    terminal = Terminal(tmp_path)
    terminal.environment |= {"TALKMETER_SECRET_KEY": SECRET_KEY, "SECRET": "a secret"}
    terminal.run("orgs", "add", "acme")
    url = terminal.run("connectors", "add", "--org", "acme", "--provider", "twilio", "--secret-env", "SECRET")
    kept = keep_fields(PROVIDERS["twilio"].kept, CALL, is_form=True)
    with closing(sqlite3.connect(terminal.database)) as database, database:
        database.execute(
            "INSERT INTO quarantine VALUES ('acme', ?, 'invalid_data', 'twilio: old', ?, 1, 1, 1, 9, ?, 0)",
            (b"h" * 16, f"connector {url.rpartition('/')[2]}", kept),
        )
    return terminal


def test_replayed_webhook_counts_like_the_received_one(quarantined: Terminal) -> None:
    assert quarantined.run("quarantine", "replay") == "1 replayed, 0 left in quarantine."

    columns = "id, status, duration_ms, agent_number"
    [row] = quarantined.rows(f"SELECT {columns} FROM conversation")
    assert row == ("twilio:CA00000000000000000000000000000001", "completed", 49_000, None)
    assert quarantined.rows("SELECT side FROM conversation_link") == [("carrier",)]
    assert quarantined.run("verify").startswith("1 organization verified")


def test_webhook_that_is_still_not_understood_stays(quarantined: Terminal) -> None:
    kept = keep_fields(PROVIDERS["twilio"].kept, CALL.replace(b"completed", b"exploded"), is_form=True)
    quarantined.change("UPDATE quarantine SET kept_fields = ?", kept.replace(b"CallSid", b"CallSix"))

    assert "not replayed: twilio: " in quarantined.run("quarantine", "replay")
    assert quarantined.rows("SELECT * FROM conversation") == []


def test_webhook_of_a_deleted_connector_stays(quarantined: Terminal) -> None:
    quarantined.change("DELETE FROM connector")

    assert "not replayed: Its connector does not exist any more." in quarantined.run("quarantine", "replay")


def test_kept_fields_of_no_message_cannot_be_rebuilt() -> None:
    rebuilt: Message | None = rebuild_message(PROVIDERS["vapi"], b'{"data": {}}', 0, "acme")

    assert rebuilt is None
