"""Signed Talkmeter events, by the Standard Webhooks specification: for any program that can send HTTP requests.

The body is what `POST /metering/events` accepts, in any of its JSON forms (docs/connectors/signed.md). Each event is
counted or quarantined alone.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from hmac import digest
from secrets import token_bytes
from typing import Final

from msgspec.structs import replace

from talkmeter.clock import MICROSECONDS_PER_SECOND
from talkmeter.errors import TalkmeterError
from talkmeter.ingest.cloudevents import Sender
from talkmeter.ingest.connectors.kept_fields import is_harmless, keep_fields
from talkmeter.ingest.connectors.provider import (
    TEST_TYPE,
    Ignored,
    Message,
    NotUnderstood,
    NotVerified,
    Provider,
    ReadResult,
    RecordUpdate,
    SecretForm,
    build_message,
)
from talkmeter.ingest.connectors.verification import (
    as_bytes,
    read_header,
    require_recent,
    verify_signature,
)
from talkmeter.ingest.requests import read_request
from talkmeter.ledger.batch import ParsedEvent, Reason, Rejection
from talkmeter.records import ParentClaim

ID: Final = "webhook-id"
TIMESTAMP: Final = "webhook-timestamp"
SIGNATURE: Final = "webhook-signature"
SECRET_PREFIX: Final = "whsec_"  # noqa: S105  the prefix of every such secret
VERSION: Final = "v1,"
MIN_SECRET_BYTES: Final = 24
"""The minimum of the Standard Webhooks specification."""
_SECRET_BYTES: Final = 32
MAX_EVENTS: Final = 10_000
TOLERANCE_SEC: Final = 300

_NO_ORGANIZATION: Final = "\0"
"""An id that no organization has."""
_TEST_BODY: Final = b'{"type":"%s"}' % TEST_TYPE.encode()
_SECONDS: Final = re.compile("[0-9]{1,12}")
_QUOTED: Final = re.compile(r"(['\"]).*\1|['\"].*", re.DOTALL)


def verify(message: Message, secrets: Sequence[str]) -> None:
    """Verify an HMAC-SHA256 of `id.time.body`. The header may list several signatures, separated by spaces."""
    keys = [key for key in map(_key, secrets) if key]
    if not keys:
        raise NotVerified(f"The connector's secret must be {SECRET_PREFIX} followed by base64.")
    id_, timestamp = read_header(message, ID), read_header(message, TIMESTAMP)
    if _SECONDS.fullmatch(timestamp) is None:
        raise NotVerified(f"The header {TIMESTAMP} must be the seconds since 1970.")
    pieces = [piece for piece in read_header(message, SIGNATURE).split(" ") if piece.startswith(VERSION)]
    given = [_decode_base64(piece.removeprefix(VERSION)) for piece in pieces]
    verify_signature([_mac(key, id_, timestamp, message.body) for key in keys], given)
    require_recent(int(timestamp) * MICROSECONDS_PER_SECOND, message.received_at, TOLERANCE_SEC)


def _mac(key: bytes, id_: str, timestamp: str, body: bytes) -> bytes:
    return digest(key, b".".join((as_bytes(id_), as_bytes(timestamp), body)), "sha256")


def make_test_message(secret: str, url: str, now: int) -> Message:
    """Make a message of TEST_TYPE, signed like Talkmeter events."""
    id_, timestamp = f"test_{now}", str(now // MICROSECONDS_PER_SECOND)
    signature = b64encode(_mac(_key(secret), id_, timestamp, _TEST_BODY)).decode()
    return build_message(url, _TEST_BODY, {ID: id_, TIMESTAMP: timestamp, SIGNATURE: VERSION + signature}, now)


def _key(secret: str) -> bytes:
    """Return the key in a secret. Its base64 padding may be missing."""
    text = secret.strip().removeprefix(SECRET_PREFIX).rstrip("=")
    return _decode_base64(text + "=" * (-len(text) % 4))


def make_secret() -> str:
    """Return a new random secret of 32 bytes."""
    return SECRET_PREFIX + b64encode(token_bytes(_SECRET_BYTES)).decode()


def _has_secret_form(secret: str) -> bool:
    return secret.startswith(SECRET_PREFIX) and len(_key(secret)) >= MIN_SECRET_BYTES


def _decode_base64(text: str) -> bytes:
    """Decode base64; return empty bytes if it is invalid."""
    try:
        return b64decode(as_bytes(text), validate=True)
    except ValueError:
        return b""


def read(message: Message) -> ReadResult:
    """Return one update for each event in the body."""
    if message.body == _TEST_BODY:
        return Ignored(TEST_TYPE)
    if "ce-specversion" in message.headers:
        raise NotUnderstood("The whole event must be in the body: the signature does not cover ce- headers.")
    # Pass on the content type only: the signature covers no header.
    headers = {"content-type": message.headers.get("content-type", "application/json")}
    try:
        events = read_request(headers, message.body, Sender("", message.org_id or _NO_ORGANIZATION), MAX_EVENTS)
    except TalkmeterError as error:
        raise NotUnderstood(error.detail) from None
    return tuple(_event_update(event, number, len(events)) for number, event in enumerate(events, start=1))


def _event_update(event: ParsedEvent, number: int, total: int) -> RecordUpdate | Rejection:
    if isinstance(event, Rejection):
        if total == 1:
            raise NotUnderstood(_error_sentence(event))
        return _without_private_values(event, f"Event {number} of {total}: {_error_sentence(event)}")
    if isinstance(event, ParentClaim):
        raise NotUnderstood("A connector does not set the parent of an organization.")
    return RecordUpdate(
        kind=event.kind,
        id=event.id,
        record=event.record,
        time=event.time,
        event_id=event.event_id,
        sequence=event.sequence,
    )


def _without_private_values(rejection: Rejection, sentence: str) -> Rejection:
    """Return the rejection of one of several events, with the fields in _KEPT only."""
    return replace(
        rejection,
        event_id=rejection.event_id if rejection.event_id and is_harmless(rejection.event_id) else None,
        detail=sentence,
        kept_fields=keep_fields(_KEPT, rejection.kept_fields, is_form=False),
        complete=False,
    )


def _error_sentence(rejection: Rejection) -> str:
    """Return the sentence of a rejection without quoted values."""
    if rejection.reason is Reason.FOREIGN_ORGANIZATION:
        return "data.organization_id must be left out or be the connector's organization."
    return _QUOTED.sub("'…'", rejection.detail).removesuffix(".") + "."


_KEPT: Final = (
    "id",
    "type",
    "time",
    "sequence",
    "specversion",
    "data/id",
    "data/channel",
    "data/direction",
    "data/status",
    "data/created_at",
    "data/duration",
    "data/modality",
    "data/agent_id",
    "data/web_widget_id",
    "data/workflow_id",
)
"""The fields that quarantine keeps of a message that cannot be counted."""

PROVIDER: Final = Provider(
    name="signed",
    side=None,
    verify=verify,
    read=read,
    kept=_KEPT,
    make_test_message=make_test_message,
    secret_form=SecretForm(
        _has_secret_form, f"{SECRET_PREFIX} followed by the base64 of at least {MIN_SECRET_BYTES} bytes"
    ),
    make_secret=make_secret,
    # The event's source is replaced by the connector's.
    replay_fields={"source": "/replayed"},
)
