"""Plivo: the hangup callbacks of voice calls (docs/connectors/plivo.md).

A call's id is its CallUUID. A second leg has its own CallUUID and refers to the first leg's as ALegUUID. That id goes
into `linked_ids`, so the two legs count as one call.
"""

from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from hmac import digest
from typing import Final

from talkmeter.ingest.connectors.carrier import (
    agent_from_url,
    answered_status,
    as_phone_number,
    read_seconds,
    split_url,
    type_label,
)
from talkmeter.ingest.connectors.forms import FORM, Form, form_text, read_form
from talkmeter.ingest.connectors.payload import read_optional, require_id, require_range
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
from talkmeter.period import microseconds
from talkmeter.records import Conversation, Kind
from talkmeter_client.vocabulary import ConversationStatus, Direction

SIGNATURE: Final = "X-Plivo-Signature-V3"
MAIN_ACCOUNT_SIGNATURE: Final = "X-Plivo-Signature-MA-V3"
NONCE: Final = "X-Plivo-Signature-V3-Nonce"

_QUARTER_HOUR: Final = 900_000_000
"""15 minutes in microseconds. UTC offsets are multiples of 15 minutes."""
_CLOCK_DIFFERENCE: Final = 5_000_000
_MAX_OFFSET_QUARTERS: Final = 56
"""14 hours, the largest UTC offset, in units of 15 minutes."""
_STATUSES: Final[dict[str, ConversationStatus]] = {
    "completed": "completed",
    "busy": "unanswered",
    "no-answer": "unanswered",
    "timeout": "unanswered",
    "failed": "failed",
    "cancel": "cancelled",
}
_DIRECTIONS: Final[dict[str, Direction]] = {"inbound": "inbound", "outbound": "outbound"}
_UNMETERED: Final = {
    "MessageUUID": "message",
    "ConferenceUUID": "conference",
    "ConferenceName": "conference",
    "RecordingID": "recording",
    "RecordUrl": "recording",
    "DialBLegUUID": "dial",
    "DialStatus": "dial",
}
"""Fields of documented callbacks without a CallUUID, and the type under which they are ignored."""
Field = Callable[[str], str]


def verify(message: Message, secrets: Sequence[str]) -> None:
    """Verify signature V3: an HMAC of the public address, the form and a nonce. A header may list several."""
    known = usable_secrets(secrets)
    nonce = as_bytes(read_header(message, NONCE))
    # Calls of a subaccount have two signatures: with its own token, and with the main account's.
    main_account = message.headers.get(MAIN_ACCOUNT_SIGNATURE.lower(), "")
    given = [*as_bytes(read_header(message, SIGNATURE)).split(b","), *as_bytes(main_account).split(b",")]
    text = _signed_text(message)
    verify_signature([_signature(secret, text, nonce) for secret in known], given)


def _signature(secret: bytes, text: bytes, nonce: bytes) -> bytes:
    return b64encode(digest(secret, text + b"." + nonce, "sha256"))


def make_test_message(secret: str, url: str, now: int) -> Message:
    """Make a message of TEST_TYPE, signed like Plivo's."""
    unsigned = build_message(url, f"Event={TEST_TYPE}".encode(), {NONCE: str(now)}, now, FORM)
    signature = _signature(as_bytes(secret), _signed_text(unsigned), str(now).encode())
    return unsigned._replace(headers={**unsigned.headers, SIGNATURE.lower(): signature.decode()})


def _signed_text(message: Message) -> bytes:
    """Return the signed text: `address?sorted query.sorted form`.

    A GET has no form. If the query or the form is empty, its separator is left out.
    """
    address, _, query_text = as_bytes(message.url).partition(b"#")[0].partition(b"?")
    query = read_form(query_text, NotVerified)
    form = {} if message.method.upper() == "GET" else read_form(message.body, NotVerified)
    query_part = b"&".join(name + b"=" + value for name, value in _sorted(query))
    form_part = b"".join(name + value for name, value in _sorted(form))
    if not form:
        return address + (b"?" + query_part if query_part else b"")
    return address + b"?" + (query_part + b"." if query_part else b"") + form_part


def _sorted(form: Form) -> Iterable[tuple[bytes, bytes]]:
    return ((name, value) for name in sorted(form) for value in sorted(form[name]))


def read(message: Message) -> ReadResult:
    """Return the call of a hangup callback; any other callback is not metered."""
    text = message.body
    if message.method.upper() == "GET":
        text = as_bytes(split_url(message.url, NotUnderstood).query)
    field = partial(form_text, read_form(text, NotUnderstood))
    if field("Event") not in {"", "Hangup"}:
        return Ignored(type_label(field("Event")))
    if not field("Event") and field("CallUUID") and not field("HangupCause"):
        # Plivo asks an application how to handle a call. The call is not over.
        return Ignored("request")
    unmetered = next((type_ for name, type_ in _UNMETERED.items() if field(name)), None)
    if unmetered is not None and not field("CallUUID"):
        return Ignored(unmetered)
    return (_call_update(field, agent_from_url(message.url)),)


def _call_update(field: Field, agent_id: str | None) -> RecordUpdate:
    call_id = require_id("CallUUID", field("CallUUID"))
    first_leg = read_optional("ALegUUID", field("ALegUUID"))
    if first_leg == call_id:
        first_leg = None
    status = _STATUSES.get(field("CallStatus")) or answered_status(field("Duration"))
    known_direction = _DIRECTIONS.get(field("Direction"))
    direction = known_direction or ("outbound" if first_leg else "inbound")
    seconds = _duration_sec(status, field("Duration"))
    offset = _utc_offset(field, first_leg)
    start_field = "AnswerTime" if seconds is not None and field("AnswerTime") else "StartTime"
    conversation = Conversation(
        channel="telephone",
        direction=direction,
        status=status,
        created_at=require_range(start_field, _local_instant(start_field, field(start_field)) - offset),
        duration_ms=None if seconds is None else seconds * 1_000,
        modality="voice",
        agent_id=agent_id,
        agent_number=_agent_number(known_direction, first_leg, field),
    )
    return RecordUpdate(
        kind=Kind.CONVERSATION,
        id=call_id,
        record=conversation,
        time=require_range("EndTime", _local_instant("EndTime", field("EndTime")) - offset),
        event_id=f"{call_id}:{field('CallStatus')}",
        linked_ids=() if first_leg is None else (f"plivo:{first_leg}",),
        assumed=_assumed(field),
    )


def _agent_number(direction: Direction | None, first_leg: str | None, field: Field) -> str | None:
    """Return the agent's number. A second leg gets None, because its From may be the caller's number."""
    if direction is None or first_leg is not None:
        return None
    return _international_number(field("To" if direction == "inbound" else "From"))


def _assumed(field: Field) -> tuple[Assumed, ...]:
    unknown: dict[Assumed, bool] = {
        "answered": field("CallStatus") not in _STATUSES,
        "direction": field("Direction") not in _DIRECTIONS,
        "time zone": not field("SessionStart"),
    }
    return tuple(name for name, is_unknown in unknown.items() if is_unknown)


def _duration_sec(status: ConversationStatus, text: str) -> int | None:
    """Return the seconds of an answered call, else None. `BillDuration`, which Plivo bills, is not used."""
    if status == "completed":
        return read_seconds("Duration", text)
    return (read_seconds("Duration", text) if text else 0) or None


def _utc_offset(field: Field, first_leg: str | None) -> int:
    """Return the UTC offset of the account's time zone, in microseconds.

    StartTime, AnswerTime and EndTime are in the account's time zone, which the message does not name. SessionStart is
    in UTC and equals the StartTime of a first leg, so their difference is the offset. A second leg starts later, so the
    difference is rounded down. Without SessionStart, the times are read as UTC.
    """
    if not field("SessionStart"):
        return 0
    ahead = _local_instant("StartTime", field("StartTime")) - _local_instant("SessionStart", field("SessionStart"))
    # StartTime may be a second before SessionStart, which has fractions of a second.
    quarters = (ahead + (_QUARTER_HOUR // 2 if first_leg is None else _CLOCK_DIFFERENCE)) // _QUARTER_HOUR
    if abs(quarters) > _MAX_OFFSET_QUARTERS:
        raise NotUnderstood("StartTime must be within 14 hours of SessionStart.")
    return quarters * _QUARTER_HOUR


def _local_instant(name: str, text: str) -> int:
    """Return a date and time without an offset as if it were UTC, in microseconds."""
    try:
        moment = datetime.fromisoformat(text)
        return microseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise NotUnderstood(f"{name} must be a date and time such as 2026-11-01 09:30:00.") from None


def _international_number(number: str) -> str | None:
    """Return a phone number with the + that Plivo leaves out; None if it is not a phone number."""
    phone = as_phone_number(number)
    return phone if phone is None or phone.startswith("+") else f"+{phone}"


_KEPT: Final = (
    "CallUUID",
    "ALegUUID",
    "RequestUUID",
    "CallStatus",
    "Direction",
    "Event",
    "HangupCause",
    "HangupCauseCode",
    "HangupSource",
    "Duration",
    "BillDuration",
    "StartTime",
    "AnswerTime",
    "EndTime",
    "SessionStart",
)
"""The fields that quarantine keeps of a message that cannot be counted."""

PROVIDER: Final = Provider(
    name="plivo",
    side="carrier",
    verify=verify,
    read=read,
    kept=_KEPT,
    make_test_message=make_test_message,
)
