"""No caller's number is stored or shown: transfers, forwarded calls and withheld numbers of every carrier."""

from collections.abc import Iterator
from itertools import permutations
from typing import Final
from urllib.parse import urlencode

import msgspec
import pytest

from tests import local_http
from tests.connectors.messages import CALLER
from tests.connectors.metering_server import Hook, MeteringServer, metering_server
from tests.connectors.signing import SIGNERS
from tests.connectors.test_webhook_contract import assert_received, post, stored_bytes

OURS: Final = "+15005550001"
THEIRS: Final = f"+1500{CALLER}"
COLLEAGUE: Final = "+15005550009"
WITHHELD: Final = ("anonymous", "Restricted", "+266696687", "sip:anonymous@anonymous.invalid", "")

Story = tuple[bytes, ...]


def twilio(sid: str, caller: str, called: str, direction: str = "inbound", **more: str) -> bytes:
    fields = {
        "CallSid": sid, "CallStatus": "completed", "CallDuration": "60", "Direction": direction, "From": caller,
        "To": called, "Caller": caller, "Timestamp": "Sun, 01 Mar 2026 12:01:00 +0000", "CallerName": "ANN",
        "CallbackSource": "call-progress-events", **more,
    }  # fmt: skip
    return urlencode(fields).encode()


def plivo(uuid: str, caller: str, called: str, direction: str = "inbound", **more: str) -> bytes:
    fields = {
        "CallUUID": uuid, "CallStatus": "completed", "Duration": "60", "Direction": direction, "From": caller,
        "To": called, "Event": "Hangup", "HangupCause": "NORMAL_CLEARING", "StartTime": "2026-03-01 12:00:00",
        "AnswerTime": "2026-03-01 12:00:00", "EndTime": "2026-03-01 12:01:00", "SessionStart": "2026-03-01 12:00:00.1",
        **more,
    }  # fmt: skip
    return urlencode(fields).encode()


def telnyx(leg: str, caller: str, called: str, direction: str = "incoming", **more: str) -> Story:
    """Return the beginning and the end of a leg."""
    second = "30" if direction == "outgoing" else "00"
    payload = {"call_leg_id": leg, "call_session_id": "session-1", "from": caller, "to": called, **more}
    payload |= {"call_control_id": f"v3:{leg}", "start_time": f"2026-03-01T12:00:{second}Z"}
    events = {
        "call.initiated": (f"2026-03-01T12:00:{second}Z", {"direction": direction, "caller_id_name": THEIRS}),
        "call.hangup": ("2026-03-01T12:01:00Z", {"hangup_cause": "normal_clearing"}),
    }
    return tuple(
        msgspec.json.encode(
            {"data": {"id": f"{leg} {type_}", "event_type": type_, "occurred_at": at, "payload": {**payload, **fields}}}
        )
        for type_, (at, fields) in events.items()
    )


STORIES: Final[dict[str, tuple[str, Story]]] = {
    "twilio-transfer": (
        "twilio",
        (
            twilio("CA1", THEIRS, OURS),
            twilio("CA2", THEIRS, COLLEAGUE, "outbound-dial", ParentCallSid="CA1"),
            twilio("CA3", THEIRS, COLLEAGUE, "outbound-dial"),
        ),
    ),
    "twilio-forwarded": ("twilio", (twilio("CA4", THEIRS, OURS, ForwardedFrom=THEIRS),)),
    "twilio-unknown-direction": ("twilio", (twilio("CA5", THEIRS, OURS, "sideways"),)),
    "plivo-transfer": (
        "plivo",
        (plivo("u1", THEIRS[1:], OURS[1:]), plivo("u2", THEIRS[1:], COLLEAGUE[1:], "outbound", ALegUUID="u1")),
    ),
    "plivo-forwarded": ("plivo", (plivo("u3", THEIRS[1:], OURS[1:], ForwardedFrom=THEIRS[1:]),)),
    "telnyx-transfer": (
        "telnyx",
        (*telnyx("f1", THEIRS, OURS), *telnyx("0b", THEIRS, COLLEAGUE, "outgoing")),
    ),
    "telnyx-transfer-of-an-outgoing-call": (
        "telnyx",
        (*telnyx("f1", OURS, THEIRS, "outgoing"), *telnyx("0b", THEIRS, COLLEAGUE, "outgoing")),
    ),
    "telnyx-unknown-direction": ("telnyx", telnyx("f1", THEIRS, OURS, "sideways")),
    **{
        f"{provider}-withheld-{place}": (provider, story)
        for place, caller in enumerate(WITHHELD)
        for provider, story in (
            ("twilio", (twilio(f"CA6{place}", caller, OURS),)),
            ("plivo", (plivo(f"u4{place}", caller, OURS[1:]),)),
            ("telnyx", telnyx(f"f2{place}", caller, OURS)),
        )
    },
}


@pytest.fixture(scope="module")
def meter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeteringServer]:
    with metering_server(tmp_path_factory.mktemp("callers")) as running:
        yield running


def shown_records(hook: Hook) -> str:
    """Return the answer that lists the counted conversations."""
    headers = {"Authorization": f"Bearer {hook.metering.server.key(hook.org_id)}"}
    window = {"kind": "conversation", "from": "2026-03-01", "to": "2026-03-02"}
    answer = local_http.get(f"{hook.metering.server.url}/admin/usage/records", params=window, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.mark.parametrize(("provider", "story"), STORIES.values(), ids=STORIES)
def test_no_order_of_a_story_stores_the_callers_number(meter: MeteringServer, provider: str, story: Story) -> None:
    for order in permutations(story):
        hook = meter.connect(provider, SIGNERS[provider].secret)
        for body in order:
            assert_received(hook, post(hook, body))
        assert "quarantined" not in hook.outcomes(len(story))
        shown = shown_records(hook)
        assert CALLER not in shown
        assert COLLEAGUE not in shown
    assert CALLER.encode() not in stored_bytes(meter)
    assert COLLEAGUE.encode() not in stored_bytes(meter)
    assert CALLER not in meter.server.log()
