"""Calls as the stacks report them in the field, over HTTP: a transfer with an assistant, a trace and its transcript."""

import json
import random
from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Any, Final
from uuid import UUID

import pytest

from tests import local_http
from tests.connectors.messages import CALLER
from tests.connectors.metering_server import Hook, MeteringServer, metering_server
from tests.connectors.signing import SIGNERS
from tests.connectors.test_webhook_contract import assert_received, post, stored_bytes

WINDOW: Final = {"from": "2026-06-01", "to": "2026-06-02"}
ORDERS: Final = 12


@pytest.fixture(scope="module")
def meter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeteringServer]:
    with metering_server(tmp_path_factory.mktemp("stories")) as running:
        yield running


def figures(hook: Hook) -> tuple[dict[str, Any], dict[str | None, int]]:
    """Return the summary, and the calls of each agent."""
    headers = {"Authorization": f"Bearer {hook.metering.server.key(hook.org_id)}"}

    def get(path: str, **query: str) -> Any:
        url = f"{hook.metering.server.url}/admin/usage/{path}"
        answer = local_http.get(url, params={**WINDOW, **query}, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    by_agent = get("breakdown", by="agent")
    return get("summary"), {row["value"]: row["total_calls"] for row in by_agent["rows"]}


def send(meter: MeteringServer, provider: str, bodies: Sequence[bytes]) -> Hook:
    hook = meter.connect(provider, SIGNERS[provider].secret)
    for body in bodies:
        assert_received(hook, post(hook, body))
    assert "quarantined" not in hook.outcomes(len(bodies))
    assert meter.differences(hook.org_id) == []
    return hook


def uuid(low: str) -> str:
    """Return a version 1 UUID that begins with some bits."""
    return str(UUID(f"{low}-c81c-11f0-abac-02420aef93a0"))


def telnyx_event(leg: str, type_: str, at: str, **payload: object) -> bytes:
    known = {"call_leg_id": leg, "call_session_id": uuid("77777777"), "call_control_id": f"v3:{leg}", **payload}
    data = {"id": f"{leg} {type_}", "event_type": f"call.{type_}", "occurred_at": f"2026-06-01T{at}Z"}
    return json.dumps({"data": {**data, "payload": known}}).encode()


def transfer(first: str, second: str, talker: str) -> list[bytes]:
    """Return the events of an incoming call of ten minutes that was transferred after two.

    The outgoing leg keeps the caller's number, and an assistant talked on the leg `talker` for the last minutes.
    """
    caller = f"+1500{CALLER}"
    incoming: dict[str, object] = {"from": caller, "to": "+15005550001", "start_time": "2026-06-01T10:00:00Z"}
    outgoing: dict[str, object] = {"from": caller, "to": "+15005550009", "start_time": "2026-06-01T10:02:00Z"}
    end = {"hangup_cause": "normal_clearing"}
    return [
        telnyx_event(first, "initiated", "10:00:00", direction="incoming", **incoming),
        telnyx_event(first, "answered", "10:00:00", **incoming),
        telnyx_event(second, "initiated", "10:02:00", direction="outgoing", **outgoing),
        telnyx_event(second, "answered", "10:02:05", **outgoing),
        telnyx_event(second, "hangup", "10:10:00", **outgoing, **end),
        telnyx_event(first, "hangup", "10:10:00", **incoming, **end),
        telnyx_event(talker, "conversation.ended", "10:10:00", duration_sec=600, assistant_id="assistant-1"),
    ]


@pytest.mark.parametrize("ids", [("0a000000", "f0000000"), ("f1000000", "0b000000")])
@pytest.mark.parametrize("talker", [0, 1])
def test_transferred_call_is_the_incoming_leg_with_the_assistant(
    meter: MeteringServer, ids: tuple[str, str], talker: int
) -> None:
    legs = [uuid(low) for low in ids]
    events = transfer(legs[0], legs[1], legs[talker])
    chance = random.Random(ids[0])
    for order in [events, events[::-1], *(chance.sample(events, len(events)) for _ in range(ORDERS))]:
        summary, agents = figures(send(meter, "telnyx", order))
        assert (summary["total_calls"], summary["inbound_calls"], summary["voice_duration_ms"]) == (1, 1, 600_000)
        assert agents == {"assistant-1": 1}
    assert CALLER.encode() not in stored_bytes(meter)


def elevenlabs(type_: str, sent: int, **data: object) -> bytes:
    known = {"agent_id": "agent_1", "conversation_id": "conv_1", **data}
    return json.dumps({"type": type_, "event_timestamp": sent, "data": known}).encode()


@pytest.mark.parametrize("sent", [1_780_308_095, 1_780_308_100])
def test_trace_never_replaces_what_the_transcript_says(meter: MeteringServer, sent: int) -> None:
    span = {"startTimeUnixNano": "1780308000000000000", "endTimeUnixNano": "1780308095000000000"}
    traces = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    trace = elevenlabs("post_call_transcription_otel", sent, otlp_traces=traces)
    call = {"type": "sip_trunking", "direction": "outbound", "agent_number": "+15005550001"}
    metadata = {"start_time_unix_secs": 1_780_308_000, "call_duration_secs": 94, "phone_call": call}
    transcript = elevenlabs("post_call_transcription", sent, status="done", metadata=metadata)

    summary, agents = figures(send(meter, "elevenlabs", [trace]))
    assert (summary["total_calls"], summary["voice_duration_ms"], agents) == (1, 95_000, {"agent_1": 1})
    for order in permutations((trace, transcript, trace)):
        summary, agents = figures(send(meter, "elevenlabs", order))
        assert (summary["total_calls"], summary["outbound_calls"], summary["voice_duration_ms"]) == (1, 1, 94_000)
        assert agents == {"agent_1": 1}


def test_health_counts_what_messages_do_not_say(meter: MeteringServer) -> None:
    span = {"startTimeUnixNano": "1780308000000000000", "endTimeUnixNano": "1780308095000000000"}
    traces = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    bodies = [elevenlabs("post_call_transcription_otel", 1_780_308_100, otlp_traces=traces)] * 2
    hook = send(meter, "elevenlabs", bodies)
    headers = {"Authorization": f"Bearer {meter.server.key(hook.org_id)}"}
    answer = local_http.get(f"{meter.server.url}/admin/usage/connectors", headers=headers).json()
    [health] = answer["connectors"]
    assert [(each["missing"], each["messages"]) for each in health["assumed_values"]] == [("channel, direction", 2)]
    assert (health["outcomes"]["accepted"], health["outcomes"]["duplicate"]) == (1, 1)
    assert "channel, direction" in meter.server.cli("connectors", "show", hook.id)
