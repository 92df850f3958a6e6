"""Turn a provider's message into a batch for the ledger: states and partial updates, or one rejection.

Record ids are the provider's ids with its name as a prefix (`twilio:CA…`). So ids of two providers never collide, and
one provider can refer to a call of another. The `signed` connector receives Talkmeter events; their ids get no prefix.
"""

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from talkmeter.accounts.connectors import SOURCE_PREFIX, Connector
from talkmeter.clock import MICROSECONDS_PER_SECOND
from talkmeter.errors import quoted
from talkmeter.ingest.connectors.provider import (
    Ignored,
    Message,
    NotUnderstood,
    PartialRecordUpdate,
    Provider,
    RecordUpdate,
)
from talkmeter.ledger.batch import CallReport, OrgBatch, ParsedEvent, PartialUpdate, Reason, Rejection
from talkmeter.period import LATEST_INSTANT
from talkmeter.records import State, data_hash

MAX_KEPT_LENGTH: Final = 128
MAX_KEPT_FIELDS: Final = 200
_KEPT_NAMES: Final = re.compile(
    r"(^|_)(id|sid|uuid|guid|type|event|status|state|direction|mode|reason|cause|code|channel|modality|"
    r"duration|time|timestamp|at|secs|sec|ms|minutes|sequence|event_name|kind|version)$"
)
"""Fields whose values are kept in quarantine. Other fields may hold what people said, callers' numbers or secrets."""
_FIELD_NAME: Final = re.compile(r"[A-Za-z_$@][\w$.:-]*", re.ASCII)
"""The form of providers' field names. A name in another form may itself be personal data: `{"+1500…": {…}}`."""
_PHONE: Final = re.compile(r"^(?:[a-z]+:)*\W*[\d\s().-]{7,}$|\+[\d\s().-]{7,}|^sips?:|^client:|^tel:|@", re.IGNORECASE)
_MAX_KEPT_NUMBER: Final = 999_999
"""Larger numbers may be phone numbers. Instants are as large, but their name and range identify them."""
_INSTANT: Final = re.compile(r"(^|_)(time|timestamp|at|secs|sec|ms)$")
_LATEST_SEC: Final = LATEST_INSTANT // MICROSECONDS_PER_SECOND
_EARLIEST_MS: Final = 100_000_000_000
_WORD_BREAK: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[\s.-]+")


def to_batch(connector: Connector, provider: Provider, message: Message) -> OrgBatch | Ignored:
    """Return a verified message as a batch for the connector's organization, or Ignored if its type is not metered."""
    try:
        result = provider.read(message)
    except NotUnderstood as error:
        return _batch(connector, [_rejection(connector, message, str(error))])
    if isinstance(result, Ignored):
        return result
    return _batch(connector, [_event(connector, provider, update) for update in result])


def _batch(connector: Connector, events: Sequence[ParsedEvent | CallReport]) -> OrgBatch:
    return OrgBatch(connector.org_id, f"connector {connector.id}", list(enumerate(events)))


def _event(connector: Connector, provider: Provider, update: RecordUpdate | PartialRecordUpdate) -> State | CallReport:
    source = SOURCE_PREFIX + connector.id
    id_ = update.id if provider.side is None and provider.name == "signed" else f"{provider.name}:{update.id}"
    if isinstance(update, PartialRecordUpdate):
        reported: State | PartialUpdate = PartialUpdate(
            connector.org_id, id_, update.merge, update.time, source, update.event_id
        )
    else:
        reported = State(
            org_id=connector.org_id,
            kind=update.kind,
            id=id_,
            record=update.record,
            time=update.time,
            sequence=update.sequence,
            source=source,
            event_id=update.event_id,
            hash=data_hash(update.record),
        )
        if provider.side is None:
            return reported
    return CallReport(reported, provider.side or "agent", update.linked_ids)


def _rejection(connector: Connector, message: Message, sentence: str) -> Rejection:
    return Rejection(
        org_id=connector.org_id,
        event_id=None,
        reason=Reason.INVALID_DATA,
        detail=f"{connector.provider}: {sentence}",
        hash=sha256(message.body).digest()[:16],
        size=len(message.body),
        kept_fields=kept_fields(message),
        complete=False,
    )


def kept_fields(message: Message) -> bytes:
    """Return the JSON that quarantine keeps of a message that cannot be counted.

    A field is kept if its name is in the allowed list and its value is short and not a phone number or an address. So
    no transcripts, secrets, or callers' numbers or names are stored.
    """
    try:
        body = msgspec.json.decode(message.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        body = dict(parse_qsl(message.body.decode("utf-8", "replace")[:65_536]))
    kept: dict[str, object] = {}
    _collect(body, "", kept, 0)
    return msgspec.json.encode({"body": kept})


def _collect(value: object, path: str, kept: dict[str, object], depth: int) -> None:
    if len(kept) >= MAX_KEPT_FIELDS or depth > 6:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(name, str) and len(name) <= MAX_KEPT_LENGTH and _FIELD_NAME.fullmatch(name):
                _collect(inner, f"{path}.{name}" if path else name, kept, depth + 1)
        return
    name = _WORD_BREAK.sub("_", path.rpartition(".")[2]).lower()
    if _KEPT_NAMES.search(name) and _is_safe(name, value):
        kept[quoted(path).strip("'")] = value


def _is_safe(name: str, value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= MAX_KEPT_LENGTH and _PHONE.search(value) is None
    if isinstance(value, int | float):
        return abs(value) <= _MAX_KEPT_NUMBER or (_INSTANT.search(name) is not None and _is_instant(value))
    return value is None


def _is_instant(number: float) -> bool:
    """Return whether a number may be seconds or milliseconds since 1970."""
    return 0 <= number <= _LATEST_SEC or _EARLIEST_MS <= number <= _LATEST_SEC * 1_000
