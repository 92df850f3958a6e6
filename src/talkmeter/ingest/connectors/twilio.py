"""Twilio: the status callbacks of voice calls, and its list of them (docs/connectors/twilio.md).

The call's id is its CallSid. A leg that `<Dial>` made has its own CallSid and names the call it belongs to as
ParentCallSid: that goes into `elsewhere`, so that the two are one call.

The list's records (twilio.com/docs/voice/api/call-resource, "Call properties") have the same fields under other names,
and the directions of trunks, of which there are no callbacks.
"""

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from hmac import compare_digest, digest
from types import MappingProxyType
from typing import Final, NamedTuple
from urllib.parse import SplitResult

import msgspec

from talkmeter.ingest.connectors.carrier import (
    own_number,
    read_agent,
    read_seconds,
    split_url,
    unmetered_type,
)
from talkmeter.ingest.connectors.forms import FORM, read_form, text_of
from talkmeter.ingest.connectors.listed_call import Listed
from talkmeter.ingest.connectors.payload import read_json, read_optional, require_id, require_range
from talkmeter.ingest.connectors.provider import (
    TEST,
    Ignored,
    Message,
    NotUnderstood,
    NotVerified,
    Provider,
    Reading,
    RecordUpdate,
    posted,
)
from talkmeter.ingest.connectors.verification import as_bytes, read_header, require_secrets, require_signature
from talkmeter.ingest.fields import read_sequence
from talkmeter.period import microseconds
from talkmeter.records import TERMINAL_STATUSES, Channel, Conversation, ConversationStatus, Direction, Kind

SIGNATURE: Final = "X-Twilio-Signature"
SETTINGS: Final = "X-Twilio-Webhooks-Signature-Settings"
BODY_HASH: Final = "bodySHA256"
_DIGESTS: Final = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}

_STATUSES: Final[dict[str, ConversationStatus]] = {
    "queued": "triggered",
    "initiated": "triggered",
    "ringing": "ringing",
    "in-progress": "in_progress",
    "answered": "in_progress",
    "completed": "completed",
    "busy": "unanswered",
    "no-answer": "unanswered",
    "failed": "failed",
    "canceled": "cancelled",
}
_DIRECTIONS: Final[dict[str, Direction]] = {
    "inbound": "inbound",
    "outbound-api": "outbound",
    "outbound-dial": "outbound",
    "trunking-originating": "inbound",
    "trunking-terminating": "outbound",
}
_UNMETERED: Final = {
    "UsageTriggerSid": "usage trigger",
    "MessageSid": "message",
    "SmsSid": "message",
    "RecordingStatus": "recording",
    "StreamEvent": "stream",
    "TranscriptionEvent": "transcription",
}


def _prove(message: Message, secrets: Sequence[str]) -> None:
    """The signature: HMAC of the public address followed by the names and values of the form, sorted by name."""
    known = require_secrets(secrets)
    given = as_bytes(read_header(message, SIGNATURE))
    algorithm = _algorithm(message.headers.get(SETTINGS.lower(), ""))
    texts = list(_signed_texts(message))
    require_signature([_signature(secret, text, algorithm) for secret in known for text in texts], [given])


def _signature(secret: bytes, text: bytes, algorithm: str) -> bytes:
    return b64encode(digest(secret, text, algorithm))


def _test(secret: str, url: str, now: int) -> Message:
    unsigned = posted(url, f"CallbackSource={TEST}".encode(), {}, now, FORM)
    signature = _signature(as_bytes(secret), next(_signed_texts(unsigned)), "sha1")
    return unsigned._replace(headers={**unsigned.headers, SIGNATURE.lower(): signature.decode()})


def _algorithm(settings: str) -> str:
    """SHA-1, unless the settings header (`key=…,algorithm=…`, sent with shared keys) names another."""
    for part in settings.split(","):
        name, _, value = part.partition("=")
        if name.strip() == "algorithm" and value.strip():
            try:
                return _DIGESTS[value.strip().upper()]
            except KeyError:
                raise NotVerified(f"The algorithm of {SETTINGS} must be one of {', '.join(_DIGESTS)}.") from None
    return "sha1"


def _signed_texts(message: Message) -> Iterator[bytes]:
    """What may have been signed: Twilio signs the address sometimes with its port and sometimes without."""
    url = split_url(message.url, NotVerified)
    fields = b"" if _is_get(message) else _sorted_fields(message, url)
    for address in _with_and_without_port(url):
        yield as_bytes(address) + fields


def _sorted_fields(message: Message, url: SplitResult) -> bytes:
    """The form as it is signed. Of a body in JSON the hash stands in the address, which is signed in its place."""
    if _is_json(message):
        named = read_form(as_bytes(url.query), NotVerified).get(BODY_HASH.encode(), [b""])[0]
        if not compare_digest(hashlib.sha256(message.body).hexdigest().encode(), named):
            raise NotVerified(f"The body is not the one whose hash the address names as {BODY_HASH}.")
        return b""
    form = read_form(message.body, NotVerified)
    return b"".join(name + value for name in sorted(form) for value in sorted(set(form[name])))


def _with_and_without_port(url: SplitResult) -> tuple[str, str]:
    if url.port is None:
        port = 443 if url.scheme == "https" else 80
        return url.geturl(), url._replace(netloc=f"{url.netloc}:{port}").geturl()
    return url._replace(netloc=url.netloc.rpartition(":")[0]).geturl(), url.geturl()


def _is_get(message: Message) -> bool:
    return message.method.upper() == "GET"


def _is_json(message: Message) -> bool:
    return message.headers.get("content-type", "").lower().startswith("application/json")


def _read(message: Message) -> Reading:
    if _is_get(message):
        form = read_form(as_bytes(split_url(message.url, NotUnderstood).query), NotUnderstood)
    elif _is_json(message):
        return Ignored("application/json")
    else:
        form = read_form(message.body, NotUnderstood)
    field = _Fields(lambda name: text_of(form, name))
    for name, type_ in _UNMETERED.items():
        if field(name):
            return Ignored(type_)
    if field("CallbackSource") not in {"", "call-progress-events"}:
        return Ignored(unmetered_type(field("CallbackSource")))
    if not field("CallStatus") or not (field("CallbackSource") or field("Timestamp")):
        # What Twilio asks an application: what to do with a call, what to do after <Dial>, who answered.
        if field("CallSid"):
            return Ignored("request")
        raise NotUnderstood("The message must be a status callback of a voice call, with CallSid and CallStatus.")
    return (_told(field, read_agent(message.url)),)


class _Resource(msgspec.Struct):
    sid: str | None = None
    parent_call_sid: str | None = None
    status: str | None = None
    direction: str | None = None
    duration: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    date_created: str | None = None
    date_updated: str | None = None
    from_: str | None = msgspec.field(default=None, name="from")
    to: str | None = None


_OF_THE_LIST: Final = {
    "CallSid": "sid",
    "ParentCallSid": "parent_call_sid",
    "CallStatus": "status",
    "Direction": "direction",
    "CallDuration": "duration",
    "Timestamp": "end_time",
    "From": "from",
    "To": "to",
}
"""What the list calls the fields of a callback."""


class _Fields(NamedTuple):
    """The fields of a call by the callback's names, and what they are called where they were read."""

    text: Callable[[str], str]
    names: Mapping[str, str] = MappingProxyType({})

    def __call__(self, name: str) -> str:
        """The text of a field; empty where it is missing."""
        return self.text(name)

    def name(self, name: str) -> str:
        """What to call a field in a sentence."""
        return self.names.get(name, name)


def read_call(body: bytes) -> Listed:
    """A call of the list, as its callback would have told of it. NotUnderstood where it cannot be counted."""
    call = read_json(body, _Resource)
    sid = require_id("sid", call.sid)
    status = _STATUSES.get(call.status or "")
    if status is not None and status not in TERMINAL_STATUSES:
        start = call.start_time or call.date_created
        return Listed(sid, _timestamp("start_time", start) if start else None)
    # A call that was cancelled before it was dialled has no end: its last change was that.
    texts = {
        "CallSid": sid,
        "ParentCallSid": call.parent_call_sid,
        "CallStatus": call.status,
        "Direction": call.direction,
        "CallDuration": call.duration,
        "Timestamp": call.end_time or call.date_updated,
        "From": call.from_,
        "To": call.to,
    }
    told = _told(_Fields(lambda name: texts.get(name) or "", _OF_THE_LIST), None)
    return Listed(sid, None, told)


def _told(field: _Fields, agent_id: str | None) -> RecordUpdate:
    sid = require_id(field.name("CallSid"), field("CallSid"))
    parent = read_optional(field.name("ParentCallSid"), field("ParentCallSid"))
    status = _STATUSES.get(field("CallStatus"))
    if status is None:
        raise NotUnderstood(f"{field.name('CallStatus')} must be one of {', '.join(_STATUSES)}.")
    direction = _DIRECTIONS.get(field("Direction"))
    if direction is None:
        raise NotUnderstood(f"{field.name('Direction')} must be one of {', '.join(_DIRECTIONS)}.")
    end, duration = field.name("Timestamp"), field.name("CallDuration")
    time = _timestamp(end, field("Timestamp"))
    seconds = _talked(status, duration, field("CallDuration"))
    conversation = Conversation(
        channel=_channel(direction, field),
        direction=direction,
        status=status,
        # There is no start: it is the end less the seconds, which begin when the call is answered.
        created_at=require_range(f"{end} less {duration}", time - (seconds or 0) * 1_000_000),
        duration_ms=None if seconds is None else seconds * 1_000,
        modality="voice",
        agent_id=agent_id,
        agent_number=_agent_number(direction, parent, field),
    )
    return RecordUpdate(
        kind=Kind.CONVERSATION,
        id=sid,
        record=conversation,
        time=time,
        event_id=f"{sid}:{field('CallStatus')}",
        sequence=read_sequence(field("SequenceNumber")),
        elsewhere=() if parent is None else (f"twilio:{parent}",),
    )


def _timestamp(name: str, text: str) -> int:
    """When it happened: RFC 2822, in UTC."""
    try:
        moment = parsedate_to_datetime(text)
        # An offset of -0000 is UTC of which the sender's place is not known; Python reads it as no offset at all.
        instant = microseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, TypeError, OverflowError, IndexError):
        sentence = f"{name} must be a date and time of RFC 2822, such as Sun, 01 Nov 2026 09:30:00 +0000."
        raise NotUnderstood(sentence) from None
    return require_range(name, instant)


def _talked(status: ConversationStatus, name: str, text: str) -> int | None:
    """The seconds of a call that was answered. `Duration` beside it is in minutes, rounded up, and never read."""
    if status not in TERMINAL_STATUSES:
        return None
    if status == "completed":
        return read_seconds(name, text)
    return (read_seconds(name, text) if text else 0) or None


def _channel(direction: Direction, field: _Fields) -> Channel:
    """Web where the other side is a browser or an app (`client:…`), else the telephone, SIP included."""
    other = field("From") if direction == "inbound" else field("To")
    return "webrtc" if other.startswith("client:") else "telephone"


def _agent_number(direction: Direction, parent: str | None, field: _Fields) -> str | None:
    """Our number. A leg that `<Dial>` made shows the caller's own number as `From`, so of such a leg none is taken."""
    if parent is not None or field("Direction") == "outbound-dial":
        return None
    return own_number(field("To") if direction == "inbound" else field("From"))


PROVIDER: Final = Provider(name="twilio", side="carrier", verify=_prove, read=_read, status=204, test=_test)
