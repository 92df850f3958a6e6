"""Twilio: the status callbacks of voice calls, and its list of calls (docs/connectors/twilio.md).

A call's id is its CallSid. A leg that `<Dial>` made has its own CallSid and refers to its call as ParentCallSid. That
id goes into `linked_ids`, so the two legs count as one call.

Listed calls (twilio.com/docs/voice/api/call-resource, "Call properties") have the same fields under other names. They
include the directions of trunks, which have no callbacks.
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
    agent_from_url,
    answered_status,
    as_phone_number,
    read_seconds,
    split_url,
    type_label,
)
from talkmeter.ingest.connectors.forms import FORM, form_text, read_form
from talkmeter.ingest.connectors.listed_call import ListedCall
from talkmeter.ingest.connectors.payload import read_json, read_optional, require_id, require_range
from talkmeter.ingest.connectors.provider import (
    TEST_TYPE,
    Assumed,
    Ignored,
    Message,
    NotUnderstood,
    NotVerified,
    Provider,
    ReadResult,
    RecordUpdate,
    build_message,
)
from talkmeter.ingest.connectors.verification import as_bytes, read_header, usable_secrets, verify_signature
from talkmeter.ingest.fields import read_sequence
from talkmeter.period import microseconds
from talkmeter.records import TERMINAL_STATUSES, Conversation, Kind
from talkmeter_client.vocabulary import Channel, ConversationStatus, Direction

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
_WITH_NUMBER: Final = frozenset({"inbound", "outbound-api", "trunking-originating"})
_UNMETERED: Final = {
    "UsageTriggerSid": "usage trigger",
    "MessageSid": "message",
    "SmsSid": "message",
    "RecordingStatus": "recording",
    "StreamEvent": "stream",
    "TranscriptionEvent": "transcription",
}
_PRODUCTS: Final = {
    "ConferenceSid": "conference",
    "RoomSid": "video room",
    "QueueSid": "queue",
    "RecordingSid": "recording",
    "StreamSid": "stream",
    "TranscriptionSid": "transcription",
    "PaymentSid": "payment",
    "SiprecSid": "siprec",
    "WorkspaceSid": "task router",
    "FaxSid": "fax",
    "ConversationSid": "conversation",
    "EventType": "event",
}
"""Fields of documented callbacks without a CallStatus, and the type under which they are ignored."""


def verify(message: Message, secrets: Sequence[str]) -> None:
    """Verify an HMAC of the public address followed by the names and values of the form, sorted by name."""
    known = usable_secrets(secrets)
    given = as_bytes(read_header(message, SIGNATURE))
    algorithm = _algorithm(message.headers.get(SETTINGS.lower(), ""))
    texts = list(_signed_texts(message))
    verify_signature([_signature(secret, text, algorithm) for secret in known for text in texts], [given])


def _signature(secret: bytes, text: bytes, algorithm: str) -> bytes:
    return b64encode(digest(secret, text, algorithm))


def make_test_message(secret: str, url: str, now: int) -> Message:
    """Make a message of TEST_TYPE, signed like Twilio's."""
    unsigned = build_message(url, f"CallbackSource={TEST_TYPE}".encode(), {}, now, FORM)
    signature = _signature(as_bytes(secret), next(_signed_texts(unsigned)), "sha1")
    return unsigned._replace(headers={**unsigned.headers, SIGNATURE.lower(): signature.decode()})


def _algorithm(settings: str) -> str:
    """Return the hash algorithm in the settings header (`key=…,algorithm=…`, sent with shared keys), or SHA-1."""
    for part in settings.split(","):
        name, _, value = part.partition("=")
        if name.strip() == "algorithm" and value.strip():
            try:
                return _DIGESTS[value.strip().upper()]
            except KeyError:
                raise NotVerified(f"The algorithm of {SETTINGS} must be one of {', '.join(_DIGESTS)}.") from None
    return "sha1"


def _signed_texts(message: Message) -> Iterator[bytes]:
    """Return the texts that may have been signed: Twilio signs some addresses with the port and some without."""
    url = split_url(message.url, NotVerified)
    fields = b"" if _is_get(message) else _sorted_fields(message, url)
    for address in _with_and_without_port(url):
        yield as_bytes(address) + fields


def _sorted_fields(message: Message, url: SplitResult) -> bytes:
    """Return the form as it is signed.

    A JSON body is not signed itself. Instead, its hash is in the address, which is signed.
    """
    if _is_json(message):
        signed_hash = read_form(as_bytes(url.query), NotVerified).get(BODY_HASH.encode(), [b""])[0]
        if not compare_digest(hashlib.sha256(message.body).hexdigest().encode(), signed_hash):
            raise NotVerified(f"The body does not match its hash in the address ({BODY_HASH}).")
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


def read(message: Message) -> ReadResult:
    """Return the call of a status callback; any other message is not metered."""
    if _is_get(message):
        form = read_form(as_bytes(split_url(message.url, NotUnderstood).query), NotUnderstood)
    elif _is_json(message):
        return Ignored("application/json")
    else:
        form = read_form(message.body, NotUnderstood)
    field = _CallFields(lambda name: form_text(form, name))
    for name, type_ in _UNMETERED.items():
        if field(name):
            return Ignored(type_)
    if field("CallbackSource") not in {"", "call-progress-events"}:
        return Ignored(type_label(field("CallbackSource")))
    if not field("CallStatus") or not (field("CallbackSource") or field("Timestamp")):
        return Ignored(_unmetered_type(field))
    return (_call_update(field, agent_from_url(message.url)),)


def _unmetered_type(field: "_CallFields") -> str:
    """Return the type of a message that does not report the status of a call."""
    product = next((type_ for name, type_ in _PRODUCTS.items() if field(name)), None)
    if product is not None:
        return product
    if field("CallSid"):
        # Twilio asks an application how to handle a call, what to do after <Dial>, or reports who answered.
        return "request"
    if field("AccountSid"):
        return "other"
    raise NotUnderstood("The message must be a status callback of a voice call, with CallSid and CallStatus.")


class _TwilioListedCall(msgspec.Struct):
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


_LIST_NAMES: Final = {
    "CallSid": "sid",
    "ParentCallSid": "parent_call_sid",
    "CallStatus": "status",
    "Direction": "direction",
    "CallDuration": "duration",
    "Timestamp": "end_time",
    "From": "from",
    "To": "to",
}
"""Maps the field names of a callback to those of a listed call."""


class _CallFields(NamedTuple):
    """The fields of a call, by their names in a callback. `names` maps these to the names in the source, for errors."""

    text: Callable[[str], str]
    names: Mapping[str, str] = MappingProxyType({})

    def __call__(self, name: str) -> str:
        """Return the text of a field, "" if it is missing."""
        return self.text(name)

    def name(self, name: str) -> str:
        """Return a field's name in the source, for error sentences."""
        return self.names.get(name, name)


def read_call(body: bytes) -> ListedCall:
    """Return a listed call with the update that its callback reports.

    Raises NotUnderstood if it cannot be counted.
    """
    call = read_json(body, _TwilioListedCall)
    sid = require_id("sid", call.sid)
    status = _STATUSES.get(call.status or "")
    if status is None:
        raise NotUnderstood(f"status must be one of {', '.join(_STATUSES)}.")
    if status not in TERMINAL_STATUSES:
        start = call.start_time or call.date_created
        return ListedCall(sid, _timestamp("start_time", start) if start else None)
    # A call that was cancelled before dialing has no end_time; its last change was the cancellation.
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
    update = _call_update(_CallFields(lambda name: texts.get(name) or "", _LIST_NAMES), None)
    return ListedCall(sid, None, update)


def _call_update(field: _CallFields, agent_id: str | None) -> RecordUpdate:
    sid = require_id(field.name("CallSid"), field("CallSid"))
    parent = read_optional(field.name("ParentCallSid"), field("ParentCallSid"))
    status = _STATUSES.get(field("CallStatus")) or answered_status(field("CallDuration"))
    direction = _DIRECTIONS.get(field("Direction")) or ("outbound" if parent else "inbound")
    end, duration = field.name("Timestamp"), field.name("CallDuration")
    time = _timestamp(end, field("Timestamp"))
    seconds = _duration_sec(status, duration, field("CallDuration"))
    conversation = Conversation(
        channel=_channel(direction, field),
        direction=direction,
        status=status,
        # A callback has no start. It is the end minus the duration, which runs from the answer.
        created_at=require_range(f"{end} minus {duration}", time - (seconds or 0) * 1_000_000),
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
        linked_ids=() if parent is None else (f"twilio:{parent}",),
        assumed=_assumed(field),
    )


def _assumed(field: _CallFields) -> tuple[Assumed, ...]:
    unknown: dict[Assumed, bool] = {
        "answered": field("CallStatus") not in _STATUSES,
        "direction": field("Direction") not in _DIRECTIONS,
    }
    return tuple(name for name, is_unknown in unknown.items() if is_unknown)


def _timestamp(name: str, text: str) -> int:
    """Return an RFC 2822 date and time in microseconds."""
    try:
        moment = parsedate_to_datetime(text)
        # The offset -0000 is UTC, but Python returns a datetime without an offset for it.
        instant = microseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, TypeError, OverflowError, IndexError):
        sentence = f"{name} must be a date and time of RFC 2822, such as Sun, 01 Nov 2026 09:30:00 +0000."
        raise NotUnderstood(sentence) from None
    return require_range(name, instant)


def _duration_sec(status: ConversationStatus, name: str, text: str) -> int | None:
    """Return the seconds of an answered call, else None. `Duration`, in minutes rounded up, is not used."""
    if status not in TERMINAL_STATUSES:
        return None
    if status == "completed":
        return read_seconds(name, text)
    return (read_seconds(name, text) if text else 0) or None


def _channel(direction: Direction, field: _CallFields) -> Channel:
    """Return webrtc if the caller or callee is a browser or an app (`client:…`), else telephone, also for SIP."""
    remote = field("From") if direction == "inbound" else field("To")
    return "webrtc" if remote.startswith("client:") else "telephone"


def _agent_number(direction: Direction, parent: str | None, field: _CallFields) -> str | None:
    """Return the agent's number.

    A leg that `<Dial>` made has the caller's number as `From`, and so may a call that a telephone system forwards to a
    trunk. These get None, and so does a call whose direction is unknown.
    """
    if parent is not None or field("Direction") not in _WITH_NUMBER:
        return None
    return as_phone_number(field("To") if direction == "inbound" else field("From"))


_KEPT: Final = (
    "CallSid",
    "ParentCallSid",
    "CallStatus",
    "Direction",
    "CallDuration",
    "Duration",
    "Timestamp",
    "CallbackSource",
    "SequenceNumber",
    "SipResponseCode",
    "ErrorCode",
)
"""The fields that quarantine keeps of a message that cannot be counted."""

PROVIDER: Final = Provider(
    name="twilio",
    side="carrier",
    verify=verify,
    read=read,
    kept=_KEPT,
    status=204,
    make_test_message=make_test_message,
)
