"""A stack's message as work for the ledger: states and amendments under the connector's name, or a rejection.

Ids are the stack's own with its name before them (`twilio:CA…`), so that no two stacks meet by accident, and so that
one stack can name a call of another. The generic connector sends our own events; their ids stay as they are.
"""

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from talkmeter.accounts.connectors import SOURCES, Connector
from talkmeter.clock import MICROSECONDS_PER_SECOND
from talkmeter.errors import shown
from talkmeter.ingest.connectors.provider import (
    Ignored,
    Message,
    NotUnderstood,
    PartialRecordUpdate,
    Provider,
    RecordUpdate,
)
from talkmeter.ledger.batch import Arrival, CallReport, OrgBatch, PartialUpdate, Reason, Rejection
from talkmeter.period import LATEST_INSTANT
from talkmeter.records import State, data_hash

MAX_KEPT_LENGTH: Final = 128
MAX_KEPT_FIELDS: Final = 200
_TELLING: Final = re.compile(
    r"(^|_)(id|sid|uuid|guid|type|event|status|state|direction|mode|reason|cause|code|channel|modality|"
    r"duration|time|timestamp|at|secs|sec|ms|minutes|sequence|event_name|kind|version)$"
)
"""Names of fields that say what a message is about; the rest may be words of people, numbers of callers, secrets."""
_FIELD: Final = re.compile(r"[A-Za-z_$@][\w$.:-]*", re.ASCII)
"""What stacks call a field. A name of another kind may itself be somebody's number or name: `{"+1500…": {…}}`."""
_PHONE: Final = re.compile(r"^(?:[a-z]+:)*\W*[\d\s().-]{7,}$|\+[\d\s().-]{7,}|^sips?:|^client:|^tel:|@", re.IGNORECASE)
_MAX_KEPT_NUMBER: Final = 999_999
"""Longer numbers may be somebody's to be called by; but instants are as long, and they are known by name and range."""
_INSTANT: Final = re.compile(r"(^|_)(time|timestamp|at|secs|sec|ms)$")
_LATEST_SEC: Final = LATEST_INSTANT // MICROSECONDS_PER_SECOND
_EARLIEST_MS: Final = 100_000_000_000
_WORDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[\s.-]+")


def to_batch(connector: Connector, provider: Provider, message: Message) -> OrgBatch | Ignored:
    """What a proved message brings to the connector's organization."""
    try:
        reading = provider.read(message)
    except NotUnderstood as error:
        return _work(connector, [_rejection(connector, message, str(error))])
    if isinstance(reading, Ignored):
        return reading
    return _work(connector, [_arrival(connector, provider, one) for one in reading])


def _work(connector: Connector, arrivals: Sequence[Arrival | CallReport]) -> OrgBatch:
    return OrgBatch(f"connector {connector.id}", list(enumerate(arrivals)))


def _arrival(connector: Connector, provider: Provider, one: RecordUpdate | PartialRecordUpdate) -> State | CallReport:
    source = SOURCES + connector.id
    id_ = one.id if provider.side is None and provider.name == "signed" else f"{provider.name}:{one.id}"
    if isinstance(one, PartialRecordUpdate):
        of: State | PartialUpdate = PartialUpdate(connector.org_id, id_, one.amend, one.time, source, one.event_id)
    else:
        of = State(
            org_id=connector.org_id,
            kind=one.kind,
            id=id_,
            record=one.record,
            time=one.time,
            sequence=one.sequence,
            source=source,
            event_id=one.event_id,
            hash=data_hash(one.record),
        )
        if provider.side is None:
            return of
    return CallReport(of, provider.side or "agent", one.elsewhere)


def _rejection(connector: Connector, message: Message, sentence: str) -> Rejection:
    return Rejection(
        org_id=connector.org_id,
        event_id=None,
        reason=Reason.INVALID_DATA,
        detail=f"{connector.provider}: {sentence}",
        hash=sha256(message.body).digest()[:16],
        size=len(message.body),
        kept_fields=kept_fields_of(message),
        complete=False,
    )


def kept_fields_of(message: Message) -> bytes:
    """What is kept of a message that cannot be counted, as JSON: fields that say what it is about, and nothing else.

    No transcript, no secret, no number or name of a caller: a field is kept for its name, and only where its value is
    short and is no telephone number or address.
    """
    try:
        body = msgspec.json.decode(message.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        body = dict(parse_qsl(message.body.decode("utf-8", "replace")[:65_536]))
    kept: dict[str, object] = {}
    _keep(body, "", kept, 0)
    return msgspec.json.encode({"body": kept})


def _keep(value: object, path: str, kept: dict[str, object], depth: int) -> None:
    if len(kept) >= MAX_KEPT_FIELDS or depth > 6:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(name, str) and len(name) <= MAX_KEPT_LENGTH and _FIELD.fullmatch(name):
                _keep(inner, f"{path}.{name}" if path else name, kept, depth + 1)
        return
    name = _WORDS.sub("_", path.rpartition(".")[2]).lower()
    if _TELLING.search(name) and _is_plain(name, value):
        kept[shown(path).strip("'")] = value


def _is_plain(name: str, value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= MAX_KEPT_LENGTH and _PHONE.search(value) is None
    if isinstance(value, int | float):
        return abs(value) <= _MAX_KEPT_NUMBER or (_INSTANT.search(name) is not None and _is_instant(value))
    return value is None


def _is_instant(number: float) -> bool:
    """Whether a number may be the seconds or the milliseconds since 1970."""
    return 0 <= number <= _LATEST_SEC or _EARLIEST_MS <= number <= _LATEST_SEC * 1_000
