"""Whatever `POST /metering/events` accepts in a body, a `signed` connector accepts too, with the same result."""

import json
import time
from collections.abc import Iterator
from typing import Final

import pytest

from tests import local_http
from tests.connectors.metering_server import MeteringServer, metering_server
from tests.connectors.signing import SIGNERS
from tests.connectors.test_webhook_contract import records
from tests.events import Json, conversation, event, run

PLAIN: Final = "application/json"
STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
BAD: Final = conversation("bad", channel="carrier pigeon")


@pytest.fixture(scope="module")
def meter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeteringServer]:
    with metering_server(tmp_path_factory.mktemp("signed")) as running:
        yield running


def named(event_: Json, organization: str) -> Json:
    data = event_["data"]
    assert isinstance(data, dict)
    return {**event_, "data": {**data, "organization_id": organization}}


@pytest.mark.parametrize("organization", ["", "own", "none"])
@pytest.mark.parametrize(
    ("content_type", "events"),
    [
        (PLAIN, [conversation()]),
        ("application/json; charset=utf-8", [conversation(), run()]),
        (PLAIN, [{**conversation(duration=12.5, modality=""), "sequence": "7"}]),
        (PLAIN, [event("conversation.deleted", {"id": "call-1"}), event("agent.updated", {"id": "ann"})]),
        (PLAIN, [conversation(), BAD, run(), {"id": "not an event"}]),
        (STRUCTURED, [conversation()]),
        (BATCH, [conversation(), run(), conversation("call-2", channel="email")]),
    ],
)
def test_signed_connector_accepts_what_the_endpoint_accepts(
    meter: MeteringServer, organization: str, content_type: str, events: list[Json]
) -> None:
    by_key, signed = (
        meter.connect("signed", SIGNERS["signed"].secret),
        meter.connect("signed", SIGNERS["signed"].secret),
    )

    def body_for(org_id: str) -> bytes:
        name = {"own": org_id, "": ""}.get(organization)
        sent = [named(each, name) if name is not None and "data" in each else each for each in events]
        return json.dumps(sent[0] if len(sent) == 1 and content_type != BATCH else sent).encode()

    key = meter.server.cli("keys", "add", "--org", by_key.org_id, "--scope", "events:write")
    headers = {"Authorization": f"Bearer {key}", "Content-Type": content_type}
    answer = local_http.post(
        f"{meter.server.url}/metering/events", content=body_for(by_key.org_id), headers=headers
    ).json()
    body = body_for(signed.org_id)
    sent = SIGNERS["signed"].sign(signed.public_url, body, int(time.time()))
    assert local_http.post(signed.url, content=body, headers={"Content-Type": content_type, **sent}).is_success

    quarantined = len(answer["quarantined"])
    expected = {"accepted": answer["accepted"], "quarantined": quarantined}
    assert signed.outcomes(len(events)) == {name: count for name, count in expected.items() if count}
    assert len(meter.quarantined(signed.org_id)) == quarantined
    ours, theirs = ([row[1:] if by_key.org_id in row else row for row in records(hook)] for hook in (by_key, signed))
    assert [repr(row).replace(signed.org_id, by_key.org_id) for row in theirs] == [repr(row) for row in ours]
