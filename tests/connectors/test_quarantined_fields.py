"""What quarantine keeps of webhooks: a closed list of fields per provider, and no value that may be private."""

import json
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkmeter.ingest.connectors.kept_fields import keep_fields
from tests.connectors.all_cases import CASES, all_cases
from tests.connectors.messages import FORM
from tests.connectors.provider_case import ProviderCase

PRIVATE: Final = (
    "+15005550006",
    "15005550006",
    "(500) 555-0006",
    "tel:+15005550006",
    "sip:15005550006@example.com",
    "whatsapp:15005550006",
    "caller_15005550006",
    "client:ann",
    "4111111111111111",
    "4111-1111-1111-1111",
    "ann@example.com",
    "Ann Example",
    "12 Main Street, Springfield",
    "my card is 4111 1111 1111 1111",
    "x" * 200,
)


def is_form(case: ProviderCase) -> bool:
    return case.message.headers.get("content-type") == FORM


def kept(case: ProviderCase, body: bytes) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(keep_fields(case.provider.kept, body, is_form=is_form(case)))["body"]
    return fields


def with_all_texts(document: Any, text: str) -> Any:
    """Return the document with every text replaced, and with further fields whose names look harmless."""
    match document:
        case dict():
            more = {"callerId": text, "statusReason": text, "time": text, "event_name": text, "deviceId": text}
            return {name: with_all_texts(value, text) for name, value in document.items()} | more
        case list():
            return [with_all_texts(value, text) for value in document]
        case str():
            return text
        case _:
            return document


@all_cases()
@pytest.mark.parametrize("text", PRIVATE)
def test_no_private_value_is_kept_in_any_field(case: ProviderCase, text: str) -> None:
    for body in case.call:
        if is_form(case):
            fields = dict.fromkeys(dict(parse_qsl(body.decode(), keep_blank_values=True)), text)
            hostile = urlencode({**fields, "callerId": text}).encode()
        else:
            hostile = json.dumps(with_all_texts(json.loads(body), text)).encode()
        assert text not in json.dumps(kept(case, hostile), ensure_ascii=False)


@all_cases(lambda case: case.name != "signed")
def test_kept_fields_are_in_the_closed_list(case: ProviderCase) -> None:
    listed = {path.replace("/", ".") for path in case.provider.kept}
    fields = [kept(case, body) for body in case.call]
    assert any(fields)
    assert {name for each in fields for name in each} <= listed


def test_kept_fields_identify_the_call() -> None:
    case = CASES["telnyx"]
    assert kept(case, case.call[0])["data.event_type"] == "call.initiated"
    assert kept(case, case.call[0])["data.payload.call_leg_id"] == "428c31b6-7af4-4bcb-b7f5-5013ef9657c1"
    assert kept(case, case.call[0])["data.occurred_at"] == "2026-11-01T12:00:00Z"
    assert kept(CASES["livekit"], CASES["livekit"].call[0])["room.creationTime"]
    assert kept(CASES["twilio"], CASES["twilio"].call[-1])["CallStatus"] == "completed"
    assert kept(CASES["twilio"], CASES["twilio"].call[-1])["Timestamp"].startswith("Sun, ")


@all_cases()
@given(body=st.binary(max_size=200) | st.sampled_from([b"[" * 50_000, b'{"data":' * 20_000, b'{"data":[' * 20_000]))
def test_any_body_gives_a_small_json_object(case: ProviderCase, body: bytes) -> None:
    assert len(json.dumps(kept(case, body))) <= 10_000
