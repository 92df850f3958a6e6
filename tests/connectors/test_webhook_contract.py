"""What holds for every provider's webhook over HTTP: statuses, outcome counts, and what is stored."""

import json
import random
import time
from collections.abc import Iterator, Mapping
from itertools import permutations
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import pytest
from sqlalchemy import select

from talkmeter.counting import COUNTERS
from talkmeter.db.engine import reading
from talkmeter.db.tables import conversation, usage_daily, workflow_execution
from talkmeter.ingest.connectors.registry import PROVIDERS
from tests import local_http
from tests.connectors.all_cases import all_cases
from tests.connectors.fuzzed_bodies import MAX_BODY_BYTES, TRANSCRIPT, private
from tests.connectors.messages import CALLER, FORM
from tests.connectors.metering_server import Hook, MeteringServer, metering_server
from tests.connectors.provider_case import ProviderCase
from tests.connectors.signing import SIGNERS

MAX_ORDERS: Final = 24
"""How many orders of a call's messages are tried."""
ARRIVAL: Final = {"org_id", "stored_at", "changed_at", "event_id", "hash", "time", "source", "sequence"}
"""Columns that do not belong to the counted data."""


@pytest.fixture(scope="module")
def meter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeteringServer]:
    folder = tmp_path_factory.mktemp("webhooks")
    with metering_server(folder, max_body_bytes=str(MAX_BODY_BYTES)) as running:
        yield running
        assert "verified: every daily total" in running.server.cli("verify")


def connect(meter: MeteringServer, case: ProviderCase) -> Hook:
    return meter.connect(case.name, SIGNERS[case.name].secret)


def signature(hook: Hook, body: bytes) -> dict[str, str]:
    return SIGNERS[hook.provider].sign(hook.public_url, body, int(time.time()))


def post(hook: Hook, body: bytes, headers: Mapping[str, str] | None = None) -> httpx.Response:
    """Send a signed message; `headers` replace its signature."""
    sent = signature(hook, body) if headers is None else headers
    return local_http.post(hook.url, content=body, headers={"Content-Type": content_type(hook), **sent})


def content_type(hook: Hook) -> str:
    return SIGNERS[hook.provider].content_type


def assert_received(hook: Hook, response: httpx.Response) -> None:
    assert response.status_code == PROVIDERS[hook.provider].status, response.text
    assert response.content == b""


def records(hook: Hook) -> list[tuple[object, ...]]:
    """Return the counted data of an organization: its records, and its daily totals that are not zero."""
    rows: list[tuple[object, ...]] = []
    with reading(hook.metering.engine) as connection:
        for table in (conversation, workflow_execution, usage_daily):
            columns = [column for column in table.columns if column.name not in ARRIVAL]
            found = connection.execute(select(*columns).where(table.c.org_id == hook.org_id))
            rows += [
                tuple(row) for row in found if table is not usage_daily or any(getattr(row, one) for one in COUNTERS)
            ]
    return sorted(rows, key=repr)


def private_body(hook: Hook, body: bytes) -> bytes:
    """Return a body that also contains a transcript and the caller's number."""
    if content_type(hook) == FORM:
        return body + b"&" + urlencode({"SpeechResult": TRANSCRIPT, "Caller": f"+1500{CALLER}"}).encode()
    document: Any = private(json.loads(body))
    return json.dumps(document).encode()


@all_cases()
def test_missing_empty_or_wrong_signature_is_a_401_and_counts_nothing(
    meter: MeteringServer, case: ProviderCase
) -> None:
    hook, body = connect(meter, case), case.call[-1]
    right = signature(hook, body)
    for headers in ({}, dict.fromkeys(right, ""), dict.fromkeys(right, "AAAA"), signature(hook, body + b" ")):
        if headers == right:
            continue  # n8n signs no body
        refused = post(hook, body, headers)
        assert refused.status_code == 401
        assert refused.json()["detail"].startswith(f"Could not verify that this message came from {case.name}: ")
        assert refused.json()["detail"].endswith(".")
    assert records(hook) == []
    assert_received(hook, post(hook, body))
    rejected = 3 if signature(hook, body + b" ") == right else 4
    assert hook.outcomes(rejected + 1) == {"rejected": rejected, "accepted": 1}


@all_cases()
def test_another_organizations_connector_refuses_the_message(meter: MeteringServer, case: ProviderCase) -> None:
    ours, body = connect(meter, case), case.call[-1]
    theirs = meter.connect(case.name, case.other_secret)
    for signed_for in (ours, theirs):
        assert post(theirs, body, signature(signed_for, body)).status_code == 401
    assert theirs.outcomes(2) == {"rejected": 2}
    assert records(theirs) == []
    assert_received(ours, post(ours, body))
    assert records(ours) != []


@all_cases()
def test_body_over_the_limit_is_a_413_and_counts_nothing(meter: MeteringServer, case: ProviderCase) -> None:
    hook = connect(meter, case)
    refused = post(hook, b"x" * (MAX_BODY_BYTES + 1))
    assert refused.status_code == 413
    assert records(hook) == []
    assert meter.quarantined(hook.org_id) == []
    assert hook.outcomes(0) == {}


@all_cases()
def test_unreadable_body_is_received_and_quarantined(meter: MeteringServer, case: ProviderCase) -> None:
    hook = connect(meter, case)
    for body in (b"hello", b"", b"\xff\x00"):
        assert_received(hook, post(hook, body))
    assert hook.outcomes(3) == {"quarantined": 3}
    assert {event.size for event in meter.quarantined(hook.org_id)} == {5, 0, 2}
    assert records(hook) == []


@all_cases(lambda case: case.ignored)
def test_unknown_event_is_received_and_ignored(meter: MeteringServer, case: ProviderCase) -> None:
    hook = connect(meter, case)
    for message, _ in case.ignored:
        assert_received(hook, post(hook, message.body))
    assert hook.outcomes(len(case.ignored)) == {"ignored": len(case.ignored)}
    assert set(hook.types_ignored()) == {type_ for _, type_ in case.ignored}
    assert records(hook) == []
    assert meter.quarantined(hook.org_id) == []


@all_cases()
def test_same_message_twice_is_a_duplicate(meter: MeteringServer, case: ProviderCase) -> None:
    hook = connect(meter, case)
    assert_received(hook, post(hook, case.call[-1]))
    once = records(hook)
    assert_received(hook, post(hook, case.call[-1]))
    assert hook.outcomes(2) == {"accepted": 1, "duplicate": 1}
    assert records(hook) == once != []
    assert meter.differences(hook.org_id) == []


@all_cases()
def test_messages_in_any_order_give_the_same_records(meter: MeteringServer, case: ProviderCase) -> None:
    orders = list(permutations(case.call))
    random.Random(case.name).shuffle(orders)
    states = []
    for order in orders[:MAX_ORDERS]:
        hook = connect(meter, case)
        for body in order:
            assert_received(hook, post(hook, body))
        states.append(records(hook))
    assert states[0] != []
    assert all(state == states[0] for state in states)


@all_cases()
def test_no_transcript_and_no_callers_number_is_stored(meter: MeteringServer, case: ProviderCase) -> None:
    hook = connect(meter, case)
    for body in case.call:
        assert_received(hook, post(hook, private_body(hook, body)))
    assert "quarantined" not in hook.outcomes(len(case.call))
    for message, _ in case.refused:
        if len(message.body) <= MAX_BODY_BYTES:
            assert_received(hook, post(hook, message.body))
    assert records(hook) != []
    for text in (TRANSCRIPT, CALLER):
        assert text.encode() not in stored_bytes(meter)
        assert text not in meter.server.log()


@all_cases()
def test_no_secret_is_in_the_database_or_the_log(meter: MeteringServer, case: ProviderCase) -> None:
    hook = connect(meter, case)
    assert_received(hook, post(hook, case.call[-1]))
    headers = dict.fromkeys(signature(hook, b""), "a secret that is wrong")
    assert post(hook, case.call[-1], headers).status_code == 401
    for secret in (SIGNERS[case.name].secret, "a secret that is wrong"):
        assert secret.encode() not in stored_bytes(meter)
        assert secret not in meter.server.log()


def stored_bytes(meter: MeteringServer) -> bytes:
    return b"".join(path.read_bytes() for path in meter.server.folder.glob("talkmeter.db*"))
