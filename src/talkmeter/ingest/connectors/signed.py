"""Our own events, signed as Standard Webhooks say: for any program that has a step of HTTP (docs/connectors/signed.md).

The body is what `POST /metering/events` takes, in any of its JSON forms. The message is taken whole or not at all: one
event that cannot be counted sends all of it to quarantine.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from hmac import digest
from typing import Final

from talkmeter.clock import MICROSECONDS_PER_SECOND
from talkmeter.errors import TalkmeterError
from talkmeter.ingest.cloudevents import Sender
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
from talkmeter.ingest.connectors.verification import (
    as_bytes,
    read_header,
    require_recent,
    require_signature,
)
from talkmeter.ingest.requests import read_request
from talkmeter.ledger.batch import Arrival, Reason, Rejection

ID: Final = "webhook-id"
TIMESTAMP: Final = "webhook-timestamp"
SIGNATURE: Final = "webhook-signature"
SECRET_PREFIX: Final = "whsec_"  # noqa: S105  the prefix that all such secrets have
VERSION: Final = "v1,"
MAX_EVENTS: Final = 10_000
TOLERANCE_SEC: Final = 300

_OF_THE_CONNECTOR: Final = Sender(credential_id="", org_id="\0")
"""The address says whose the events are: an event that names an organization is refused, for none has this name."""
_TEST_BODY: Final = b'{"type":"%s"}' % TEST.encode()
_SECONDS: Final = re.compile("[0-9]{1,12}")
_QUOTED: Final = re.compile(r"(['\"]).*\1|['\"].*", re.DOTALL)


def _prove(message: Message, secrets: Sequence[str]) -> None:
    """HMAC-SHA256 over `id.time.body`; the header may list several signatures, with a space between them."""
    keys = [key for key in map(_key, secrets) if key]
    if not keys:
        raise NotVerified(f"The connector's secret must be {SECRET_PREFIX} and base64.")
    id_, timestamp = read_header(message, ID), read_header(message, TIMESTAMP)
    if _SECONDS.fullmatch(timestamp) is None:
        raise NotVerified(f"The header {TIMESTAMP} must be the seconds since 1970.")
    pieces = [piece for piece in read_header(message, SIGNATURE).split(" ") if piece.startswith(VERSION)]
    given = [_decoded(piece.removeprefix(VERSION)) for piece in pieces]
    require_signature([_mac(key, id_, timestamp, message.body) for key in keys], given)
    require_recent(int(timestamp) * MICROSECONDS_PER_SECOND, message.received_at, TOLERANCE_SEC)


def _mac(key: bytes, id_: str, timestamp: str, body: bytes) -> bytes:
    return digest(key, b".".join((as_bytes(id_), as_bytes(timestamp), body)), "sha256")


def _test(secret: str, url: str, now: int) -> Message:
    id_, timestamp = f"test_{now}", str(now // MICROSECONDS_PER_SECOND)
    signature = b64encode(_mac(_key(secret), id_, timestamp, _TEST_BODY)).decode()
    return posted(url, _TEST_BODY, {ID: id_, TIMESTAMP: timestamp, SIGNATURE: VERSION + signature}, now)


def _key(secret: str) -> bytes:
    """The key in a secret; padding may be missing."""
    text = secret.strip().removeprefix(SECRET_PREFIX).rstrip("=")
    return _decoded(text + "=" * (-len(text) % 4))


def _decoded(text: str) -> bytes:
    """Base64 as bytes; empty where it is none."""
    try:
        return b64decode(as_bytes(text), validate=True)
    except ValueError:
        return b""


def _read(message: Message) -> Reading:
    if message.body == _TEST_BODY:
        return Ignored(TEST)
    if "ce-specversion" in message.headers:
        raise NotUnderstood("The whole event must stand in the body: the signature does not cover headers of ce-.")
    # The type alone is handed on: no other header is covered by the signature.
    type_ = {"content-type": message.headers.get("content-type", "application/json")}
    try:
        arrivals = read_request(type_, message.body, _OF_THE_CONNECTOR, MAX_EVENTS)
    except TalkmeterError as error:
        raise NotUnderstood(error.detail) from None
    return tuple(_told(arrival, number, len(arrivals)) for number, arrival in enumerate(arrivals, start=1))


def _told(arrival: Arrival, number: int, of: int) -> RecordUpdate:
    if isinstance(arrival, Rejection):
        which = f"Event {number} of {of}: " if of > 1 else ""
        raise NotUnderstood(which + _reason(arrival))
    return RecordUpdate(
        kind=arrival.kind,
        id=arrival.id,
        record=arrival.record,
        time=arrival.time,
        event_id=arrival.event_id,
        sequence=arrival.sequence,
    )


def _reason(rejection: Rejection) -> str:
    """The sentence of a rejection, without the value that it quotes."""
    if rejection.reason is Reason.FOREIGN_ORGANIZATION:
        return "data.organization_id must be left out: the connector's address says whose the events are."
    return _QUOTED.sub("'…'", rejection.detail).removesuffix(".") + "."


PROVIDER: Final = Provider(name="signed", side=None, verify=_prove, read=_read, test=_test)
