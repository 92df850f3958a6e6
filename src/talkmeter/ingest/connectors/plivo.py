"""Plivo: the hangup callbacks of voice calls (docs/connectors/plivo.md).

The call's id is its CallUUID. A second leg has its own CallUUID and names the first one's as ALegUUID: that goes into
`elsewhere`, so that the two are one call.
"""

from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from hmac import digest
from typing import Final

from talkmeter.ingest.connectors.carrier import (
    own_number,
    read_agent,
    read_seconds,
    split_url,
    unmetered_type,
)
from talkmeter.ingest.connectors.forms import FORM, Form, read_form, text_of
from talkmeter.ingest.connectors.payload import read_optional, require_id, require_range
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
from talkmeter.period import microseconds
from talkmeter.records import Conversation, ConversationStatus, Direction, Kind

SIGNATURE: Final = "X-Plivo-Signature-V3"
SIGNATURE_OF_MAIN: Final = "X-Plivo-Signature-MA-V3"
NONCE: Final = "X-Plivo-Signature-V3-Nonce"

_QUARTER: Final = 900_000_000
"""Zones differ by whole quarters of an hour, here in microseconds."""
_WIDEST_ZONE: Final = 56
"""Fourteen hours, in quarters."""
_STATUSES: Final[dict[str, ConversationStatus]] = {
    "completed": "completed",
    "busy": "unanswered",
    "no-answer": "unanswered",
    "timeout": "unanswered",
    "failed": "failed",
    "cancel": "cancelled",
}
_DIRECTIONS: Final[dict[str, Direction]] = {"inbound": "inbound", "outbound": "outbound"}
Field = Callable[[str], str]


def _prove(message: Message, secrets: Sequence[str]) -> None:
    """Signature V3: HMAC of the public address, the form and a nonce. A header may list several signatures."""
    known = require_secrets(secrets)
    nonce = as_bytes(read_header(message, NONCE))
    # Calls of a subaccount are signed with its token, and once more with the token of the main account.
    of_main = message.headers.get(SIGNATURE_OF_MAIN.lower(), "")
    given = [*as_bytes(read_header(message, SIGNATURE)).split(b","), *as_bytes(of_main).split(b",")]
    text = _signed_text(message)
    require_signature([_signature(secret, text, nonce) for secret in known], given)


def _signature(secret: bytes, text: bytes, nonce: bytes) -> bytes:
    return b64encode(digest(secret, text + b"." + nonce, "sha256"))


def _test(secret: str, url: str, now: int) -> Message:
    unsigned = posted(url, f"Event={TEST}".encode(), {NONCE: str(now)}, now, FORM)
    signature = _signature(as_bytes(secret), _signed_text(unsigned), str(now).encode())
    return unsigned._replace(headers={**unsigned.headers, SIGNATURE.lower(): signature.decode()})


def _signed_text(message: Message) -> bytes:
    """`address?sorted query.sorted form`; of a GET there is no form, and an empty one leaves its separators out."""
    address, _, query_text = as_bytes(message.url).partition(b"#")[0].partition(b"?")
    query = read_form(query_text, NotVerified)
    form = {} if message.method.upper() == "GET" else read_form(message.body, NotVerified)
    asked = b"&".join(name + b"=" + value for name, value in _sorted(query))
    told = b"".join(name + value for name, value in _sorted(form))
    if not form:
        return address + (b"?" + asked if asked else b"")
    return address + b"?" + (asked + b"." if asked else b"") + told


def _sorted(form: Form) -> Iterable[tuple[bytes, bytes]]:
    return ((name, value) for name in sorted(form) for value in sorted(form[name]))


def _read(message: Message) -> Reading:
    text = message.body
    if message.method.upper() == "GET":
        text = as_bytes(split_url(message.url, NotUnderstood).query)
    field = partial(text_of, read_form(text, NotUnderstood))
    if field("Event") not in {"", "Hangup"}:
        return Ignored(unmetered_type(field("Event")))
    if not field("Event") and field("CallUUID") and not field("HangupCause"):
        # What Plivo asks an application: what to do with a call.
        return Ignored("request")
    return (_told(field, read_agent(message.url), message.received_at),)


def _told(field: Field, agent_id: str | None, received_at: int) -> RecordUpdate:
    uuid = require_id("CallUUID", field("CallUUID"))
    first_leg = read_optional("ALegUUID", field("ALegUUID"))
    if first_leg == uuid:
        first_leg = None
    status = _STATUSES.get(field("CallStatus"))
    if status is None:
        raise NotUnderstood(f"CallStatus must be one of {', '.join(_STATUSES)}.")
    direction = _DIRECTIONS.get(field("Direction"))
    if direction is None:
        raise NotUnderstood(f"Direction must be one of {', '.join(_DIRECTIONS)}.")
    seconds = _talked(status, field("Duration"))
    zone = _zone(field, first_leg, received_at)
    began = "AnswerTime" if seconds is not None and field("AnswerTime") else "StartTime"
    conversation = Conversation(
        channel="telephone",
        direction=direction,
        status=status,
        created_at=require_range(began, _local(began, field(began)) - zone),
        duration_ms=None if seconds is None else seconds * 1_000,
        modality="voice",
        agent_id=agent_id,
        # A second leg may show the caller's own number as From, so of such a leg none is taken.
        agent_number=None if first_leg else _international(field("To" if direction == "inbound" else "From")),
    )
    return RecordUpdate(
        kind=Kind.CONVERSATION,
        id=uuid,
        record=conversation,
        time=require_range("EndTime", _local("EndTime", field("EndTime")) - zone),
        event_id=f"{uuid}:{field('CallStatus')}",
        elsewhere=() if first_leg is None else (f"plivo:{first_leg}",),
    )


def _talked(status: ConversationStatus, text: str) -> int | None:
    """The seconds of a call that was answered; `BillDuration` beside them is what Plivo bills."""
    if status == "completed":
        return read_seconds("Duration", text)
    return (read_seconds("Duration", text) if text else 0) or None


def _zone(field: Field, first_leg: str | None, received_at: int) -> int:
    """How far the account's clock is ahead of UTC, in microseconds.

    StartTime, AnswerTime and EndTime are told in the account's zone, which is not named. SessionStart is told in UTC
    and falls together with the StartTime of a first leg. Without it, the message's arrival falls together with EndTime.
    """
    if field("SessionStart") and first_leg is None:
        ahead = _local("StartTime", field("StartTime")) - _local("SessionStart", field("SessionStart"))
    else:
        ahead = _local("EndTime", field("EndTime")) - received_at
    quarters = (ahead + _QUARTER // 2) // _QUARTER
    if abs(quarters) > _WIDEST_ZONE:
        raise NotUnderstood("StartTime and EndTime must lie within 14 hours of SessionStart and of the arrival.")
    return quarters * _QUARTER


def _local(name: str, text: str) -> int:
    """A date and time without a zone, as if it were UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return microseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise NotUnderstood(f"{name} must be a date and time such as 2026-11-01 09:30:00.") from None


def _international(number: str) -> str | None:
    """Our number, with the + that Plivo leaves out."""
    own = own_number(number)
    return own if own is None or own.startswith("+") else f"+{own}"


PROVIDER: Final = Provider(name="plivo", side="carrier", verify=_prove, read=_read, test=_test)
