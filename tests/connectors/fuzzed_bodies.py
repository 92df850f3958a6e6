"""Bodies that no provider sends: JSON and form samples with parts replaced, repeated, removed or damaged."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, quote_plus

from hypothesis import strategies as st

from tests.connectors.arbitrary import VALUES, mutated
from tests.connectors.messages import json_sample, sample
from tests.events import conversation, run

PHONE: Final = "+15005550006"
TRANSCRIPT: Final = "what was said on the phone"
MAX_BODY_BYTES: Final = 65_536
"""The largest body that the servers of these tests accept."""
MAX_FIELDS: Final = 1_000

_PLACEHOLDER: Final = "replaced by a token"
_TOKENS: Final = (
    *(b"NaN", b"-Infinity", b"1e999", b"-0", b"1" * 5_000, b"0x10", b"01", b"", b"null null", b"tru"),
    *(b'"\\ud800"', b'"\xff\xfe"', b'"\\u0000"', b'"\xed\xa0\x80"', b'"' + b"a" * 20_000 + b'"'),
    *(b"[" * 5_000 + b"]" * 5_000, b'{"a":' * 5_000 + b"1" + b"}" * 5_000, b"[" * 20_000, b'{"a":1,"a":[2]}'),
    *(b'"+15005550006"', b'" +1 (500) 555-0006"', b'"tel:+15005550006;ext=5"', b'{"+15005550006":{"status":"busy"}}'),
    *(b"15005550006", b"1.5005550006e10", b'"sip:+15005550006@example.com"', b'["+15005550006"]'),
)
_TEXTS: Final = (
    *(b"", b"-1", b"NaN", b"9" * 400, b"1e9", b"\xff\xfe", b"\x00", b"null", b"busy", b"a" * 20_000),
    *(b"+15005550006", b"tel:+15005550006", b"2026-02-30 25:61:61", b"Thu, 99 Foo 20026 00:00:00 +9999"),
    "ܢ\U0001f4de".encode(),
)
_TYPES: Final = ("call.initiated", "call.invented", "status-update", "call_started", "track_published", "", "x" * 300)


def _telnyx(type_: str, **payload: object) -> Any:
    leg = {"call_leg_id": "leg-1", "call_session_id": "session-1", "from": PHONE, "to": "+15005550001", **payload}
    data = {"id": f"event {type_}", "event_type": type_, "occurred_at": "2026-11-01T09:30:00Z", "payload": leg}
    return {"data": data}


def _livekit(event: str, **participant: object) -> Any:
    known: dict[str, object] = {
        "sid": "PA_1",
        "identity": TRANSCRIPT,
        "joinedAt": "1760000000",
        "attributes": {"sip.phoneNumber": PHONE},
    }
    room = {"sid": "RM_1", "name": "a room", "creationTime": "1760000000"}
    return {
        "event": event,
        "id": f"EV_{event}",
        "createdAt": "1760000060",
        "room": room,
        "participant": known | participant,
    }


_CHAT: Final = {
    "event": "chat_ended",
    "chat": {"chat_id": "chat-1", "agent_id": "a", "start_timestamp": 1_760_000_000_000, "end_timestamp": 1.76e12},
}
DOCUMENTS: Final[Mapping[str, Sequence[Any]]] = {
    "signed": (conversation(), run(), [conversation("call-2"), run("run-2")]),
    "vapi": (json_sample("vapi_end_of_call_report.json"),),
    "retell": (json_sample("retell_call_ended.json"), _CHAT),
    "elevenlabs": (
        json_sample("elevenlabs_post_call_phone.json"),
        json_sample("elevenlabs_post_call_transcription.json"),
        json_sample("elevenlabs_call_initiation_failure.json"),
    ),
    "livekit": (
        _livekit("participant_joined"),
        _livekit("participant_left", kind="SIP", disconnectReason="CLIENT_INITIATED"),
        _livekit("participant_joined", kind="AGENT"),
        json_sample("livekit_room_finished.json"),
    ),
    "telnyx": (
        _telnyx("call.initiated", direction="incoming", start_time="2026-11-01T09:29:00Z"),
        _telnyx("call.answered"),
        json_sample("telnyx_call_hangup.json"),
        json_sample("telnyx_call_conversation_ended.json"),
    ),
    "n8n": (json_sample("n8n_log_streaming_success.json"), json_sample("n8n_log_streaming_failed.json")),
}
FORMS: Final[Mapping[str, Sequence[bytes]]] = {
    "twilio": tuple(sample(f"twilio_{name}.form") for name in ("status_completed", "status_busy", "usage_trigger")),
    "plivo": (sample("plivo_hangup.form"),),
}


def private(document: Any) -> Any:
    """Return a document in which each object contains data about the caller, as some messages of providers do."""
    if isinstance(document, list):
        return [private(item) for item in document]
    if not isinstance(document, dict):
        return document
    caller = {"transcript": TRANSCRIPT, "callerName": TRANSCRIPT, "caller_number": PHONE, "customer": {"number": PHONE}}
    return {**{name: private(value) for name, value in document.items()}, **caller}


@st.composite
def _with_placeholder(draw: st.DrawFn, document: Any) -> Any:
    """A JSON document in which one value, at any depth, is replaced by the placeholder."""
    if not isinstance(document, dict | list) or not document or draw(st.integers(0, 7)) == 0:
        return _PLACEHOLDER
    if isinstance(document, list):
        at = draw(st.integers(0, len(document) - 1))
        return [*document[:at], draw(_with_placeholder(document[at])), *document[at + 1 :]]
    key = draw(st.sampled_from(sorted(document)))
    return {**document, key: draw(_with_placeholder(document[key]))}


@st.composite
def _json_bodies(draw: st.DrawFn, documents: Sequence[Any]) -> bytes:
    document = private(draw(st.sampled_from(documents)))
    for _ in range(draw(st.integers(0, 2))):
        document = draw(mutated(document))
    if draw(st.booleans()):
        document = draw(_with_placeholder(document))
    if isinstance(document, dict) and draw(st.integers(0, 5)) == 0:
        document |= {draw(st.sampled_from(("event", "eventName", "type"))): draw(st.sampled_from(_TYPES) | VALUES)}
    # json writes NaN and Infinity, which are not JSON, and \ud800, which is not a character.
    text = json.dumps(document).encode()
    return text.replace(json.dumps(_PLACEHOLDER).encode(), draw(st.sampled_from(_TOKENS)))


@st.composite
def _forms(draw: st.DrawFn, samples: Sequence[bytes]) -> bytes:
    known = parse_qsl(draw(st.sampled_from(samples)).decode(), keep_blank_values=True)
    pairs = [(name.encode(), value.encode()) for name, value in known]
    pairs.append((b"SpeechResult", TRANSCRIPT.encode()))
    names = st.sampled_from(sorted({name for name, _ in pairs} | {b"Event", b"CallbackSource", b"MessageSid", b""}))
    values = st.sampled_from(_TEXTS) | st.binary(max_size=20)
    for _ in range(draw(st.integers(0, 4))):
        name, value = draw(names), draw(values)
        if draw(st.booleans()):
            pairs = [pair for pair in pairs if pair[0] != name]
        if draw(st.booleans()):
            pairs.insert(draw(st.integers(0, len(pairs))), (name, value))
    if draw(st.integers(0, 20)) == 0:
        pairs += [(b"f", b"")] * draw(st.sampled_from((MAX_FIELDS - len(pairs), MAX_FIELDS)))
    encoded = [quote_plus(name).encode() + b"=" + quote_plus(value).encode() for name, value in pairs]
    damage = st.sampled_from((b"", b"", b"&&", b"&=", b"&a", b"%", b"%zz", b"\xff=\xfe", b";a=b", b"+"))
    return b"&".join(encoded) + draw(damage)


def bodies(provider: str) -> st.SearchStrategy[bytes]:
    """Bodies like those of a provider, of any size up to one byte over the limit."""
    fuzzed = _forms(FORMS[provider]) if provider in FORMS else _json_bodies(DOCUMENTS[provider])
    large = st.sampled_from((MAX_BODY_BYTES, MAX_BODY_BYTES + 1)).map(lambda size: b"x" * size)
    return st.one_of(*[fuzzed] * 9, st.binary(max_size=100), large)
